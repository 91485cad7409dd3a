"""The command line: a table of commands, each imported only when it is used."""

from __future__ import annotations

import importlib
from typing import Final

import click

from approvald import __version__
from approvald.cli.context import config_option

COMMANDS: Final = {
    "run": ("run:command", "Work through the mailbox until told to stop (SIGTERM)."),
    "check-config": ("check_config:command", "Check the configuration file and the files it names."),
    "doctor": ("doctor:command", "Check the configuration, and every system with the accounts that approvald uses."),
    "explain": ("explain:command", "Show how approvald reads a saved mail, without asking any server."),
    "tail": ("tail:command", "Show the last lines of the log, one event per line."),
    "groups": ("groups:command", "List the approver groups with their SIDs; accept one that was recreated."),
    "why": ("why:command", "Show why a request was confirmed or refused."),
    "history": ("history:command", "List mails and what became of them."),
    "evidence": ("evidence:command", "Write a self-contained folder about one request, for an auditor."),
    "audit": ("audit:command", "Work with the audit trail."),
    "shadow": ("shadow:command", "Show what shadow mode (daemon.mode) has decided."),
    "hold": ("halt:hold", "Stop confirming: refuse every approval until `approvald resume`."),
    "pause": ("halt:pause", "Let approvals wait in the Inbox until `approvald resume`."),
    "resume": ("halt:resume", "Accept approvals again after `approvald hold` or `approvald pause`."),
    "retry": ("retry:command", "Have filed mails tried again."),
}
"""Where each command is (file:name), and its line in the help. A command is imported only when it is used."""


class _Commands(click.Group):
    """Finds a command by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command, or return None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        file, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"approvald.cli.{file}"), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the table of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(name="approvald", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="approvald", message="%(prog)s %(version)s")
@config_option
def program() -> None:
    """Confirm CyberArk dual-control requests from approval mail.

    Without --config the configuration is ./config/approvald.toml, else /etc/approvald/approvald.toml.
    """
