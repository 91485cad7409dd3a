"""What no order of crashes, outages and copies of mails may break in the house on fakes. In one place."""

from __future__ import annotations

from collections import Counter

from approvald.audit.verify import verify
from approvald.ledger.audit import AuditRows
from approvald.ledger.store import Store
from fakes.house import House


def always(house: House) -> None:
    """Hold what must be true at every moment."""
    taken = Counter(attempt.request_id for attempt in house.pvwa.confirmations)
    assert max(taken.values(), default=0) <= 1, "a request was confirmed twice"
    counted = {id(attempt) for attempt in house.pvwa.confirmations}  # two attempts of one mail are equal, and not one
    done: set[str] = set()
    for attempt in house.pvwa.attempts:
        assert attempt.request_id not in done, "a confirmation was sent after one was taken"
        if id(attempt) in counted:
            done.add(attempt.request_id)
    sent = Counter(reply.marker for reply in house.mailbox.sent if reply.marker.endswith(".final"))
    assert max(sent.values(), default=0) <= 1, "an answer was sent twice"
    asked = Counter(reply.marker for reply in house.mailbox.sent if reply.marker.endswith(".waiting"))
    assert max(asked.values(), default=0) <= 1, "somebody was told twice that nothing is decided"


def at_the_end(house: House, store: Store, mails: int) -> None:
    """Hold what must be true when everything works again and is done."""
    always(house)
    assert house.mailbox.folder(None) == [], "a mail was left"
    finals = {reply.marker for reply in house.mailbox.sent if reply.marker.endswith(".final")}
    assert len(finals) == mails, "a mail was not answered"
    rows = AuditRows(store)
    seq, digest = rows.head()
    lines = [line.to_bytes() for line in rows.rows_after(0, 1_000_000)]
    report = verify([("ledger", lines)], anchors={seq: digest} if seq else {}, at_least=seq)
    assert report.is_whole, report.findings
