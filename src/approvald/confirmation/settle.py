"""Settles confirmations whose answer was lost, by what PVWA shows, and never while PVWA may still be at work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from approvald.approval.actors import is_ours
from approvald.approval.endings import Code, Ending
from approvald.approval.findings import record_facts
from approvald.approval.read_back import Before, Sent, may_show
from approvald.approval.request import RequestState, progress, request_state
from approvald.core.errors import MustWait, System, Unavailable, Unreadable, WaitCause
from approvald.core.logs.events import Event, event
from approvald.core.model import AccessRequest, ConfirmingAccount, Level
from approvald.core.ports import Absent, Clock, ReadingPvwa
from approvald.ledger.confirmations import Act, Confirmations, Intent

_LOG: Final = logging.getLogger(__name__)
_CLOCKS_DIFFER: Final = timedelta(minutes=2)
"""How much earlier than by our clock PVWA may date an act of ours."""


@dataclass(frozen=True, kw_only=True)
class Confirming:
    """The parts that carrying out needs besides the decision.

    `longest_work`: how long PVWA may still be at work on a confirmation whose answer was lost; beyond any HTTP limit.
    `shown_within`: how long an act that PVWA accepted but does not show keeps other mails from confirming the same.
    `age`: how long ago an instant (UTC) was, not counting the time in which approvald could not look.
    `before_sending`: makes sure that what led to an act is in the audit trail's file; what it raises stops the act.
    """

    pvwa: ReadingPvwa
    confirmations: Confirmations
    clock: Clock
    accounts: tuple[ConfirmingAccount, ...]
    age: Callable[[datetime], timedelta]
    longest_work: timedelta = timedelta(seconds=60)
    shown_within: timedelta = timedelta(hours=72)
    before_sending: Callable[[], None] = lambda: None

    def our_names(self) -> frozenset[str]:
        """Return PVWA's user names of our confirming accounts, case folded."""
        return frozenset(self.pvwa.user_name(account).casefold() for account in self.accounts)


def already_done(request: AccessRequest, ledger_id: str, tools: Confirming) -> Level | None:
    """Return the level at which this mail has confirmed the request, before a crash or a lost answer; else None."""
    done = tools.confirmations.done_by_mail(ledger_id)
    if done is not None:
        same = done.request_id == request.request_id.casefold() and _may_be_same(done, request)
        return done.level if same else None
    for intent in tools.confirmations.open_of_mail(ledger_id):
        if is_done(intent, request, tools):
            settle_as_found(intent, request, tools)
            return intent.level
    return None


def is_done(intent: Intent, found: AccessRequest, tools: Confirming) -> bool:
    """Whether PVWA's record shows it: by our comment, or by what has changed since before it was sent."""
    if is_ours(found, intent.ledger_id):
        return True
    if intent.sent_at is None or not _may_be_same(intent, found):
        return False
    # One of before this was kept: by the instants, as far as the two clocks agree
    before = intent.before or Before.from_record(found, until=intent.intended_at - tools.longest_work - _CLOCKS_DIFFER)
    sent = Sent(
        rejects=intent.act is Act.REJECT, level=intent.level, user_name=tools.pvwa.user_name(intent.account),
        was_taken=intent.taken_at is not None, before=before,
    )  # fmt: skip
    return may_show(found, sent, tools.clock.now())


def _may_be_same(intent: Intent, found: AccessRequest) -> bool:
    """Whether the record is of the request that was meant, and not of a later one that has got its number."""
    return None in {found.created, intent.created} or found.created == intent.created


def give_up(ledger_id: str, tools: Confirming) -> None:
    """Settle an open intent of a mail that is refused now, by what PVWA shows.

    Raises Unavailable where PVWA cannot be read, or may still be at work: then the mail must wait, because nobody
    knows yet whether it was confirmed.
    """
    for intent in tools.confirmations.open_of_mail(ledger_id):
        wait_while_at_work(intent, tools)
        found = read_request(intent, tools)
        if isinstance(found, AccessRequest) and is_done(intent, found, tools):
            settle_as_found(intent, found, tools)
            raise MustWait(WaitCause.DECIDE_AFRESH)
        settle_as_not_there(intent, found, tools)


def wait_while_at_work(intent: Intent, tools: Confirming) -> None:
    """Raise MustWait while PVWA may still be at work on it."""
    if intent.sent_at is None:
        return
    left = intent.intended_at + tools.longest_work - tools.clock.now()
    if left > tools.longest_work:  # the clock was wrong: it counts from now
        tools.confirmations.answer_lost(intent)
        left = tools.longest_work
    if left > timedelta():
        raise MustWait(WaitCause.AT_WORK, retry_after_seconds=left.total_seconds())


def settle_as_not_there(intent: Intent, found: AccessRequest | Ending, tools: Confirming) -> None:
    """Write down that it never happened: PVWA, read after its time, does not show it.

    Raises MustWait where PVWA took it and may show it yet, and where PVWA shows the request to nobody.
    """
    intent = _dated_rightly(intent, tools)
    cause = _must_still_wait(intent, found, tools)
    if cause is not None:
        raise MustWait(cause)
    if intent.taken_at is not None and isinstance(found, Ending):
        settle_as_taken(intent, tools)
        raise MustWait(WaitCause.DECIDE_AFRESH)
    tools.confirmations.settle(intent, done=False, how="not_at_pvwa", after=shown_facts(found))


