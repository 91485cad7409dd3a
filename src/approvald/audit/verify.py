"""Whether an audit trail is whole: every line as it was written, none missing, doubled, added or in another place.

Pure over lines of bytes, and streaming: a file of a year is never in memory. What the trail itself cannot show, that
its last lines were cut off or that all of it was written anew, the anchors show: number and hash of a line, as the
ledger or somebody else has kept them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from approvald.audit.chain import GENESIS, Edited, Line, read

_MOST: Final = 100
"""Findings beyond this number are counted and not told."""


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
    """What was found. `last`: number and hash of the last line; `skeletons`: lines that prove and say nothing."""

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
    files: Iterable[tuple[str, Iterable[bytes]]], *, anchors: Mapping[int, str], at_least: int = 0, from_start: bool
) -> Report:
    """Check lines in the order in which they were written; each comes with its line end.

    `files`: names and lines, the oldest first. `anchors`: hashes by line number, as somebody else has kept them; each
    must be met. `at_least`: the last line that is known to have been written. `from_start`: the trail must begin with
    line 1; else whatever comes first is believed.
    """
    report = Report()
    state = _State(report=report, anchors=dict(anchors), from_start=from_start)
    for name, lines in files:
        for number, raw in enumerate(lines, start=1):
            state.take(name, number, raw)
    state.end(at_least)
    return report


@dataclass(kw_only=True)
class _State:
    """How far the check has come. `before`: the line in front, None at the beginning and behind an edited one."""

    report: Report
    anchors: dict[int, str]
    from_start: bool
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
        """Say what is wrong with where the line stands."""
        if not self.begun:
            self.report.first = line.seq
            if self.from_start and line.seq != 1:
                self.report.find(name, number, f"begins with line {line.seq}; {_missing(1, line.seq - 1)} in front")
                return
            self.expected = line.seq
        if line.seq > self.expected:
            self.report.find(name, number, f"{_missing(self.expected, line.seq - 1)} before it")
        elif line.seq < self.expected:
            self.report.find(name, number, f"line {line.seq} stands where line {self.expected} belongs")
        elif line.prev != (self.before.hash if self.before else GENESIS if line.seq == 1 else line.prev):
            self.report.find(name, number, f"line {line.seq} does not follow from the line before it")

    def _lost(self) -> None:
        """Go on behind a line that cannot be believed; it counts as the one that was expected here."""
        self.before, self.expected, self.begun = None, self.expected + 1, True

    def end(self, at_least: int) -> None:
        """Check what only the end shows."""
        last = self.report.last[0]
        if last < at_least:
            self.report.find(self.file, 0, f"ends with line {last}; {_missing(last + 1, at_least)}, cut off")
        for seq in sorted(self.anchors):
            if seq > max(last, at_least):
                self.report.find(self.file, 0, f"ends with line {last}; line {seq}, whose hash was kept, is missing")
            elif self.report.first <= seq <= last:
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
