"""`approvald hold`, `pause` and `resume`: the kill switch and the pause, written to the ledger beside the daemon."""

from __future__ import annotations

import logging
from typing import Final

import click

from approvald.cli.context import config_option, given, opened_ledger, operator
from approvald.core.logs.events import Event, event
from approvald.ledger.halts import Halt, HaltKind, Halts

_LOG: Final = logging.getLogger(__name__)


@click.command("hold")
@config_option
@click.option("--reason", required=True, help="Why, for those who read the log later; senders do not read it.")
def hold(*, reason: str) -> None:
    """Stop confirming: refuse every approval until `approvald resume`.

    Takes effect before the next confirmation, also while the daemon runs, and stays in force after a restart. Run it as
    the user approvald runs as, or as root.
    """
    _halt(HaltKind.HOLD, reason)


@click.command("pause")
@config_option
@click.option("--reason", required=True, help="Why, for those who read the log later; senders do not read it.")
def pause(*, reason: str) -> None:
    """Let approvals wait in the Inbox until `approvald resume`; their senders are told once.

    Takes effect before the next confirmation, also while the daemon runs, and stays in force after a restart. The time
    does not count towards the age of mails. Run it as the user approvald runs as, or as root.
    """
    _halt(HaltKind.PAUSE, reason)


@click.command("resume")
@config_option
def resume() -> None:
    """Accept approvals again after `approvald hold` or `approvald pause`; waiting mails are decided now.

    Mails that were refused meanwhile must be forwarded again, or tried again with: approvald retry --folder Refused
    """
    with opened_ledger() as store:
        halts = Halts(store)
        ended = halts.end(operator())
        if ended is None:
            click.echo("approvald was neither on hold nor paused.")
            return
        event(_LOG, Event.HALT_ENDED, logging.WARNING, state=ended.kind.value, why=ended.reason, operator=operator())
        click.echo(f"It was {_words(ended)}.")
        click.echo(_state(halts))


def _halt(kind: HaltKind, reason: str) -> None:
    """Halt approvald. Raises ClickException where it is on hold and a pause is asked for."""
    why = given(reason)
    with opened_ledger() as store:
        halts = Halts(store)
        before = halts.set(kind, why, operator())
        if before is None:
            event(_LOG, Event.HALT_SET, logging.WARNING, state=kind.value, why=why, operator=operator())
        elif before.kind is not kind:
            message = f"nothing was changed: approvald is {_words(before)}; end that first with: approvald resume"
            raise click.ClickException(message)
        else:
            click.echo("Nothing was changed: that was already in force, and the earlier reason stays.")
        click.echo(_state(halts))


def _state(halts: Halts) -> str:
    """Return one line on the present state."""
    halt = halts.in_force()
    return f"approvald is {_words(halt)}." if halt is not None else "approvald accepts approvals."


def _words(halt: Halt) -> str:
    """Say which halt this is, and who set it when and why."""
    what = "on hold: mails are refused" if halt.kind is HaltKind.HOLD else "paused: mails wait"
    return f"{what}; set by {halt.set_by}, {halt.set_at:%Y-%m-%d %H:%M} UTC, reason: {halt.reason}"
