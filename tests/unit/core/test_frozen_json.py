"""Frozen values go through JSON unchanged, and nothing else comes out of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.core import frozen_json
from approvald.core.model import Ambiguous, Incomplete, NotARequest, Notification, Reading
from approvald.mail.reader.worker import Task
from mailbag import RULES

KINDS: Final = (Notification, Incomplete, Ambiguous, NotARequest)
TEXT: Final = st.text(st.characters(exclude_categories=[]))
PLAIN: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)
INCOMPLETE: Final = Incomplete(missing=("safe",), why="No.", unreadable=True)


@given(st.one_of(*(st.builds(kind) for kind in KINDS)))
def test_every_reading_comes_back_as_it_was(reading: Reading) -> None:
    """All four kinds, with any text in them."""
    assert frozen_json.loads(frozen_json.dumps(reading), *KINDS) == reading


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_the_rules_come_back_as_they_were(seconds: float) -> None:
    """Nested rules, sets and pairs, and a number written as a whole one."""
    task = Task(rules=RULES.parse, seconds=seconds, memory_mib=512)
    assert frozen_json.loads(frozen_json.dumps(task), Task) == task


@given(st.binary() | PLAIN.map(lambda plain: json.dumps(plain).encode()))
def test_nothing_else_is_a_value(data: bytes) -> None:
    """Whatever bytes or JSON come, there is a ValueError without them."""
    with pytest.raises(ValueError, match=r"^unexpected data$"):
        frozen_json.loads(data, *KINDS)


@given(st.sampled_from(["missing", "why", "unreadable"]), PLAIN)
def test_no_field_takes_another_shape(name: str, plain: object) -> None:
    """A field holds exactly its type: no number for a text, no 1 for true, no null where none may be."""
    outer = json.loads(frozen_json.dumps(INCOMPLETE))
    outer["value"][name] = plain
    right = {
        "missing": isinstance(plain, list) and all(isinstance(item, str) for item in plain),
        "why": isinstance(plain, str),
        "unreadable": isinstance(plain, bool),
    }[name]
    data = json.dumps(outer).encode()
    if right:
        value = tuple(plain) if isinstance(plain, list) else plain
        assert getattr(frozen_json.loads(data, *KINDS), name) == value
    else:
        with pytest.raises(ValueError, match="unexpected data"):
            frozen_json.loads(data, *KINDS)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Task"},
        {"kind": ["Incomplete"]},
        {"more": 1},
        {"value": None},
        {"value": []},
        {"value": {"missing": [], "why": "No."}},
        {"value": {"missing": [], "why": "No.", "unreadable": True, "safe": "DB"}},
    ],
)
def test_no_frame_takes_another_shape(change: dict[str, object]) -> None:
    """Another kind, one field more or one less is refused, whatever the rest is."""
    outer = json.loads(frozen_json.dumps(INCOMPLETE))
    with pytest.raises(ValueError, match="unexpected data"):
        frozen_json.loads(json.dumps({**outer, **change}).encode(), *KINDS)


def test_a_tuple_of_fixed_length_keeps_it() -> None:
    """A pair is two things, not three."""
    outer = json.loads(frozen_json.dumps(Task(rules=RULES.parse, seconds=1.0, memory_mib=1)))
    outer["value"]["rules"]["labels"][0].append("third")
    with pytest.raises(ValueError, match="unexpected data"):
        frozen_json.loads(json.dumps(outer).encode(), Task)


def test_depth_is_no_way_out() -> None:
    """JSON deeper than Python recurses is a ValueError like any other."""
    with pytest.raises(ValueError, match="unexpected data"):
        frozen_json.loads(b"[" * 200_000, *KINDS)


def test_what_is_no_plain_value_is_not_written() -> None:
    """Only data is sent: an object with behaviour is refused at once."""

    @dataclass(frozen=True)
    class Holder:
        thing: object

    with pytest.raises(TypeError, match="a object is not a plain value"):
        frozen_json.dumps(Holder(object()))
    assert replace(INCOMPLETE, unreadable=False) != INCOMPLETE
