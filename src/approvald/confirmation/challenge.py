"""Asks for a one-time code where a safe needs a second mail; only the answer with the code is an approval.

A code is bound to one person, one request, as PVWA made it, and one level; it is valid for minutes, and used once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from approvald.approval.decide import Confirm
from approvald.approval.endings import Code, Ending
from approvald.approval.people import VerifiedApprover
from approvald.core.model import AccessRequest, Notification, Person, PersonLookup
from approvald.ledger.challenges import Challenge, Challenges
from approvald.ledger.store import Store

if TYPE_CHECKING:
    from approvald.config.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ChallengeRules:
    """How long a code is valid, and after how many wrong ones it is closed."""

    valid_for: timedelta
    tries: int


class Challenging:
    """Asks for codes and takes them. Every method may raise Unavailable (ledger)."""

    def __init__(self, challenges: Challenges, rules: ChallengeRules) -> None:
        self._challenges = challenges
        self._rules = rules

    @classmethod
    def from_settings(cls, settings: Settings, store: Store) -> Challenging:
        """Take the rules out of the configuration."""
        policy = settings.policy
        valid_for = timedelta(minutes=policy.challenge_minutes)
        return cls(Challenges(store), ChallengeRules(valid_for=valid_for, tries=policy.challenge_tries))

    def open(self, decision: Confirm, ledger_id: str) -> None:
        """Write down that this approval needs a code. The code is made when the mail with it is sent."""
        self._challenges.open(
            Challenge(
                ledger_id=ledger_id,
                request_id=decision.request.request_id,
                created=decision.request.created,
                level=decision.level,
                approver_guid=decision.sender.person.guid,
            )
        )

    def issue(self, ledger_id: str) -> tuple[str, datetime]:
        """Return a new code for this mail, and until when it is valid (UTC). Any code sent before is void."""
        return self._challenges.issue(ledger_id, valid_for=self._rules.valid_for)

    def answer(self, code: str, sender: VerifiedApprover, answer_id: str, received: datetime) -> Challenge | Ending:
        """Return what this sender approves with the code, or why they do not.

        `answer_id`: ledger id of the answering mail, which may come back. `received`: by Exchange, so that no outage
        of ours makes an answer late.
        """
        guid = sender.person.guid
        found = self._challenges.of_code(code)
        if found is None:
            self._challenges.wrong_try(guid, at_most=self._rules.tries)
            return Ending(code=Code.CHALLENGE_WRONG)
        if found.approver_guid != guid:
            self._challenges.strange_try(found, at_most=self._rules.tries)
            return Ending(code=Code.CHALLENGE_WRONG)
        is_late = found.expires_at is None or received > found.expires_at
        if is_late and not found.closed and found.answered_by is None:
            self._challenges.close(found)
            return Ending(code=Code.CHALLENGE_LATE, request_id=found.request_id)
        if not self._challenges.take(found, answer_id):
            return Ending(code=Code.CHALLENGE_WRONG, request_id=found.request_id)
        return found


def is_about(challenge: Challenge, decision: Confirm) -> bool:
    """Whether what would be confirmed now is what the code was asked for."""
    created = decision.request.created
    seconds = int(created.timestamp()) if created else 0
    asked = int(challenge.created.timestamp()) if challenge.created else 0
    return (challenge.request_id.casefold(), asked, challenge.level, challenge.approver_guid) == (
        decision.request.request_id.casefold(), seconds, decision.level, decision.sender.person.guid,
    )  # fmt: skip


def as_recorded(request: AccessRequest, requestor: PersonLookup) -> Notification:
    """Return what PVWA's record says in the form of a notification: the approver has read these facts in our mail."""
    address = requestor.address if isinstance(requestor, Person) else ""
    return Notification(requestor=address, safe=request.safe, number=request.number)
