"""`approvald approver release`: let an approver who was barred approve again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import click

from approvald.cli.context import config_option, given, opened_ledger, operator
from approvald.core.logs.events import Event, event
from approvald.ledger.limits import Barred, Haste

_LOG: Final = logging.getLogger(__name__)


@click.group("approver")
@config_option
def command() -> None:
    """Work with approvers whom approvald has barred (plausibility.bar_after)."""


@command.command("release")
@config_option
@click.argument("address")
@click.option("--reason", required=True, help="Why, for those who look into the ledger later.")
def release(*, address: str, reason: str) -> None:
    """Let the approver with this mail ADDRESS approve by mail again, from the next mail on.

    Works while the daemon runs. Run it as the user approvald runs as: it writes to ledger and log.
    """
    why = given(reason)
    with opened_ledger() as store:
        _release(Haste(store), address.strip().casefold(), why)


def _release(haste: Haste, address: str, reason: str) -> None:
    barred = haste.barred()
    found = [each for each in barred if each.address == address]
    if not found:
        raise click.ClickException(_nobody(address, barred))
    for approver in found:
        haste.release(approver, reason, operator())
    event(_LOG, Event.APPROVER_RELEASED, logging.WARNING, sender=address, why=reason)
    click.echo(f"{address} may approve by mail again.")


def _nobody(address: str, barred: Sequence[Barred]) -> str:
    who = ", ".join(f"{each.address} (since {each.barred_at:%Y-%m-%d %H:%M} UTC)" for each in barred)
    return f"{address} is not barred; barred are: {who}" if who else f"{address} is not barred, nor is anybody else"
