"""Carry out one Confirm: write the intent, call once, read back, classify.

The only file that calls `Pvwa.confirm`. A lost answer is never answered by sending again: the mail waits, and PVWA is
read before anything else is done.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from approvald.decide import Confirm
from approvald.endings import Code, Ending
from approvald.errors import OutcomeUnknown, System, Unavailable
from approvald.ledger.confirmations import Confirmations, Intent, IntentOpen
from approvald.logs import Event, event
from approvald.lookup import find_request
from approvald.model import AccessRequest, Level
from approvald.ports import Accepted, Clock, Declined, Pvwa
from approvald.standing import (
    CLOSED,
    Standing,
    actors,
    comment_for,
    is_ours,
    last_actor,
    standing,
    standing_by_clock,
)

_LOG: Final = logging.getLogger(__name__)
_NOT_PERMITTED: Final = frozenset({"PASWS041E"})
_SERVER_ERROR: Final = 500
_FORBIDDEN: Final = 403
STRANGE_INTENT_AGE: Final = timedelta(minutes=2)
"""An intent of another mail counts as not done only after this time, longer than any HTTP limit."""


@dataclass(frozen=True, kw_only=True)
class Confirming:
    """What carrying out needs besides the decision."""

    pvwa: Pvwa
    confirmations: Confirmations
    clock: Clock
    accounts: tuple[Level, ...]

    def our_names(self) -> frozenset[str]:
        """Return PVWA's user names of our confirming accounts, case folded."""
        return frozenset(self.pvwa.user_name(account).casefold() for account in self.accounts)


def carry_out(decision: Confirm, ledger_id: str, tools: Confirming) -> Ending:
    """Confirm, and say how it ended. Raises Unavailable where the mail must wait; then the intent tells the rest."""
    comment = comment_for(decision.sender.address, ledger_id)
    intent = Intent(
        ledger_id=ledger_id,
        request_id=decision.request.request_id,
        level=decision.level,
        account=decision.account,
        approver_guid=decision.sender.person.guid,
        intended_at=tools.clock.now(),
    )
    _intend(intent, decision.request, comment, tools)
    answer = _send(intent, comment, tools)
    if isinstance(answer, Declined) and answer.status >= _SERVER_ERROR and _still_waits(intent, tools):
        # A 500 says nothing of the cause; once more, after PVWA has shown that the request still waits (pvwa-rest 2.6).
        answer = _send(intent, comment, tools)
    if isinstance(answer, Accepted):
        tools.confirmations.settle(intent, confirmed=True)
        return _confirmed(decision, tools)
    return _declined(decision, intent, answer, tools)


def already_done(request: AccessRequest, ledger_id: str, tools: Confirming) -> Level | None:
    """Return the level at which this mail's own open intent has come true at PVWA; then it is settled."""
    intent = tools.confirmations.open_intent(ledger_id)
    if intent is None or not is_ours(request, ledger_id):
        return None
    tools.confirmations.settle(intent, confirmed=True)
    event(_LOG, Event.CONFIRM_OUTCOME, logging.WARNING, request_id=intent.request_id, state="found_at_pvwa")
    return intent.level


def give_up(ledger_id: str, tools: Confirming) -> None:
    """Settle an open intent as not done: PVWA was read, does not show it, and the mail is refused now."""
    intent = tools.confirmations.open_intent(ledger_id)
    if intent is not None:
        tools.confirmations.settle(intent, confirmed=False)


def _intend(intent: Intent, request: AccessRequest, comment: str, tools: Confirming) -> None:
    try:
        tools.confirmations.intend(intent, created=request.created, comment=comment)
    except IntentOpen as other:
        strange = other.intent
        age = tools.clock.now() - strange.intended_at
        if is_ours(request, strange.ledger_id) or age < STRANGE_INTENT_AGE:
            message = "another mail's confirmation of this request is not settled yet"
            raise Unavailable(System.PVWA, message) from other
        # Its mail is gone or waits; PVWA has been read after its time and does not show it: it never happened.
        tools.confirmations.settle(strange, confirmed=False)
        tools.confirmations.intend(intent, created=request.created, comment=comment)
    event(_LOG, Event.CONFIRM_INTENDED, logging.INFO, request_id=intent.request_id, level=intent.level.value)


