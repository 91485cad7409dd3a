"""What PVWA's record says of a request: where it stands, and who acted on it. Pure.

Only `Status` 1 (waiting) is known for certain (pvwa-rest 2.3); everything else is read from the record's content, so
that an unknown number never refuses anybody. A comment is text that any confirmer may type into the portal: it is ours
where PVWA shows that one of our confirming accounts, and nobody else, gave it, or where the ledger knows its id.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Final, TypedDict

from approvald.approval.compare import has_address
from approvald.approval.endings import Code
from approvald.core.model import AccessRequest, Confirmer, Person

WAITING_STATUS: Final = 1


class Standing(Enum):
    """Where a request stands."""

    WAITING = auto()
    CONFIRMED = auto()
    REJECTED = auto()
    DELETED = auto()
    EXPIRED = auto()
    WINDOW_OVER = auto()


# Two published readings of the number, a set of flags and a list; they agree wherever both name one (pvwa-rest 2.3).
_REPORTED: Final[Mapping[int, Standing]] = {
    2: Standing.CONFIRMED,
    3: Standing.REJECTED,
    4: Standing.EXPIRED,
    5: Standing.CONFIRMED,
    8: Standing.CONFIRMED,
    16: Standing.REJECTED,
    32: Standing.DELETED,
}
_NEEDS_AN_ACT: Final = frozenset({Standing.CONFIRMED, Standing.REJECTED})
# "Waiting: 1 more user(s) must confirm" speaks of confirming too, so these two stand at the beginning or not at all.
_DONE_TITLES: Final = ("confirmed", "used")
_TITLES: Final = (("reject", Standing.REJECTED), ("delet", Standing.DELETED), ("expire", Standing.EXPIRED))

CLOSED: Final[Mapping[Standing, Code]] = {
    Standing.CONFIRMED: Code.ALREADY_CONFIRMED,
    Standing.REJECTED: Code.ALREADY_REJECTED,
    Standing.DELETED: Code.REQUEST_GONE,
    Standing.EXPIRED: Code.EXPIRED,
    Standing.WINDOW_OVER: Code.WINDOW_OVER,
}
"""How a mail ends whose request does not wait any more."""


def standing(request: AccessRequest, now: datetime) -> Standing:
    """Say where the request stands, by PVWA's word; our clock only explains a request that PVWA has closed."""
    title = request.status_title.casefold()
    waits = request.status == WAITING_STATUS or title.startswith("waiting")
    if waits and not request.invalid_reason:
        return Standing.WAITING
    told = next((where for word, where in _TITLES if word in title), None)
    if told is not None:
        return told
    # PVWA calls it waiting and invalid: then its times say why.
    return standing_by_clock(request, now) if waits else _by_content(request, now, title)


def _by_content(request: AccessRequest, now: datetime, title: str) -> Standing:
    """Read a record whose number and title are not enough; a reported number counts where the content bears it out."""
    acted = any(confirmer.acted_at for confirmer in request.confirmers)
    if title.startswith(_DONE_TITLES):
        return Standing.CONFIRMED
    reported = _REPORTED.get(request.status or 0)
    if reported is not None and (acted or reported not in _NEEDS_AN_ACT):
        return reported
    if acted and request.confirmations_left == 0:
        return Standing.CONFIRMED
    return standing_by_clock(request, now)


def standing_by_clock(request: AccessRequest, now: datetime) -> Standing:
    """Say why PVWA may have closed or refused a request, by its times. Never asked while PVWA calls it waiting."""
    if _past(request.expires, now):
        return Standing.EXPIRED
    if _past(request.access_to, now):
        return Standing.WINDOW_OVER
    return Standing.WAITING


