"""What `hold`, `pause` and `resume` have in common: they write to the ledger, and say how things stand afterwards."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import click

from approvald.cli.ledger import given, opened_ledger, operator

if TYPE_CHECKING:
    from approvald.ledger.halts import Halt, Halts

_LOG: Final = logging.getLogger(__name__)


def halt(kind_name: str, reason: str) -> None:
    """Halt approvald. Raises ClickException where it is on hold and a pause is asked for."""
    from approvald.core.logs.events import Event, event  # noqa: PLC0415 - loads pydantic
    from approvald.ledger.halts import HaltKind, Halts  # noqa: PLC0415 - loads SQLAlchemy

    kind, why = HaltKind(kind_name), given(reason)
    with opened_ledger() as store:
        halts = Halts(store)
        before = halts.set(kind, why, operator())
        if before is None:
            event(_LOG, Event.HALT_SET, logging.WARNING, state=kind.value, why=why, operator=operator())
        elif before.kind is not kind:
            message = f"nothing was changed: approvald is {words(before)}; end that first with: approvald resume"
            raise click.ClickException(message)
        else:
            click.echo("Nothing was changed: it was so already, and the earlier reason stays.")
        click.echo(state(halts))


def resume() -> None:
    """End the halt that is in force."""
    from approvald.core.logs.events import Event, event  # noqa: PLC0415 - loads pydantic
    from approvald.ledger.halts import Halts  # noqa: PLC0415 - loads SQLAlchemy

    with opened_ledger() as store:
        halts = Halts(store)
        ended = halts.end(operator())
        if ended is None:
            click.echo("approvald was neither on hold nor paused.")
            return
        event(_LOG, Event.HALT_ENDED, logging.WARNING, state=ended.kind.value, why=ended.reason, operator=operator())
        click.echo(f"It was {words(ended)}.")
        click.echo(state(halts))


def state(halts: Halts) -> str:
    """Return one line on how things stand."""
    halt = halts.in_force()
    return f"approvald is {words(halt)}." if halt is not None else "approvald takes approvals."


def words(halt: Halt) -> str:
    """Say which halt this is, and who set it when and why."""
    from approvald.ledger.halts import HaltKind  # noqa: PLC0415 - loads SQLAlchemy

    what = "on hold: mails are refused" if halt.kind is HaltKind.HOLD else "paused: mails wait"
    return f"{what}; set by {halt.set_by}, {halt.set_at:%Y-%m-%d %H:%M} UTC, reason: {halt.reason}"