def _send(intent: Intent, comment: str, tools: Confirming) -> Accepted | Declined:
    try:
        answer = tools.pvwa.confirm(intent.request_id, intent.account, comment)
    except OutcomeUnknown as lost:
        event(_LOG, Event.CONFIRM_OUTCOME, logging.WARNING, request_id=intent.request_id, state="unknown")
        message = "a confirmation was sent and its answer lost; PVWA is read before anything is sent again"
        raise Unavailable(System.PVWA, message) from lost
    state = "accepted" if isinstance(answer, Accepted) else f"declined {answer.status} {answer.code}"
    event(_LOG, Event.CONFIRM_OUTCOME, logging.INFO, request_id=intent.request_id, state=state)
    return answer


def _read(intent: Intent, tools: Confirming) -> AccessRequest | Ending:
    order = (intent.account, *(account for account in tools.accounts if account is not intent.account))
    return find_request(tools.pvwa, intent.request_id, order)


def _still_waits(intent: Intent, tools: Confirming) -> bool:
    found = _read(intent, tools)
    return (
        isinstance(found, AccessRequest)
        and not is_ours(found, intent.ledger_id)
        and standing(found, tools.clock.now()) is Standing.WAITING
        and standing_by_clock(found, tools.clock.now()) is Standing.WAITING
        and found.level in {None, intent.level}
    )


def _confirmed(decision: Confirm, tools: Confirming) -> Ending:
    """Say what PVWA still needs. It was accepted; a PVWA that cannot be read back now changes nothing of that."""
    ending = Ending(
        code=Code.CONFIRMED,
        request_id=decision.request.request_id,
        request=decision.facts,
        level=decision.level,
        confirmer=tools.pvwa.user_name(decision.account),
        checks=decision.checks,
    )
    try:
        after = tools.pvwa.details(decision.request.request_id, decision.account)
    except Unavailable:
        return replace(ending, words="unread")
    return confirmed_ending(ending, after, tools) if isinstance(after, AccessRequest) else ending


def confirmed_ending(ending: Ending, after: AccessRequest, tools: Confirming) -> Ending:
    """Add to a confirmed ending what PVWA's record, read back, says is still needed."""
    if standing(after, tools.clock.now()) is not Standing.WAITING:
        return replace(ending, confirmations_left=0)
    second = after.level is Level.SECOND and ending.level is Level.FIRST
    return replace(ending, confirmations_left=after.confirmations_left, second_level_waits=second)


def _declined(decision: Confirm, intent: Intent, answer: Declined, tools: Confirming) -> Ending:
    """Find out from the record what a refused confirmation means; its status alone says nothing."""
    found = _read(intent, tools)
    if isinstance(found, AccessRequest) and is_ours(found, intent.ledger_id):
        tools.confirmations.settle(intent, confirmed=True)
        return _confirmed(decision, tools)
    tools.confirmations.settle(intent, confirmed=False)
    if isinstance(found, Ending):
        return replace(found, words=answer.words, checks=decision.checks)
    now = tools.clock.now()
    where = standing(found, now)
    if where is Standing.WAITING:
        where = standing_by_clock(found, now)
    acted = actors(found, tools.our_names())
    code = _code(where, found, intent, answer)
    return Ending(
        code=code,
        request_id=intent.request_id,
        request=decision.facts,
        level=found.level,
        **last_actor(acted, code),
        words=" ".join(part for part in (answer.code, answer.words) if part),
        checks=decision.checks,
    )


def _code(where: Standing, found: AccessRequest, intent: Intent, answer: Declined) -> Code:
    if where in CLOSED:
        return CLOSED[where]
    if found.level is not None and found.level is not intent.level:
        return Code.WRONG_LEVEL
    if answer.status == _FORBIDDEN or answer.code in _NOT_PERMITTED:
        return Code.NOT_PERMITTED
    return Code.PVWA_REFUSED