def _dated_rightly(intent: Intent, tools: Confirming) -> Intent:
    """Let it count from now where a wrong clock has dated it ahead."""
    if intent.taken_at is None or intent.taken_at <= tools.clock.now():
        return intent
    tools.confirmations.taken(intent)
    return replace(intent, taken_at=tools.clock.now())


def _must_still_wait(intent: Intent, found: AccessRequest | Ending, tools: Confirming) -> WaitCause | None:
    """Return why a mail whose act PVWA does not show must still wait; None where waiting is of no use any more."""
    if tools.age(intent.taken_at or intent.intended_at) >= tools.shown_within:
        return None
    if isinstance(found, AccessRequest):
        return WaitCause.NOT_SHOWN if _waits_for(intent, found, tools) else None
    is_hidden = intent.sent_at is not None and found.code is Code.NOT_VISIBLE
    return WaitCause.OUT_OF_SIGHT if is_hidden else None


def clear_the_way(intent: Intent, request: AccessRequest, tools: Confirming) -> None:
    """Settle what is older about the same request, or of the same mail. Raises MustWait where that changes the facts.

    `request`: PVWA's record, which may have been read while PVWA was still at work on the older one.
    """
    for older in tools.confirmations.open_beside(intent):
        if is_done(older, request, tools):
            settle_as_found(older, request, tools)
            raise MustWait(WaitCause.DECIDE_AFRESH)
        wait_while_at_work(older, tools)
        found = read_request(older, tools)
        if isinstance(found, AccessRequest) and is_done(older, found, tools):
            settle_as_found(older, found, tools)
            raise MustWait(WaitCause.DECIDE_AFRESH)
        if (older.ledger_id, older.level, older.created) != (intent.ledger_id, intent.level, intent.created):
            settle_as_not_there(older, found, tools)
        elif older.taken_at is not None:
            raise MustWait(WaitCause.NOT_SHOWN)
        elif not isinstance(found, AccessRequest) or not nothing_happened(request, found, tools):
            raise MustWait(WaitCause.DECIDE_AFRESH)


def nothing_happened(before: AccessRequest, after: AccessRequest, tools: Confirming) -> bool:
    """Whether PVWA's record is as it was before the confirmation: it waits, and nobody has acted."""
    return request_state(after, tools.clock.now()) is RequestState.WAITING and progress(before) == progress(after)


def settle_as_taken(intent: Intent, tools: Confirming) -> None:
    """Write down that it was done, as far as can be known: PVWA accepted it, and no longer shows the request."""
    tools.confirmations.settle(intent, done=True, how="accepted, not shown")


def _waits_for(intent: Intent, found: AccessRequest, tools: Confirming) -> bool:
    """Whether the request still waits for exactly what PVWA accepted; what PVWA does not say counts as the same."""
    return (
        intent.taken_at is not None
        and _may_be_same(intent, found)
        and found.level in {None, intent.level}
        and request_state(found, tools.clock.now()) is RequestState.WAITING
    )


def shown_facts(found: AccessRequest | Ending) -> dict[str, object]:
    """Return what PVWA showed of a request, or how it did not, for the audit trail."""
    return record_facts(found) if isinstance(found, AccessRequest) else {"code": found.code.value}


def settle_as_found(intent: Intent, request: AccessRequest, tools: Confirming) -> None:
    """Write down that it was done: PVWA's record shows it."""
    how = "found_at_pvwa" if is_ours(request, intent.ledger_id) else "found_at_pvwa, which shows no comment of ours"
    tools.confirmations.settle(intent, done=True, how=how, after=record_facts(request))
    event(_LOG, Event.CONFIRM_OUTCOME, logging.WARNING, request_id=intent.request_id, state="found_at_pvwa")


def read_request(intent: Intent, tools: Confirming) -> AccessRequest | Ending:
    """Read the request of an intent, first with the account that acted. Raises Unavailable, Unreadable.

    A record that stays unreadable for as long as it would be waited for counts as out of sight.
    """
    order = (intent.account, *(account for account in tools.accounts if account is not intent.account))
    try:
        return find_request(tools.pvwa, intent.request_id, order)
    except Unreadable:
        if tools.age(intent.taken_at or intent.intended_at) < tools.shown_within:
            raise
        return Ending(code=Code.NOT_VISIBLE, request_id=intent.request_id)


def find_request(pvwa: ReadingPvwa, request_id: str, accounts: Sequence[ConfirmingAccount]) -> AccessRequest | Ending:
    """Read the request with each account in turn until one sees it.

    Gone only by PVWA's own word: absent for every account and in none of their lists. Raises Unavailable when PVWA
    does not answer, or contradicts itself.
    """
    answers = []
    for account in accounts:
        answer = pvwa.details(request_id, account)
        if isinstance(answer, AccessRequest):
            return answer
        answers.append(answer)
    if not answers or not all(isinstance(answer, Absent) for answer in answers):
        return Ending(code=Code.NOT_VISIBLE, request_id=request_id)
    if any(pvwa.lists(request_id, account) for account in accounts):
        message = "PVWA lists the request but also says that it does not exist"
        raise Unavailable(System.PVWA, message)
    return Ending(code=Code.REQUEST_GONE, request_id=request_id)
