"""`approvald audit verify`: whether the audit trail is as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from approvald.audit.check_evidence import check_evidence
from approvald.audit.trail import copy_name
from approvald.audit.verify import Report, in_order, lines_of
from approvald.audit.verify import verify as check
from approvald.cli.context import (
    config_option,
    configuration_file,
    is_configuration_named,
    read_settings,
    reading_ledger,
)
from approvald.cli.exits import Exit
from approvald.core.errors import ApprovaldError
from approvald.ledger.audit import AuditRows

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

    Give all of them, including rotated ones (.gz is read), in any order; or a folder or zip that `approvald evidence`
    made. Where there is a configuration, the end is compared with its ledger. Exits 0 when the trail is whole, 1 when
    something is wrong, 69 when nothing is wrong but that ledger could not be read, so lines may be missing at the end.
    """
    if len(files) == 1 and (files[0].is_dir() or files[0].suffix == ".zip"):
        end = End("checked against the head that the evidence names", is_checked=True)
        return _say(check_evidence(files[0], anchors), end, as_json)

    with _ledger() as (rows, copied, end):
        try:
            ordered = [(str(path), lines_of(path)) for path in in_order(files)]
            report = check(ordered, anchors=anchors, at_least=copied)
        except OSError as error:
            message = f"a file cannot be read: {error}"
            raise click.ClickException(message) from error
        if rows is not None:
            _hold_against(rows, report)
    return _say(report, end, as_json)


@dataclass(frozen=True)
class End:
    """Whether the end of a trail was checked, in words too. `is_wanted`: a ledger to check it by was expected."""

    words: str
    is_checked: bool = False
    is_wanted: bool = False


@contextmanager
def _ledger() -> Iterator[tuple[AuditRows | None, int, End]]:
    """Give the ledger's rows, None where it cannot be read; the last line that must be in this host's file; the end."""
    with ExitStack() as stack:
        rows, copied, is_configured = None, 0, is_configuration_named()
        try:
            is_configured = is_configured or configuration_file().exists()
            file = read_settings().audit.file
            rows = AuditRows(stack.enter_context(reading_ledger()))
            copied, (head, _) = rows.copied(copy_name(file)), rows.head()
        except (ApprovaldError, click.ClickException, PermissionError) as error:
            is_configured = is_configured or isinstance(error, PermissionError)
            rows, end = None, End(f"its end is NOT checked: {str(error).splitlines()[0]}", is_wanted=is_configured)
        else:
            newer = f"; the ledger has {head - copied} newer lines" if head > copied else ""
            end = End(f"its end is checked against the ledger, line {copied}{newer}", is_checked=True)
            if not copied:
                words = f"its lines are the ledger's, but its end is NOT checked: this host has written no {file}"
                end = End(words)
        yield rows, copied, end


def _hold_against(rows: AuditRows, report: Report) -> None:
    """Find a last line that is not the ledger's: then it was added, or the trail, or the ledger, is another one."""
    seq, digest = report.last
    head, _ = rows.head()
    if seq > head:
        what = (
            f"ends with line {head}, and the files with line {seq}: lines were added, or an older ledger was restored"
        )
        report.find("ledger", 0, what)
    elif seq and [line.hash for line in rows.rows_after(seq - 1, 1)] != [digest]:
        what = f"has another line {seq}: the files were rewritten, or belong to another ledger"
        report.find("ledger", 0, what)


def _say(report: Report, end: End, as_json: bool) -> int:  # noqa: FBT001 - passed on
    if as_json:
        click.echo(
            json.dumps(
                {
                    "whole": report.is_whole, "first": report.first, "last": report.last[0], "hash": report.last[1],
                    "lines": report.lines, "skeletons": report.skeletons,
                    "end": end.words, "end_checked": end.is_checked,
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
        click.echo(f"The audit trail is {verdict}: lines {report.first} to {report.last[0]}, {end.words}.")
    if not report.is_whole:
        return Exit.FAILED
    return Exit.UNAVAILABLE if end.is_wanted and not end.is_checked else Exit.OK
