"""`approvald run`: the daemon."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from approvald import __version__
from approvald.cli.context import config_option, read_settings, refuse_missing_files
from approvald.cli.exits import Exit
from approvald.config.settings import Settings
from approvald.core.alarms import AlarmKind
from approvald.core.errors import LedgerUnusable
from approvald.core.logs import output
from approvald.core.logs.events import Event, event
from approvald.service import wiring
from approvald.service.instance import AlreadyRunning
from approvald.service.signals import Signals

_LOG: Final = logging.getLogger(__name__)


@click.command("run")
@config_option
@click.option("--once", is_flag=True, help="Poll once, handle what is there, and exit.")
def command(*, once: bool) -> int:
    """Work through the mailbox until told to stop (SIGTERM). SIGHUP reads the approver groups again.

    Where two hosts share a ledger (ledger.url), one works and the other stands by.

    With --once: ends with 0 when everything in the Inbox was handled, 69 when a system is away and mails wait.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload during the start must not end the process
    settings = read_settings()
    refuse_missing_files(settings)
    output.set_up(file=settings.logs.file, level=settings.logs.level, stderr=settings.logs.stderr)
    try:
        return _run(settings, once=once)
    except AlreadyRunning as error:
        click.echo(f"approvald: {error}", err=True)
        return Exit.TEMPORARY
    finally:
        output.tear_down()


def _run(settings: Settings, *, once: bool) -> int:
    signals = Signals()
    signals.listen()

    def begun() -> None:
        event(_LOG, Event.DAEMON_STARTED, logging.INFO, version=__version__, rules=_sender_rules(settings))

    with _end_is_told(), wiring.standby(settings, signals, begun) as standby:
        if once:
            with standby.once() as daemon:
                return Exit.UNAVAILABLE if daemon.run_once().waiting else Exit.OK
        standby.run()
    return Exit.OK


@contextmanager
def _end_is_told() -> Iterator[None]:
    """Log that the daemon has stopped; not where another one works, whose log it is."""
    is_ours = True
    try:
        yield
    except AlreadyRunning:
        is_ours = False
        raise
    except LedgerUnusable as error:
        event(_LOG, Event.ALARM, logging.CRITICAL, code=AlarmKind.LEDGER_AWAY.value, why=str(error))
        raise
    finally:
        if is_ours:
            event(_LOG, Event.DAEMON_STOPPED, logging.INFO)


def _sender_rules(settings: Settings) -> list[str]:
    """Return what the proof of a sender rests on here: the lists of the site, and whether they may prove nobody."""
    sender = settings.sender
    weakened = sender.believe_senders_exchange_does_not_vouch_for
    return [
        f"sender proof: {'WEAKENED by believe_senders_exchange_does_not_vouch_for' if weakened else 'strict'}",
        f"AuthAs {' '.join(sender.auth_as)}",
        f"AuthMechanism {' '.join(sender.auth_mechanisms)}",
        f"AuthSource {' '.join(sender.auth_sources)}",
    ]
