"""What any value becomes in a log line."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from approvald.core.logs.redaction import MAX_ITEMS, MAX_TRACE_CHARS, Redactor

LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_any_value_becomes_one_line_of_strict_json(value: object) -> None:
    """Whatever is handed over, the line is strict JSON of printable characters."""
    written = json.dumps(Redactor().plain(value), allow_nan=False, ensure_ascii=False)
    assert all(character.isprintable() or character.isspace() for character in written)
    assert len(written.splitlines()) == 1


def test_an_empty_secret_changes_nothing() -> None:
    """Registering nothing must not star everything."""
    redactor = Redactor()
    redactor.register("")
    assert redactor.text("as it was") == "as it was"


def test_of_a_long_trace_the_end_is_kept() -> None:
    """The error itself stands at the end; lines stay lines."""
    kept = Redactor().trace("frame\n" * 10_000 + "ValueError: at the end")
    assert len(kept) <= MAX_TRACE_CHARS
    assert kept.endswith("frame\nValueError: at the end")


def test_a_long_list_is_cut() -> None:
    """A mail to thousands does not make a line of thousands."""
    assert Redactor().plain(list(range(1_000))) == list(range(MAX_ITEMS))
