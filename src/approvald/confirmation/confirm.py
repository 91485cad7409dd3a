"""Carries out one Confirm: writes the intent, calls once, reads back, classifies. A rejection goes the same way.

The only file that calls `Pvwa.confirm` and `Pvwa.reject`. A lost answer is never answered by sending again: PVWA is
read before anything else is done. An intent is settled by what PVWA shows, and never while PVWA may still be at work.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto
from typing import Final, Protocol

from approvald.approval.actors import actors, believed, comment_for, is_ours, last_actor, rejection_for
from approvald.approval.decide import Confirm
from approvald.approval.endings import Code, Ending, RequestFacts
from approvald.approval.findings import record_facts
from approvald.approval.read_back import Before
from approvald.approval.request import CLOSED, RequestState, request_state, state_by_clock
from approvald.confirmation.gather import Gather
from approvald.confirmation.settle import (
    Confirming,
    already_done,
    clear_the_way,
    is_done,
    nothing_happened,
    read_request,
    settle_as_found,
    settle_as_taken,
    shown_facts,
)
from approvald.core.errors import MustWait, OutcomeUnknown, Unavailable, WaitCause
from approvald.core.logs.events import Event, event
from approvald.core.model import AccessRequest, Level, Person
from approvald.core.ports import Accepted, Declined, Pvwa
from approvald.ledger.confirmations import Act, Intent, IntentOpen

_LOG: Final = logging.getLogger(__name__)
_SERVER_ERROR: Final = 500
DONE: Final[Mapping[Act, Code]] = {Act.CONFIRM: Code.CONFIRMED, Act.REJECT: Code.REJECTED}
"""How a mail ends whose act PVWA has taken."""
_NOT_PERMITTED: Final = frozenset({"PASWS041E"})
_FORBIDDEN: Final = 403


class CarryOut(Protocol):
    """How a confirmation is carried out; shadow mode has another way, which does nothing."""

    def __call__(self, decision: Confirm, ledger_id: str, tools: Confirming, *, rejection: str | None = None) -> Ending:
        """Return how the mail ends. Raises as carry_out does."""


def carry_out(
    pvwa: Pvwa, decision: Confirm, ledger_id: str, tools: Confirming, *, rejection: str | None = None
) -> Ending:
    """Confirm, or reject with the approver's own words `rejection`, and say how it ended. `pvwa`: what acts.

    Raises Unavailable where the mail must wait, Halted on hold or in a pause.
    """
    address = decision.sender.address
    comment = comment_for(address, ledger_id) if rejection is None else rejection_for(address, ledger_id, rejection)
    intent = Intent(
        ledger_id=ledger_id,
        request_id=decision.request.request_id,
        created=decision.request.created,
        level=decision.level,
        account=decision.account,
        approver_guid=decision.sender.person.human,
        approver_link=decision.sender.person.link,
        intended_at=tools.clock.now(),
        act=Act.CONFIRM if rejection is None else Act.REJECT,
        submitter=tools.pvwa.user_name(decision.account),
        before=Before.from_record(decision.request),
    )
    confirmed = Ending(
        code=DONE[intent.act],
        request_id=intent.request_id,
        request=decision.facts,
        level=decision.level,
        confirmer=intent.submitter,
        checks=decision.passed,
    )
    # An approver's own words are a mail's text, which the ledger never holds
    kept = comment if rejection is None else rejection_for(address, ledger_id, "")
    _intend(intent, decision.request, kept, tools)
    answer = _send(pvwa, intent, comment, tools)
    if isinstance(answer, Declined) and answer.status >= _SERVER_ERROR and _may_send_again(decision, intent, tools):
        # A 500 says nothing of the cause; once more, after PVWA has shown that nothing has happened (pvwa-rest 2.6).
        answer = _send(pvwa, intent, comment, tools)
    intent = replace(intent, sent_at=tools.clock.now())
    if isinstance(answer, Accepted):
        return _accepted(intent, confirmed, tools)
    return _declined(confirmed, intent, answer, tools)


def _intend(intent: Intent, request: AccessRequest, comment: str, tools: Confirming) -> None:
    """Write the intent down, once nothing older about the request or of the mail is left unsettled."""
    clear_the_way(intent, request, tools)
    try:
        tools.confirmations.intend(intent, comment=comment)
    except IntentOpen as other:
        raise MustWait(WaitCause.DECIDE_AFRESH) from other
    event(_LOG, Event.CONFIRM_INTENDED, logging.INFO, request_id=intent.request_id, level=intent.level.value)


def _send(pvwa: Pvwa, intent: Intent, comment: str, tools: Confirming) -> Accepted | Declined:
    def permit() -> None:
        tools.confirmations.about_to_send(intent)
        tools.before_sending()

    try:
        act = pvwa.confirm if intent.act is Act.CONFIRM else pvwa.reject
        answer = act(intent.request_id, intent.account, comment, permit=permit)
    except OutcomeUnknown as lost:
        tools.confirmations.answer_lost(intent)
        event(_LOG, Event.CONFIRM_OUTCOME, logging.WARNING, request_id=intent.request_id, state="unknown")
        raise MustWait(WaitCause.ANSWER_LOST) from lost
    except Unavailable:
        # By the port's promise it is certain that nothing was done.
        tools.confirmations.settle(intent, done=False, how="not_sent")
        raise
    state = "accepted" if isinstance(answer, Accepted) else f"declined {answer.status} {answer.code}"
    event(_LOG, Event.CONFIRM_OUTCOME, logging.INFO, request_id=intent.request_id, state=state)
    return answer


def _may_send_again(decision: Confirm, intent: Intent, tools: Confirming) -> bool:
    found = read_request(intent, tools)
    return (
        isinstance(found, AccessRequest)
        and nothing_happened(decision.request, found, tools)
        and state_by_clock(found, tools.clock.now()) is RequestState.WAITING
    )


def _accepted(intent: Intent, confirmed: Ending, tools: Confirming) -> Ending:
    """Read back what PVWA has accepted, and say what it still needs; what it does not show is not reported as done."""
    tools.confirmations.taken(intent)
    intent = replace(intent, taken_at=tools.clock.now())
    after = read_request(intent, tools)
    if isinstance(after, AccessRequest):
        if not is_done(intent, after, tools):
            raise MustWait(WaitCause.NOT_SHOWN)
        tools.confirmations.settle(intent, done=True, how="accepted", after=record_facts(after))
        return confirmed_ending(confirmed, after, tools)
    # Gone, or out of our accounts' sight now that it has gone on: the yes itself is all there is to be known
    settle_as_taken(intent, tools)
    return confirmed


def confirmed_ending(ending: Ending, after: AccessRequest, tools: Confirming) -> Ending:
    """Add to a confirmed ending what PVWA's record, read back, says is still needed."""
    where = request_state(after, tools.clock.now())
    if ending.code is Code.REJECTED:
        return ending
    if where is RequestState.CONFIRMED:
        return replace(ending, confirmations_left=0)
    if where is not RequestState.WAITING:
        return replace(ending, words=after.status_title or where.name.casefold())
    second = after.level is Level.SECOND and ending.level is Level.FIRST
    # A request that waits and needs nobody contradicts itself: then nothing is said of what it needs.
    return replace(ending, confirmations_left=after.confirmations_left or None, second_level_waits=second)


