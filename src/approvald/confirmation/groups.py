"""The approver groups in force: read at start, every quarter of an hour, on reload, and when somebody is in none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from approvald.confirmation.group_pins import GroupPins
from approvald.core.errors import System, Unavailable, Unreadable
from approvald.core.logs.events import Event, event
from approvald.core.model import ApproverGroup, GroupBook, GroupProblem, Person
from approvald.core.ports import Clock, Directory

_LOG: Final = logging.getLogger(__name__)


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
        """Read the groups when they are due, also while no mail comes, so that a bad group is told at once.

        A directory that is away is asked again when a refresh has passed; a mail does not wait for that.
        Raises Unavailable (ledger).
        """
        if self._failed_at is not None and not self._is_past(self._failed_at):
            return
        try:
            self.book()
        except (Unavailable, Unreadable) as away:
            system = away.system if isinstance(away, Unavailable) else System.DIRECTORY
            if system is System.LEDGER:
                raise
            self._failed_at = self._clock.monotonic()

    def read(self) -> GroupBook:
        """Look the groups up now. A bad group is told once and disables itself, not the service."""
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

    def _is_past(self, instant: float) -> bool:
        return self._clock.monotonic() - instant >= self._refresh_seconds
