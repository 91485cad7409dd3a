"""`approvald pause`: let mails wait, for maintenance."""

from __future__ import annotations

import click

from approvald.cli.context import config_option
from approvald.cli.halt import halt


@click.command("pause")
@config_option
@click.option("--reason", required=True, help="Why, for those who read the log later; senders do not read it.")
def command(*, reason: str) -> None:
    """Let approvals wait in the Inbox, until `approvald resume`; their senders are told once.

    Effective before the next confirmation, while the daemon runs and after a restart. The time does not count towards
    the age of mails. Run it as the user approvald runs as, or as root.
    """
    halt("pause", reason)
