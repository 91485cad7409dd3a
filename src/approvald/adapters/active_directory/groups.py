"""Resolves the configured approver groups, and finds which of them a person is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from approvald.adapters.active_directory.connection import DirectoryConnection, NoSuchBase
from approvald.adapters.active_directory.values import Row, escaped, first_value, fits, folded, pattern_in_filter
from approvald.config.settings import GroupSettings
from approvald.core.errors import System, Unavailable
from approvald.core.model import ApproverGroup, GroupBook, GroupProblem, Level, Person

SECURITY: Final = 0x80000000
"""The bit of groupType that distribution groups do not have; in-chain counts those too (directory.md A3)."""
ATTRIBUTES: Final = ("sAMAccountName", "objectSid", "groupType")
IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
IN_ONE_FILTER: Final = 100
"""Groups named in one filter."""


def resolve(connection: DirectoryConnection, settings: GroupSettings) -> GroupBook:
    """Look up the configured groups. A group that may not be used is in the problems and nowhere else."""
    second, problems, its_sids = None, [], set[str]()
    if settings.second_level is not None:
        rows = _second_level(connection, settings.second_level)
        its_sids = {row.sid() for row in rows}
        problems = _objections(rows) if len(rows) == 1 else [_not_one(settings.second_level, len(rows))]
        second = None if problems else _group(rows[0], Level.SECOND)
    rows = [
        row
        for row in _first_level(connection, settings)
        if row.sid() not in its_sids and not _is_called(row, settings.second_level)
    ]
    if not rows:
        problems.append(_none_fits(settings))
    refused = _objections(rows)
    bad = {folded(problem.name) for problem in refused}
    usable = [_group(row, Level.FIRST) for row in rows if folded(_name(row)) not in bad]
    first = tuple(sorted(usable, key=lambda group: folded(group.name)))
    return GroupBook(first=first, second=second, problems=(*problems, *refused))


def direct_members(connection: DirectoryConnection, group: ApproverGroup) -> int | None:
    """Count the direct members of the group; None where the group, or the right to read it, is gone.

    A domain controller gives 1500 values at once (MaxValRange), and the count ends there.
    """
    try:
        rows = connection.read(group.dn, "(objectCategory=group)", ("member",)).rows
    except NoSuchBase:
        return None
    found = (values for row in rows for name, values in row.values.items() if name.partition(";")[0] == "member")
    return sum(map(len, found)) if rows else None


def memberships_of(
    connection: DirectoryConnection, person: Person, groups: Sequence[ApproverGroup], *, count_primary_group: bool
) -> frozenset[str]:
    """Return the SIDs of those groups the person is in. A group that is gone or no longer a security group is left out.

    Active Directory's in-chain rule leaves primary groups out: with `count_primary_group` they are asked for as well.
    Raises Unavailable when the person's entry went away or became another one meanwhile.
    """
    found: set[str] = set()
    try:
        for start in range(0, len(groups), IN_ONE_FILTER):
            present = _present(connection, groups[start : start + IN_ONE_FILTER])
            found |= _in_chain(connection, person, present)
            if count_primary_group and present:
                found |= _by_primary_group(connection, person, present)
    except NoSuchBase as error:
        raise _changed(person) from error
    return frozenset(found)


def _present(connection: DirectoryConnection, groups: Sequence[ApproverGroup]) -> Sequence[tuple[str, str]]:
    """Return SID and DN of each group as it is now: in-chain answers an outdated DN with a plain no."""
    wanted = "".join(f"(objectSid={group.sid})" for group in groups)
    pinned = {group.sid for group in groups}
    rows = connection.pages(connection.domain_dn, f"(&(objectCategory=group)(|{wanted}))", ATTRIBUTES)
    return [(row.sid(), row.dn) for row in rows if row.sid() in pinned and _is_security(row)]


def _in_chain(connection: DirectoryConnection, person: Person, groups: Sequence[tuple[str, str]]) -> set[str]:
    """Ask at the person's own entry (anything wider costs seconds): first for all groups together, then for halves."""
    if not groups:
        return set()
    rules = "".join(f"(memberOf:{IN_CHAIN}:={escaped(dn)})" for _, dn in groups)
    rows = connection.read(person.dn, f"(|{rules})", ("objectGUID",)).rows
    if not rows:
        return set()
    if len(rows) != 1 or rows[0].guid() != person.guid:
        raise _changed(person)
    if len(groups) == 1:
        return {groups[0][0]}
    middle = len(groups) // 2
    return _in_chain(connection, person, groups[:middle]) | _in_chain(connection, person, groups[middle:])


