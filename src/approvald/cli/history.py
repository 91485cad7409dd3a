"""`approvald history`: one line per mail, for people, programs and spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from approvald.approval.endings import Code
from approvald.cli.context import config_option, reading_ledger
from approvald.cli.rows import format_options, print_rows, refuse_both
from approvald.ledger.cases import Cases, Wanted
from approvald.ledger.entries import Entry

COLUMNS: Final = (
    "received", "filed", "mail", "sender", "person", "guid", "request", "safe", "level", "outcome", "confirmer",
    "attempt_of",
)  # fmt: skip
_SPAN: Final = re.compile(r"(\d{1,4})([dh])")


def _since(_context: click.Context, _parameter: click.Parameter, given: str | None) -> datetime | None:
    if given is None:
        return None
    span = _SPAN.fullmatch(given)
    if span is not None:
        return datetime.now(UTC) - timedelta(**{"days" if span[2] == "d" else "hours": int(span[1])})
    try:
        read = datetime.fromisoformat(given)
    except ValueError as error:
        message = "write a date or time like 2026-11-27 or 2026-11-27T14:00 (UTC), or a span like 7d or 12h"
        raise click.BadParameter(message) from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _outcomes(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    known = {code.value for code in Code}
    unknown = [each for each in given if each not in known]
    if unknown:
        message = f"no mail ends as {unknown[0]!r}; it is one of: {', '.join(sorted(known))}"
        raise click.BadParameter(message)
    return given


@click.command("history")
@config_option
@click.option("--request", default="", help="PVWA's request id, such as DB-PROD-01_1101, or its number.")
@click.option("--person", default="", help="Address, account name or objectGUID of the approver.")
@click.option("--safe", default="", help="Name of a safe.")
@click.option("--since", callback=_since, help="A date or time (UTC), or a span like 7d or 12h.")
@click.option("--outcome", "outcomes", multiple=True, callback=_outcomes,
              help="How a mail ended, such as confirmed; several may be given.")  # fmt: skip
@format_options
def command(
    *, request: str, person: str, safe: str, since: datetime | None, outcomes: tuple[str, ...], as_json: bool,
    as_csv: bool,
) -> None:  # fmt: skip
    """List mails and what became of them, in the order in which approvald saw them. Reads only the ledger."""
    refuse_both(as_json=as_json, as_csv=as_csv)
    wanted = Wanted(request=request, safe=safe, since=since, outcomes=outcomes)
    with reading_ledger() as store:
        rows = (row_of(*each) for each in Cases(store).history(wanted))
        shown = (row for row in rows if _is_of(row, person))
        if not print_rows(shown, COLUMNS, _lines, as_json=as_json, as_csv=as_csv):
            click.echo("approvald: no mail matches", err=True)


def row_of(entry: Entry, request_id: str | None, decision: Mapping[str, Any] | None) -> dict[str, str]:
    """Return one row; what is not known is empty."""
    person = decision["approver"]["person"] if decision else {}
    ending = entry.ending
    return {
        "received": f"{entry.received:%Y-%m-%dT%H:%M:%SZ}",
        "filed": f"{entry.filed_at:%Y-%m-%dT%H:%M:%SZ}" if entry.filed_at else "",
        "mail": entry.id,
        "sender": entry.sender,
        "person": person.get("name", ""),
        "guid": person.get("guid", ""),
        "request": request_id or "",
        "safe": (request_id or "").rpartition("_")[0],
        "level": str(ending.level.value) if ending and ending.level else "",
        "outcome": ending.code.value if ending else entry.state.value,
        "confirmer": (ending.confirmer or "") if ending else "",
        "attempt_of": entry.attempt_of or "",
        "_account": person.get("account", ""),
    }


def _is_of(row: Mapping[str, str], person: str) -> bool:
    asked = person.strip().casefold()
    return not asked or asked in {row[key].casefold() for key in ("sender", "person", "guid", "_account")}


def _lines(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['received']}  {row['mail']}  {row['outcome']:<18} {row['request'] or '-':<24} {row['sender']}"
