"""The port Directory on Active Directory. A question goes through filter, fail-over, search and exact judgement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from approvald.adapters.active_directory.connection import DirectoryConnection, Found, NoSuchBase
from approvald.adapters.active_directory.groups import direct_members, memberships_of, resolve
from approvald.adapters.active_directory.logon import Logon
from approvald.adapters.active_directory.people import (
    AT_MOST,
    Question,
    admin_accounts,
    attributes,
    by_address,
    by_link,
    by_user_name,
    every,
    is_admin_account,
    judge,
    owned,
)
from approvald.adapters.active_directory.servers import Servers
from approvald.adapters.active_directory.values import Row
from approvald.config.settings import DirectorySettings, GroupSettings, PeopleSettings
from approvald.core.errors import System, Unavailable
from approvald.core.model import ApproverGroup, GroupBook, NoPerson, Person, PersonLookup
from approvald.core.ports import Clock, LogonGuard, SecretStore, ServerSeen


class ActiveDirectory:
    """Answers from a domain controller, asked again each time. Making one does nothing yet; thread safe."""

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

    def people_with_link(self, link: str) -> Sequence[Person]:
        """Return the people who have this link value, at most ten. The attribute is not indexed: this is slow."""
        question = by_link(link, self._people)
        found = self._servers.ask(lambda connection: self._search(connection, question))
        people = every(found.rows, question, self._people, self._clock.now())
        return [self._with_owner(person) for person in people[:AT_MOST]]  # a server may ignore the limit

    def admin_accounts_of(self, person: Person) -> Sequence[Person]:
        """Return the admin accounts whose manager this person is."""
        question = admin_accounts(person.dn, self._people)
        if question is None:
            return ()

        def search(connection: DirectoryConnection) -> Sequence[Person]:
            rows = connection.pages(self._settings.base_dn, question.wanted, attributes(self._people))
            return every(rows, question, self._people, self._clock.now())

        with self._base():
            found = self._servers.ask(search)
        return [replace(account, owner=person.guid, link=account.link or person.link) for account in found]

    def memberships(self, person: Person, groups: Sequence[ApproverGroup]) -> frozenset[str]:
        """Return the SIDs of those groups the person is in, nested groups included."""
        if not groups:
            return frozenset()
        primary = self._groups.count_primary_group
        return self._servers.ask(
            lambda connection: memberships_of(connection, person, groups, count_primary_group=primary)
        )

    def approver_groups(self) -> GroupBook:
        """Resolve the configured approver groups now."""
        return self._servers.ask(lambda connection: resolve(connection, self._groups))

    def servers(self) -> Sequence[ServerSeen]:
        """Report for every configured server whether it can be used, for the doctor."""
        return self._servers.visit()

    def direct_members(self, group: ApproverGroup) -> int | None:
        """Count the direct members of the group, for the doctor; None where it cannot be read."""
        return self._servers.ask(lambda connection: direct_members(connection, group))

    def close(self) -> None:
        """End every connection."""
        self._servers.close()

    def _find(self, question: Question | None) -> PersonLookup:
        """Ask the question; None was no name or address at all, so nobody has it."""
        if question is None:
            return NoPerson()
        found = self._servers.ask(lambda connection: self._search(connection, question))
        lookup = judge(found, question, self._people, self._clock.now())
        return self._with_owner(lookup) if isinstance(lookup, Person) else lookup

    def _search(self, connection: DirectoryConnection, question: Question) -> Found:
        with self._base():
            return connection.search(self._settings.base_dn, question.wanted, attributes(self._people), at_most=AT_MOST)

    @contextmanager
    def _base(self) -> Iterator[None]:
        try:
            yield
        except NoSuchBase as error:
            message = (
                f"directory.base_dn {self._settings.base_dn} is not there, so nobody can be looked up and mails "
                "wait. Correct it, or give the directory account the right to read it."
            )
            raise Unavailable(System.DIRECTORY, message) from error

    def _with_owner(self, person: Person) -> Person:
        """Add the owner to an admin account."""
        manager = person.manager_dn
        if manager is None or not is_admin_account(person.account_name, self._people):
            return person

        def read(connection: DirectoryConnection) -> Row | None:
            try:
                rows = connection.read(manager, "(objectClass=*)", attributes(self._people)).rows
            except NoSuchBase:
                return None
            return rows[0] if rows else None

        return owned(person, self._servers.ask(read), self._people)
