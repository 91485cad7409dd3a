"""`approvald audit verify`: whether the audit trail is as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from approvald.cli.configuration import config_option, read_settings
from approvald.cli.exits import Exit
from approvald.errors import ApprovaldError

if TYPE_CHECKING:
    from approvald.audit.verify import Report

_SHA256_CHARS: Final = 64


@click.group("audit")
@config_option
def command() -> None:
    """Work with the audit trail."""


def _anchor(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[int, str]:
    anchors = {}
    for each in given:
        number, _, digest = each.partition(":")
        if not number.isdecimal() or len(digest) != _SHA256_CHARS:
            message = "write it like 4711:5e88..., the number of a line and its hash"
            raise click.BadParameter(message)
        anchors[int(number)] = digest
    return anchors


@command.command("verify")
@config_option
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--anchor", "anchors", multiple=True, callback=_anchor, metavar="SEQ:HASH",
              help="A line's hash that was kept elsewhere; may be given several times.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def verify(*, files: tuple[Path, ...], anchors: dict[int, str], as_json: bool) -> int:
    """Find any edit, deletion, reordering or truncation in audit FILEs.

    Give all of them, the rotated ones too (.gz is read), in any order; or a folder or zip that `approvald evidence`
    made. Where this configuration's ledger can be read, the end is held against it. Exits 0 when the trail is whole, 1
    when something is wrong.
    """
    from approvald.audit.verify import verify as check  # noqa: PLC0415 - used here only

    if len(files) == 1 and (files[0].is_dir() or files[0].suffix == ".zip"):
        from approvald.evidence.checking import check_evidence  # noqa: PLC0415 - as above

        return _say(check_evidence(files[0], anchors), "checked against the head that the evidence names", as_json)
    from approvald.audit.reading import in_order, lines_of  # noqa: PLC0415 - as above

    known, at_least, words = _from_ledger()
    try:
        ordered = [(str(path), lines_of(path)) for path in in_order(files)]
        report = check(ordered, anchors={**known, **anchors}, at_least=at_least, from_start=True)
    except (OSError, EOFError) as error:
        message = f"a file cannot be read: {error}"
        raise click.ClickException(message) from error
    return _say(report, words, as_json)


def _from_ledger() -> tuple[dict[int, str], int, str]:
    """Return anchors, the last line that is known to be in this host's file, and words about that."""
    from approvald.clock import SystemClock  # noqa: PLC0415 - used here only
    from approvald.ledger.audit_rows import AuditRows  # noqa: PLC0415 - loads SQLAlchemy
    from approvald.ledger.opening import store_for  # noqa: PLC0415 - as above
    from approvald.trail import copy_name  # noqa: PLC0415 - as above

    try:
        settings = read_settings()
        if not settings.ledger.url and not settings.ledger.file.exists():
            return {}, 0, f"its end is NOT checked: {settings.ledger.file} is not there"
        store = store_for(settings.ledger, SystemClock())
        try:
            rows = AuditRows(store)
            copied = rows.copied(copy_name(settings.audit.file))
            seq, _ = rows.head()
            lines = rows.rows_after(copied - 1, 1) if copied else []
        finally:
            store.close()
    except ApprovaldError as error:
        return {}, 0, f"its end is NOT checked: {str(error).splitlines()[0]}"
    newer = f"; the ledger has {seq - copied} newer lines, not copied yet" if seq > copied else ""
    anchors = {line.seq: line.hash for line in lines}
    return anchors, copied, f"its end is checked against the ledger, line {copied}{newer}"


def _say(report: Report, words: str, as_json: bool) -> int:  # noqa: FBT001 - passed on
    if as_json:
        click.echo(
            json.dumps(
                {
                    "whole": report.is_whole, "first": report.first, "last": report.last[0], "hash": report.last[1],
                    "lines": report.lines, "skeletons": report.skeletons, "end": words,
                    "findings": [str(finding) for finding in report.findings], "more": report.more,
                }
            )
        )  # fmt: skip
    else:
        for finding in report.findings:
            click.echo(str(finding))
        if report.more:
            click.echo(f"and {report.more} more findings")
        verdict = "whole" if report.is_whole else "NOT as it was written"
        click.echo(f"The audit trail is {verdict}: lines {report.first} to {report.last[0]}, {words}.")
    return Exit.OK if report.is_whole else Exit.FAILED
