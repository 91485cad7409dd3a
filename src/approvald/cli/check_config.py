"""`approvald check-config`: checks the configuration file. Asks no server."""

from __future__ import annotations

import click

from approvald.cli.context import config_option, configuration_file, read_settings, refuse_missing_files


@click.command("check-config")
@config_option
@click.option(
    "--without-files", is_flag=True, help="Do not look at the files it names; for a check on another machine."
)
def command(*, without_files: bool) -> None:
    """Check the configuration file and the files it names.

    Prints every problem at once and exits 78, or says that the configuration is good. No server is asked.
    """
    settings = read_settings()
    if not without_files:
        refuse_missing_files(settings)
    click.echo(f"{configuration_file()}: the configuration is good")
