"""One round in shadow mode: the Inbox is decided on and that is written down; nothing is confirmed, sent or moved."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from approvald.approval.actors import actors
from approvald.approval.decide import Confirm
from approvald.approval.endings import Code, Ending
from approvald.approval.request import RequestState, request_state
from approvald.confirmation.confirm import DONE
from approvald.confirmation.settle import Confirming, find_request
from approvald.core.clock import Patience, Stopwatch
from approvald.core.errors import LedgerAway, MustWait, Unavailable, Unreadable
from approvald.core.logs.events import Event, event
from approvald.core.model import AccessRequest, ConfirmingAccount, ListedMail, Mail
from approvald.core.ports import Clock, ReadingMailbox, ReadingPvwa, Unfetchable
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.confirmations import Act
from approvald.ledger.entries import Entry
from approvald.ledger.mails import Mails
from approvald.ledger.shadow import OPEN, Decided, Shadow
from approvald.mail.inbox import Round, batches
from approvald.mail.pipeline import Pipeline
from approvald.mail.provenance import mail_facts

_LOG: Final = logging.getLogger(__name__)
_PAGE: Final = 500
_LOOKED_UP: Final = 20
_LOOK_AGAIN: Final = timedelta(minutes=5)


class ShadowRoom:
    """Works through the Inbox with its hands tied.

    `scratch` and `decisions` hold what the pipeline writes, and are thrown away.
    """

    def __init__(
        self, *, mailbox: ReadingMailbox, pipeline: Pipeline, scratch: Mails, decisions: AuditRows, shadow: Shadow,
        patience: Patience, fetch_bytes: int,
    ) -> None:  # fmt: skip
        self._mailbox = mailbox
        self._pipeline = pipeline
        self._scratch = scratch
        self._decisions = decisions
        self._shadow = shadow
        self._clock = scratch.clock
        self._patience = patience
        self._fetch_bytes = fetch_bytes
        self._known = 0

    def round(self, stopping: Callable[[], bool]) -> Round:
        """Decide on what is new. Raises Unavailable when Exchange or the ledger is away."""
        # Nothing is moved: what is known already stays in front of what is new
        listed = self._mailbox.list_inbox(_PAGE + self._known)
        known = self._shadow.known([item.item_id for item in listed])
        self._known = len(known)
        new = [item for item in listed if item.item_id not in known]
        entries = {item.item_id: self._scratch.seen(item) for item in new}
        now = self._clock.now()
        due = [item for item in new if self._patience.is_due(entries[item.item_id].retry_at, now)]
        handled = 0
        for batch in batches(due, self._fetch_bytes):
            if stopping():
                break
            handled += self._decide(batch, entries)
        return Round(listed=len(listed), handled=handled, waiting=len(new) - handled)

    def _decide(self, items: Sequence[ListedMail], entries: dict[str, Entry]) -> int:
        with_mime = all(item.size <= self._fetch_bytes for item in items)
        count = 0
        for mail in self._mailbox.fetch(items, with_mime=with_mime):
            if isinstance(mail, Mail):
                count += self._one(mail, entries[mail.listed.item_id])
            elif not mail.gone:
                count += self._poison(mail)
        return count

    def _one(self, mail: Mail, seen: Entry) -> bool:
        sender = (mail.from_address or "").casefold()[:320]
        entry = replace(seen, message_id=mail.message_id[:998], sender=sender)
        self._scratch.identified(entry)
        try:
            ended = self._pipeline.handle(mail, entry, Stopwatch(self._clock))
        except LedgerAway:
            raise
        except (Unavailable, MustWait, Unreadable) as held:
            wished = None if isinstance(held, Unreadable) else held.retry_after_seconds
            system = held.system.value if isinstance(held, Unavailable) else ""
            return self._wait(entry, system, str(held), wished)
        except Exception as error:  # noqa: BLE001 - one mail never stops the others
            event(_LOG, Event.MAIL_FAILED, logging.ERROR, trace=error)
            return self._wait(entry, "", f"unexpected error ({type(error).__name__})", None)
        # The row first: the scratch ledger knows copies by it, and only until the end of this program
        self._scratch.ended(entry.id, ended.ending, reply_to=ended.reply_to)
        decision = self._decision(entry.id)
        self._shadow.decided(
            mail, ended.ending, sender=ended.sender or sender, provenance=mail_facts(mail), decision=decision
        )
        event(_LOG, Event.SHADOW_DECIDED, logging.INFO, code=ended.ending.code.value, sender=ended.sender or sender,
              request_id=ended.ending.request_id)  # fmt: skip
        return True

    def _decision(self, scratch_id: str) -> Mapping[str, object] | None:
        """Return the facts of a decision that the pipeline has written down, without the ids of the scratch ledger."""
        lines = self._decisions.lines_about(mail_ids=[scratch_id], kind=AuditKind.DECISION)
        said = lines[-1].event if lines else None
        return {key: value for key, value in said.items() if key not in {"mail_id", "request_id"}} if said else None

    def _wait(self, entry: Entry, system: str, cause: str, wished_seconds: float | None) -> bool:
        """Try the mail again later. Returns False: it was not decided."""
        pause = self._patience.pause(entry.tries, wished_seconds)
        self._scratch.waits(entry.id, cause=cause, system=system, retry_at=self._clock.now() + pause)
        event(_LOG, Event.MAIL_WAITING, logging.WARNING, system=system, cause=cause)
        return False

    def _poison(self, mail: Unfetchable) -> bool:
        ending = Ending(code=Code.UNREADABLE, why=mail.why)
        bare = Mail(listed=mail.listed, message_id="", headers=(), mime=None)
        self._shadow.decided(bare, ending, sender="", provenance=mail_facts(bare))
        return True


class ShadowFollowing:
    """Looks up what becomes of the requests that shadow mode has decided on."""

    def __init__(
        self, *, shadow: Shadow, pvwa: ReadingPvwa, accounts: tuple[ConfirmingAccount, ...], clock: Clock
    ) -> None:
        self._shadow = shadow
        self._pvwa = pvwa
        self._accounts = accounts
        self._clock = clock

    def housekeep(self) -> None:
        """Look some up, each at most every five minutes. Raises Unavailable (ledger); another one waits."""
        try:
            for decided in self._shadow.to_look_up(_LOOKED_UP, pause=_LOOK_AGAIN):
                self._follow(decided)
        except LedgerAway:
            raise
        except (Unavailable, Unreadable):
            return

    def _follow(self, decided: Decided) -> None:
        found = find_request(self._pvwa, decided.request_id, self._accounts)
        if not isinstance(found, AccessRequest):
            self._shadow.became(decided, "gone", by="", at=None)
            return
        where = request_state(found, self._clock.now())
        what = OPEN if where is RequestState.WAITING else where.name.casefold()
        acted = actors(found, frozenset())
        last = acted[-1] if acted else None
        self._shadow.became(decided, what, by=last.words if last else "", at=last.at if last else None)


def would_carry_out(decision: Confirm, ledger_id: str, tools: Confirming, *, rejection: str | None = None) -> Ending:
    """Return how the mail would end if PVWA agreed; stands in the place of `confirm.carry_out`."""
    del ledger_id, tools
    act = Act.CONFIRM if rejection is None else Act.REJECT
    return Ending(
        code=DONE[act], request_id=decision.request.request_id, request=decision.facts, level=decision.level,
        checks=decision.passed,
    )  # fmt: skip
