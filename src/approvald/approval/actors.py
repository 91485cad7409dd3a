"""Reads from PVWA's record who acted on a request, and recognises our own comment on it. Pure.

A comment is text that any confirmer may type into the portal: it is ours where PVWA shows that one of our confirming
accounts, and nobody else, gave it, or where the ledger knows its id.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypedDict

from approvald.approval.compare import has_address
from approvald.approval.endings import Code
from approvald.core.model import AccessRequest, Confirmer, Person

COMMENT: Final = re.compile(
    r"(?:Approved|Rejected) on behalf of (?P<address>[^\s@<>()]{1,64}@[A-Za-z0-9.-]{1,140}) "
    r"\(approvald (?P<id>[a-z0-9]{8,32})\)(?:: .*)?",
    re.ASCII,
)
_ADDRESS_CHARS: Final = 140
_COMMENT_CHARS: Final = 200
# No words of an approver may look like the id in a comment of ours
_BRACKETS: Final = str.maketrans("()", "[]")


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
    """Whether the request bears our comment with this ledger id, which shows that our confirmation happened.

    Nobody but the mail's own sender can know the id before it stands there.
    """
    return any(
        found["id"] == ledger_id
        for confirmer in request.confirmers
        if confirmer.acted_at
        for found in COMMENT.finditer(confirmer.comment)
    )


def who_may_be(confirmer: Confirmer) -> Sequence[tuple[str, str]]:
    """Return the users, with full names, one of whom is this confirmer; none where PVWA lists no members."""
    return confirmer.members if confirmer.is_group else ((confirmer.name, confirmer.full_name),)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acted on a request, in words, and when (UTC).

    `address`: the human on whose behalf our account acted, else None. `claim`: ledger id and address of a comment that
    looks like ours where PVWA does not say that our account gave it. `user_names`: PVWA's users, one of whom acted,
    case folded; empty where PVWA names nobody, or one of our accounts alone.
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
    """Name the human in our own comment; else PVWA's user with full name; else the group, called a group."""
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
    """Believe a claim whose id is one of `ledger_ids`, the ids with which we confirmed this request."""
    return tuple(
        replace(actor, words=actor.claim[1], address=actor.claim[1].casefold(), claim=None, user_names=frozenset())
        if actor.claim is not None and actor.claim[0] in ledger_ids
        else actor
        for actor in acted
    )


def may_be(actor: Actor, person: Person) -> bool:
    """Whether this person acted, or PVWA lists them among several people one of whom did."""
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
    """Return who acted last, for an ending that tells it."""
    if not acted or code not in _TELL_WHO:
        return {"who": "", "when": None}
    return {"who": acted[-1].words, "when": acted[-1].at.isoformat()}
