"""The audit trail's file has every line of the ledger's, in order, after crashes, rotations and full disks."""

from __future__ import annotations

import gzip
import resource
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.audit.anchor import Anchoring
from approvald.audit.copy import AuditCopy
from approvald.audit.file import AuditFile
from approvald.audit.verify import Report, in_order, lines_of, verify
from approvald.core.errors import LedgerAway, System, Unavailable
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.chain import link, read
from approvald.ledger.store import Store
from fakes.clock import FakeClock


class Desk:
    """One ledger and one host's file. `restart` builds anew what lives in the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "audit.jsonl"
        self.store = Store(f"sqlite:///{folder / 'ledger.db'}", FakeClock())
        self.store.open()
        self.rows = AuditRows(self.store)
        self.short: list[str] = []
        self.restart()

    def restart(self) -> None:
        """Start the program again."""
        self.copy = AuditCopy(self.rows, AuditFile(self.path), "host:file", tell_short=self.short.append)

    def add(self, count: int = 1) -> None:
        """Let so many things happen, and copy them."""
        for number in range(count):
            self.rows.add(AuditKind.ENDING, {"n": number, "text": "x" * 50})
        self.copy.bring_up_to_date()

    def verified(self) -> Report:
        """Verify every file there is against the ledger's head."""
        seq, digest = self.rows.head()
        files = [(path.name, lines_of(path)) for path in in_order(sorted(self.folder.glob("audit.jsonl*")))]
        return verify(files, anchors={seq: digest}, at_least=seq)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Give an empty trail."""
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_what_happens_is_in_the_file_line_by_line(desk: Desk) -> None:
    """In order and over restarts; nobody but its owner may write it."""
    for _ in range(3):
        desk.add(4)
        desk.restart()
    assert desk.verified().is_whole
    assert desk.verified().lines == 12
    assert stat.S_IMODE(desk.path.stat().st_mode) & 0o037 == 0


@pytest.mark.parametrize("torn", [b'{"at":', b"x" * 70_000, b"\0" * 10])
def test_a_torn_last_line_is_healed_and_said(desk: Desk, torn: bytes) -> None:
    """A crash in the middle of a write: the whole line comes from the ledger, and the trail says that it was torn."""
    desk.add(3)
    with desk.path.open("ab") as file:
        file.write(torn)
    desk.restart()
    desk.add()
    assert desk.verified().is_whole
    assert b'"healed":' in desk.path.read_bytes()


def test_a_crash_between_file_and_ledger_doubles_nothing(desk: Desk) -> None:
    """The file is ahead of what is remembered of it: then the file is right."""
    desk.add(3)
    desk.rows.note_copied("host:file", 1)
    desk.restart()
    desk.add(2)
    assert desk.verified().is_whole


def test_rotation_loses_nothing(desk: Desk) -> None:
    """The file is moved away while the program runs, and between two runs of it."""
    desk.add(3)
    desk.path.rename(desk.path.with_name("audit.jsonl.2"))
    desk.add(3)
    desk.path.rename(desk.path.with_name("audit.jsonl.1"))
    desk.restart()
    desk.add(3)
    assert desk.verified().is_whole
    assert desk.verified().lines == 9
    assert desk.short == []


def test_a_file_that_was_cut_is_told_and_written_again(desk: Desk) -> None:
    """Somebody took lines off while nobody looked: the team hears, and the ledger has them still."""
    desk.add(5)
    lines = desk.path.read_bytes().splitlines(keepends=True)
    desk.path.write_bytes(b"".join(lines[:2]))
    desk.restart()
    desk.add()
    assert desk.verified().is_whole
    assert desk.short == ["the file ends with line 2, although line 5 had been written to it"]
    assert b'"cut":' in desk.path.read_bytes()


def test_a_file_that_is_cut_under_a_running_program_is_told_at_once(desk: Desk) -> None:
    """Not only after the next start."""
    desk.add(5)
    lines = desk.path.read_bytes().splitlines(keepends=True)
    desk.path.write_bytes(b"".join(lines[:2]))
    desk.add()
    assert desk.verified().is_whole
    assert desk.short == ["the file ends with line 2, although line 5 had been written to it"]


def test_a_file_that_is_emptied_in_its_place_is_told(desk: Desk) -> None:
    """It was not rotated, as then there would be another file; verifying it finds the lines missing."""
    desk.add(5)
    desk.path.write_bytes(b"")
    desk.add()
    assert desk.short == ["the file was emptied in its place; the ledger still has its lines, up to line 5"]
    assert "lines 1 to 5 are missing" in str(desk.verified().findings[0])


@pytest.mark.parametrize("is_rotated", [False, True])
@pytest.mark.parametrize("kept", [0, 2])
def test_what_the_ledger_cannot_take_at_once_is_told_later(desk: Desk, kept: int, *, is_rotated: bool) -> None:
    """The file was cut while the ledger was away as well: nothing is forgotten, and no line left out."""
    desk.add(5)
    lines = desk.path.read_bytes().splitlines(keepends=True)
    desk.path.write_bytes(b"".join(lines[:kept]))
    ledger = desk.folder / "ledger.db"
    desk.store.close()
    ledger.rename(desk.folder / "elsewhere")
    ledger.mkdir()
    with pytest.raises(Unavailable):
        desk.copy.bring_up_to_date()
    if is_rotated:
        desk.path.rename(desk.folder / "audit.jsonl.1")
    ledger.rmdir()
    (desk.folder / "elsewhere").rename(ledger)
    desk.add()
    assert len(desk.short) == 1
    assert b'"cut":' in desk.path.read_bytes()
    report = desk.verified()
    assert (report.first, len(report.findings)) == ((1, 0) if kept else (6, 1))


def test_a_finding_is_written_down_once_however_often_its_alarm_fails(desk: Desk) -> None:
    """The ledger goes away between the two: the alarm is tried again, the trail says it once."""
    tries: list[str] = []

    def tell(what: str) -> None:
        tries.append(what)
        if len(tries) < 3:
            message = "away"
            raise LedgerAway(message)

    desk.copy = AuditCopy(desk.rows, AuditFile(desk.path), "host:file", tell_short=tell)
    desk.add(5)
    desk.path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(Unavailable):
            desk.copy.bring_up_to_date()
    desk.add()
    assert len(tries) == 3
    assert desk.path.read_bytes().count(b'"cut":') == 1


def test_a_rotated_file_that_is_gone_is_not_taken_for_an_emptied_one(desk: Desk) -> None:
    """The new file must not get its inode: many file systems give the newest free one."""
    desk.add(3)
    for number in range(20):
        moved = desk.path.with_name(f"audit.jsonl.{number}")
        desk.path.rename(moved)
        content = moved.read_bytes()
        moved.unlink()
        desk.path.touch()
        moved.with_name(f"{moved.name}.gz").write_bytes(gzip.compress(content))
        desk.add()
    assert desk.short == []
    assert desk.verified().is_whole


@pytest.mark.parametrize("runs_on", [True, False])
def test_a_line_that_somebody_added_hides_none_of_ours(desk: Desk, *, runs_on: bool) -> None:
    """Anybody can chain a line to the last one; ours come all the same, and the file is not whole."""
    desk.add(3)
    last = read(desk.path.read_bytes().splitlines()[-1])
    with desk.path.open("ab") as file:
        for seq in (4, 5, 6):
            last = link(seq, last.at, "ending", {"n": "forged"}, last.hash)
            file.write(last.to_bytes())
    if not runs_on:
        desk.restart()
    desk.add(2)
    assert desk.short == ["the file ends with a line 6 that is not this ledger's"]
    ours = [line.to_bytes() for line in desk.rows.rows_after(0, 100)]
    assert [raw for raw in lines_of(desk.path) if raw in ours] == ours
    assert not desk.verified().is_whole


def test_a_long_torn_end_is_healed_whole(desk: Desk) -> None:
    """A power cut can leave the place of many lines without any of them."""
    desk.add(3)
    with desk.path.open("ab") as file:
        file.write(b"\0" * (3 << 20))
    desk.restart()
    desk.add()
    assert desk.verified().is_whole
    assert desk.path.stat().st_size < 1 << 20


def test_the_lines_of_another_ledger_are_not_taken_for_ours(desk: Desk, tmp_path: Path) -> None:
    """An older copy of the ledger was put back: what is written from now on is in the file, and the break is told."""
    desk.add(9)
    desk.store.close()
    (tmp_path / "older").mkdir()
    older = Desk(tmp_path / "older")
    older.add(4)
    older.path.write_bytes(desk.path.read_bytes())
    older.restart()
    older.add(2)
    assert older.short == ["the file ends with a line 9 that is not this ledger's"]
    head = older.rows.head()
    assert read(older.path.read_bytes().splitlines()[-1]).hash == head[1]
    assert not older.verified().is_whole
    older.store.close()


@pytest.mark.parametrize("at", [1, 40, -3])
def test_a_compressed_file_that_was_changed_is_named(desk: Desk, at: int) -> None:
    """Whatever is wrong with it: its head, its content or its end."""
    desk.add(50)
    packed = desk.path.with_name("audit.jsonl.1.gz")
    content = bytearray(gzip.compress(desk.path.read_bytes(), mtime=0))
    packed.write_bytes(content)
    assert len(list(lines_of(packed))) == 50
    content[at] ^= 0xFF
    packed.write_bytes(content if at < 40 else content[:at])
    with pytest.raises(OSError, match=r"audit\.jsonl\.1\.gz is not a complete compressed file"):
        list(lines_of(packed))


def test_a_full_disk_leaves_no_half_line(desk: Desk) -> None:
    """The write fails as a whole, is an outage of the audit trail, and is done when there is room again."""
    desk.add(2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = desk.path.stat().st_size
    before = desk.path.read_bytes()
    for number in range(3):
        desk.rows.add(AuditKind.ENDING, {"n": number})
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
    try:
        with pytest.raises(Unavailable) as caught:
            desk.copy.bring_up_to_date()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.system is System.AUDIT
    assert desk.path.read_bytes() == before
    desk.copy.bring_up_to_date()
    assert desk.verified().is_whole


def test_a_file_that_cannot_be_opened_is_an_outage(desk: Desk) -> None:
    """A link in its place is not followed, and a folder is no file."""
    desk.path.symlink_to(desk.folder / "elsewhere")
    with pytest.raises(Unavailable, match="nothing is confirmed"):
        desk.add()
    desk.path.unlink()
    desk.path.mkdir()
    with pytest.raises(Unavailable):
        desk.copy.bring_up_to_date()
    desk.path.rmdir()
    desk.copy.bring_up_to_date()
    assert desk.verified().is_whole


# ------------------------------------------------------------------------------------------------------------- anchors


def anchoring(desk: Desk, *command: str, told: list[str]) -> Anchoring:
    """Anchor at every rest."""
    return Anchoring(desk.rows, command, every=timedelta(), clock=desk.store.clock, tell=told.append)


def test_the_head_is_handed_over_when_it_has_moved(desk: Desk) -> None:
    """As JSON on the command's standard input."""
    kept, told = desk.folder / "kept", list[str]()
    anchors = anchoring(desk, "/bin/sh", "-c", f"cat >>{kept}; echo >>{kept}", told=told)
    anchors.housekeep()
    assert not kept.exists(), "there is nothing yet"
    desk.add()
    for _ in range(3):
        anchors.housekeep()
    desk.add()
    anchors.housekeep()
    seq, digest = desk.rows.head()
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert f'"seq": {seq}, "hash": "{digest}"' in lines[1]
    assert told == []


@pytest.mark.parametrize("command", [["/bin/false"], ["/no/such/program"]])
def test_an_anchor_that_fails_is_told_once(desk: Desk, command: list[str]) -> None:
    """And tried again at the next time; nothing else stops."""
    told = list[str]()
    anchors = anchoring(desk, *command, told=told)
    desk.add()
    for _ in range(3):
        anchors.housekeep()
    assert len(told) == 1
