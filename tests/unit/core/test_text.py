"""Text from outside, as it is shown."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from approvald.core.text import escape, one_line, printable


@given(st.text())
@example("a\nb\u202ec\udc80")
def test_whatever_is_shown_stays_on_its_line_and_steers_nothing(text: str) -> None:
    """No character is left that ends a line, turns its direction or moves a cursor, whichever way it is shown."""
    for shown in (printable(text), one_line(text)):
        assert shown.isprintable()
    assert not {"\n", "\r", "\x1b", "\x85", "\u2028", "\u202e", "\u200b"} & set(escape(text))
    assert len(escape(text).splitlines()) <= 1


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    """Names and words of every script stay as they are."""
    assert printable(text) == one_line(text) == escape(text) == text


def test_each_way_marks_what_it_takes_out() -> None:
    """A question mark, a space between words, an escape that names the character."""
    text = "a\u202eb \n c"
    assert (printable(text), one_line(text), escape(text)) == ("a?b ? c", "a b c", "a\\u202eb \\u000a c")
