"""`approvald tail`: the JSON log as a person reads it."""

from __future__ import annotations

from pathlib import Path

import click

from approvald.cli.context import config_option, configuration_file, read_settings


@click.command("tail")
@config_option
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("-n", "--lines", "count", default=20, show_default=True, type=click.IntRange(min=0), help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines are written, over log rotation too.")
def command(*, file: Path | None, count: int, follow: bool) -> None:
    """Show the last lines of the log, one event a line.

    FILE is the log file; without it, the one that the configuration names (logs.file). Times are UTC.
    """
    from approvald.cli.log_lines import Printer  # noqa: PLC0415 - loads rich
    from approvald.cli.log_reader import last_lines, new_lines  # noqa: PLC0415 - used here only

    path = file or _configured_file()
    printer = Printer()
    try:
        with path.open("rb") as opened:
            for line in last_lines(opened, count):
                printer.show(line)
            if follow:
                for line in new_lines(path, opened):
                    printer.show(line)
    except FileNotFoundError:
        message = f"{path}: there is no such log; has approvald been started, and is this its logs.file?"
        raise click.ClickException(message) from None
    except KeyboardInterrupt:
        if not follow:
            raise
    except BrokenPipeError:
        printer.give_up()


def _configured_file() -> Path:
    path = read_settings().logs.file
    if path is None:
        message = f"{configuration_file()}: logs.file is empty, the log goes to stderr; try journalctl -u approvald"
        raise click.ClickException(message)
    return path
