"""Shadow mode decides and does not act: what stands in the place of everything that would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

from approvald.approval.decide import Confirm
from approvald.approval.endings import Ending
from approvald.confirmation.outcomes import DONE
from approvald.confirmation.settle import Confirming
from approvald.core.errors import ApprovaldError
from approvald.core.model import AccessRequest, Level, ListedMail, Mail
from approvald.core.ports import Absent, Forbidden, Pvwa, Unfetchable
from approvald.ledger.intents import Act


class ActedInShadow(ApprovaldError):
    """Shadow mode was about to confirm. Nothing was sent; this is an error of approvald."""


class ReadingMailbox(Protocol):
    """The half of the port Mailbox that changes nothing."""

    def list_inbox(self, limit: int) -> Sequence[ListedMail]:
        """Return the oldest `limit` items of the Inbox, oldest first. One request."""

    def fetch(self, listed: Sequence[ListedMail], *, with_mime: bool = True) -> Sequence[Mail | Unfetchable]:
        """Fetch these items, in order."""


class LookingPvwa:
    """The port Pvwa, without hands."""

    def __init__(self, inner: Pvwa) -> None:
        self._inner = inner

    def details(self, request_id: str, account: Level) -> AccessRequest | Absent | Forbidden:
        """See the port."""
        return self._inner.details(request_id, account)

    def lists(self, request_id: str, account: Level) -> bool:
        """See the port."""
        return self._inner.lists(request_id, account)

    def incoming(self, account: Level) -> Sequence[str]:
        """See the port."""
        return self._inner.incoming(account)

    def confirm(
        self, request_id: str, account: Level, comment: str, *, permit: Callable[[], None] | None = None
    ) -> NoReturn:
        """Raise ActedInShadow."""
        del account, comment, permit
        raise ActedInShadow(request_id)

    def reject(
        self, request_id: str, account: Level, comment: str, *, permit: Callable[[], None] | None = None
    ) -> NoReturn:
        """Raise ActedInShadow."""
        del account, comment, permit
        raise ActedInShadow(request_id)

    def user_name(self, account: Level) -> str:
        """See the port."""
        return self._inner.user_name(account)

    def rest(self) -> None:
        """Log off accounts that have been idle. Never raises."""
        self._inner.rest()

    def close(self) -> None:
        """Log off everything. Never raises."""
        self._inner.close()


def would_carry_out(decision: Confirm, ledger_id: str, tools: Confirming, *, rejection: str | None = None) -> Ending:
    """Return how the mail would end if PVWA agreed; stands in the place of `confirm.carry_out`."""
    del ledger_id, tools
    act = Act.CONFIRM if rejection is None else Act.REJECT
    return Ending(
        code=DONE[act], request_id=decision.request.request_id, request=decision.facts, level=decision.level,
        checks=decision.checks,
    )  # fmt: skip
