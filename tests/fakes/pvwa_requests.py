"""One request of the pretend Vault in memory, and the record that PVWA shows of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from approvald.core.model import AccessRequest, Confirmer, Level

Action = Literal["confirmed", "rejected"]
ACTIONS: Final = {"confirmed": 1, "rejected": 3}
NOT_ACTED: Final = 2


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a confirmer did, with whose vote, and when."""

    principal: str
    actor: str
    full_name: str
    level: int
    action: Action
    comment: str
    at: datetime


@dataclass(kw_only=True)
class FakeRequest:
    """A request as the pretend Vault keeps it; a test may change it. `level1`/`level2`: names of confirming groups.

    `record` overrides what `details` shows, where a test needs PVWA to say something odd.
    """

    request_id: str
    requestor: str
    created: datetime
    expires: datetime
    requestor_full_name: str = ""
    level1: tuple[str, ...] = ("DB_PAMapprover",)
    level2: tuple[str, ...] = ("L2_PAMapprover",)
    levels: int = 1
    needed: int = 1
    reason: str = "Kernel patch in the agreed window"
    account: str = "Operating System-UnixSSH-db7.corp.example-root"
    device_user: str = "root"
    access_from: datetime | None = None
    access_to: datetime | None = None
    closed: bool = False
    level: int = 1
    acts: list[Act] = field(default_factory=list)
    forbidden_to: frozenset[Level] = frozenset()
    record: AccessRequest | None = None

    def confirmers(self, level: int) -> tuple[str, ...]:
        """Name the groups that confirm at this level."""
        return self.level1 if level == 1 else self.level2

    def left(self) -> int:
        """How many confirmations the level it waits for still needs."""
        given = {act.principal for act in self.acts if act.level == self.level and act.action == "confirmed"}
        return 0 if self.closed else max(self.needed - len(given), 0)

    def shown(self, now: datetime) -> AccessRequest:
        """Return the record as PVWA shows it."""
        if self.record is not None:
            return self.record
        left = self.left()
        waits = not self.closed and now <= self.expires
        is_rejected = any(act.action == "rejected" for act in self.acts)
        title = "Rejected: the request was rejected" if is_rejected else "The request is closed"
        return AccessRequest(
            request_id=self.request_id,
            safe=self.request_id.rpartition("_")[0],
            requestor_user_name=self.requestor,
            requestor_full_name=self.requestor_full_name,
            requestor_reason=f"(ConnectionClient=PSM-SSH) {self.reason}",
            user_reason=self.reason,
            account=self.account,
            device_user=self.device_user,
            operation=f"Connect to {self.account}",
            created=self.created,
            expires=self.expires,
            access_from=self.access_from,
            access_to=self.access_to,
            status=1 if waits else 16 if is_rejected else 2,
            status_title=f"Waiting: {left} more user(s) must confirm the request" if waits else title,
            confirmations_left=left if waits else 0,
            level=Level(self.level),
            second_level_left=self.needed if waits else 0,
            confirmers=tuple(self._rows()),
        )

    def _rows(self) -> Iterator[Confirmer]:
        for level in range(1, self.levels + 1):
            acts = {act.principal: act for act in self.acts if act.level == level}
            for name in self.confirmers(level):
                row = Confirmer(name=name, is_group=True, action=NOT_ACTED)
                act = acts.get(name)
                if act is not None:
                    row = replace(
                        row,
                        action=ACTIONS[act.action],
                        acted_at=act.at,
                        comment=act.comment,
                        members=((act.actor, act.full_name),),
                    )
                yield row
