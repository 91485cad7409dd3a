"""`approvald retry`: has a mail, or all mails filed in a folder, tried again."""

from __future__ import annotations

import logging
import time
from typing import Final

import click

from approvald.cli.context import config_option, given, opened_ledger, operator, read_settings
from approvald.cli.exits import Exit
from approvald.core.logs.events import Event, event
from approvald.core.model import Folder
from approvald.ledger.entries import Entry
from approvald.ledger.retries import Retries, Retry

_LOG: Final = logging.getLogger(__name__)
_FOLDERS: Final = ("Refused", "Ignored", "Quarantine")
"""Without Done: its mails were carried out; one of them is tried again only by its name."""
_LOOK_SECONDS: Final = 0.2
_MOST_NAMED: Final = 10


@click.command("retry")
@config_option
@click.argument("mail", required=False)
@click.option(
    "--folder",
    type=click.Choice(_FOLDERS, case_sensitive=False),
    help="Instead of one mail, all that were filed in this folder.",
)
@click.option("--reason", required=True, help="Why, for those who read ledger and log later.")
@click.option(
    "--wait", "wait_seconds", default=30.0, show_default=True, type=click.FloatRange(min=0), metavar="SECONDS",
    help="How long to wait for the daemon to do it.",
)  # fmt: skip
def command(*, mail: str | None, folder: str | None, reason: str, wait_seconds: float) -> Exit:
    """Have MAIL tried again, with all its checks, as if it had just come in.

    MAIL is the id in our log and comments, the mail's Message-ID, or PVWA's request id if only one mail
    is about it. The daemon moves it back to the Inbox at its next poll; the earlier attempt stays on record. A mail
    that waits in the Inbox is tried at once. A folder is named by approvald's name for it; mails that are too old to be
    approved, and copies, stay there.
    """
    why = given(reason)
    if (mail is None) is (folder is None):
        message = "name a MAIL, or a folder with --folder"
        raise click.UsageError(message)
    if read_settings().daemon.mode == "shadow":
        message = "daemon.mode is shadow, and shadow mode moves no mail: nothing was asked for. Set it to live first."
        raise click.ClickException(message)
    with opened_ledger() as store:
        retries = Retries(store)
        what = Folder(folder.lower()) if folder is not None else _one(retries, mail or "")
        asked = retries.ask(what, by=operator(), reason=why)
        event(
            _LOG, Event.RETRY_ASKED, logging.WARNING, ledger_id=asked.mail_id or "", folder=folder or "", why=why,
            operator=asked.asked_by,
        )  # fmt: skip
        return _tell(_answer(retries, asked, wait_seconds))


def _one(retries: Retries, name: str) -> str:
    """Return the ledger id of the one mail that is called so. Raises ClickException."""
    found = retries.mails_called(name.strip())
    if not found:
        message = (
            f"the ledger knows no mail {name}: name it by the id in our log, by its Message-ID, or by PVWA's request id"
        )
        raise click.ClickException(message)
    if len(found) > 1:
        newest = "; ".join(_described(entry) for entry in found[-_MOST_NAMED:])
        message = f"{len(found)} mails match {name}; name one by its id. The newest are: {newest}"
        raise click.ClickException(message)
    return found[0].id


def _described(entry: Entry) -> str:
    ended = entry.ending.code.value if entry.ending is not None else entry.state.value
    return f"{entry.id} (from {entry.sender}, received {entry.received:%Y-%m-%d %H:%M:%S} UTC, {ended})"


def _answer(retries: Retries, asked: Retry, wait_seconds: float) -> Retry:
    """Return the retry once the daemon has done it, or its state when the time is over."""
    deadline = time.monotonic() + wait_seconds
    while asked.done_at is None and time.monotonic() < deadline:
        time.sleep(min(_LOOK_SECONDS, wait_seconds))
        asked = retries.get(asked.id)
    return asked


def _tell(retry: Retry) -> Exit:
    """Say in a line what became of it. Raises ClickException where nothing is tried again."""
    if retry.done_at is None:
        click.echo("The daemon has not done it yet: it will at its next poll, and writes retry.done to its log then.")
        return Exit.TEMPORARY
    if not retry.moved:
        message = f"nothing was moved: {retry.why}"
        raise click.ClickException(message)
    rest = f"; {retry.why}" if retry.why else ""
    if retry.folder is not None:
        count = "1 mail was" if retry.moved == 1 else f"{retry.moved} mails were"
        click.echo(f"{count} moved from {_name(retry.folder)} back to the Inbox{rest}.")
    elif retry.why:
        click.echo(f"Mail {retry.mail_id} is tried again: {retry.why}.")
    else:
        click.echo(f"Mail {retry.mail_id} was moved back to the Inbox.")
    return Exit.OK


def _name(folder: Folder) -> str:
    return folder.value.capitalize()