class _Meaning(Enum):
    """What a refused confirmation means, by PVWA's record."""

    DONE = auto()
    UNKNOWN = auto()
    NOT_DONE = auto()


def _meaning(intent: Intent, answer: Declined, found: AccessRequest | Ending, tools: Confirming) -> _Meaning:
    """Classify a refusal by the record; a 5xx may have come after the effect, any other answer is PVWA's word."""
    may_have_acted = answer.status >= _SERVER_ERROR
    if isinstance(found, AccessRequest):
        shows = is_done(intent, found, tools) if may_have_acted else is_ours(found, intent.ledger_id)
        return _Meaning.DONE if shows else _Meaning.NOT_DONE
    return _Meaning.UNKNOWN if may_have_acted and found.code is Code.NOT_VISIBLE else _Meaning.NOT_DONE


def _declined(confirmed: Ending, intent: Intent, answer: Declined, tools: Confirming) -> Ending:
    """Find out from the record what a refused confirmation means; its status alone says nothing."""
    found = read_request(intent, tools)
    match _meaning(intent, answer, found, tools):
        case _Meaning.UNKNOWN:
            tools.confirmations.answer_lost(intent)
            raise MustWait(WaitCause.OUT_OF_SIGHT)
        case _Meaning.DONE if isinstance(found, AccessRequest):
            settle_as_found(intent, found, tools)
            return confirmed_ending(confirmed, found, tools)
        case _:
            return _not_done(confirmed, intent, answer, found, tools)


