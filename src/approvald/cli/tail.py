"""`approvald tail`: the JSON log as a person reads it."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import click
from rich.console import Console
from rich.text import Text

from approvald.cli.context import config_option, configuration_file, read_settings
from approvald.core.text import escape

STYLES: Final = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red", "critical": "bold white on red"}
HEAD: Final = frozenset({"timestamp", "severity", "event", "mail_id", "logger", "trace"})
BLOCK: Final = 65_536
LOOK_SECONDS: Final = 0.5


@click.command("tail")
@config_option
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("-n", "--lines", "count", default=20, show_default=True, type=click.IntRange(min=0), help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Keep showing lines as they are written, across log rotation too.")
def command(*, file: Path | None, count: int, follow: bool) -> None:
    """Show the last lines of the log, one event per line.

    FILE is the log file; without it, the one that the configuration names (logs.file). Times are UTC.
    """
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
        message = f"{path}: there is no such log; check that approvald has been started and that this is its logs.file"
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


class Printer:
    """Prints in colour on a terminal, plainly elsewhere, and never lets the log steer the terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def show(self, raw: bytes) -> None:
        """Print one line of the log; a line that is not a JSON object is shown as it is."""
        text = raw.decode("utf-8", errors="replace")
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        if isinstance(fields, dict):
            for each in _lines(fields):
                self._console.print(each)
        else:
            self._console.print(Text(escape(text), style="dim"))

    def give_up(self) -> None:
        """Let the end of the program find nobody to complain to, because the reader of our output is gone."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(fields: Mapping[str, object]) -> Iterator[Text]:
    severity = _word(fields.get("severity", ""))
    style = STYLES.get(severity, "")
    line = Text()
    line.append(f"{_time(fields.get('timestamp'))} ", style="dim")
    line.append(f"{severity:<8} ", style=style)
    line.append(f"{_word(fields.get('event', ''))}", style=style or "bold")
    if "mail_id" in fields:
        line.append(f" {_word(fields['mail_id'])}", style="cyan")
    for name, value in fields.items():
        if name not in HEAD:
            line.append(f" {escape(name)}=", style="dim")
            line.append(_word(value))
    yield line
    trace = fields.get("trace")
    for each in trace.splitlines() if isinstance(trace, str) else ():
        yield Text(f"    {escape(each)}", style="dim")


def _time(stamp: object) -> str:
    try:
        return datetime.fromisoformat(str(stamp)).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return "?"


def _word(value: object) -> str:
    """Write a value so that it can be told from the next one."""
    if isinstance(value, Mapping):
        return ",".join(f"{escape(str(name))}:{_word(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ",".join(_word(each) for each in value)
    text = escape(value) if isinstance(value, str) else json.dumps(value)
    return f'"{text}"' if " " in text else text


def last_lines(opened: BinaryIO, count: int) -> list[bytes]:
    """Return the last `count` complete or incomplete lines, oldest first; the file is then at its end."""
    end = opened.seek(0, os.SEEK_END)
    start, newlines = end, 0
    blocks: deque[bytes] = deque()
    while start > 0 and newlines <= count:
        size = min(BLOCK, start)
        start -= size
        opened.seek(start)
        block = opened.read(size)
        newlines += block.count(b"\n")
        blocks.appendleft(block)
    opened.seek(end)
    lines = b"".join(blocks).removesuffix(b"\n").split(b"\n")
    return lines[-count:] if count and end else []


def new_lines(path: Path, opened: BinaryIO, stop: threading.Event | None = None) -> Iterator[bytes]:
    """Yield complete lines as they are written, until `stop` is set; go on in the new file when the old was moved."""
    stop = stop or threading.Event()
    file, rest = opened, b""
    try:
        while not stop.is_set():
            moved = _is_moved(path, file)
            rest += file.read()
            *complete, rest = rest.split(b"\n")
            yield from complete
            if moved and not complete:
                successor = _opened_again(path)
                if successor is not None:
                    file.close()
                    file, rest = successor, b""
            elif not complete:
                stop.wait(LOOK_SECONDS)
    finally:
        file.close()


def _opened_again(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _is_moved(path: Path, file: BinaryIO) -> bool:
    """Whether the name leads to another file, or this one has become shorter; not while no file has the name."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    current = os.fstat(file.fileno())
    return (named.st_dev, named.st_ino) != (current.st_dev, current.st_ino) or named.st_size < file.tell()
