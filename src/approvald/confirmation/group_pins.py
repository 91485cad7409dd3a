"""Which SID each approver group had when it was first read: a group of that name with another SID is another group."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from approvald.core.logs.events import Event, event
from approvald.core.model import ApproverGroup, GroupBook, GroupProblem
from approvald.core.ports import Names

_LOG: Final = logging.getLogger(__name__)
_KIND: Final = "group_sid"


class Pin(StrEnum):
    """How a group stands to what is remembered of its name."""

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
        """Say how each group stands, and change nothing."""
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
        f"Its SID was {known[_key(group)]} when it was first read and is {group.sid} now: it was deleted and made "
        "again, or another group bears its name. Find out who did that; if it is right, run: "
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
