"""The ledger of a running approvald, for commands that write to it beside the daemon."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from approvald.cli.context import read_settings

if TYPE_CHECKING:
    from approvald.ledger.store import Store


_NO_LEDGER: Final = "{file}: there is no ledger; has approvald been started, and is this its ledger.file?"


@contextmanager
def opened_ledger() -> Iterator[Store]:
    """Open ledger and log of this configuration; both are closed at the end. Raises ClickException without a ledger."""
    from approvald.core.clock import SystemClock  # noqa: PLC0415 - used here only
    from approvald.core.logs import output  # noqa: PLC0415 - loads pydantic
    from approvald.ledger.opening import store_for  # noqa: PLC0415 - loads SQLAlchemy

    settings = read_settings()
    if not settings.ledger.url and not settings.ledger.file.exists():
        raise click.ClickException(_NO_LEDGER.format(file=settings.ledger.file))
    output.set_up(file=settings.logs.file, level=settings.logs.level, stderr=settings.logs.stderr)
    store = store_for(settings.ledger, SystemClock())
    try:
        store.join()
        yield store
    finally:
        store.close()
        output.tear_down()


@contextmanager
def reading_ledger() -> Iterator[Store]:
    """Open this configuration's ledger for reading only. Raises ClickException where there is none.

    Raises PermissionError, Unavailable and LedgerUnusable where it cannot be read.
    """
    from approvald.core.clock import SystemClock  # noqa: PLC0415 - used here only
    from approvald.ledger.opening import store_for  # noqa: PLC0415 - loads SQLAlchemy

    settings = read_settings()
    if not settings.ledger.url and not settings.ledger.file.exists():
        raise click.ClickException(_NO_LEDGER.format(file=settings.ledger.file))
    if not settings.ledger.url and not os.access(settings.ledger.file, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(settings.ledger.file))
    store = store_for(settings.ledger, SystemClock())
    try:
        store.peek()
        yield store
    finally:
        store.close()


def operator() -> str:
    """Return who runs this: the operating system's user, and behind sudo the one who called it."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"user {os.getuid()}"
    caller = os.environ.get("SUDO_USER", "")
    return f"{user} (sudo by {caller})" if caller.isprintable() and caller not in {"", user} else user


def given(reason: str) -> str:
    """Return a reason that says something. Raises UsageError."""
    if not reason.strip():
        message = "--reason is empty; say why, in a few words"
        raise click.UsageError(message)
    return " ".join(reason.split())
