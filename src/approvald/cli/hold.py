"""`approvald hold`: the kill switch."""

from __future__ import annotations

import click

from approvald.cli.context import config_option
from approvald.cli.halt import halt


@click.command("hold")
@config_option
@click.option("--reason", required=True, help="Why, for those who read the log later; senders do not read it.")
def command(*, reason: str) -> None:
    """Confirm nothing any more: refuse every approval, until `approvald resume`.

    Effective before the next confirmation, while the daemon runs and after a restart. Run it as the user approvald runs
    as, or as root.
    """
    halt("hold", reason)
