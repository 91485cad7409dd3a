"""Shows one line of the JSON log readably: time, severity, event, mail, then the other fields."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.text import Text

from approvald.core.logs.redaction import escape

STYLES: Final = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red", "critical": "bold white on red"}
HEAD: Final = frozenset({"timestamp", "severity", "event", "mail_id", "logger", "trace"})


class Printer:
    """Prints in colour on a terminal, plainly elsewhere, and never lets the log steer the terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def show(self, raw: bytes) -> None:
        """Print one line of the log; a line that is no JSON object is shown as it stands."""
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
