"""Finds an act of ours in a record of PVWA's that shows no comment of ours. Pure.

Our comment with the ledger id is the proof (`actors.is_ours`). Not every PVWA shows comments, and some list the
confirmers of the present level only: then the record is compared with the one before the sending.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final

from approvald.approval.actors import COMMENT, bare, who_may_be
from approvald.approval.request import RequestState, request_state
from approvald.core.model import AccessRequest, Confirmer, Level


@dataclass(frozen=True, kw_only=True)
class Before:
    """The state of a record before an act was sent.

    `left`: the confirmations it needed. `listed`: the names of its confirmers, case folded, without a domain. `acted`:
    of those who had acted, with the instant (ISO 8601 UTC).
    """

    left: int | None
    listed: frozenset[str]
    acted: frozenset[tuple[str, str]]

    @classmethod
    def from_record(cls, request: AccessRequest, *, until: datetime | None = None) -> Before:
        """Take it from a record; of a later one, only what had happened by `until`."""
        acted = [each for each in request.confirmers if each.acted_at and (until is None or each.acted_at < until)]
        return cls(
            left=request.confirmations_left,
            listed=frozenset(_names(request)) if until is None else frozenset(),
            acted=frozenset(map(_act, acted)),
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


class Who(Enum):
    """The kinds of people whom the record may name for what was done since the sending."""

    OURS = auto()
    """Our account, and nobody else."""
    PERHAPS = auto()
    """Our account may be one of those of whom one acted."""
    NOBODY = auto()
    """Nobody has acted, as far as the record says."""
    OTHERS = auto()


class Became(Enum):
    """The changes that a request may have seen since the sending."""

    AGAINST = auto()
    """It is closed the other way round."""
    AS_BEFORE = auto()
    IN_DOUBT = auto()
    """It is as before; but PVWA has said yes, or a level can be given yet, and perhaps by the same human."""
    MOVED_ON = auto()
    """It is as our act would leave it."""


_SHOWS: Final[Mapping[Who, frozenset[Became]]] = {
    Who.OURS: frozenset(Became),
    Who.PERHAPS: frozenset({Became.IN_DOUBT, Became.MOVED_ON}),
    Who.NOBODY: frozenset({Became.MOVED_ON}),
    Who.OTHERS: frozenset(),
}


def may_show(request: AccessRequest, sent: Sent, now: datetime) -> bool:
    """Whether the record, which has no comment of ours, is as if this act had happened.

    A level given by somebody whom PVWA does not name counts as given by us: otherwise one human could give the next
    one, too. What PVWA has said yes to is ours where our account is one of those who may have acted.
    """
    return _became(request, sent, now) in _SHOWS[_who(request, sent)]


def _who(request: AccessRequest, sent: Sent) -> Who:
    new = _new(request, sent)
    perhaps = [each for each in new if _may_be_by(each, bare(sent.user_name))]
    if any(len(who_may_be(each)) == 1 for each in perhaps):
        return Who.OURS
    if perhaps:
        return Who.PERHAPS
    return Who.OTHERS if new else Who.NOBODY


def _became(request: AccessRequest, sent: Sent, now: datetime) -> Became:
    where = request_state(request, now)
    ours, against = RequestState.CONFIRMED, RequestState.REJECTED
    if sent.rejects:
        ours, against = against, ours
    if where is against:
        return Became.AGAINST
    # A rejection leaves level and number as they are
    is_higher = not sent.rejects and (_lists_others(request, sent) or _is_higher(request, sent))
    has_fewer = not sent.rejects and request.confirmations_left != sent.before.left
    if is_higher or (sent.was_taken and (where is ours or has_fewer)):
        return Became.MOVED_ON
    can_go_on = not sent.rejects and sent.level is Level.FIRST and request.second_level_left != 0
    return Became.IN_DOUBT if sent.was_taken or can_go_on else Became.AS_BEFORE


def _new(request: AccessRequest, sent: Sent) -> list[Confirmer]:
    """Return who has acted since, none where the record lists another level's confirmers by now."""
    if _lists_others(request, sent):
        return []
    return [each for each in request.confirmers if each.acted_at and _act(each) not in sent.before.acted]


def _act(confirmer: Confirmer) -> tuple[str, str]:
    return bare(confirmer.name), confirmer.acted_at.isoformat() if confirmer.acted_at else ""


def _names(request: AccessRequest) -> set[str]:
    return {bare(each.name) for each in request.confirmers}


def _may_be_by(confirmer: Confirmer, user: str) -> bool:
    """Whether our account may be this confirmer, by an act that bears no comment of ours."""
    names = [bare(name) for name, _ in who_may_be(confirmer)]
    if COMMENT.fullmatch(confirmer.comment):
        return False  # another act of ours
    # Of several who may have acted, whoever left words of their own is not our account
    return (not names or user in names) and (len(names) == 1 or not confirmer.comment.strip())


def _is_higher(request: AccessRequest, sent: Sent) -> bool:
    return request.level is not None and request.level > sent.level


def _lists_others(request: AccessRequest, sent: Sent) -> bool:
    """Whether all confirmers are others than before, and the level may be another one."""
    listed, before = _names(request), sent.before.listed
    are_others = bool(listed) and bool(before) and before.isdisjoint(listed)
    return are_others and (request.level is None or _is_higher(request, sent))