def _by_primary_group(connection: DirectoryConnection, person: Person, groups: Sequence[tuple[str, str]]) -> set[str]:
    """Return which groups are the person's primary group, or hold it: its SID is their domain's and primaryGroupID."""
    rows = connection.read(person.dn, "(objectClass=*)", ("objectGUID", "objectSid", "primaryGroupID")).rows
    if len(rows) != 1 or rows[0].guid() != person.guid:
        raise _changed(person)
    sid = f"{rows[0].sid().rpartition('-')[0]}-{rows[0].number('primaryGroupID')}"
    wanted = f"(&(objectCategory=group)(objectSid={sid}))"
    found = {each for each, _ in groups if each == sid}
    for primary in connection.pages(connection.domain_dn, wanted, ("objectSid", "groupType")):
        if primary.sid() == sid and _is_security(primary):
            found |= {each for each, dn in groups if _holds(connection, primary.dn, dn)}
    return found


def _holds(connection: DirectoryConnection, inner_dn: str, outer_dn: str) -> bool:
    """Whether one group is in another, nested groups included."""
    return bool(connection.read(inner_dn, f"(memberOf:{IN_CHAIN}:={escaped(outer_dn)})", ("objectSid",)).rows)


def _first_level(connection: DirectoryConnection, settings: GroupSettings) -> Iterator[Row]:
    """Return the groups whose name fits the pattern; this is judged here as well, exactly except for case."""
    wanted = f"(&(objectCategory=group)(sAMAccountName={pattern_in_filter(settings.first_level)}))"
    try:
        for row in connection.pages(settings.base_dn, wanted, ATTRIBUTES):
            if fits(settings.first_level, _name(row)):
                yield row
    except NoSuchBase:
        return


def _second_level(connection: DirectoryConnection, name: str) -> list[Row]:
    """Return the groups that groups.second_level names, by DN or sAMAccountName: exactly one, if all is well."""
    try:
        if "=" in name:
            return list(connection.read(name, "(objectCategory=group)", ATTRIBUTES).rows)
        wanted = f"(&(objectCategory=group)(sAMAccountName={escaped(name)}))"
        return [row for row in connection.pages(connection.domain_dn, wanted, ATTRIBUTES) if _is_called(row, name)]
    except NoSuchBase:
        return []


def _is_called(row: Row, name: str | None) -> bool:
    """Whether a group has this name. Only the first value of a DN counts: the group may have moved by now."""
    if name is None:
        return False
    names = {folded(_name(row))}
    if "=" in name:
        name = first_value(name)
        names.add(folded(first_value(row.dn)))
    return folded(name) in names


def _objections(rows: Sequence[Row]) -> list[GroupProblem]:
    """Return why some of these groups may not be used."""
    count = Counter(folded(_name(row)) for row in rows)
    problems: dict[str, GroupProblem] = {}
    for row in rows:
        name, why = _name(row), ""
        if not _is_security(row):
            why = "It is a distribution group, which gives no rights. Make it a security group, or rename it."
        elif count[folded(name)] > 1:
            why = "Several groups have this name, so none of them counts. Narrow groups.base_dn."
        if why:
            problems[folded(name)] = GroupProblem(name=name, why=why)
    return list(problems.values())


def _not_one(name: str, count: int) -> GroupProblem:
    what = f"There are {count} such groups" if count else "There is no such group"
    return GroupProblem(name=name, why=f"{what}, so nobody can approve level 2. Correct groups.second_level.")


def _none_fits(settings: GroupSettings) -> GroupProblem:
    why = (
        f"No group matches {settings.first_level} below {settings.base_dn}, so nobody can approve level 1. Correct "
        "groups.first_level or groups.base_dn, or give the directory account the right to read the groups."
    )
    return GroupProblem(name="first_level", why=why)


def _changed(person: Person) -> Unavailable:
    message = f"{person.dn} was moved or removed a moment ago. Nothing is decided; the next try reads it again."
    return Unavailable(System.DIRECTORY, message)


def _name(row: Row) -> str:
    return row.text("sAMAccountName")


def _is_security(row: Row) -> bool:
    return bool(row.number("groupType") & SECURITY)


def _group(row: Row, level: Level) -> ApproverGroup:
    return ApproverGroup(name=_name(row), dn=row.dn, sid=row.sid(), level=level)
