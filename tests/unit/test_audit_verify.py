"""Whatever is changed in an audit trail is found: every line, and bytes all over it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

import pytest

from approvald.audit.chain import GENESIS, Edited, link, read
from approvald.audit.verify import Report, split, verify

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
    return verify([("audit.jsonl", lines)], anchors={COUNT: HEAD} if anchors is None else anchors, from_start=True)


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
    assert not verify([("a", LINES[:-1])], anchors={}, at_least=COUNT, from_start=True).is_whole


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
            assert not verify([("a", window)], anchors={}, from_start=index < 2).is_whole, (index, at, changed)


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
        (LINES + LINES[-1:], "stands where line 1001 belongs"),
        ([*LINES[:10], b"{}\n", *LINES[10:]], "has not the keys"),
        ([*LINES[:10], b"[" * 5000 + b"\n", *LINES[10:]], "is no JSON"),
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
    report = checked(shown)
    assert report.is_whole
    assert report.skeletons == COUNT - (COUNT + 6) // 7
    assert not checked(shown[:30] + shown[31:]).is_whole
