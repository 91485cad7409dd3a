"""The words of alarms: one harmless line a fact, whatever stands in a mail's fields."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from approvald.core.alarms import Alarm, AlarmKind, alarm_words
from approvald.core.text import harmless

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

_ALARMS = st.builds(
    Alarm,
    kind=st.sampled_from(AlarmKind),
    why=st.text(),
    name=st.text(max_size=50),
    facts=st.lists(st.tuples(st.just("Field"), st.text())).map(tuple),
)


@given(_ALARMS, st.lists(st.text(max_size=20), min_size=1, max_size=30))
def test_any_text_makes_one_harmless_line(alarm: Alarm, names: list[str]) -> None:
    """Whatever stands in a field: printable, one line, bounded; the subject is ours."""
    raised = [NOW + timedelta(seconds=number) for number in range(len(names))]

    words = alarm_words(alarm, raised, names, ["abc"])

    assert words.subject == alarm_words(replace(alarm, why="", facts=()), raised, names, []).subject
    for _, value in words.facts:
        assert value.isprintable()
        assert "://" not in value
    assert all(len(value) < 6000 for _, value in words.facts)
    assert words.facts[-1] == ("Alarm", alarm.kind.value)


@given(st.from_regex(r"[A-Za-z0-9_.:*\\ @/-]{0,60}", fullmatch=True))
def test_plain_words_stay_as_they_are(text: str) -> None:
    """Names of groups, hosts and addresses are told as they are, unless a mail program could make a link of them."""
    if "://" not in text and "www." not in text.casefold():
        assert harmless(text) == text


def test_every_kind_has_its_words() -> None:
    """No alarm is raised that cannot be told."""
    for kind in AlarmKind:
        words = alarm_words(Alarm(kind=kind, why="x"), [NOW], [""], [])
        assert words.subject.startswith(("Alarm: ", "Digest: ", "All clear: "))
        assert words.next_step.endswith((".", "TEXT"))
