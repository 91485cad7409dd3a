"""May what was decided be carried out by mail, and now? The policy of the safe, halts, codes, what one approver gets.

It comes after `decide` has said Confirm, and can only refuse, ask for a code or let wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from approvald.approval.decide import Confirm
from approvald.approval.endings import Code, Ending
from approvald.approval.findings import PASSED, REFUSED, Finding
from approvald.approval.people import VerifiedApprover
from approvald.approval.policy import Policy
from approvald.confirmation.challenge import Challenging, is_about
from approvald.core.errors import MustWait, WaitCause
from approvald.core.ports import Clock
from approvald.ledger.challenges import Challenge
from approvald.ledger.confirmations import Confirmations
from approvald.ledger.halts import Halt, HaltKind, Halts

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The mail that asks. `age` of it; `has_waited`: for a system, so that it is not its sender who was late.

    `rejects`: it asks for a rejection. `challenge`: what the code in it was asked for, None in a forwarded mail.
    """

    ledger_id: str
    age: timedelta
    has_waited: bool
    rejects: bool = False
    challenge: Challenge | None = None


class Permission:
    """Asked right before a confirmation. Every method may raise Unavailable (ledger)."""

    def __init__(
        self, *, policy: Policy, halts: Halts, confirmations: Confirmations, challenging: Challenging, clock: Clock
    ) -> None:
        self._policy = policy
        self._challenging = challenging
        self._halts = halts
        self._confirmations = confirmations
        self._clock = clock

    def answered(self, code: str, sender: VerifiedApprover, answer_id: str, received: datetime) -> Challenge | Ending:
        """Return what this sender approves with the code, or why they do not; see `Challenging.answer`."""
        return self._challenging.answer(code, sender, answer_id, received)

    def judge(self, decision: Confirm, asked: Asked) -> Ending | None:
        """Return how the mail ends without an act, or None where it may be carried out.

        Raises MustWait in a pause and at the approver's hourly cap.
        """
        refused = self._refusal(decision, asked)
        if refused is not None or asked.rejects:
            return refused
        if asked.challenge is None and self._policy.needs_challenge(decision.request.safe):
            return self._challenging.ask(decision, asked.ledger_id)
        if asked.challenge is not None and not is_about(asked.challenge, decision):
            return _ending(Code.CHALLENGE_WRONG, decision)
        self._wait_at_cap(decision, asked.ledger_id)
        return None

    def findings(self, decision: Confirm, asked: Asked) -> tuple[Finding, ...]:
        """Return what `judge` will look at, each with its value, for those who ask later."""
        safe, now = decision.request.safe, self._clock.now()
        code = self._policy.refusal(safe, age=asked.age, now=now)
        halt = self._halts.in_force()
        given = self._given(decision, asked.ledger_id, now)
        cap = self._policy.hourly_cap
        needs_code = self._policy.needs_challenge(safe)
        return (
            _finding("policy", code is None, "the safe may be acted on by mail now" if code is None else code.value),
            _finding("not_halted", halt is None, "no hold and no pause" if halt is None else halt.kind.value),
            _finding("challenge", not needs_code or asked.challenge is not None, _code_in_words(needs_code, asked)),
            _finding("hourly_cap", len(given) < cap, f"{len(given)} of {cap} within the hour"),
        )

    def _given(self, decision: Confirm, ledger_id: str, now: datetime) -> Sequence[datetime]:
        return self._confirmations.given_since(decision.sender.person.human, now - _HOUR, besides=ledger_id)

    def _refusal(self, decision: Confirm, asked: Asked) -> Ending | None:
        """Return the refusal by the policy of the safe, whose name is PVWA's, or by a hold."""
        safe = decision.request.safe
        code = self._policy.refusal(safe, age=asked.age, now=self._clock.now())
        if code is None and asked.rejects and not self._policy.reject:
            code = Code.REJECT_DISABLED
        if code is None:
            halt = self._halts.in_force()
            return self.halted(halt, decision) if halt is not None else None
        if code is Code.STALE and asked.has_waited:
            code = Code.EXPIRED_WAITING
        why = self._policy.plan(safe) if code is Code.OUT_OF_HOURS else ""
        return _ending(code, decision, why)

    def wait_while_paused(self) -> None:
        """Raise MustWait while approvald is paused."""
        halt = self._halts.in_force()
        if halt is not None and halt.kind is HaltKind.PAUSE:
            raise MustWait(WaitCause.PAUSE)

    def halted(self, halt: Halt, decision: Confirm) -> Ending:
        """Return the refusal of a hold. Raises MustWait for a pause."""
        if halt.kind is HaltKind.PAUSE:
            raise MustWait(WaitCause.PAUSE)
        return _ending(Code.ON_HOLD, decision)

    def _wait_at_cap(self, decision: Confirm, ledger_id: str) -> None:
        now = self._clock.now()
        given = self._given(decision, ledger_id, now)
        if len(given) >= self._policy.hourly_cap:
            left = given[-self._policy.hourly_cap] + _HOUR - now
            raise MustWait(WaitCause.CAP, retry_after_seconds=left.total_seconds())


def _finding(check: str, passed: bool, value: str) -> Finding:  # noqa: FBT001 - one word of its result
    return Finding(check=check, verdict=PASSED if passed else REFUSED, value=value)


def _code_in_words(needs_code: bool, asked: Asked) -> str:  # noqa: FBT001 - what it puts into words
    if not needs_code:
        return "no code is needed"
    return "a code is asked for first" if asked.challenge is None else "the code was answered"


def _ending(code: Code, decision: Confirm, why: str = "") -> Ending:
    return Ending(
        code=code, why=why, request_id=decision.request.request_id, request=decision.facts, checks=decision.checks
    )
