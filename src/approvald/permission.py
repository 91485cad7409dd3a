"""May what was decided be carried out by mail, and now? The policy of the safe, halts, what one approver gets an hour.

It comes after `decide` has said Confirm, and can only refuse or let wait.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from approvald.decide import Confirm
from approvald.endings import Code, Ending
from approvald.errors import Held, MustWait
from approvald.ledger.confirmations import Confirmations
from approvald.ledger.halts import Halt, HaltKind, Halts
from approvald.policy import Policy
from approvald.ports import Clock

_HOUR: Final = timedelta(hours=1)


class Permission:
    """Asked right before a confirmation. Every method may raise Unavailable (ledger)."""

    def __init__(self, *, policy: Policy, halts: Halts, confirmations: Confirmations, clock: Clock) -> None:
        self._policy = policy
        self._halts = halts
        self._confirmations = confirmations
        self._clock = clock

    def refusal(self, decision: Confirm, *, age: timedelta, has_waited: bool, rejects: bool) -> Ending | None:
        """Return why this confirmation is refused by the policy of its safe, by PVWA's record, or by a hold; or None.

        `age`: of the mail; `has_waited`: for a system, so that it is not its sender who was late; `rejects`: the mail
        asks for a rejection, which must be enabled.
        """
        safe = decision.request.safe
        code = self._policy.refusal(safe, age=age, now=self._clock.now())
        if code is None and rejects and not self._policy.reject:
            code = Code.REJECT_DISABLED
        if code is None:
            halt = self._halts.in_force()
            return self.halted(halt, decision) if halt is not None else None
        if code is Code.STALE and has_waited:
            code = Code.EXPIRED_WAITING
        why = self._policy.plan(safe) if code is Code.OUT_OF_HOURS else ""
        return _ending(code, decision, why)

    def wait_while_paused(self) -> None:
        """Raise MustWait while approvald is paused."""
        halt = self._halts.in_force()
        if halt is not None and halt.kind is HaltKind.PAUSE:
            raise MustWait(Held.PAUSE)

    def halted(self, halt: Halt, decision: Confirm) -> Ending:
        """Return the refusal of a hold. Raises MustWait for a pause."""
        if halt.kind is HaltKind.PAUSE:
            raise MustWait(Held.PAUSE)
        return _ending(Code.ON_HOLD, decision)

    def wait_at_cap(self, decision: Confirm, ledger_id: str) -> None:
        """Raise MustWait while the approver has had their confirmations of this hour. `ledger_id`: of this mail."""
        now = self._clock.now()
        given = self._confirmations.given_since(decision.sender.person.human, now - _HOUR, besides=ledger_id)
        if len(given) >= self._policy.hourly_cap:
            left = given[-self._policy.hourly_cap] + _HOUR - now
            raise MustWait(Held.CAP, retry_after_seconds=left.total_seconds())


def _ending(code: Code, decision: Confirm, why: str = "") -> Ending:
    return Ending(
        code=code, why=why, request_id=decision.request.request_id, request=decision.facts, checks=decision.checks
    )
