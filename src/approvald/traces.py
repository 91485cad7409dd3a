"""Whether PVWA's record shows an act of ours that it gives no comment of ours for. Pure.

Our comment with the ledger id is the proof (`standing.is_ours`). Not every PVWA shows comments, and some list the
confirmers of the present level only: then what has changed since before the sending tells.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from approvald.model import AccessRequest, Confirmer, Level
from approvald.standing import COMMENT, Standing, bare, standing, who_may_be


@dataclass(frozen=True, kw_only=True)
class Before:
    """What a record showed before an act was sent.

    `left`: the confirmations it needed. `listed`: the names of its confirmers. `acted`: of those who had acted, with
    the instant (ISO 8601 UTC).
    """

    left: int | None
    listed: frozenset[str]
    acted: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, request: AccessRequest) -> Before:
        """Take it from a record."""
        acted = frozenset(_act(each) for each in request.confirmers if each.acted_at)
        return cls(
            left=request.confirmations_left, listed=frozenset(each.name for each in request.confirmers), acted=acted
        )

    def to_json(self) -> str:
        """Write it as the ledger keeps it."""
        return json.dumps([self.left, sorted(self.listed), sorted(self.acted)])

    @classmethod
    def from_json(cls, text: str) -> Before:
        """Read what `to_json` has written."""
        left, listed, acted = json.loads(text)
        return cls(left=left, listed=frozenset(listed), acted=frozenset((name, at) for name, at in acted))


@dataclass(frozen=True, kw_only=True)
class Sent:
    """An act that was sent. `user_name`: PVWA's, of the account that sent it. `was_taken`: PVWA has said yes to it."""

    rejects: bool
    level: Level
    user_name: str
    was_taken: bool
    before: Before


def may_show(request: AccessRequest, sent: Sent, now: datetime) -> bool:
    """Whether the record, which has no comment of ours, is as if this act had happened.

    A level that was given, by whom PVWA does not say, counts as given by us: else one human could give the next one,
    too. What PVWA has said yes to is ours where our account is one of those who may have acted.
    """
    where = standing(request, now)
    if where is (Standing.CONFIRMED if sent.rejects else Standing.REJECTED):
        return False
    new = [each for each in request.confirmers if _is_new(each, sent.before)]
    perhaps = [each for each in new if _may_be_by(each, bare(sent.user_name))]
    if any(len(who_may_be(each)) == 1 for each in perhaps):
        return True
    is_explained = len(new) > len(perhaps)
    moved_on = not sent.rejects and _has_moved_on(request, sent)
    if not sent.was_taken:
        return moved_on and (bool(perhaps) or not is_explained)
    closed = where is (Standing.REJECTED if sent.rejects else Standing.CONFIRMED)
    fewer = not sent.rejects and request.confirmations_left != sent.before.left
    return bool(perhaps) or ((moved_on or closed or fewer) and not is_explained)


def _is_new(confirmer: Confirmer, before: Before) -> bool:
    """Whether this one, of those who could give what was sent, has acted since."""
    could = not before.listed or confirmer.name in before.listed
    return could and confirmer.acted_at is not None and _act(confirmer) not in before.acted


def _act(confirmer: Confirmer) -> tuple[str, str]:
    return confirmer.name, confirmer.acted_at.isoformat() if confirmer.acted_at else ""


def _may_be_by(confirmer: Confirmer, user: str) -> bool:
    """Whether our account may be this confirmer, by an act that bears no comment of ours."""
    names = [bare(name) for name, _ in who_may_be(confirmer)]
    if COMMENT.fullmatch(confirmer.comment):
        return False  # another act of ours
    # Of several who may have acted, whoever left words of their own is not our account
    return (not names or user in names) and (len(names) == 1 or not confirmer.comment.strip())


def _has_moved_on(request: AccessRequest, sent: Sent) -> bool:
    """Whether the request waits for a higher level; where PVWA names none, whether all its confirmers are others."""
    if request.level is not None:
        return request.level > sent.level
    listed: Collection[str] = {each.name for each in request.confirmers}
    return bool(listed) and bool(sent.before.listed) and sent.before.listed.isdisjoint(listed)
