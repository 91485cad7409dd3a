"""Whatever is changed in an audit trail is found: every line, and bytes all over it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

import pytest

from approvald.audit.verify import Report, split, verify
from approvald.ledger.chain import GENESIS, Edited, link, read

COUNT: Final = 1000
SHARDS: Final = 8
SEED: Final = 20261127


def made(count: int) -> list[bytes]:
    """Write a trail."""
    lines, before = [], GENESIS
    for seq in range(1, count + 1):
        line = link(seq, f"2026-11-27T07:{seq // 60 % 60:02}:{seq % 60:02}.000000+00:00", "ending", {"n": seq}, before)
        lines.append(line.to_bytes())
        before = line.hash
    return lines


LINES: Final = made(COUNT)
HEAD: Final = read(LINES[-1]).hash
shard = pytest.mark.parametrize("shard", range(SHARDS))


def checked(lines: Sequence[bytes], anchors: dict[int, str] | None = None) -> Report:
    """Verify a trail whose head is known."""
    return verify([("audit.jsonl", lines)], anchors={COUNT: HEAD} if anchors is None else anchors)


def excerpt(lines: Sequence[bytes], anchors: dict[int, str] | None = None) -> Report:
    """Verify an excerpt whose head is known."""
    known = {COUNT: HEAD} if anchors is None else anchors
    return verify([("audit.jsonl", lines)], anchors=known, is_excerpt=True)


def test_a_trail_that_nobody_has_touched_is_whole() -> None:
    """From its first line to the head that was kept."""
    report = checked(LINES)
    assert (report.is_whole, report.first, report.last, report.lines) == (True, 1, (COUNT, HEAD), COUNT)


@shard
def test_every_line_that_is_taken_out_is_missed(shard: int) -> None:
    """Each of a thousand lines, the first and the last among them."""
    for index in range(shard, COUNT, SHARDS):
        report = checked(LINES[:index] + LINES[index + 1 :])
        assert not report.is_whole, index
        assert re.search(rf"line {index + 1}\b", " ".join(map(str, report.findings))), index


@shard
def test_every_pair_of_neighbours_that_changes_places_is_found(shard: int) -> None:
    """And so is every other order: those of a sample."""
    chance = random.Random(SEED + shard)  # noqa: S311 - a repeatable sample
    print(f"seed {SEED + shard}")  # noqa: T201 - to try it again
    pairs = [(index, index + 1) for index in range(shard, COUNT - 1, SHARDS)]
    pairs += [tuple(chance.sample(range(COUNT), 2)) for _ in range(20)]  # type: ignore[misc]  # two of a sample of two
    for one, other in pairs:
        lines = list(LINES)
        lines[one], lines[other] = lines[other], lines[one]
        assert not checked(lines).is_whole, (one, other)


@shard
def test_every_truncation_is_found(shard: int) -> None:
    """After any line, and within any: by the head that was kept, and by how far the file is known to have come."""
    for index in range(shard, COUNT, SHARDS):
        assert not checked(LINES[:index]).is_whole, index
        torn = [*LINES[:index], LINES[index][: len(LINES[index]) // 2]]
        assert not checked(torn, {}).is_whole, index
    assert not verify([("a", LINES[:-1])], anchors={}, at_least=COUNT).is_whole


@shard
def test_every_byte_that_is_changed_is_found(shard: int) -> None:
    """Flipped, replaced, put in, taken out: a sample over all lines and all places of a line."""
    chance = random.Random(SEED + shard)  # noqa: S311 - a repeatable sample
    print(f"seed {SEED + shard}")  # noqa: T201 - to try it again
    for index in range(shard, COUNT, SHARDS):
        raw = LINES[index]
        at = chance.randrange(len(raw))
        for changed in (
            raw[:at] + bytes([raw[at] ^ (1 << chance.randrange(8))]) + raw[at + 1 :],
            raw[:at] + bytes([(raw[at] + chance.randrange(1, 256)) % 256]) + raw[at + 1 :],
            raw[:at] + bytes([chance.randrange(256)]) + raw[at:],
            raw[:at] + raw[at + 1 :],
        ):
            if changed == raw:
                continue
            # The lines around it are enough: `verify` takes one line after the other
            window = list(split(b"".join([*LINES[max(index - 1, 0) : index], changed, *LINES[index + 1 : index + 3]])))
            assert not verify([("a", window)], anchors={}, is_excerpt=index >= 2).is_whole, (index, at, changed)


def test_every_single_byte_of_a_line_counts() -> None:
    """Exhaustively for one line: each place, each other value of it."""
    raw = LINES[499]
    for at in range(len(raw) - 1):
        for value in range(256):
            if value != raw[at]:
                with pytest.raises(Edited):
                    read(raw[:at] + bytes([value]) + raw[at + 1 :])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (LINES[5:], "begins with line 6"),
        (LINES + LINES[-1:], "is where line 1001 belongs"),
        ([*LINES[:10], b"{}\n", *LINES[10:]], "does not have the keys"),
        ([*LINES[:10], b"[" * 5000 + b"\n", *LINES[10:]], "is not JSON"),
        ([*made(COUNT + 1)[:-1], link(COUNT + 1, "x", "y", {}, "f" * 64).to_bytes()], "does not follow"),
    ],
)
def test_what_was_added_or_begins_late_is_found(lines: list[bytes], words: str) -> None:
    """And is said in words."""
    assert words in " ".join(map(str, checked(lines).findings))


def test_a_trail_that_was_written_anew_does_not_meet_the_anchor() -> None:
    """Somebody who can write the whole file cannot write what was kept elsewhere."""
    anew = [*made(COUNT - 1), link(COUNT, "x", "ending", {"n": "other"}, read(LINES[-2]).hash).to_bytes()]
    assert checked(anew, {}).is_whole
    assert "whose hash was kept elsewhere" in str(checked(anew).findings[0])


def test_a_skeleton_proves_the_chain_and_says_nothing() -> None:
    """An excerpt shows some lines and proves that nothing was put between them."""
    shown = [raw if number % 7 == 0 else read(raw).skeleton().to_bytes() for number, raw in enumerate(LINES)]
    report = excerpt(shown)
    assert report.is_whole
    assert report.skeletons == COUNT - (COUNT + 6) // 7
    assert not excerpt(shown[:30] + shown[31:]).is_whole


def test_a_line_of_the_trail_that_was_made_a_skeleton_is_found() -> None:
    """Its hashes are right; what it said is gone, and the trail itself leaves nothing out."""
    for index in (0, 499, COUNT - 1):
        found = checked([*LINES[:index], read(LINES[index]).skeleton().to_bytes(), *LINES[index + 1 :]]).findings
        assert [str(each) for each in found] == [
            f"audit.jsonl:{index + 1}: line {index + 1} no longer says anything: its content was removed"
        ]


@pytest.mark.parametrize("value", ["NaN", "1e999", "[" * 900 + "]" * 900])
def test_what_json_cannot_hold_is_a_finding(value: str) -> None:
    """Python's parser takes more than its writer gives."""
    raw = LINES[4].replace(b'"n":5', f'"n":{value}'.encode())
    assert raw != LINES[4]
    with pytest.raises(Edited):
        read(raw)


