"""The sender proof in detail: its edges, and what it tells the team that has to act on an alarm."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from approvald.approval.people import VerifiedApprover
from approvald.config.load import load
from approvald.core.model import Person
from approvald.mail.rules import sender_rules
from approvald.mail.sender import Proof, ProvenAddress, SenderRules, Unproven, prove, verify
from mailbag import AUTH, ILKA, RULES, mail
from places import ROOT

PREFIX = "X-MS-Exchange-Organization-Auth"
AS, MECHANISM, SOURCE = (f"{PREFIX}{end}" for end in ("As", "Mechanism", "Source"))
PERSON: Final = Person(
    guid="g1", sid="S-1-5-21-1", dn="CN=Ilka", account_name="ilka.brandt", display_name="Ilka Brandt", address=ILKA
)


def proof_without(name: str, *more: tuple[str, str], **changed: Any) -> Proof:
    """Return the proof of a mail in which one of Exchange's fields is left out and others are added."""
    auth = tuple(field for field in AUTH if field[0] != name)
    return prove(mail(*more, auth=auth, **changed), RULES.sender)


@pytest.mark.parametrize(
    ("proof", "shown", "words"),
    [
        (proof_without(AS), 3, f"{AS} is missing, repeated or not one of [sender] auth_as."),
        (proof_without(SOURCE), 3, f"{SOURCE} is missing, repeated or not one of [sender] auth_sources."),
        (proof_without(MECHANISM), 3, f"{MECHANISM} is missing, repeated or not one of [sender] auth_mechanisms."),
        (proof_without("", ("Sender", "x")), 5, "Sender is not exactly one plain address."),
        (proof_without("", from_address="x"), 4, "From is not the address that Exchange resolved."),
        (proof_without("", author="x"), 4, "From is not exactly one plain address."),
        (
            proof_without("", ("X-MS-Exchange-P2FromRegexMatch", "1")),
            4,
            "Exchange itself doubts the From field (X-MS-Exchange-P2FromRegexMatch).",
        ),
        (proof_without("", *[("X", "1")] * 1_000), 0, "The mail has too many header fields."),
    ],
)
def test_an_unproven_mail_says_why_and_shows_its_fields(proof: Proof, shown: int, words: str) -> None:
    """The team reads what was wrong, which option speaks of it, and every value there is of the five looked at."""
    assert isinstance(proof, Unproven)
    assert proof.why == words
    assert len(proof.values) == shown


def test_every_field_of_the_proof_is_shown_with_its_value() -> None:
    """An alarm shows From, Sender and Exchange's three, in this order, at most 100 characters of each."""
    proof = prove(mail(("Sender", "y" * 150), author="x" * 150), RULES.sender)
    assert isinstance(proof, Unproven)
    assert proof.values == (
        ("From", "x" * 100), ("Sender", "y" * 100), (AS, "Internal"), (MECHANISM, "04"), (SOURCE, "EX01.corp.example"),
    )  # fmt: skip


def test_what_a_terminal_obeys_is_shown_as_its_number_and_blanks_stay() -> None:
    """Control characters, DEL included, become escapes; the blank before a name stays a blank."""
    proof = prove(mail(author="a \x1f\x7f b"), RULES.sender)
    assert isinstance(proof, Unproven)
    assert proof.values[0] == ("From", "a \\x1f\\x7f b")


def test_a_repr_shows_no_field_of_the_mail() -> None:
    """Header values reach an alarm on purpose, and a log by no accident."""
    proven, unproven = prove(mail(), RULES.sender), prove(mail(author="secret"), RULES.sender)
    assert isinstance(proven, ProvenAddress)
    assert proven.values
    assert "EX01" not in repr(proven)
    assert "secret" not in repr(unproven)


def test_the_most_fields_that_are_looked_at_still_prove() -> None:
    """A mail with exactly as many fields as are read is read."""
    fields = [("X-Trace", "1")] * (1_000 - 2 - len(AUTH))
    assert isinstance(prove(mail(*fields), RULES.sender), ProvenAddress)
    assert isinstance(prove(mail(*fields, ("X-Trace", "1")), RULES.sender), Unproven)


def test_addresses_compare_without_case_everywhere() -> None:
    """What Exchange resolved and what the directory holds may be written in any letter case."""
    proof = prove(mail(from_address=ILKA.upper(), sender_address=ILKA.title()), RULES.sender)
    assert isinstance(proof, ProvenAddress)
    person = dataclasses.replace(PERSON, address=ILKA.upper(), addresses=frozenset())
    assert isinstance(verify(proof, person), VerifiedApprover)


def test_short_suffixes_are_suffixes_too() -> None:
    """`*.c` takes hosts below c."""
    rules = dataclasses.replace(RULES.sender, auth_sources=("*.c",))
    auth = tuple((name, "ex1.c" if name == SOURCE else value) for name, value in AUTH)
    assert isinstance(prove(mail(auth=auth), rules), ProvenAddress)


def test_the_configured_values_are_taken_in_any_letter_case() -> None:
    """Mechanisms are hex digits and sources are host names; AuthAs is a word of Exchange's and is taken as it is."""
    settings = load(ROOT / "config" / "approvald.toml")
    sender = settings.sender.model_copy(update={"auth_mechanisms": ("0A",), "auth_sources": ("EX1.Corp",)})
    rules = sender_rules(settings.model_copy(update={"sender": sender}))
    assert rules == SenderRules(
        auth_as=frozenset({"Internal"}), auth_mechanisms=frozenset({"0a"}), auth_sources=("ex1.corp",)
    )


def test_the_errors_of_forged_proofs_name_the_true_maker() -> None:
    """Whoever tries to build, copy or store a proof reads which function makes it."""
    proven = prove(mail(), RULES.sender)
    assert isinstance(proven, ProvenAddress)
    sender = verify(proven, PERSON)
    for make, words in (
        (lambda: ProvenAddress(address=ILKA, proof="", values=(), seal=None), r"only prove\(\) makes this"),
        (lambda: VerifiedApprover(address=ILKA, person=PERSON, proof="", seal=None), r"only verify\(\) makes this"),
        (lambda: pickle.dumps(sender), r"made by verify\(\) for each mail"),
    ):
        with pytest.raises(TypeError, match=words):
            make()


def test_a_proof_does_not_look_at_when_or_how_large() -> None:
    """The sender proof rests on header fields and what Exchange resolved, and on nothing else of the item."""
    listed = dataclasses.replace(mail().listed, size=10**9, received=datetime(1999, 1, 1, tzinfo=UTC))
    assert prove(dataclasses.replace(mail(), listed=listed, mime=None), RULES.sender) == prove(mail(), RULES.sender)


@pytest.mark.parametrize("word", ["none", "null", "xxxx", "00"])
def test_a_missing_mechanism_is_no_word_that_could_be_configured(word: str) -> None:
    """Where the field is missing nothing is proven, whatever mechanisms a site allows."""
    rules = dataclasses.replace(RULES.sender, auth_mechanisms=frozenset({word}))
    assert isinstance(prove(mail(auth=tuple(field for field in AUTH if field[0] != MECHANISM)), rules), Unproven)
