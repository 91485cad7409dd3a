"""What an approver reads of each ending, somebody tired and on a phone."""

from __future__ import annotations

from typing import Any

import pytest

from approvald.approval.endings import Code, Ending, treatment
from approvald.approval.sentences import BY_REQUESTOR, Sentences, sentences
from approvald.core.model import Level

TOLD = [code for code in Code if treatment(code).tells_sender]
SILENT = [code for code in Code if not treatment(code).tells_sender]
WHEN = "Mon 9 Nov 2026 09:20 CET"


def said(code: Code, when: str = "", **fields: Any) -> Sentences:
    """Return what is said of an ending."""
    return sentences(Ending(code=code, **fields), when)


@pytest.mark.parametrize("code", TOLD)
def test_every_ending_that_is_told_says_outcome_and_next_step(code: Code) -> None:
    """Whole sentences, a short subject, and never a word of our own machinery."""
    texts = said(code)
    assert 8 <= len(texts.subject) <= 60
    assert not texts.subject.endswith(".")
    for text in (texts.outcome, texts.next_step):
        assert text[0].isupper()
        assert text.endswith(".")
        assert "  " not in text
        assert code.value not in text or "_" not in code.value


@pytest.mark.parametrize("code", SILENT)
def test_an_ending_that_tells_nobody_has_no_sentences(code: Code) -> None:
    """What must not be answered cannot be answered by mistake."""
    with pytest.raises(KeyError):
        said(code)


@pytest.mark.parametrize("code", TOLD)
def test_only_a_confirmation_reads_as_one(code: Code) -> None:
    """A subject seen on a lock screen must not be taken for its opposite."""
    subject = said(code).subject
    if code is Code.CONFIRMED:
        assert subject.startswith("Approved")
    elif code is Code.CHALLENGE_SENT:
        assert subject.startswith("Not approved yet: ")
    elif code is Code.REJECTED:
        assert subject == "Rejected"
    else:
        assert subject.startswith(("Not approved: ", "Already approved", "Already rejected"))


@pytest.mark.parametrize(
    ("fields", "subject", "next_step"),
    [
        ({"confirmations_left": 0}, "Approved", "Nothing more is needed"),
        ({"confirmations_left": None}, "Approved", "could not be asked"),
        ({"confirmations_left": 1}, "more confirmations needed", "1 more confirmation,"),
        ({"confirmations_left": 2}, "more confirmations needed", "2 more confirmations,"),
        ({"confirmations_left": 1, "second_level_waits": True}, "Approved (first level)", "second-level approver must"),
        ({"words": "Rejected: by somebody"}, "Approved, but since closed", "has since closed the request"),
    ],
)
def test_a_confirmation_says_what_is_still_needed(fields: dict[str, Any], subject: str, next_step: str) -> None:
    """Never "nothing more" where something is left or where PVWA did not say."""
    texts = said(Code.CONFIRMED, level=Level.FIRST, **fields)
    assert subject in texts.subject
    assert next_step in texts.next_step


@pytest.mark.parametrize(("level", "word"), [(Level.FIRST, "first"), (Level.SECOND, "second")])
def test_a_confirmation_names_its_level(level: Level, word: str) -> None:
    """Two approvers of one request can tell their mails apart."""
    assert f"at the {word} level" in said(Code.CONFIRMED, level=level).outcome


@pytest.mark.parametrize(("code", "verb"), [(Code.ALREADY_CONFIRMED, "approved"), (Code.ALREADY_REJECTED, "rejected")])
def test_who_acted_before_and_when(code: Code, verb: str) -> None:
    """As far as it is known and may be told."""
    assert f"already {verb} by Mara Voss on {WHEN};" in said(code, WHEN, who="Mara Voss").outcome
    assert f"already {verb};" in said(code).outcome


def test_what_is_missing_is_named_in_words() -> None:
    """With what the parser found as the next step."""
    one = said(
        Code.INCOMPLETE, names=("requestor",), why="The requestor has no e-mail address in CyberArk: approve in PVWA."
    )
    assert "the requestor's e-mail address is missing" in one.outcome
    assert one.next_step == "The requestor has no e-mail address in CyberArk: approve in PVWA."
    assert "the safe, the request id are missing" in said(Code.INCOMPLETE, names=("safe", "number")).outcome
    assert "a required line is missing" in said(Code.INCOMPLETE).outcome
    assert said(Code.INCOMPLETE).next_step.startswith("Forward")


def test_what_was_altered_is_named_where_it_may_be() -> None:
    """A stranger reads no field, and no empty brackets."""
    assert "(requestor, reason)" in said(Code.ALTERED, names=("requestor", "reason")).outcome
    assert "(" not in said(Code.ALTERED).outcome


def test_where_the_requestor_approved_too_nobody_is_sent_to_forward() -> None:
    """Another approver's mail would be refused as well: only a new request helps."""
    assert "another approver" in said(Code.SAME_PERSON_TWICE).next_step
    step = said(Code.SAME_PERSON_TWICE, why=BY_REQUESTOR).next_step
    assert "must make a new request" in step
    assert "forward" not in step


def test_a_wrong_level_says_whose_turn_it_is() -> None:
    """And who gave the first level, to its team; of an early mail nobody has given anything."""
    late = said(Code.WRONG_LEVEL, WHEN, level=Level.SECOND, who="Mara Voss")
    assert "is waiting for a second-level approver" in late.outcome
    assert f"approved by Mara Voss on {WHEN}." in late.outcome
    assert "approved by" not in said(Code.WRONG_LEVEL, level=Level.SECOND).outcome
    assert "Mara Voss." in said(Code.WRONG_LEVEL, level=Level.SECOND, who="Mara Voss").outcome
    early = said(Code.WRONG_LEVEL, WHEN, level=Level.FIRST, who="Mara Voss")
    assert "is waiting for a first-level approver" in early.outcome
    assert "Mara Voss" not in early.outcome
    assert "Forward the mail again" in early.next_step


def test_the_other_confirmer_reads_who_gave_the_vote() -> None:
    """1 of 2 by whom and when; the rest is the portal's."""
    texts = said(Code.NEEDS_OTHER_CONFIRMER, WHEN, who="Mara Voss")
    assert f"came from Mara Voss on {WHEN}." in texts.outcome
    assert "PVWA" in texts.next_step
    assert "came from" not in said(Code.NEEDS_OTHER_CONFIRMER).outcome
    assert "Mara Voss." in said(Code.NEEDS_OTHER_CONFIRMER, who="Mara Voss").outcome


@pytest.mark.parametrize("code", [Code.SAME_PERSON_TWICE, Code.UNREADABLE, Code.AMBIGUOUS])
def test_what_a_check_found_is_said_where_it_found_something(code: Code) -> None:
    """Its sentence, else one that holds in general."""
    with_finding = said(code, why="Our finding.")
    assert "Our finding." in (with_finding.outcome, with_finding.next_step)
    assert said(code) != with_finding


def test_pvwas_own_words_are_said_to_be_its_own() -> None:
    """Only where it declined, and only if it said something."""
    assert said(Code.PVWA_REFUSED, words="CAWS00001E closed").outcome.endswith("It says: CAWS00001E closed.")
    assert said(Code.PVWA_REFUSED, words="Closed.").outcome.endswith("It says: Closed.")
    assert "It says" not in said(Code.PVWA_REFUSED).outcome
