"""ONE WISH TO APPROVE, FROM PVWA'S RECORD TO ITS ENDING. Knows no door: mail calls it, and so may any other.

    code -> pause -> age -> PVWA's record -> requestor -> decide -> written down -> policy -> confirm

Facts are fetched on the way; what they mean is said by pure functions. Nothing is confirmed before `decide` has said
Confirm, that is written down, policy permits it and `confirm` has written the intent down.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from approvald.approval.decide import Confirm, Refuse, decide
from approvald.approval.endings import Code, Ending
from approvald.approval.facts import Facts
from approvald.approval.findings import decision_event
from approvald.approval.verdicts import Check
from approvald.config.fingerprint import Fingerprint
from approvald.confirmation.challenge import as_recorded
from approvald.confirmation.confirm import CarryOut, found_done
from approvald.confirmation.gather import Approver, Gather
from approvald.confirmation.permission import Asked, Permission
from approvald.confirmation.settle import Confirming, find_request, give_up
from approvald.core.clock import Stopwatch
from approvald.core.logs.events import Event, event
from approvald.core.model import AccessRequest, Notification, PersonLookup
from approvald.ledger.challenges import Challenge
from approvald.ledger.halts import Halted

_LOG: Final = logging.getLogger(__name__)
_MAY_MISS_A_GROUP: Final = frozenset({Code.OTHER_TEAM, Code.CONFIRMERS_UNMAPPED})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A code that an approver answered a challenge with. `answer_id`: ledger id of the answer, which may come back."""

    code: str
    answer_id: str


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a verified approver wants.

    `said`: the notification they were shown, which PVWA's record must bear out, or the answer to a challenge.
    `rejection`: their own words, where they want to reject. `received`: when they said so (UTC), by Exchange's clock
    for a mail. `age`: how long ago that was, without the time in which approvald could not look; `has_waited`: for a
    system, so that it is not the approver who was late. `source`: where the wish came from, for the audit trail.
    """

    ledger_id: str
    approver: Approver
    said: Notification | Answer
    rejection: str | None
    received: datetime
    age: timedelta
    has_waited: bool
    source: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a wish. `request`: PVWA's record, None where it was not read."""

    ending: Ending
    request: AccessRequest | None = None


class DecisionBook(Protocol):
    """Where decisions are written down, before anything is done about them."""

    def decided(self, ledger_id: str, decision: Mapping[str, object], *, request_id: str) -> None:
        """Write a decision down with its facts. Raises Unavailable (ledger)."""


class Approve:
    """Takes one wish its whole way. Every method may raise Unavailable or MustWait: then the wish must wait."""

    def __init__(
        self, *, gather: Gather, permission: Permission, confirming: Confirming, act: CarryOut,
        decisions: DecisionBook, max_age: timedelta, fingerprint: Fingerprint,
    ) -> None:  # fmt: skip
        self._gather = gather
        self._permission = permission
        self._confirming = confirming
        self._act = act
        self._decisions = decisions
        self._max_age = max_age
        self._fingerprint = fingerprint

    def approve(self, wish: Wish, watch: Stopwatch) -> Outcome:
        """Compare the wish with PVWA's record, decide, and confirm."""
        pointer = self._pointed_to(wish)
        if isinstance(pointer, Ending):
            return Outcome(ending=pointer)
        self._permission.wait_while_paused()
        if wish.age > self._max_age:
            code = Code.EXPIRED_WAITING if wish.has_waited else Code.STALE
            return Outcome(ending=Ending(code=code, request_id=pointer.request_id))
        with watch.step("pvwa"):
            request = find_request(self._confirming.pvwa, pointer.request_id, self._gather.accounts(wish.approver))
        if isinstance(request, Ending):
            return Outcome(ending=request)
        with watch.step("requestor"):
            requestor = self._gather.requestor(request)
        facts = self._decided(wish, pointer, request, requestor)
        ending = facts if isinstance(facts, Ending) else self._judged(wish, pointer, *facts, watch)
        return Outcome(ending=ending, request=request)

    def found_done(self, ledger_id: str) -> Ending | None:
        """Return how a wish that may have been sent before has ended, if PVWA or the ledger shows it, else None."""
        return found_done(ledger_id, self._gather, self._confirming)

    def give_up(self, ledger_id: str) -> None:
        """Settle what this wish may have sent, now that it is refused or gone, by what PVWA shows."""
        give_up(ledger_id, self._confirming)

    def _pointed_to(self, wish: Wish) -> Notification | Challenge | Ending:
        if isinstance(wish.said, Notification):
            return wish.said
        return self._permission.answered(wish.said.code, wish.approver.sender, wish.said.answer_id, wish.received)

    def _decided(
        self, wish: Wish, pointer: Notification | Challenge, request: AccessRequest, requestor: PersonLookup
    ) -> tuple[Facts, Confirm | Refuse] | Ending:
        """Decide, and decide again with the groups read afresh where a new group may be what was missing."""
        reading = pointer if isinstance(pointer, Notification) else as_recorded(request, requestor)
        facts = self._gather.facts(wish.approver, reading, request, requestor)
        decision = decide(facts)
        if decision.code not in _MAY_MISS_A_GROUP or not self._gather.approvers.read_again():
            return facts, decision
        again = self._gather.approvers.groups_of(wish.approver.sender)
        if isinstance(again, Ending):
            return again
        facts = self._gather.facts(again, reading, request, requestor)
        return facts, decide(facts)

    def _judged(
        self, wish: Wish, pointer: Notification | Challenge, facts: Facts, decision: Confirm | Refuse, watch: Stopwatch
    ) -> Ending:
        """Write the decision down; where it confirms, ask what permits it now, and carry it out."""
        if not isinstance(decision, Confirm):
            self._write_down(wish, facts, decision, ())
            return decision.ending
        asked = Asked(
            ledger_id=wish.ledger_id, age=wish.age, has_waited=wish.has_waited, rejects=wish.rejection is not None,
            challenge=pointer if isinstance(pointer, Challenge) else None,
        )  # fmt: skip
        permitted = self._permission.judge(decision, asked)
        self._write_down(wish, facts, decision, permitted.checks)
        refused = self._permission.enforce(permitted, decision, asked)
        if refused is not None:
            return refused
        with watch.step("confirm"):
            try:
                return self._act(decision, wish.ledger_id, self._confirming, rejection=wish.rejection)
            except Halted as halted:
                ending = self._permission.halted(halted.halt, decision)
        self.give_up(wish.ledger_id)
        return ending

    def _write_down(self, wish: Wish, facts: Facts, decision: Confirm | Refuse, permission: Sequence[Check]) -> None:
        """Write the decision down with all its checks, before anything is done about it."""
        self._decisions.decided(
            wish.ledger_id,
            {
                **decision_event(facts, decision, permission),
                **wish.source,
                "asks_for": "confirm" if wish.rejection is None else "reject",
                **self._fingerprint.marks(),
            },
            request_id=facts.request.request_id,
        )
        event(_LOG, Event.MAIL_DECIDED, logging.INFO, code=decision.code.value, request_id=facts.request.request_id)
