"""The edges of intake and of reading header fields, where a small change of the code would let another mail in."""

from __future__ import annotations

from typing import Any

import pytest

from approvald.config.load import load
from approvald.core.model import NotARequest
from approvald.mail import headers
from approvald.mail.intake import Automatic, CodeMail, ForReading, Intake, RuleForward, UnreadableMail, classify, fold
from approvald.mail.rules import intake_rules
from approvald.mail.sender import Unproven, prove
from mailbag import AUTH, ILKA, PHRASE, RULES, mail
from places import ROOT

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
        (
            kind_of(("To", "x" * 8_193)),
            UnreadableMail(why="A field of the mail's header is too long. Forward CyberArk's notification alone."),
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
    fields = [("X-Trace", "1")] * (1_000 - 2 - len(AUTH))
    assert isinstance(kind_of(*fields), ForReading)
    assert isinstance(kind_of(*fields, ("X-Trace", "1")), UnreadableMail)


def test_our_own_addresses_are_known_in_any_letter_case() -> None:
    """However the configuration writes the mailbox and PVWA's sender, a mail from either is automatic."""
    settings = load(ROOT / "config" / "approvald.toml")
    mailbox = settings.mailbox.model_copy(update={"address": "PAM-Approve@Corp.Example"})
    pvwa = settings.mail.model_copy(update={"pvwa_sender": "PVWA-NoReply@Corp.Example"})
    rules = intake_rules(settings.model_copy(update={"mailbox": mailbox, "mail": pvwa}))
    for author in ("pam-approve@corp.example", "pvwa-noreply@corp.example"):
        assert isinstance(classify(mail(author=author), rules), Automatic)


def test_texts_fold_to_one_blank() -> None:
    """Case, composed letters and runs of white space do not tell subjects apart; where words end does."""
    assert fold(" A\u030a \t\u00a0 b\n") == "\u00e5 b"
    assert isinstance(kind_of(subject=PHRASE.replace(" ", "")), NotARequest)


@pytest.mark.parametrize("name", ["From ", "\tfrom", "X-MS-Exchange-Organization-AuthAs "])
def test_a_field_is_found_whatever_blanks_stand_around_its_name(name: str) -> None:
    """`From : x` is a From: nobody hides a second one behind a blank."""
    fields = ((name, "Anonymous"),)
    assert headers.values(fields, name.strip()) == ("Anonymous",)
    assert headers.named(fields, [name.strip()]) == name.strip()
    assert isinstance(prove(mail((name, "Anonymous")), RULES.sender), Unproven)


@pytest.mark.parametrize("around", ["\u00a0", "\x0b", "\x1c", "\u2028", "X"])
def test_only_the_blanks_of_a_header_are_taken_off_a_value(around: str) -> None:
    """Other white space belongs to the value, and makes it another one than the one that is allowed."""
    assert headers.values((("A", f" \t{around}b{around}\r\n"),), "A") == (f"{around}b{around}",)
    auth = tuple((name, f"{value}{around}" if name.endswith("AuthAs") else value) for name, value in AUTH)
    assert isinstance(prove(mail(auth=auth), RULES.sender), Unproven)


@pytest.mark.parametrize(
    "author",
    [
        f"team:;, {ILKA}",
        f"{ILKA}, team:;",
        f"a:;, b: {ILKA};",
        f"{ILKA}_x",
        f"{ILKA}.",
        f"{ILKA}!x",
        f"x\\{ILKA}",
        "a" * 65 + "@corp.example",
    ],
)
def test_an_address_is_one_plain_address_as_a_whole(author: str) -> None:
    """An empty group beside it, or characters behind what looks like an address, are doubt."""
    assert headers.address(author) is None


def test_a_value_of_the_longest_length_is_read_and_no_longer_one() -> None:
    """8,192 characters go to Python's parser, which is quadratic; of a longer subject the end is read."""
    name = "x" * (8_192 - len(f" <{ILKA}>"))
    assert headers.address(f"{name} <{ILKA}>") == ILKA
    assert headers.address(f"{name}x <{ILKA}>") is None
    assert headers.decoded("y" + "x" * 8_192) == "x" * 8_192


def test_folded_values_are_unfolded_before_they_are_read() -> None:
    """A value handed over as it stood in the mail is read as one line."""
    assert headers.address(f"Ilka\r\n <{ILKA}>") == ILKA
    assert headers.decoded("a\r\n b") == "a b"
    assert headers.values((("A", "a\r\n\tb"),), "A") == ("a\tb",)


def test_what_cannot_be_decoded_is_empty() -> None:
    """Nothing matches an empty subject."""
    nonsense: Any = 7
    assert headers.decoded(nonsense) == ""


def test_fields_are_read_from_a_mail_that_nests_without_end() -> None:
    """Only the head is parsed here: what hangs a parser further down is the reading's to refuse."""
    raw = b"Subject: x\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 2_000
    assert headers.values(headers.from_mime(raw), "Subject") == ("x",)


@pytest.mark.parametrize(
    ("value", "word"), [("no", "no"), (" No ; x", "no"), ("no(x)", "no"), ("no,yes", "no"), ("no\tyes no", "no")]
)
def test_the_first_word_ends_at_a_blank_or_a_mark(value: str, word: str) -> None:
    """Parameters and comments behind a token do not count."""
    assert headers.first_word(value) == word


@pytest.mark.parametrize(
    ("value", "kind"), [("multipart/report ; x=y", "multipart/report"), (" Text/HTML", "text/html"), ("", "")]
)
def test_the_media_type_is_what_stands_before_its_parameters(value: str, kind: str) -> None:
    """In lower case, without blanks; nothing where it is not said once."""
    assert headers.main_type((("Content-Type", value),)) == kind
    assert headers.main_type(()) == headers.main_type((("Content-Type", value), ("Content-Type", value))) == ""


@pytest.mark.parametrize(
    ("name", "is_counted"),
    [
        ("In-Reply-To", False),
        ("Thread-Index", False),
        ("Authentication-Results", False),
        ("X-Spam", False),
        (" X-Spam", False),
        ("X-Autoreply", True),
        ("X-Approvald-Id", True),
        ("X-MS-Exchange-Inbox-Rules-Loop", True),
        ("Subject", True),
    ],
)
def test_a_field_that_is_read_here_counts_against_the_limit(name: str, *, is_counted: bool) -> None:
    """What servers write for themselves may be as long as it likes."""
    assert (headers.over_limit(((name, "x" * 11),), 10) is not None) is is_counted
    assert headers.over_limit(((name, "x" * 10),), 10) is None


def test_a_code_is_kept_out_of_logs_and_errors() -> None:
    """Whoever logs the kind of a mail reads that it holds a code, and not which."""
    kind = kind_of(subject="Re: [approvald K3M9ABCD] your approval")
    assert kind == CodeMail(code="K3M9ABCD", why="The subject holds a code in the form of approvald's.")
    assert "K3M9ABCD" not in repr(kind)
