"""`approvald check-config`: is the configuration file good? Asks no server."""

from __future__ import annotations

import click

from approvald.cli.configuration import config_option, configuration_file
from approvald.errors import ConfigurationInvalid


@click.command("check-config")
@config_option
@click.option(
    "--without-files", is_flag=True, help="Do not look at the files it names; for a check on another machine."
)
def command(*, without_files: bool) -> None:
    """Check the configuration file and the files it names.

    Says every problem at once and exits 78, or says that all is well. No server is asked.
    """
    from approvald import config  # noqa: PLC0415 - loads pydantic

    path = configuration_file()
    settings = config.load(path)
    problems = () if without_files else config.check_files(settings)
    if problems:
        raise ConfigurationInvalid(tuple(f"{path}: {problem}" for problem in problems))
    click.echo(f"{path}: the configuration is good")
