"""`approvald doctor`: live checks of every system, before going live and whenever something is odd."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from approvald.cli.context import config_option, read_settings
from approvald.cli.exits import Exit
from approvald.core.errors import System, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from approvald.config.settings.whole import Settings
    from approvald.doctor.findings import Status
    from approvald.doctor.questions import SenderSurvey, Systems
    from approvald.doctor.senders import SenderTable

_EXITS: Final = {"ok": Exit.OK, "wrong": Exit.FAILED, "unknown": Exit.UNAVAILABLE}


@click.command("doctor")
@config_option
@click.option("--senders", is_flag=True, help="Table what Exchange writes about senders, and propose [sender].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(*, senders: bool, as_json: bool) -> int:
    """Check the configuration, and every system with the accounts that approvald uses. Changes nothing.

    Nothing is confirmed, sent or moved; a password that was refused is not tried again. Run it as the user approvald
    runs as; the daemon may run meanwhile. Exits 0 when all is well, 1 when something is wrong, 69 when nothing is but
    something could not be found out, mostly because a system is away.

    With --senders: reads the headers of the newest 200 mails of the mailbox and tables AuthAs, AuthMechanism and
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
    from approvald.cli.doctor_screen import findings_json, findings_lines  # noqa: PLC0415 - used here only
    from approvald.config.files import check_files  # noqa: PLC0415 - loads pydantic
    from approvald.core.clock import SystemClock  # noqa: PLC0415 - as above
    from approvald.doctor.examination import examine  # noqa: PLC0415 - as above
    from approvald.doctor.findings import worst  # noqa: PLC0415 - as above

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
    from approvald.cli.doctor_screen import senders_json, senders_lines  # noqa: PLC0415 - used here only
    from approvald.core.model import Mail  # noqa: PLC0415 - as above
    from approvald.doctor.senders import MAILS, Site, table  # noqa: PLC0415 - as above

    with systems_of(settings) as systems:
        mailbox: SenderSurvey = systems.mailbox
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
    from approvald.service import wiring  # noqa: PLC0415 - loads every adapter
    from approvald.service.instance import unwritable  # noqa: PLC0415 - used here only

    if settings.ledger.url:
        with wiring.build_doctor(settings) as systems:
            yield systems
        return
    ledger = settings.ledger.file
    if not ledger.parent.is_dir():
        message = (
            f"The folder {ledger.parent} of ledger.file is not there, so refused log-ons cannot be counted and no "
            "system was asked. Make it, owned by the user approvald runs as, or start the service once."
        )
        raise Unavailable(System.LEDGER, message)
    try:
        os.close(os.open(ledger, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except PermissionError:
        raise
    except OSError as error:
        raise unwritable(ledger, error) from error
    with wiring.build_doctor(settings) as systems:
        yield systems


def foreign_ledger(ledger: Path, user: int) -> str | None:
    """Return why this user (by number) must not open the ledger: the daemon could not open files that root makes."""
    folder = ledger.parent
    if user != 0 or not folder.is_dir() or folder.stat().st_uid == 0:
        return None
    try:
        owner = folder.owner()
    except KeyError:
        return f"{folder} belongs to a user that is not there any more; give it to the user approvald runs as"
    return f"{folder} belongs to {owner}; run this as that user: runuser -u {owner} -- approvald doctor"
