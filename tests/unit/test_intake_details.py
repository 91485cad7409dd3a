"""The edges of intake and of reading header fields, where a small change of the code would let another mail in."""

from __future__ import annotations

from typing import Any

import pytest

from approvald import config, headers
from approvald.intake import Automatic, ForReading, Intake, IntakeRules, RuleForward, UnreadableMail, classify, fold
from approvald.model import NotARequest
from mailbag import AUTH, ILKA, PHRASE, ROOT, RULES, mail

LOOP = ("X-MS-Exchange-Inbox-Rules-Loop", ILKA)


def kind_of(*fields: tuple[str, str], **changed: Any) -> Intake:
    """Return what intake makes of a request with these changes."""
    return classify(mail(*fields, **changed), RULES.intake)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (kind_of(item_class="IPM.Contact"), Automatic(why="item class")),
        (kind_of(("Auto-Submitted", "auto-replied")), Automatic(why="Auto-Submitted")),
        (kind_of(("Content-Type", "multipart/report")), Automatic(why="multipart/report")),
        (kind_of(("Return-Path", "<>")), Automatic(why="Return-Path <>")),
        (kind_of(("Precedence", "bulk")), Automatic(why="Precedence")),
        (kind_of(("X-Approvald-Id", "1")), Automatic(why="our own mark X-Approvald")),
        (kind_of(("List-Id", "x")), Automatic(why="List-Id")),
        (kind_of(("X-Autoreply", "x")), Automatic(why="X-Autoreply")),
        (kind_of(LOOP), RuleForward(why="X-MS-Exchange-Inbox-Rules-Loop")),
        (kind_of(auto_forwarded=True), RuleForward(why="PidTagAutoForwarded")),
        (
            kind_of(subject="lunch"),
            NotARequest(why="The subject does not end with a phrase of [mail] subject_phrases."),
        ),
        (kind_of(*[("X", "1")] * 1_000), UnreadableMail(why="The mail has too many header fields.")),
        (kind_of((None, None)), UnreadableMail(why="The header of this mail cannot be read.")),  # type: ignore[arg-type]  # what no adapter should hand over
    ],
)
def test_every_answer_names_its_sign(kind: Intake, expected: Intake) -> None:
    """The log and the sender read which sign, mark or limit it was."""
    assert kind == expected


@pytest.mark.parametrize("value", ["no", "auto-generated", "auto-forwarded", "Auto-Generated; x"])
def test_a_rule_forward_stays_one_whatever_exchange_says_of_generating_it(value: str) -> None:
    """Exchange marks what a rule forwards as generated; its owner is told of the rule all the same."""
    assert isinstance(kind_of(LOOP, ("Auto-Submitted", value)), RuleForward)
    assert isinstance(kind_of(("Auto-Submitted", value)), ForReading if value == "no" else Automatic)


@pytest.mark.parametrize("item_class", ["XIPM.Note", "My.IPM.Note.Form", "IPM.NoteX", "IPM"])
def test_a_class_is_a_note_by_how_it_begins(item_class: str) -> None:
    """Another class does not become a note by having the word in it."""
    assert isinstance(kind_of(item_class=item_class), Automatic)


def test_our_own_mark_is_known_by_how_it_begins() -> None:
    """`X-Approvald` with blanks around it is ours; a name that only has it inside is somebody else's."""
    assert isinstance(kind_of((" X-APPROVALD ", "1")), Automatic)
    assert isinstance(kind_of(("Not-X-Approvald", "1")), ForReading)


def test_the_most_fields_are_still_read() -> None:
    """Exactly a thousand fields are looked at, and one more is too many."""
    fields = [("X-Trace", "1")] * (headers.MOST_FIELDS - 2 - len(AUTH))
    assert isinstance(kind_of(*fields), ForReading)
    assert isinstance(kind_of(*fields, ("X-Trace", "1")), UnreadableMail)


def test_our_own_addresses_are_known_in_any_letter_case() -> None:
    """However the configuration writes the mailbox and PVWA's sender, a mail from either is automatic."""
    settings = config.load(ROOT / "config" / "approvald.toml")
    mailbox = settings.mailbox.model_copy(update={"address": "PAM-Approve@Corp.Example"})
    pvwa = settings.mail.model_copy(update={"pvwa_sender": "PVWA-NoReply@Corp.Example"})
    rules = IntakeRules.from_settings(settings.model_copy(update={"mailbox": mailbox, "mail": pvwa}))
    for author in ("pam-approve@corp.example", "pvwa-noreply@corp.example"):
        assert isinstance(classify(mail(author=author), rules), Automatic)


def test_texts_fold_to_one_blank() -> None:
    """Case, composed letters and runs of white space do not tell subjects apart; where words end does."""
    assert fold(" A\u030a \t\u00a0 b\n") == "\u00e5 b"
    assert isinstance(kind_of(subject=PHRASE.replace(" ", "")), NotARequest)
