"""A directory in memory."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch

from approvald.core.errors import System, Unavailable
from approvald.core.model import (
    ApproverGroup,
    GroupBook,
    GroupProblem,
    Level,
    NoPerson,
    Person,
    PersonLookup,
    SeveralPersons,
)

DOMAIN = "corp.example"


def make_person(account_name: str, address: str | None = None, aliases: Sequence[str] = (), **fields: object) -> Person:
    """Return a person as the directory would describe one; the address is made from the name where none is given."""
    primary = f"{account_name}@{DOMAIN}" if address is None else address
    name = " ".join(part.capitalize() for part in account_name.split("."))
    person = Person(
        guid=str(uuid.uuid5(uuid.NAMESPACE_DNS, account_name)),
        sid=f"S-1-5-21-1-2-3-{uuid.uuid5(uuid.NAMESPACE_OID, account_name).int % 10**8 + 1000}",
        dn=f"CN={name},OU=People,DC=corp,DC=example",
        account_name=account_name,
        display_name=name,
        address=primary,
        addresses=frozenset(each.casefold() for each in (primary, *aliases) if each),
    )
    return replace(person, **fields)  # type: ignore[arg-type]  # the fields' types are the test's business


@dataclass
class FakeGroup:
    """A group of the fake: `members` are account names of people and names of groups.

    `primary` are accounts whose primary group it is; Active Directory does not count them as members.
    """

    name: str
    members: list[str]
    security: bool = True
    generation: int = 0
    primary: list[str] = field(default_factory=list)

    @property
    def sid(self) -> str:
        """Another one each time the group is made again."""
        return f"S-1-5-21-1-2-3-{uuid.uuid5(uuid.NAMESPACE_OID, f'{self.name} {self.generation}').int % 10**8 + 1000}"


@dataclass
class FakeDirectory:
    """The port Directory. Tests change `people` and `groups` as they like; `error` is raised by every question.

    `first_level`, `second_level` and `count_primary_group` are as in [groups], `people_map` and `admin_accounts` as in
    [people].
    """

    people: list[Person] = field(default_factory=list)
    groups: dict[str, FakeGroup] = field(default_factory=dict)
    first_level: str = "*_PAMapprover"
    second_level: str | None = "L2_PAMapprover"
    people_map: Mapping[str, str] = field(default_factory=dict)
    admin_accounts: Sequence[str] = ("adm-*", "admin-*")
    count_primary_group: bool = False
    error: Exception | None = None
    questions: list[str] = field(default_factory=list)
    closed: bool = False

    def add(self, person: Person) -> Person:
        """Add one person."""
        self.people.append(person)
        return person

    def add_group(self, name: str, *members: str, security: bool = True) -> FakeGroup:
        """Add a group of account names and group names."""
        self.groups[name] = FakeGroup(name, list(members), security)
        return self.groups[name]

    def go_away(self) -> None:
        """Answer nothing any more."""
        self.error = Unavailable(System.DIRECTORY, "no directory server answered")

    def find_by_address(self, address: str) -> PersonLookup:
        """Return whoever has the address."""
        self._asked(f"address {address}")
        return self._one([person for person in self.people if address.casefold() in person.addresses])

    def find_by_user_name(self, user_name: str) -> PersonLookup:
        """Return whoever has the user name."""
        self._asked(f"user name {user_name}")
        mapped = {name.casefold(): target for name, target in self.people_map.items()}
        wanted = mapped.get(user_name.casefold(), user_name).rpartition("\\")[2].casefold()
        if "@" in wanted:
            principal = wanted.removesuffix(f"@{DOMAIN}")
            return self._one(
                [each for each in self.people if wanted in each.addresses or each.account_name.casefold() == principal]
            )
        return self._one([person for person in self.people if person.account_name.casefold() == wanted])

    def people_with_link(self, link: str) -> Sequence[Person]:
        """Return the first ten who bear it themselves."""
        self._asked(f"link {link}")
        return [self._owned(person) for person in self.people if person.link == link][:10]

    def admin_accounts_of(self, person: Person) -> Sequence[Person]:
        """Return the admin accounts whose manager this is."""
        self._asked(f"admin accounts of {person.account_name}")
        found = (self._owned(each) for each in self.people)
        return [each for each in found if each.manager_dn == person.dn and each.owner == person.guid]

    def memberships(self, person: Person, groups: Sequence[ApproverGroup]) -> frozenset[str]:
        """Return the SIDs of those groups that are still there and hold the person."""
        self._asked(f"memberships {person.account_name}")
        present = {group.sid: group.name for group in self.groups.values() if group.security}
        return frozenset(
            group.sid
            for group in groups
            if group.sid in present and person.account_name in self._members(present[group.sid], frozenset())
        )

    def approver_groups(self) -> GroupBook:
        """Resolve the pattern and the second-level group."""
        self._asked("groups")
        problems: list[GroupProblem] = []
        second = self.groups.get(self.second_level or "")
        if self.second_level and (second is None or not second.security):
            problems.append(GroupProblem(name=self.second_level, why="not there, or no security group"))
            second = None
        pattern = re.compile(".*".join(map(re.escape, self.first_level.split("*"))), re.IGNORECASE)
        groups = [group for name, group in sorted(self.groups.items()) if name != self.second_level]
        fitting = [group for group in groups if pattern.fullmatch(group.name)]
        if not fitting:
            problems.append(GroupProblem(name="first_level", why="no group fits"))
        problems += [
            GroupProblem(name=group.name, why="a distribution group") for group in fitting if not group.security
        ]
        return GroupBook(
            first=tuple(_approver_group(group, Level.FIRST) for group in fitting if group.security),
            second=_approver_group(second, Level.SECOND) if second else None,
            problems=tuple(problems),
        )

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _asked(self, question: str) -> None:
        self.questions.append(question)
        if self.error is not None:
            raise self.error

    def _owned(self, person: Person) -> Person:
        """Add the owner to an admin account."""
        if person.manager_dn is None or not any(fnmatch(person.account_name, each) for each in self.admin_accounts):
            return person
        owner = next((each for each in self.people if each.dn == person.manager_dn), None)
        if owner is None:
            return replace(person, owner=str(uuid.uuid5(uuid.NAMESPACE_X500, person.manager_dn.casefold())))
        return replace(person, owner=owner.guid, link=person.link or owner.link)

    def _one(self, found: Sequence[Person]) -> PersonLookup:
        if len(found) > 1:
            return SeveralPersons(count=len(found))
        return self._owned(found[0]) if found else NoPerson()

    def _members(self, group: str, seen: frozenset[str]) -> set[str]:
        found = set(self.groups[group].primary) if self.count_primary_group else set()
        for member in self.groups[group].members:
            if member in self.groups:
                found |= set() if member in seen else self._members(member, seen | {group})
            else:
                found.add(member)
        return found


def _approver_group(group: FakeGroup, level: Level) -> ApproverGroup:
    return ApproverGroup(
        name=group.name, dn=f"CN={group.name},OU=Groups,DC=corp,DC=example", sid=group.sid, level=level
    )
