"""`approvald doctor`: live checks of every system, before going live and whenever something is odd."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from approvald.cli.context import config_option, read_settings
from approvald.cli.exits import Exit
from approvald.config.files import check_files
from approvald.config.settings import Settings
from approvald.core.clock import SystemClock
from approvald.core.errors import LedgerAway
from approvald.core.logs.redaction import without_secrets
from approvald.core.model import Mail
from approvald.core.text import escape
from approvald.doctor.examination import examine
from approvald.doctor.findings import Finding, Status, worst
from approvald.doctor.questions import Systems
from approvald.doctor.senders import MAILS, SenderTable, Site, table
from approvald.service import wiring
from approvald.service.instance import unwritable

_EXITS: Final = {"ok": Exit.OK, "wrong": Exit.FAILED, "unknown": Exit.UNAVAILABLE}
COLOURS: Final = {Status.OK: "green", Status.WRONG: "red", Status.UNKNOWN: "yellow"}
HEAD: Final = ("mails", "AuthAs", "AuthMechanism", "AuthSource", "newest (UTC)", "example", "proven now")


@click.command("doctor")
@config_option
@click.option(
    "--senders", is_flag=True, help="Show in a table what Exchange writes about senders, and propose [sender]."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(*, senders: bool, as_json: bool) -> int:
    """Check the configuration, and every system with the accounts that approvald uses. Changes nothing.

    Nothing is confirmed, sent or moved; a password that was refused is not tried again. Run it as the user approvald
    runs as; the daemon may keep running. Exits 0 when all is well, 1 when something is wrong, 69 when nothing is
    wrong but something could not be checked, usually because a system is away.

    With --senders: reads the headers of the mailbox's newest 200 mails and shows a table of AuthAs, AuthMechanism and
    AuthSource; exits 0 when the present [sender] fits them, 1 when it should be changed.
    """
    settings = read_settings()
    logging.getLogger().addHandler(logging.NullHandler())  # the findings say it; Python would print it once more
    foreign = foreign_ledger(settings.ledger.file, os.geteuid())
    if foreign is not None:
        click.echo(f"approvald: {foreign}", err=True)
        return Exit.PERMISSION
    return _senders(settings, as_json=as_json) if senders else _checks(settings, as_json=as_json)


def _checks(settings: Settings, *, as_json: bool) -> int:
    findings = examine(
        settings,
        now=SystemClock().now(),
        file_problems=check_files(settings),
        open_systems=lambda: systems_of(settings),
    )
    status: Status = worst(findings)
    if as_json:
        click.echo(json.dumps(findings_json(findings)))
    else:
        for line in findings_lines(findings):
            click.echo(line)
    return _EXITS[status]


def _senders(settings: Settings, *, as_json: bool) -> int:
    with systems_of(settings) as systems:
        mailbox = systems.mailbox
        fetched = mailbox.fetch(mailbox.newest(MAILS), with_mime=False)
    mails = [each for each in fetched if isinstance(each, Mail)]
    found: SenderTable = table(mails, Site.from_settings(settings), unread=len(fetched) - len(mails))
    if as_json:
        click.echo(json.dumps(senders_json(found)))
    else:
        for line in senders_lines(found):
            click.echo(line)
    return Exit.OK if found.fits else Exit.FAILED


@contextmanager
def systems_of(settings: Settings) -> Iterator[Systems]:
    """Open the systems with the ledger that counts refused log-ons. Raises Unavailable where there is none."""
    if settings.ledger.url:
        with wiring.asked_by_doctor(settings) as systems:
            yield systems
        return
    ledger = settings.ledger.file
    if not ledger.parent.is_dir():
        message = (
            f"The folder {ledger.parent} of ledger.file is not there, so refused log-ons cannot be counted and no "
            "system was asked. Create it, owned by the user approvald runs as, or start the service once."
        )
        raise LedgerAway(message)
    try:
        os.close(os.open(ledger, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except PermissionError:
        raise
    except OSError as error:
        raise unwritable(ledger, error) from error
    with wiring.asked_by_doctor(settings) as systems:
        yield systems


def foreign_ledger(ledger: Path, user: int) -> str | None:
    """Return why this user (by number) must not open the ledger: the daemon could not open files that root makes."""
    folder = ledger.parent
    if user != 0 or not folder.is_dir() or folder.stat().st_uid == 0:
        return None
    try:
        owner = folder.owner()
    except KeyError:
        return f"{folder} belongs to a user that no longer exists; give it to the user approvald runs as"
    return f"{folder} belongs to {owner}; run this as that user: runuser -u {owner} -- approvald doctor"


def findings_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Return one line a finding, its first word in colour, and one that counts them."""
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        word = click.style(f"{finding.status:<7}", fg=COLOURS[finding.status], bold=finding.status is not Status.OK)
        do = f" {finding.do}" if finding.do else ""
        yield f"{word} {finding.check:<{width}}  {escape(without_secrets(finding.found) + do)}"
    count = {status: sum(finding.status is status for finding in findings) for status in Status}
    yield ", ".join(f"{number} {status}" for status, number in count.items())
    if count[Status.UNKNOWN]:
        yield "Where a system does not answer in time, look for a filter: a firewall, or IPAddressAllow= in the unit."