def _past(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and instant < now


COMMENT: Final = re.compile(
    r"(?:Approved|Rejected) on behalf of (?P<address>[^\s@<>()]{1,64}@[A-Za-z0-9.-]{1,140}) "
    r"\(approvald (?P<id>[a-z0-9]{8,32})\)(?:: .*)?",
    re.ASCII,
)
_ADDRESS_CHARS: Final = 140
_COMMENT_CHARS: Final = 200
# No words of an approver may look like the id in a comment of ours
_BRACKETS: Final = str.maketrans("()", "[]")


def progress(request: AccessRequest) -> object:
    """Return what any confirmation changes of a record, to be compared with the record before it."""
    acted = {(each.name, each.acted_at, each.comment) for each in request.confirmers if each.acted_at}
    # Where PVWA does not say which level the request waits for, its confirmers do
    level = request.level if request.level is not None else {each.name for each in request.confirmers}
    return level, request.confirmations_left, acted


def comment_for(address: str, ledger_id: str) -> str:
    """Return the comment we send with a confirmation: ASCII, at most 200 characters (pvwa-rest 2.4)."""
    ascii_address = address.encode("ascii", "replace").decode()[:_ADDRESS_CHARS]
    return f"Approved on behalf of {ascii_address} (approvald {ledger_id})"


def rejection_for(address: str, ledger_id: str, words: str) -> str:
    """Return the comment we send with a rejection: as above, with the approver's own words as far as they fit."""
    ours = comment_for(address, ledger_id).replace("Approved", "Rejected", 1)
    plain = "".join(each for each in unicodedata.normalize("NFKD", words) if not unicodedata.combining(each))
    said = plain.encode("ascii", "replace").decode().translate(_BRACKETS).strip()
    return f"{ours}: {said}"[:_COMMENT_CHARS].rstrip() if said else ours


def is_ours(request: AccessRequest, ledger_id: str) -> bool:
    """Whether our comment with this ledger id stands on the request: our confirmation has happened.

    Nobody but the mail's own sender can know the id before it stands there.
    """
    return any(
        found["id"] == ledger_id
        for confirmer in request.confirmers
        if confirmer.acted_at
        for found in COMMENT.finditer(confirmer.comment)
    )


def who_may_be(confirmer: Confirmer) -> Sequence[tuple[str, str]]:
    """Return the user names, with full names, of whom one is this confirmer; none where PVWA lists no members."""
    return confirmer.members if confirmer.is_group else ((confirmer.name, confirmer.full_name),)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acted on a request, in words, and when (UTC).

    `address`: the human on whose behalf our account acted, else None. `claim`: ledger id and address of a comment that
    looks like ours where PVWA does not say that our account gave it. `user_names`: PVWA's users of whom one acted, case
    folded; empty where PVWA names nobody, or one of our accounts alone.
    """

    words: str
    at: datetime
    address: str | None = None
    claim: tuple[str, str] | None = None
    user_names: frozenset[str] = frozenset()


def actors(request: AccessRequest, our_names: frozenset[str]) -> tuple[Actor, ...]:
    """Return everybody who acted, earliest first. `our_names`: user names of our confirming accounts."""
    ours = frozenset(bare(name) for name in our_names if name)
    found = [_actor(confirmer, confirmer.acted_at, ours) for confirmer in request.confirmers if confirmer.acted_at]
    return tuple(sorted(found, key=lambda actor: actor.at))


def _actor(confirmer: Confirmer, at: datetime, ours: frozenset[str]) -> Actor:
    """Name the human in our own comment; else PVWA's user with full name; else the group, said so."""
    listed = who_may_be(confirmer)
    names = frozenset(user_name.casefold() for user_name, _ in listed)
    comment = COMMENT.fullmatch(confirmer.comment)
    by_us = [name for name in names if bare(name) in ours]
    if comment and by_us and len(names) == 1:
        return Actor(words=comment["address"], at=at, address=comment["address"].casefold())
    claim = (comment["id"], comment["address"]) if comment and (by_us or not names) else None
    words = _named(*listed[0]) if len(names) == 1 else f"a member of group {confirmer.name} (PVWA does not say who)"
    return Actor(words=words, at=at, claim=claim, user_names=names.difference(by_us))


def _named(user_name: str, full_name: str) -> str:
    return f"{full_name} ({user_name})" if full_name and full_name != user_name else user_name


def bare(user_name: str) -> str:
    r"""Return a PVWA name without `DOMAIN\` or `@domain`, case folded."""
    return user_name.casefold().rpartition("\\")[2].partition("@")[0]


def believed(acted: Sequence[Actor], ledger_ids: Collection[str]) -> tuple[Actor, ...]:
    """Take a claim for true where its id is one of `ledger_ids`: those with which we confirmed this request."""
    return tuple(
        replace(actor, words=actor.claim[1], address=actor.claim[1].casefold(), claim=None, user_names=frozenset())
        if actor.claim is not None and actor.claim[0] in ledger_ids
        else actor
        for actor in acted
    )


def may_be(actor: Actor, person: Person) -> bool:
    """Whether this person acted, or PVWA lists them among those of whom one did."""
    if actor.address is not None:
        return has_address(person, actor.address)
    account = person.account_name.casefold()
    return any(bare(name) == account or has_address(person, name) for name in actor.user_names)


class WhoWhen(TypedDict):
    """The fields of an Ending that say who acted before, and when (ISO 8601 UTC)."""

    who: str
    when: str | None


_TELL_WHO: Final = frozenset(
    {Code.ALREADY_CONFIRMED, Code.ALREADY_REJECTED, Code.WRONG_LEVEL, Code.NEEDS_OTHER_CONFIRMER}
)


def last_actor(acted: Sequence[Actor], code: Code) -> WhoWhen:
    """Return who acted last, where this ending tells it."""
    if not acted or code not in _TELL_WHO:
        return {"who": "", "when": None}
    return {"who": acted[-1].words, "when": acted[-1].at.isoformat()}