def _not_done(
    confirmed: Ending, intent: Intent, answer: Declined, found: AccessRequest | Ending, tools: Confirming
) -> Ending:
    """Settle what PVWA did not do, and say why as far as its record shows."""
    ours = tools.confirmations.approved_before(intent.request_id, intent.created).values()
    how = f"declined {answer.status} {answer.code}".strip()
    tools.confirmations.settle(intent, done=False, how=how, after=shown_facts(found))
    words = " ".join(part for part in (answer.code, answer.words) if part)
    refused = replace(confirmed, confirmer=None, level=None, words=words)
    if isinstance(found, Ending):
        return replace(refused, code=found.code)
    now = tools.clock.now()
    where = request_state(found, now)
    if where is RequestState.WAITING:
        where = state_by_clock(found, now)
    acted = believed(actors(found, tools.our_names()), {approved.ledger_id for approved in ours})
    code = code_of_declined(where, found, intent.level, answer)
    return replace(refused, code=code, level=found.level, **last_actor(acted, code))


def found_done(ledger_id: str, gather: Gather, confirming: Confirming) -> Ending | None:
    """Return how a wish ended whose act PVWA or the ledger shows, else None.

    Raises Unavailable where PVWA or the directory does not answer.
    """
    known = confirming.confirmations.done_by_mail(ledger_id)
    for intent in [known] if known is not None else confirming.confirmations.open_of_mail(ledger_id):
        request = read_request(intent, confirming)
        if not isinstance(request, AccessRequest):
            if known is not None:
                return _done(intent, confirming)
            continue
        level = already_done(request, ledger_id, confirming)
        if level is not None:
            return _with_facts(_done(intent, confirming), request, gather, confirming)
    return None


def _done(intent: Intent, confirming: Confirming) -> Ending:
    return Ending(
        code=DONE[intent.act],
        request_id=intent.request_id,
        level=intent.level,
        confirmer=confirming.pvwa.user_name(intent.account),
        checks=("read_back",),
    )


def _with_facts(ending: Ending, request: AccessRequest, gather: Gather, confirming: Confirming) -> Ending:
    requestor = gather.requestor(request)
    name = requestor.display_name if isinstance(requestor, Person) else ""
    facts = RequestFacts.from_record(request, requestor=name)
    return confirmed_ending(replace(ending, request_id=request.request_id, request=facts), request, confirming)


def code_of_declined(where: RequestState, found: AccessRequest, level: Level, answer: Declined) -> Code:
    """Return the code of an act at this level that PVWA has declined. `found`: the record as it is afterwards."""
    if where in CLOSED:
        return CLOSED[where]
    if found.level is not None and found.level is not level:
        return Code.WRONG_LEVEL
    if answer.status == _FORBIDDEN or answer.code in _NOT_PERMITTED:
        return Code.NOT_PERMITTED
    return Code.PVWA_REFUSED
