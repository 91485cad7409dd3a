"""`approvald shadow report`: compares what approvald would have done with what people did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from approvald.approval.endings import Code
from approvald.cli.context import config_option, reading_ledger
from approvald.cli.rows import format_options, print_rows, refuse_both
from approvald.ledger.shadow import Decided, Shadow

COLUMNS: Final = ("received", "sender", "request", "would_end_as", "became", "became_by", "became_at", "verdict")
_AGREE: Final = "agree"
_WOULD_CONFIRM: Final = "would have confirmed, and people did not"
_WOULD_REFUSE: Final = "would have refused, and people confirmed"
_OPEN: Final = "open"
_ALONE: Final = "nothing to compare with"
"""The mail ended before its request was known."""
_NO_QUESTION: Final = {_AGREE, _OPEN, _ALONE}


@click.group("shadow")
@config_option
def command() -> None:
    """Show what shadow mode (daemon.mode) has decided."""


@command.command("report")
@config_option
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far to look back.")
@format_options
def report(*, days: int, as_json: bool, as_csv: bool) -> None:
    """Compare each decision with what became of the request.

    The daemon looks this up while it runs in shadow mode; this command reads only the ledger. Disagreements come first.
    """
    refuse_both(as_json=as_json, as_csv=as_csv)
    with reading_ledger() as store:
        decisions = Shadow(store).since(datetime.now(UTC) - timedelta(days=days))
    rows = sorted((_row(each) for each in decisions), key=lambda row: (row["verdict"] in _NO_QUESTION, row["received"]))
    print_rows(rows, COLUMNS, _lines, as_json=as_json, as_csv=as_csv)


def _row(decided: Decided) -> dict[str, str]:
    return {
        "received": f"{decided.received:%Y-%m-%dT%H:%M:%SZ}",
        "sender": decided.sender,
        "request": decided.request_id,
        "would_end_as": decided.ending.code.value,
        "became": decided.became or ("not looked up yet" if decided.request_id else ""),
        "became_by": decided.became_by,
        "became_at": f"{decided.became_at:%Y-%m-%dT%H:%M:%SZ}" if decided.became_at else "",
        "verdict": _verdict(decided),
    }


def _verdict(decided: Decided) -> str:
    if not decided.request_id:
        return _ALONE
    if decided.became in {"", "waiting"}:
        return _OPEN
    would = decided.ending.code is Code.CONFIRMED
    did = decided.became == "confirmed"
    if would == did or (did and decided.ending.code in {Code.ALREADY_CONFIRMED, Code.CHALLENGE_SENT}):
        return _AGREE
    return _WOULD_CONFIRM if would else _WOULD_REFUSE


def _lines(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    counted = Counter[str]()
    for row in rows:
        counted[row["verdict"]] += 1
        what = f"{row['became']} {row['became_by']} {row['became_at']}".strip()
        text = f"{row['received']}  {row['request'] or '-':<24} {row['would_end_as']:<18} {row['verdict']}"
        yield f"{text}: {what}" if what else text
    told = ", ".join(f"{verdict}: {count}" for verdict, count in sorted(counted.items())) or "none"
    yield f"{counted.total()} mails; {told}."
