"""What no crash, outage or second daemon may break, by what the outside saw. In one place."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from approvald.audit.verify import in_order, lines_of, verify
from approvald.ledger.audit import AuditRows
from approvald.ledger.store import Store
from approvald_sandbox.world.mails import Notice
from e2e.stage import Stage
from fakes.clock import FakeClock


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the outside saw of some mails."""

    mails: int
    confirmed: int
    replied: int
    lost: int
    doubled: int
    after_acceptance: int


def key(notice: Notice) -> str:
    """Return PVWA's request id."""
    return f"{notice.safe}_{notice.number}"


def marker(mail: Mapping[str, Any]) -> str:
    """Return the mark that approvald has put on a mail."""
    found = {name.casefold(): value for name, value in mail["headers"].items()}
    return str(found["x-approvald"])


def figures(stage: Stage, *, mails: int, notices: Iterable[Notice], finals: int) -> Figures:
    """Count: confirmations and answers that are missing or too many, mails left in the Inbox, late Confirms.

    `finals`: how many final answers there must be. A marker stands on each; two with one marker are a doubled answer.
    """
    keys = {key(notice) for notice in notices}
    votes = Counter((each["key"], each["level"]) for each in stage.sandbox.confirmations() if each["key"] in keys)
    attempts = Counter(each["key"] for each in stage.sandbox.confirm_attempts() if each["key"] in keys)
    taken = Counter(each["key"] for each in stage.sandbox.confirmations() if each["key"] in keys)
    sent = [marker(mail) for mail in stage.replies() if marker(mail).endswith(".final")]
    inbox = len(stage.sandbox.mailbox()["Inbox"])
    return Figures(
        mails=mails,
        confirmed=len(votes),
        replied=len(set(sent)),
        lost=inbox + max(finals - len(set(sent)), 0),
        doubled=sum(count - 1 for count in votes.values()) + len(sent) - len(set(sent)),
        after_acceptance=sum(attempts[each] - 1 for each in taken),
    )


def trail_is_whole(state: Path, url: str = "") -> None:
    """Hold the audit file against the ledger, and the ledger to its own integrity."""
    ledger = state / "ledger.db"
    if not url:
        with closing(sqlite3.connect(ledger)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert raw.execute("SELECT count(*) FROM confirmations WHERE outcome = 'open'").fetchall() == [(0,)]
    store = Store(url or f"sqlite:///{ledger}", FakeClock())
    try:
        seq, digest = AuditRows(store).head()
    finally:
        store.close()
    files = [(path.name, lines_of(path)) for path in in_order(sorted(state.glob("audit.jsonl*")))]
    report = verify(files, anchors={seq: digest}, at_least=seq)
    assert report.is_whole, [str(finding) for finding in report.findings]
