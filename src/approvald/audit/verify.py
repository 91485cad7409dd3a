"""Verifies that an audit trail is whole: every line as written, none missing, doubled, added or in another place.

Pure over lines of bytes, and streaming: a year's file is never in memory. What the trail itself cannot show, that
its last lines were cut off or that all of it was rewritten, the anchors show: number and hash of a line, as the
ledger or somebody else has kept them.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from approvald.ledger.chain import GENESIS, Edited, Line, read

_MOST: Final = 100
"""Findings beyond this number are counted and not shown."""
_LONGEST_LINE: Final = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong. `file` and `number`: which line of which file, 0 for the file or trail as a whole."""

    file: str
    number: int
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.number}" if self.number else self.file
        return f"{place}: {self.what}"


@dataclass(kw_only=True)
class Report:
    """The result. `last`: number and hash of the last line; `skeletons`: lines that hold only their hashes."""

    first: int = 0
    last: tuple[int, str] = (0, GENESIS)
    lines: int = 0
    skeletons: int = 0
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def find(self, file: str, number: int, what: str) -> None:
        """Add a finding."""
        if len(self.findings) < _MOST:
            self.findings.append(Finding(file=file, number=number, what=what))
        else:
            self.more += 1


def verify(
    files: Iterable[tuple[str, Iterable[bytes]]], *, anchors: Mapping[int, str], at_least: int = 0,
    is_excerpt: bool = False,
) -> Report:  # fmt: skip
    """Check lines in the order in which they were written; each comes with its line end.

    `files`: names and lines, the oldest first. `anchors`: hashes by line number, as somebody else has kept them; each
    must be met. `at_least`: the last line that is known to have been written. A trail begins with line 1, or behind a
    line whose hash was kept, and every line says something; an excerpt begins anywhere and has skeletons.
    """
    report = Report()
    state = _State(report=report, anchors=dict(anchors), is_excerpt=is_excerpt)
    for name, lines in files:
        for number, raw in enumerate(lines, start=1):
            state.take(name, number, raw)
    state.end(at_least)
    return report


@dataclass(kw_only=True)
class _State:
    """How far the check has come. `before`: the previous line, None at the beginning and after an edited one."""

    report: Report
    anchors: dict[int, str]
    is_excerpt: bool
    before: Line | None = None
    expected: int = 1
    file: str = ""
    begun: bool = False

    def take(self, name: str, number: int, raw: bytes) -> None:
        """Check the next line against the one before."""
        self.file = name
        if not raw.endswith(b"\n"):
            self.report.find(name, number, "is torn: the line ends in the middle")
            self._lost()
            return
        try:
            line = read(raw)
        except Edited as edited:
            self.report.find(name, number, str(edited))
            self._lost()
            return
        if line.event is None and not self.is_excerpt:
            self.report.find(name, number, f"line {line.seq} no longer says anything: its content was removed")
        self._place(name, number, line)
        self.report.lines += 1
        self.report.skeletons += line.event is None
        kept = self.anchors.pop(line.seq, line.hash)
        if kept != line.hash:
            self.report.find(name, number, f"is not the line {line.seq} whose hash was kept elsewhere")
        if line.seq >= self.report.last[0]:
            self.report.last = (line.seq, line.hash)
        self.before, self.expected, self.begun = line, line.seq + 1, True

    def _place(self, name: str, number: int, line: Line) -> None:
        """Say what is wrong with the line's place."""
        self.report.first = self.report.first or line.seq
        if not self.begun:
            if not self.is_excerpt and line.seq != 1 and not self._follows_an_anchor(line):
                self.report.find(name, number, f"begins with line {line.seq}; {_missing(1, line.seq - 1)} in front")
                return
            self.expected = line.seq
        if line.seq > self.expected:
            self.report.find(name, number, f"{_missing(self.expected, line.seq - 1)} before it")
        elif line.seq < self.expected:
            self.report.find(name, number, f"line {line.seq} is where line {self.expected} belongs")
        elif line.prev != (self.before.hash if self.before else GENESIS if line.seq == 1 else line.prev):
            self.report.find(name, number, f"line {line.seq} does not follow from the line before it")

    def _follows_an_anchor(self, line: Line) -> bool:
        """Whether the line before this one was anchored elsewhere: the files before it may be gone."""
        if self.anchors.get(line.seq - 1) != line.prev:
            return False
        self.anchors = {seq: kept for seq, kept in self.anchors.items() if seq >= line.seq}
        return True

    def _lost(self) -> None:
        """Go on after a line that cannot be believed; it counts as the one that was expected here."""
        self.before = None
        if self.begun or not self.is_excerpt:
            self.expected, self.begun = self.expected + 1, True

    def end(self, at_least: int) -> None:
        """Check what only shows at the end."""
        last = self.report.last[0]
        if last < at_least:
            self.report.find(self.file, 0, f"ends with line {last}; {_missing(last + 1, at_least)}, cut off")
        for seq in sorted(self.anchors):
            if seq > max(last, at_least):
                self.report.find(self.file, 0, f"ends with line {last}; line {seq}, whose hash was kept, is missing")
            elif seq <= last:
                self.report.find(self.file, 0, f"line {seq}, whose hash was kept, is not there")


def _missing(first: int, last: int) -> str:
    return f"line {first} is missing" if first == last else f"lines {first} to {last} are missing"


def split(content: bytes) -> Iterator[bytes]:
    """Cut bytes into lines that keep their ends."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield content[start:end]
        start = end


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield a file's lines with their ends. Raises OSError, also where a compressed file was cut or changed."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        message = f"{path} is not a complete compressed file: it was cut or changed ({error})"
        raise OSError(message) from error


def in_order(paths: Sequence[Path]) -> list[Path]:
    """Sort files by the number of their first readable line; those without one come last. Raises OSError."""
    return sorted(paths, key=lambda path: (_first(path), str(path)))


def _first(path: Path) -> float:
    for raw in lines_of(path):
        try:
            return read(raw).seq
        except Edited:
            continue
    return float("inf")
