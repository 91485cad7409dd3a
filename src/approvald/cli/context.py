"""The option --config, before or after a command's name, and the settings it leads to."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from approvald.core.errors import ConfigurationInvalid

if TYPE_CHECKING:
    from approvald.config.settings import Settings
    from approvald.ledger.store import Store

_NO_LEDGER: Final = "{file}: there is no ledger; check that approvald has been started and that this is its ledger.file"


def _remember(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.find_root().obj = value


config_option = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),  # a file that may not be read is exit 77, and ours to tell
    expose_value=False,
    callback=_remember,
    help="The configuration file.",
)


def configuration_file() -> Path:
    """Return the file that --config names, else the first of the usual places. Raises ConfigurationInvalid."""
    from approvald.config.load import find  # noqa: PLC0415 - loads pydantic

    given = click.get_current_context().find_root().obj
    return find(given if isinstance(given, Path) else None)


def is_configuration_named() -> bool:
    """Whether --config names a file."""
    return isinstance(click.get_current_context().find_root().obj, Path)


def read_settings() -> Settings:
    """Read and check the configuration of this call. Raises ConfigurationInvalid."""
    from approvald.config.load import load  # noqa: PLC0415 - loads pydantic

    return load(configuration_file())


def refuse_missing_files(settings: Settings) -> None:
    """Look at the files that the settings name. Raises ConfigurationInvalid with all that cannot be used."""
    from approvald.config.files import check_files  # noqa: PLC0415 - loads pydantic

    problems = check_files(settings)
    if problems:
        raise ConfigurationInvalid(tuple(f"{configuration_file()}: {problem}" for problem in problems))


@contextmanager
def opened_ledger() -> Iterator[Store]:
    """Open ledger and log of this configuration; both are closed at the end. Raises ClickException without a ledger."""
    from approvald.core.clock import SystemClock  # noqa: PLC0415 - used here only
    from approvald.core.logs import output  # noqa: PLC0415 - loads pydantic
    from approvald.ledger.store import store_for  # noqa: PLC0415 - loads SQLAlchemy

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
    from approvald.ledger.store import store_for  # noqa: PLC0415 - loads SQLAlchemy

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
