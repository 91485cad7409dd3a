"""The approver groups in force: read at start, every quarter of an hour, on reload, and when somebody is in none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from approvald.core.errors import LedgerAway, Unavailable, Unreadable
from approvald.core.logs.events import Event, event
from approvald.core.model import ApproverGroup, GroupBook, GroupProblem, Person
from approvald.core.ports import Clock, Directory, Names

_LOG: Final = logging.getLogger(__name__)
_KIND: Final = "group_sid"


class ApproverGroups:
    """Keeps the book of approver groups, and asks the directory who is in them. Membership itself is never kept."""

    def __init__(
        self, directory: Directory, clock: Clock, *, refresh_seconds: float, pins: GroupPins,
        tell: Callable[[GroupProblem], None] = lambda _problem: None,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._pins = pins
        self._tell = tell
        self._book: GroupBook | None = None
        self._read_at = 0.0
        self._failed_at: float | None = None

    def book(self) -> GroupBook:
        """Return the groups in force. Raises Unavailable while the directory is away and nothing fresh is known."""
        if self._book is None or self._is_past(self._read_at):
            return self.read()
        return self._book

    def keep_fresh(self) -> None:
        """Read the groups when they are due, also while no mail comes, so that a bad group is reported at once.

        A directory that is away is asked again when a refresh has passed; a mail does not wait for that.
        Raises Unavailable (ledger).
        """
        if self._failed_at is not None and not self._is_past(self._failed_at):
            return
        try:
            self.book()
        except LedgerAway:
            raise
        except (Unavailable, Unreadable):
            self._failed_at = self._clock.monotonic()

    def read(self) -> GroupBook:
        """Look the groups up now. A bad group is reported once, and disables itself, not the service."""
        before = set(self._book.problems) if self._book else set()
        book = self._pins.pin(self._directory.approver_groups())
        self._read_at = self._clock.monotonic()
        self._failed_at = None
        for problem in book.problems:
            if problem not in before:
                event(_LOG, Event.GROUP_DISABLED, logging.ERROR, group=problem.name, why=problem.why)
                self._tell(problem)
        if self._book is None or self._book != book:
            event(_LOG, Event.GROUPS_READ, logging.INFO, groups=[f"{group.name} {group.sid}" for group in book.all()])
        self._book = book
        return book

    def groups_of(self, person: Person) -> tuple[ApproverGroup, ...]:
        """Return the approver groups this person is in, nested groups included.

        Somebody in none gets a second look with the groups read afresh: a renamed group would look just so.
        """
        found = self.member_of(person)
        if not found:
            self.read()
            found = self.member_of(person)
        return found

    def member_of(self, person: Person) -> tuple[ApproverGroup, ...]:
        """Return the groups this person is in, of those in force."""
        groups = self.book().all()
        sids = self._directory.memberships(person, groups)
        return tuple(group for group in groups if group.sid in sids)

    def _is_past(self, instant: float) -> bool:
        return self._clock.monotonic() - instant >= self._refresh_seconds


class Pin(StrEnum):
    """How a group's SID compares with the one remembered for its name."""

    HELD = "pinned"
    NEW = "new, pinned when the daemon next looks"
    CHANGED = "changed"


class GroupPins:
    """Remembers, in the ledger, the SID of every approver group by its name. Every method may raise Unavailable.

    `note`: is told of every SID that is remembered, for the audit trail.
    """

    def __init__(self, names: Names, note: Callable[[Mapping[str, object]], None] = lambda _: None) -> None:
        self._names = names
        self._note = note

    def pin(self, book: GroupBook) -> GroupBook:
        """Pin the groups that are new, and turn those whose SID has changed into problems."""
        known = self._names.recall(_KIND)
        for group in book.all():
            if _standing(group, known) is Pin.NEW:
                self._remember(group, "")
                event(_LOG, Event.GROUP_PINNED, logging.WARNING, group=group.name, sid=group.sid)
        return _without_changed(book, known)

    def look(self, book: GroupBook) -> Mapping[ApproverGroup, Pin]:
        """Return how each group stands. Changes nothing."""
        known = self._names.recall(_KIND)
        return {group: _standing(group, known) for group in book.all()}

    def problem(self, group: ApproverGroup) -> GroupProblem | None:
        """Return why this group may not be used, None where it may."""
        return _changed(group, self._names.recall(_KIND))

    def accept(self, group: ApproverGroup) -> str:
        """Pin a group's present SID. Returns the one that was pinned before, empty where none was."""
        before = self._names.recall(_KIND).get(_key(group), "")
        if before != group.sid:
            self._remember(group, before)
        return before

    def _remember(self, group: ApproverGroup, before: str) -> None:
        """Write the line of the audit trail first: a SID that counts is never without one."""
        self._note({"group": group.name, "sid": group.sid, "dn": group.dn, "before": before})
        self._names.remember(_KIND, _key(group), group.sid)


def _key(group: ApproverGroup) -> str:
    return group.name.casefold()


def _standing(group: ApproverGroup, known: Mapping[str, str]) -> Pin:
    pinned = known.get(_key(group))
    if pinned is None:
        return Pin.NEW
    return Pin.HELD if pinned == group.sid else Pin.CHANGED


def _changed(group: ApproverGroup, known: Mapping[str, str]) -> GroupProblem | None:
    if _standing(group, known) is not Pin.CHANGED:
        return None
    why = (
        f"Its SID was {known[_key(group)]} when it was first read and is {group.sid} now: it was deleted and "
        "recreated, or another group has its name. Find out who did that; if the group is right, run: "
        f'approvald groups accept "{group.name}" --reason TEXT'
    )
    return GroupProblem(name=group.name, why=why)


def _without_changed(book: GroupBook, known: Mapping[str, str]) -> GroupBook:
    changed = {group: problem for group in book.all() if (problem := _changed(group, known)) is not None}
    return replace(
        book,
        first=tuple(group for group in book.first if group not in changed),
        second=None if book.second in changed else book.second,
        problems=(*book.problems, *changed.values()),
    )