def findings_json(findings: Sequence[Finding]) -> Mapping[str, object]:
    """Return the same for programs."""
    checks = [
        {"check": each.check, "status": each.status, "found": without_secrets(each.found), "do": each.do}
        for each in findings
    ]
    return {"status": worst(findings), "checks": checks}


def senders_lines(table: SenderTable) -> Iterator[str]:
    """Return the table, the proposal and the warnings."""
    rows = [HEAD, *_rows(table)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if table.unread:
        yield f"{table.unread} mails could not be fetched and are left out."
    yield ""
    yield from _proposal(table)
    for warning in table.warnings:
        yield f"{click.style('beware', fg='yellow', bold=True)} {escape(warning)}"


def senders_json(table: SenderTable) -> Mapping[str, object]:
    """Return the same for programs; `newest` is ISO 8601 in UTC."""
    return {
        "mails": table.count,
        "unread": table.unread,
        "combinations": [
            {
                "auth_as": each.auth_as,
                "auth_mechanism": each.auth_mechanism,
                "auth_source": each.auth_source,
                "count": each.count,
                "newest": each.newest.isoformat(),
                "example": each.example,
                "proven": each.proven,
                "why": each.why,
            }
            for each in table.combinations
        ],
        "proposal": _values(table),
        "fits": table.fits,
        "warnings": list(table.warnings),
    }


def _rows(table: SenderTable) -> Iterator[tuple[str, ...]]:
    for each in table.combinations:
        believed = "yes" if each.proven == each.count else f"{each.proven} of {each.count}" if each.proven else "no"
        yield (
            str(each.count),
            escape(each.auth_as),
            escape(each.auth_mechanism),
            escape(each.auth_source),
            f"{each.newest:%Y-%m-%d %H:%M}",
            escape(each.example),
            f"{believed}: {each.why}" if each.why else believed,
        )


def _proposal(table: SenderTable) -> Iterator[str]:
    if not table.auth_sources:
        yield (
            "No mail of a logged-on mailbox user was found, so nothing can be proposed. Send the mailbox one from "
            "Outlook and one from a phone, and run this again."
        )
        return
    yield "The present [sender] fits these mails." if table.fits else "Proposed, after a look at the table:"
    yield "[sender]"
    for name, values in _values(table).items():
        yield f"{name} = {json.dumps(values)}"


def _values(table: SenderTable) -> Mapping[str, list[str]]:
    return {
        "auth_as": list(table.auth_as),
        "auth_mechanisms": list(table.auth_mechanisms),
        "auth_sources": list(table.auth_sources),
    }
