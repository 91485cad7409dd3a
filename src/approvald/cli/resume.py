"""`approvald resume`: end a hold or a pause."""

from __future__ import annotations

import click

from approvald.cli import halt
from approvald.cli.context import config_option


@click.command("resume")
@config_option
def command() -> None:
    """Take approvals again, after `approvald hold` or `approvald pause`; mails that wait are decided now.

    Mails that were refused meanwhile are forwarded again, or tried again with: approvald retry --folder Refused
    """
    halt.resume()
