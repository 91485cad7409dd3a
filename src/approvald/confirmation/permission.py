"""May what was decided be carried out by mail, and now? The policy of the safe, halts, codes, what one approver gets.

It comes after `decide` has said Confirm, and can only refuse, ask for a code or let wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from approvald.approval.decide import Confirm
from approvald.approval.endings import Code, Ending
from approvald.approval.people import VerifiedApprover
from approvald.approval.policy import Policy
from approvald.approval.verdicts import Check, Question, judge
from approvald.confirmation.challenge import Challenging, is_about
from approvald.core.errors import MustWait, WaitCause
from approvald.core.ports import Clock
from approvald.ledger.challenges import Challenge
from approvald.ledger.confirmations import Confirmations
from approvald.ledger.halts import Halt, HaltKind, Halts

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The mail that asks. `age` of it; `has_waited`: for a system, so its sender was not late.

    `rejects`: it asks for a rejection. `challenge`: what the code in it was asked for, None in a forwarded mail.
    """

    ledger_id: str
    age: timedelta
    has_waited: bool
    rejects: bool = False
    challenge: Challenge | None = None


@dataclass(frozen=True)
class Permitted:
    """Whether a decision may be carried out now: every check, and what the one that refused leads to; None: it may."""

    checks: tuple[Check, ...]
    refusal: Ending | MustWait | None


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

    def judge(self, decision: Confirm, asked: Asked) -> Permitted:
        """Say whether this may be carried out now. Only reads: what follows from a refusal is done by `enforce`."""
        now = self._clock.now()
        questions: tuple[Question[Ending | MustWait | None], ...] = (
            ("policy", lambda: self._policy_of_safe(decision, asked, now)),
            ("not_halted", lambda: self._not_halted(decision)),
            ("challenge", lambda: self._challenge(decision, asked)),
            ("hourly_cap", lambda: self._hourly_cap(decision, asked, now)),
        )
        return Permitted(*judge(questions))

    def enforce(self, permitted: Permitted, decision: Confirm, asked: Asked) -> Ending | None:
        """Return how the mail ends without an act, or None where it may be carried out.

        Raises MustWait in a pause and at the approver's hourly cap.
        """
        refusal = permitted.refusal
        if isinstance(refusal, MustWait):
            raise refusal
        if refusal is not None and refusal.code is Code.CHALLENGE_SENT:
            self._challenging.open(decision, asked.ledger_id)
        return refusal

    def _policy_of_safe(self, decision: Confirm, asked: Asked, now: datetime) -> tuple[str, Ending | None]:
        """Judge by the rules of the safe, whose name is PVWA's."""
        safe = decision.request.safe
        code = self._policy.refusal(safe, age=asked.age, now=now)
        if code is None and asked.rejects and not self._policy.reject:
            code = Code.REJECT_DISABLED
        if code is None:
            return "the safe may be acted on by mail now", None
        if code is Code.STALE and asked.has_waited:
            code = Code.EXPIRED_WAITING
        why = self._policy.plan(safe) if code is Code.OUT_OF_HOURS else ""
        return code.value, _ending(code, decision, why)

    def _not_halted(self, decision: Confirm) -> tuple[str, Ending | MustWait | None]:
        halt = self._halts.in_force()
        return ("no hold and no pause", None) if halt is None else (halt.kind.value, _halted(halt, decision))

    def _challenge(self, decision: Confirm, asked: Asked) -> tuple[str, Ending | None]:
        if asked.rejects:
            return "a rejection needs no code", None
        if asked.challenge is not None:
            if is_about(asked.challenge, decision):
                return "the code was answered", None
            return "the code was asked for something else", _ending(Code.CHALLENGE_WRONG, decision)
        if not self._policy.needs_challenge(decision.request.safe):
            return "no code is needed", None
        return "a code is asked for first", replace(_ending(Code.CHALLENGE_SENT, decision), level=decision.level)

    def _hourly_cap(self, decision: Confirm, asked: Asked, now: datetime) -> tuple[str, MustWait | None]:
        if asked.rejects:
            return "a rejection does not count", None
        human, cap = decision.sender.person.human, self._policy.hourly_cap
        given = self._confirmations.given_since(human, now - _HOUR, besides=asked.ledger_id)
        subject = f"{len(given)} of {cap} within the hour"
        if len(given) < cap:
            return subject, None
        left = given[-cap] + _HOUR - now
        return subject, MustWait(WaitCause.CAP, retry_after_seconds=left.total_seconds())

    def wait_while_paused(self) -> None:
        """Raise MustWait while approvald is paused."""
        halt = self._halts.in_force()
        if halt is not None and halt.kind is HaltKind.PAUSE:
            raise MustWait(WaitCause.PAUSE)

    def halted(self, halt: Halt, decision: Confirm) -> Ending:
        """Return the refusal of a hold. Raises MustWait for a pause."""
        refusal = _halted(halt, decision)
        if isinstance(refusal, MustWait):
            raise refusal
        return refusal


def _halted(halt: Halt, decision: Confirm) -> Ending | MustWait:
    return MustWait(WaitCause.PAUSE) if halt.kind is HaltKind.PAUSE else _ending(Code.ON_HOLD, decision)


def _ending(code: Code, decision: Confirm, why: str = "") -> Ending:
    return Ending(
        code=code, why=why, request_id=decision.request.request_id, request=decision.facts, checks=decision.passed
    )
