"""The option --config, before or behind a command's name, and the settings it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from approvald.core.errors import ConfigurationInvalid

if TYPE_CHECKING:  # pydantic is loaded by the commands that read settings only
    from approvald.config.settings.whole import Settings


def _remember(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.find_root().obj = value


config_option = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),  # a file that may not be read is exit 77, and ours to tell
    expose_value=False,
    callback=_remember,
    help="The configuration file.",
)


def configuration_file() -> Path:
    """Return the file that --config names, else the first of the usual places. Raises ConfigurationInvalid."""
    from approvald.config.load import find  # noqa: PLC0415 - loads pydantic

    given = click.get_current_context().find_root().obj
    return find(given if isinstance(given, Path) else None)


def is_configuration_named() -> bool:
    """Whether --config names a file."""
    return isinstance(click.get_current_context().find_root().obj, Path)


def read_settings() -> Settings:
    """Read and check the configuration of this call. Raises ConfigurationInvalid."""
    from approvald.config.load import load  # noqa: PLC0415 - loads pydantic

    return load(configuration_file())


def refuse_missing_files(settings: Settings) -> None:
    """Look at the files that the settings name. Raises ConfigurationInvalid with all that cannot be used."""
    from approvald.config.files import check_files  # noqa: PLC0415 - loads pydantic

    problems = check_files(settings)
    if problems:
        raise ConfigurationInvalid(tuple(f"{configuration_file()}: {problem}" for problem in problems))
