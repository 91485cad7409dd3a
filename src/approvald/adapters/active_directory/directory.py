"""The port Directory on Active Directory. The way of a question: filter, fail-over, search, exact judgement."""

from __future__ import annotations

from collections.abc import Sequence

from approvald.adapters.active_directory.connection import DirectoryConnection, Found, NoSuchBase
from approvald.adapters.active_directory.groups import direct_members, held, resolve
from approvald.adapters.active_directory.logon import Logon
from approvald.adapters.active_directory.people import (
    AT_MOST,
    Question,
    attributes,
    by_address,
    by_user_name,
    judge,
)
from approvald.adapters.active_directory.servers import Servers
from approvald.doctor.survey import ServerSeen
from approvald.errors import System, Unavailable
from approvald.model import ApproverGroup, GroupBook, NoPerson, Person, PersonLookup
from approvald.ports import Clock, LogonGuard, SecretStore
from approvald.settings import DirectorySettings, GroupSettings, PeopleSettings


class ActiveDirectory:
    """Answers from a domain controller, asked afresh each time. Making one does nothing yet; thread safe.

    A group that somebody is in by primaryGroupID alone does not count: in-chain leaves it out, as memberOf does.
    """

    def __init__(
        self,
        settings: DirectorySettings,
        *,
        groups: GroupSettings,
        people: PeopleSettings,
        secrets: SecretStore,
        guard: LogonGuard,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._groups = groups
        self._people = people
        self._clock = clock
        self._servers = Servers(settings, Logon(settings.secret, secrets, guard), clock)

    def find_by_address(self, address: str) -> PersonLookup:
        """Return the one user object that has exactly this SMTP address."""
        return self._find(by_address(address))

    def find_by_user_name(self, user_name: str) -> PersonLookup:
        """Return the person behind a CyberArk user name; a domain in front of a backslash is dropped."""
        return self._find(by_user_name(user_name, self._people))

    def memberships(self, person: Person, groups: Sequence[ApproverGroup]) -> frozenset[str]:
        """Return the SIDs of those groups the person is in, nested groups included."""
        if not groups:
            return frozenset()
        return self._servers.ask(lambda connection: held(connection, person, groups))

    def approver_groups(self) -> GroupBook:
        """Resolve the configured approver groups now."""
        return self._servers.ask(lambda connection: resolve(connection, self._groups))

    def servers(self) -> Sequence[ServerSeen]:
        """Say of every configured server whether it can be used, for the doctor."""
        return self._servers.visit()

    def direct_members(self, group: ApproverGroup) -> int | None:
        """Count the members that stand in the group itself, for the doctor; None where it cannot be read."""
        return self._servers.ask(lambda connection: direct_members(connection, group))

    def close(self) -> None:
        """End every connection."""
        self._servers.close()

    def _find(self, question: Question | None) -> PersonLookup:
        """Ask; None was no name or address at all, so nobody has it."""
        if question is None:
            return NoPerson()

        def search(connection: DirectoryConnection) -> Found:
            try:
                return connection.search(
                    self._settings.base_dn, question.wanted, attributes(self._people), at_most=AT_MOST
                )
            except NoSuchBase as error:
                message = (
                    f"directory.base_dn {self._settings.base_dn} is not there, so nobody can be looked up and mails "
                    "wait. Correct it, or give the directory account the right to read it."
                )
                raise Unavailable(System.DIRECTORY, message) from error

        return judge(self._servers.ask(search), question, self._people, self._clock.now())