def test_files_that_begin_late_begin_behind_an_anchor() -> None:
    """After ten years the oldest file is gone; the hash of its last line, kept elsewhere, takes its place."""
    before = read(LINES[9])
    assert checked(LINES[10:], {10: before.hash}).is_whole
    assert "begins with line 11" in str(checked(LINES[10:], {10: HEAD}).findings[0])
    assert "begins with line 12" in str(checked(LINES[11:], {10: before.hash}).findings[0])


def test_an_anchor_that_nothing_was_held_against_is_a_finding() -> None:
    """Whoever names a hash hears when it was not met."""
    for seq in (0, 3, COUNT + 5):
        assert f"line {seq}, whose hash was kept, is" in str(excerpt(LINES[10:], {seq: HEAD}).findings[-1])


def test_anchors_of_files_that_were_given_away_are_not_missed() -> None:
    """Whoever keeps an anchor a day may name them all: one of them proves where the files that are left begin."""
    anchors = {seq: read(LINES[seq - 1]).hash for seq in (3, 10, 500)} | {COUNT: HEAD}
    assert checked(LINES[10:], anchors).is_whole
    assert "line 3, whose hash was kept, is not there" in str(checked(LINES[:2] + LINES[3:], anchors).findings)


def test_an_edited_first_line_of_an_excerpt_is_one_finding() -> None:
    """And not also a thousand missing ones."""
    lines = [LINES[9][:-5] + b"\n", *LINES[10:]]
    report = excerpt(lines)
    assert (len(report.findings), report.first) == (1, 11)
