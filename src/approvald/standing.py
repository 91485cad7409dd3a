"""What PVWA's record says of a request's standing, and who acted on it. Pure.

Only `Status` 1 (waiting) is known for certain (pvwa-rest 2.3); everything else is read from the record's content, so
that an unknown number never refuses anybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final, TypedDict

from approvald.endings import Code
from approvald.model import AccessRequest, Confirmer, Person

WAITING_STATUS: Final = 1
# Two published readings of the number; they agree wherever both name one (pvwa-rest 2.3).
_CONFIRMED_STATUS: Final = frozenset({2, 5, 8})
_REJECTED_STATUS: Final = frozenset({3, 16})
_EXPIRED_STATUS: Final = frozenset({4})
_DELETED_STATUS: Final = frozenset({32})

COMMENT: Final = re.compile(
    r"Approved on behalf of (?P<address>\S{3,254}) \(approvald (?P<id>[a-z0-9]{8,32})\)", re.ASCII
)


class Standing(Enum):
    """Where a request stands."""

    WAITING = auto()
    CONFIRMED = auto()
    REJECTED = auto()
    DELETED = auto()
    EXPIRED = auto()
    WINDOW_OVER = auto()


def standing(request: AccessRequest, now: datetime) -> Standing:
    """Say where the request stands, by PVWA's word; our clock only explains a request that PVWA has closed."""
    if request.status == WAITING_STATUS and not request.invalid_reason:
        return Standing.WAITING
    title = request.status_title.casefold()
    acted = any(confirmer.acted_at for confirmer in request.confirmers)
    nothing_left = request.confirmations_left == 0 and not title.startswith("waiting")
    if "reject" in title or request.status in _REJECTED_STATUS:
        return Standing.REJECTED
    if "delet" in title or request.status in _DELETED_STATUS:
        return Standing.DELETED
    if "expire" in title or request.status in _EXPIRED_STATUS:
        return Standing.EXPIRED
    if request.status in _CONFIRMED_STATUS or (acted and nothing_left):
        return Standing.CONFIRMED
    return standing_by_clock(request, now)


def standing_by_clock(request: AccessRequest, now: datetime) -> Standing:
    """Say why PVWA may have closed or refused a request, by its times. Never asked while PVWA calls it waiting."""
    if _past(request.expires, now):
        return Standing.EXPIRED
    if _past(request.access_to, now):
        return Standing.WINDOW_OVER
    return Standing.WAITING


CLOSED: Final[Mapping[Standing, Code]] = {
    Standing.CONFIRMED: Code.ALREADY_CONFIRMED,
    Standing.REJECTED: Code.ALREADY_REJECTED,
    Standing.DELETED: Code.REQUEST_GONE,
    Standing.EXPIRED: Code.EXPIRED,
    Standing.WINDOW_OVER: Code.WINDOW_OVER,
}
"""How a mail ends whose request does not wait any more."""

_TELL_WHO: Final = frozenset(
    {Code.ALREADY_CONFIRMED, Code.ALREADY_REJECTED, Code.WRONG_LEVEL, Code.NEEDS_OTHER_CONFIRMER}
)


def _past(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and instant < now


def comment_for(address: str, ledger_id: str) -> str:
    """Return the comment we send with a confirmation: ASCII, at most 200 characters (pvwa-rest 2.4)."""
    ascii_address = address.encode("ascii", "replace").decode()[:140]
    return f"Approved on behalf of {ascii_address} (approvald {ledger_id})"


def is_ours(request: AccessRequest, ledger_id: str) -> bool:
    """Whether our comment with this ledger id stands on the request: our confirmation has happened."""
    return any(
        confirmer.acted_at and (found := COMMENT.search(confirmer.comment)) and found["id"] == ledger_id
        for confirmer in request.confirmers
    )


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acted on a request, in words, and when (UTC). `address`: the human in our own comment, else None."""

    words: str
    at: datetime
    address: str | None = None


def actors(request: AccessRequest, our_names: frozenset[str]) -> tuple[Actor, ...]:
    """Return everybody who acted, earliest first. `our_names`: user names of our confirming accounts, case folded."""
    found = [_actor(confirmer, confirmer.acted_at, our_names) for confirmer in request.confirmers if confirmer.acted_at]
    return tuple(sorted(found, key=lambda actor: actor.at))


def _actor(confirmer: Confirmer, at: datetime, our_names: frozenset[str]) -> Actor:
    """Name the human in our own comment; else PVWA's user with full name; else the group, said so."""
    names = {confirmer.name.casefold()} | {user.casefold() for user, _ in confirmer.members}
    ours = COMMENT.fullmatch(confirmer.comment)
    if ours and names & our_names:
        return Actor(words=ours["address"], at=at, address=ours["address"].casefold())
    if not confirmer.is_group:
        return Actor(words=_named(confirmer.name, confirmer.full_name), at=at)
    if len(confirmer.members) == 1:
        return Actor(words=_named(*confirmer.members[0]), at=at)
    return Actor(words=f"a member of group {confirmer.name} (PVWA does not say who)", at=at)


def _named(user_name: str, full_name: str) -> str:
    return f"{full_name} ({user_name})" if full_name and full_name != user_name else user_name


class WhoWhen(TypedDict):
    """The fields of an Ending that say who acted before, and when (ISO 8601 UTC)."""

    who: str
    when: str | None


def last_actor(acted: Sequence[Actor], code: Code) -> WhoWhen:
    """Return who acted last, where this ending tells it."""
    if not acted or code not in _TELL_WHO:
        return {"who": "", "when": None}
    return {"who": acted[-1].words, "when": acted[-1].at.isoformat()}


def acted_through_us(acted: tuple[Actor, ...], person: Person) -> bool:
    """Whether one of the humans in our own comments is this person."""
    return any(actor.address in person.addresses for actor in acted if actor.address)
