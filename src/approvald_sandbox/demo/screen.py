"""What the demo shows: live on a terminal, in plain lines where its output is piped or NO_COLOR is set."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from approvald_sandbox.demo.performance import Played
from approvald_sandbox.demo.story import Outcome, Story
from approvald_sandbox.world import letter

PLAIN_WIDTH: Final = 132


class Screen:
    """Where the demo is shown. `plain` None: by what `stream` is, and by NO_COLOR."""

    def __init__(self, stream: IO[str] | None = None, *, plain: bool | None = None) -> None:
        chosen = sys.stdout if stream is None else stream
        if isinstance(chosen, io.TextIOWrapper):
            chosen.reconfigure(errors="replace")
        is_terminal = chosen.isatty() and os.environ.get("TERM") != "dumb"
        self._plain = plain if plain is not None else not is_terminal or bool(os.environ.get("NO_COLOR"))
        self._console = (
            Console(file=chosen, force_terminal=False, no_color=True, width=PLAIN_WIDTH, highlight=False)
            if self._plain
            else Console(file=chosen, highlight=False)
        )
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    @contextmanager
    def counting(self, total: int) -> Iterator[None]:
        """Show on a terminal how many stories of `total` have been played, while the block lasts."""
        if self._plain:
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as progress:
            self._progress, self._task = progress, progress.add_task("approvald starts", total=total)
            try:
                yield
            finally:
                self._progress = self._task = None

    def say(self, text: str) -> None:
        """Show one line."""
        self._line(text, "")

    def begin(self, number: int, story: Story) -> None:
        """Announce a story."""
        self._line("")
        self._line(f"{number}. {story.title}", "bold cyan")
        self._line(f"   {story.why}", "dim")
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=story.title)

    def tell(self, text: str) -> None:
        """Show one thing that happens in a story."""
        self._line(f"   - {text}")

    def end(self, played: Played) -> None:
        """Say whether the story ended as it had to."""
        if played.is_as_expected:
            self._line("   ok", "green")
        else:
            self._line("   NOT AS EXPECTED", "bold red")
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task)

    def mail(self, mail: Mapping[str, Any], mailbox: str) -> None:
        """Show a mail as its reader sees it."""
        self._line("   The mail that the approver gets:")
        for name, value in letter.head_of(mail, mailbox):
            self._line(f"   | {name + ':':<9}{value}", "bold" if name == "Subject" else "")
        self._line("   |")
        for line in letter.body_of(mail):
            self._line(f"   | {line}".rstrip())

    def table(self, results: Iterable[Played]) -> None:
        """Show what was expected of each mail, and what became of it."""
        table = Table(box=box.ASCII if self._plain else box.ROUNDED, show_lines=not self._plain)
        for heading in ("story", "expected", "actual", ""):
            table.add_column(heading, overflow="fold")
        for played in results:
            _add_rows(table, played)
        self._console.print()
        self._console.print(table)

    def _line(self, text: str, style: str = "") -> None:
        if self._plain:
            self._console.print(text, soft_wrap=True, markup=False)
            return
        words = text.lstrip(" ")
        indent = len(text) - len(words)
        self._console.print(Padding(Text(words, style=style), (0, 0, 0, indent), expand=False))


def _add_rows(table: Table, played: Played) -> None:
    titles: Sequence[str] = (played.story.title, *("" for _ in played.story.acts[1:]))
    for title, act, outcome in zip(titles, played.story.acts, played.outcomes, strict=True):
        is_good = outcome == act.expected
        verdict = Text("ok", style="green") if is_good else Text("DIFFERS", style="bold red")
        table.add_row(Text(title), Text(summary(act.expected)), Text(summary(outcome)), verdict)


def summary(outcome: Outcome) -> str:
    """Return an outcome in a few words."""
    waited = [f"waits for {outcome.waited_for.upper()}"] if outcome.waited_for else []
    votes = [f"{account} at level {level}" for account, level in outcome.confirmations]
    refused = outcome.confirm_calls - len(outcome.confirmations)
    votes += [f"{refused} confirm calls without effect"] if refused else []
    told = ", ".join(_short(address) for address in outcome.to) or "nobody"
    copy = f", copy to {', '.join(_short(address) for address in outcome.cc)}" if outcome.cc else ""
    says = [f'says "{outcome.says}"'] if outcome.says else []
    return "; ".join([*waited, outcome.code or "no ending", outcome.folder, *votes, f"told: {told}{copy}", *says])


def _short(address: str) -> str:
    return address.partition("@")[0]
