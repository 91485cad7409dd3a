"""The table of endings: who is told, which folder, and what the ledger keeps of one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.approval.endings import Code, Ending, RequestFacts, Team, Treatment, treatment
from approvald.core.model import Folder, Level
from fakes.facts import waits_for

SILENT = {Code.DUPLICATE, Code.AUTOMATIC, Code.RULE_FORWARD, Code.NOT_A_REQUEST}
DONE = {Code.CONFIRMED, Code.REJECTED, Code.CHALLENGE_SENT}
ALARMING = {Code.NOT_VISIBLE, Code.CONFIRMERS_UNMAPPED}


@pytest.mark.parametrize("code", list(Code))
def test_every_ending_is_treated_as_the_table_says(code: Code) -> None:
    """Design section 3: what is not an answer to an approver stays silent, all else is a refusal that is answered."""
    if code in SILENT:
        expected = Treatment(Folder.IGNORED, tells_sender=False, team=Team.NOTHING)
    elif code is Code.SENDER_UNPROVEN:
        expected = Treatment(Folder.QUARANTINE, tells_sender=False, team=Team.ALARM)
    elif code in DONE:
        expected = Treatment(Folder.DONE, tells_sender=True, team=Team.NOTHING)
    else:
        team = Team.ALARM if code in ALARMING else Team.NOTHING if code is Code.CHALLENGE_LATE else Team.COPY
        expected = Treatment(Folder.REFUSED, tells_sender=True, team=team)
    assert treatment(code) == expected


def test_only_what_was_asked_for_and_carried_out_is_done() -> None:
    """No refusal may look like a success in the folders."""
    assert {code for code in Code if treatment(code).folder is Folder.DONE} == DONE


def test_the_facts_of_a_request_are_plain_and_in_utc() -> None:
    """An ending outlives the process, so its instants are texts."""
    window = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    request = waits_for(access_from=window, access_to=window + timedelta(hours=2))
    assert RequestFacts.from_record(request) == RequestFacts(
        safe="DB-PROD-01", number="17", account="Operating System-UnixSSH-db7.corp.example-root",
        requestor="Timo Gast", level=1, window_from="2026-11-20T09:00:00+00:00",
        window_to="2026-11-20T11:00:00+00:00", reason="Kernel patch in the agreed window",
    )  # fmt: skip


def test_the_requestor_is_named_by_the_directory_first() -> None:
    """Then by PVWA's full name, then by its user name."""
    assert RequestFacts.from_record(waits_for(), requestor="T. Gast").requestor == "T. Gast"
    assert RequestFacts.from_record(waits_for(requestor_full_name="")).requestor == "timo.gast"


def test_a_record_that_says_little_makes_facts_that_say_little() -> None:
    """Nothing is invented where PVWA gave nothing."""
    facts = RequestFacts.from_record(waits_for(level=None, user_reason="", requestor_reason="prefixed"))
    assert (facts.level, facts.window_from, facts.window_to, facts.reason) == (None, None, None, "prefixed")


_TEXT = st.text(max_size=20)
_FACTS = st.builds(RequestFacts, safe=_TEXT, number=_TEXT, level=st.sampled_from([None, 1, 2]), reason=_TEXT)


@given(
    st.builds(
        Ending,
        code=st.sampled_from(Code),
        why=_TEXT,
        request_id=st.none() | _TEXT,
        request=st.none() | _FACTS,
        level=st.none() | st.sampled_from(Level),
        who=_TEXT,
        when=st.none() | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        names=st.lists(_TEXT, max_size=3).map(tuple),
        words=_TEXT,
        confirmations_left=st.none() | st.integers(0, 9),
        second_level_waits=st.booleans(),
        confirmer=st.none() | _TEXT,
        checks=st.lists(_TEXT, max_size=3).map(tuple),
    )
)
def test_an_ending_survives_a_crash_unchanged(ending: Ending) -> None:
    """What is read back after a restart is what was written before it; it is one line of ASCII."""
    text = ending.to_json()
    assert Ending.from_json(text) == ending
    assert text.isascii()
    assert "\n" not in text


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", '"x"', "{}", '{"code": "confirmed"}',
     json.dumps(json.loads(Ending(code=Code.EXPIRED).to_json()) | {"code": "approved"}),
     json.dumps(json.loads(Ending(code=Code.EXPIRED).to_json()) | {"level": 3}),
     json.dumps(json.loads(Ending(code=Code.EXPIRED).to_json()) | {"later": 1}),
     json.dumps(json.loads(Ending(code=Code.EXPIRED).to_json()) | {"request": {"unknown": 1}})],
)  # fmt: skip
def test_a_text_of_another_form_is_refused(text: str) -> None:
    """A damaged row is an error that is named, never half an ending."""
    with pytest.raises(ValueError, match=r"."):
        Ending.from_json(text)
