"""The approver groups in force: read at start, every quarter of an hour, on reload, and when somebody is in none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from approvald.logs import Event, event
from approvald.model import ApproverGroup, GroupBook, GroupProblem, Person
from approvald.ports import Clock, Directory

_LOG: Final = logging.getLogger(__name__)


class ApproverGroups:
    """Keeps the book of approver groups, and asks the directory who is in them. Membership itself is never kept."""

    def __init__(
        self, directory: Directory, clock: Clock, *, refresh_seconds: float,
        tell: Callable[[GroupProblem], None] = lambda _problem: None,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._tell = tell
        self._book: GroupBook | None = None
        self._read_at = 0.0

    def book(self) -> GroupBook:
        """Return the groups in force. Raises Unavailable while the directory is away and nothing fresh is known."""
        if self._book is None or self._clock.monotonic() - self._read_at >= self._refresh_seconds:
            return self.read()
        return self._book

    def read(self) -> GroupBook:
        """Look the groups up now. A bad group is told once and disables itself, not the service."""
        before = set(self._book.problems) if self._book else set()
        book = self._directory.approver_groups()
        self._read_at = self._clock.monotonic()
        for problem in book.problems:
            if problem not in before:
                event(_LOG, Event.GROUP_DISABLED, logging.ERROR, group=problem.name, why=problem.why)
                self._tell(problem)
        if self._book is None or self._book != book:
            event(_LOG, Event.GROUPS_READ, logging.INFO, groups=[f"{group.name} {group.sid}" for group in book.all()])
        self._book = book
        return book

    def of(self, person: Person) -> tuple[ApproverGroup, ...]:
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
