"""Compares what PVWA shows of our accounts' acts with what the ledger knows of them. Pure.

A confirmation by one of our accounts that the ledger does not know was made by somebody who has its password. A
confirmation of the ledger's that PVWA does not show has been lost, or was never there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvald.approval.actors import COMMENT, bare, is_ours, who_may_be
from approvald.core.model import AccessRequest, Confirmer, Level


@dataclass(frozen=True, kw_only=True)
class Known:
    """One confirmation or rejection of the ledger's. `is_open`: sent, and what became of it is not settled."""

    ledger_id: str
    level: Level
    request_id: str
    created: datetime | None
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class Unexplained:
    """An act of one of our accounts that the ledger does not know. `ledger_id`: what the comment claims."""

    request_id: str
    user_name: str
    at: datetime
    ledger_id: str

    @property
    def key(self) -> str:
        """The name under which the ledger remembers it, so that it is reported once."""
        return f"{self.request_id.casefold()} {bare(self.user_name)} {int(self.at.timestamp())}"


def unexplained(
    records: Sequence[AccessRequest], our_names: Collection[str], known: Collection[Known]
) -> Iterator[Unexplained]:
    """Yield every act of our accounts that the ledger does not know.

    `records` must have been read before `known`: what the ledger has written down meanwhile explains an act, and
    nothing of it can be missing. A request with an open intent is left for the next time.
    """
    ours = frozenset(bare(name) for name in our_names if name)
    for record in records:
        about = [each for each in known if _is_about(each, record)]
        if any(each.is_open for each in about):
            continue
        ids = {each.ledger_id for each in about}
        for confirmer in record.confirmers:
            user = _our_user(confirmer, ours)
            if not user or confirmer.acted_at is None:
                continue
            comment = COMMENT.fullmatch(confirmer.comment)
            claimed = comment["id"] if comment else ""
            if claimed not in ids:
                yield Unexplained(
                    request_id=record.request_id, user_name=user, at=confirmer.acted_at, ledger_id=claimed
                )


def is_shown(record: AccessRequest, known: Known) -> bool:
    """Whether PVWA's record bears this confirmation, or is another request that has got its number since.

    A request that waits for a higher level has been given the lower one, even if PVWA no longer lists who gave it.
    """
    has_moved_on = record.level is not None and record.level > known.level
    return has_moved_on or not _is_about(known, record) or is_ours(record, known.ledger_id)


def _is_about(known: Known, record: AccessRequest) -> bool:
    if known.request_id.casefold() != record.request_id.casefold():
        return False
    return known.created is None or record.created is None or known.created == record.created


def _our_user(confirmer: Confirmer, ours: Collection[str]) -> str:
    """Return which of our accounts has acted here, an empty text where PVWA does not say that one has.

    Where it lists all members of a group, only a comment like ours says so.
    """
    if confirmer.acted_at is None:
        return ""
    names = [name for name, _ in who_may_be(confirmer)]
    found = [name for name in names if bare(name) in ours]
    return found[0] if found and (len(names) == 1 or COMMENT.fullmatch(confirmer.comment)) else ""
