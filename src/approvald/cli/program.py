"""The command line: one file a command, each with its `command`, imported only when it is used."""

from __future__ import annotations

import importlib
from typing import Final

import click

from approvald import __version__
from approvald.cli.context import config_option

COMMANDS: Final = {
    "run": "approvald.cli.run",
    "check-config": "approvald.cli.check_config",
    "doctor": "approvald.cli.doctor",
    "explain": "approvald.cli.explain",
    "tail": "approvald.cli.tail",
    "approver": "approvald.cli.approver",
    "groups": "approvald.cli.groups",
    "why": "approvald.cli.why",
    "history": "approvald.cli.history",
    "evidence": "approvald.cli.evidence",
    "audit": "approvald.cli.audit",
    "shadow": "approvald.cli.shadow",
    "hold": "approvald.cli.hold",
    "pause": "approvald.cli.pause",
    "resume": "approvald.cli.resume",
    "retry": "approvald.cli.retry",
}
"""The module of each command. A module imports at its top only what `--help` needs."""


class _Commands(click.Group):
    """Finds a command's module by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command, or return None where there is none of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        return command if isinstance(command, click.Command) else None


@click.group(name="approvald", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="approvald", message="%(prog)s %(version)s")
@config_option
def program() -> None:
    """Confirm CyberArk dual-control requests from approval mail.

    Without --config the configuration is ./config/approvald.toml, else /etc/approvald/approvald.toml.
    """
