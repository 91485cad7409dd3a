"""Reads from PVWA's record where a request stands. Pure.

Only `Status` 1 (waiting) is known for certain (pvwa-rest 2.3); everything else is read from the record's content, so
that an unknown number never refuses anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Final

from approvald.approval.endings import Code
from approvald.core.model import AccessRequest

WAITING_STATUS: Final = 1


class RequestState(Enum):
    """Where a request stands."""

    WAITING = auto()
    CONFIRMED = auto()
    REJECTED = auto()
    DELETED = auto()
    EXPIRED = auto()
    WINDOW_OVER = auto()


# Two published readings of the number, a set of flags and a list; they agree wherever both name one (pvwa-rest 2.3).
_REPORTED: Final[Mapping[int, RequestState]] = {
    2: RequestState.CONFIRMED,
    3: RequestState.REJECTED,
    4: RequestState.EXPIRED,
    5: RequestState.CONFIRMED,
    8: RequestState.CONFIRMED,
    16: RequestState.REJECTED,
    32: RequestState.DELETED,
}
_NEEDS_AN_ACT: Final = frozenset({RequestState.CONFIRMED, RequestState.REJECTED})
# "Waiting: 1 more user(s) must confirm" speaks of confirming too, so these two stand at the beginning or not at all.
_DONE_TITLES: Final = ("confirmed", "used")
_TITLES: Final = (("reject", RequestState.REJECTED), ("delet", RequestState.DELETED), ("expire", RequestState.EXPIRED))

CLOSED: Final[Mapping[RequestState, Code]] = {
    RequestState.CONFIRMED: Code.ALREADY_CONFIRMED,
    RequestState.REJECTED: Code.ALREADY_REJECTED,
    RequestState.DELETED: Code.REQUEST_GONE,
    RequestState.EXPIRED: Code.EXPIRED,
    RequestState.WINDOW_OVER: Code.WINDOW_OVER,
}
"""How a mail ends whose request does not wait any more."""


def request_state(request: AccessRequest, now: datetime) -> RequestState:
    """Say where the request stands, by PVWA's word; our clock only explains a request that PVWA has closed."""
    title = request.status_title.casefold()
    waits = request.status == WAITING_STATUS or title.startswith("waiting")
    if waits and not request.invalid_reason:
        return RequestState.WAITING
    told = next((where for word, where in _TITLES if word in title), None)
    if told is not None:
        return told
    # PVWA calls it waiting and invalid: then its times say why.
    return state_by_clock(request, now) if waits else _by_content(request, now, title)


def _by_content(request: AccessRequest, now: datetime, title: str) -> RequestState:
    """Read a record whose number and title are not enough; a reported number counts where the content bears it out."""
    acted = any(confirmer.acted_at for confirmer in request.confirmers)
    if title.startswith(_DONE_TITLES):
        return RequestState.CONFIRMED
    reported = _REPORTED.get(request.status or 0)
    if reported is not None and (acted or reported not in _NEEDS_AN_ACT):
        return reported
    if acted and request.confirmations_left == 0:
        return RequestState.CONFIRMED
    return state_by_clock(request, now)


def state_by_clock(request: AccessRequest, now: datetime) -> RequestState:
    """Say why PVWA may have closed or refused a request, by its times. Never asked while PVWA calls it waiting."""
    if _past(request.expires, now):
        return RequestState.EXPIRED
    if _past(request.access_to, now):
        return RequestState.WINDOW_OVER
    return RequestState.WAITING


def _past(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and instant < now


def progress(request: AccessRequest) -> object:
    """Return the parts of a record that any confirmation changes, for comparing it with an earlier one."""
    acted = {(each.name, each.acted_at, each.comment) for each in request.confirmers if each.acted_at}
    # Where PVWA does not say which level the request waits for, its confirmers do
    level = request.level if request.level is not None else {each.name for each in request.confirmers}
    return level, request.confirmations_left, acted
