"""The sender proof: only what Exchange vouches for, and only for exactly one enabled person."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from approvald.approval.endings import Code
from approvald.approval.people import VerifiedApprover
from approvald.core.model import NoPerson, Person, PersonLookup, SeveralPersons
from approvald.mail.sender import (
    OnBehalf,
    Proof,
    ProvenAddress,
    SenderRefused,
    SenderRules,
    Unproven,
    WrongRoute,
    prove,
    verify,
)
from mailbag import AUTH, ILKA, RULES, Fields, mail

TIMO = "timo.gast@corp.example"
AS, MECHANISM, SOURCE = (f"X-MS-Exchange-Organization-Auth{end}" for end in ("As", "Mechanism", "Source"))
PERSON = Person(
    guid="1c0ffee0-0000-4000-8000-000000000001",
    sid="S-1-5-21-1-2-3-1001",
    dn="CN=Ilka Brandt,DC=corp,DC=example",
    account_name="ilka.brandt",
    display_name="Ilka Brandt",
    address=ILKA,
    addresses=frozenset({ILKA}),
)


def proof_of(*fields: tuple[str, str], rules: SenderRules = RULES.sender, **changed: Any) -> Proof:
    """Return the proof of a proven mail with these changes."""
    return prove(mail(*fields, **changed), rules)


def auth(**changed: str | None) -> Fields:
    """Return Exchange's three fields with some changed, or left out where None."""
    values = {"As": "Internal", "Mechanism": "04", "Source": "EX01.corp.example"} | changed
    return tuple((f"X-MS-Exchange-Organization-Auth{end}", value) for end, value in values.items() if value is not None)


def proven() -> ProvenAddress:
    """Return Ilka's proven address."""
    proof = proof_of()
    assert isinstance(proof, ProvenAddress)
    return proof


def test_three_right_fields_and_one_plain_from_prove_the_address() -> None:
    """The address is case folded; the proof and the fields are kept for ledger and audit."""
    proof = proof_of(author='"Brandt, Ilka (IT)" <Ilka.BRANDT@Corp.Example>')
    assert isinstance(proof, ProvenAddress)
    assert (proof.address, proof.proof) == (ILKA, "Internal/04")
    assert dict(proof.values)[SOURCE] == "EX01.corp.example"


@pytest.mark.parametrize("end", ["As", "Mechanism", "Source"])
@pytest.mark.parametrize("second", ["same", "other"])
def test_each_field_stands_there_exactly_once(end: str, second: str) -> None:
    """Missing or doubled is no proof, even where both values are the same and whatever the letter case of the name."""
    value = dict(auth())[f"X-MS-Exchange-Organization-Auth{end}"]
    assert isinstance(proof_of(auth=auth(**{end: None})), Unproven)
    doubled = (f"x-ms-exchange-organization-auth{end}", value if second == "same" else "Anonymous")
    assert isinstance(proof_of(doubled), Unproven)
    assert isinstance(proof_of(auth=(*auth(), doubled)), Unproven)


@pytest.mark.parametrize(
    "changed",
    [
        {"As": "Anonymous"},
        {"As": "internal"},
        {"As": "Internal74"},
        {"As": "Internal, Anonymous"},
        {"As": "Partner"},
        {"As": ""},
        {"Mechanism": "00"},
        {"Mechanism": "10"},
        {"Mechanism": "4"},
        {"Mechanism": "040"},
        {"Mechanism": ""},
        {"Mechanism": "04 07"},
        {"Source": "mail.evil.example"},
        {"Source": "EX01.corp.example.evil.example"},
        {"Source": "xEX01.corp.example"},
        {"Source": ""},
        {"Source": "EX01.corp.example EX02.corp.example"},
        {"Source": "*.corp.example"},
        {"Source": "EX01.corp.example".replace("E", "\u0415")},
        {"Source": "EX01.corp.example\r\n x"},
    ],
)
def test_whole_values_are_compared(changed: dict[str, str]) -> None:
    """A value that only contains, begins with or looks like an allowed one proves nothing."""
    proof = proof_of(auth=auth(**changed))
    assert isinstance(proof, Unproven)
    assert AS in proof.why or SOURCE in proof.why or MECHANISM in proof.why


def test_a_suffix_stands_for_the_servers_below_it() -> None:
    """`*.corp.example` takes any host below, in any letter case, and neither the domain itself nor a look-alike."""
    rules = dataclasses.replace(RULES.sender, auth_sources=("*.corp.example", "*.", "*", "mx.other.example"))
    for host, trusted in {
        "ex7.CORP.example": True,
        "a.b.corp.example": True,
        "mx.other.example": True,
        "corp.example": False,
        "evilcorp.example": False,
        "x.evil.example": False,
        "ma\u017f.corp.example": False,
        "*.corp.example": False,
        ".corp.example": False,
    }.items():
        assert isinstance(proof_of(auth=auth(Source=host), rules=rules), ProvenAddress) is trusted, host


def test_mechanisms_compare_without_case() -> None:
    """0A and 0a are the same two hex digits."""
    rules = dataclasses.replace(RULES.sender, auth_mechanisms=frozenset({"0a"}))
    assert isinstance(proof_of(auth=auth(Mechanism="0A"), rules=rules), ProvenAddress)


@pytest.mark.parametrize("mechanism", ["06", "07", "0a", "0B"])
def test_an_smtp_log_on_is_a_known_sender_by_a_wrong_route(mechanism: str) -> None:
    """The person is known, so they are told; where the site allows the mechanism it is proof."""
    assert proof_of(auth=auth(Mechanism=mechanism)) == WrongRoute(address=ILKA, mechanism=mechanism.lower())
    allowed = dataclasses.replace(RULES.sender, auth_mechanisms=frozenset({mechanism.lower()}))
    assert isinstance(proof_of(auth=auth(Mechanism=mechanism), rules=allowed), ProvenAddress)


@pytest.mark.parametrize("changed", [{"As": "Anonymous"}, {"Source": "mail.evil.example"}, {"As": None}])
def test_a_wrong_route_is_told_only_where_the_rest_is_proven(changed: dict[str, str | None]) -> None:
    """An unproven address is never answered: the mechanism alone does not make a sender known."""
    assert isinstance(proof_of(auth=auth(Mechanism="07", **changed)), Unproven)
    assert isinstance(proof_of(("Sender", TIMO), auth=auth(Mechanism="07")), Unproven)


@pytest.mark.parametrize(
    "author",
    [
        "",
        "ilka.brandt@corp.example, dario.conti@corp.example",
        "<ilka.brandt@corp.example> <x@evil.example>",
        "ilka.brandt@corp.example <x@evil.example>",
        "team: ilka.brandt@corp.example;",
        "undisclosed-recipients:;",
        "Ilka <ilka.brandt@corp.example",
        "=?utf-8?q?Ilka=0D=0ABcc=3A_z?= <ilka.brandt@corp.example>",
        '"ilka brandt"@corp.example',
        "ilka@[10.0.0.1]",
        "ilka@corp",
        "(" * 2_000,
        "ilka.br\u0430ndt@corp.example",
        "x" * 9_000 + " <ilka.brandt@corp.example>",
        "=?utf-8?q?Ilka=07?= <ilka.brandt@corp.example>",
        "/O=CORP/OU=EXCH/CN=RECIPIENTS/CN=ILKA",
        "Brandt, Ilka <ilka.brandt@corp.example>",
        "\ud800 <ilka.brandt@corp.example>",
    ],
)
def test_from_is_one_plain_address_or_nothing(author: str) -> None:
    """Whatever parsers may read differently is no proof (CVE-2024-49040), and no From makes us raise."""
    proof = proof_of(author=author)
    assert isinstance(proof, Unproven)
    assert proof.why == "From is not exactly one plain address."


@pytest.mark.parametrize(
    "author",
    [
        ILKA,
        f"<{ILKA}>",
        f"Ilka M. Brandt <{ILKA}>",
        f"=?iso-8859-1?q?M=FCller?= <{ILKA}>",
        f'"x@evil.example" <{ILKA}>',
        f"M\u00fcller Ilka <{ILKA}>",
        f"Ilka\r\n Brandt <{ILKA}>",
    ],
)
def test_honest_names_are_no_doubt(author: str) -> None:
    """Dots, accents, encoded words and folding in the display name do not matter: only the address counts."""
    assert isinstance(proof_of(author=author), ProvenAddress)


def test_a_second_from_is_no_proof() -> None:
    """Two From fields, even equal ones, leave it open whom Exchange vouched for."""
    assert isinstance(proof_of(("From", ILKA)), Unproven)


def test_exchange_s_own_doubt_counts() -> None:
    """X-MS-Exchange-P2FromRegexMatch says that Exchange saw a From that parsers read differently."""
    proof = proof_of(("X-MS-Exchange-P2FromRegexMatch", ""))
    assert isinstance(proof, Unproven)
    assert "P2FromRegexMatch" in proof.why


def test_a_sender_that_differs_is_on_behalf() -> None:
    """A delegate who sends in the approver's name is refused and told; an equal Sender changes nothing."""
    assert proof_of(("Sender", f"Timo Gast <{TIMO}>")) == OnBehalf(address=ILKA, sender_address=TIMO)
    assert proof_of(sender_address=TIMO.upper()) == OnBehalf(address=ILKA, sender_address=TIMO)
    assert isinstance(proof_of(("Sender", ILKA.upper()), sender_address=ILKA.title(), from_address=ILKA), ProvenAddress)


@pytest.mark.parametrize(
    "sender", [(("Sender", ILKA), ("Sender", ILKA)), (("Sender", f"{ILKA}, {TIMO}"),), (("Sender", ""),)]
)
def test_a_sender_that_cannot_be_read_is_no_proof(sender: Fields) -> None:
    """A doubled, empty or defective Sender names nobody to answer."""
    assert isinstance(proof_of(*sender), Unproven)


@pytest.mark.parametrize("address", [TIMO, "/O=CORP/OU=EXCH/CN=RECIPIENTS/CN=ILKA", ""])
def test_from_is_what_exchange_resolved(address: str) -> None:
    """Where Exchange resolved another address than From shows, or none that can be compared, nothing is proven."""
    assert isinstance(proof_of(from_address=address), Unproven)


def test_an_on_behalf_needs_the_proof_too() -> None:
    """A forged mail with a Sender is unproven, not on behalf: its claimed people are not answered."""
    assert isinstance(proof_of(("Sender", TIMO), auth=auth(As="Anonymous")), Unproven)


def test_a_mail_without_fields_is_unproven() -> None:
    """Only what Exchange hands over as header counts, never what stands in the bytes of the item."""
    raw = "".join(f"{name}: {value}\r\n" for name, value in (("From", ILKA), *AUTH)).encode() + b"\r\n"
    assert isinstance(prove(dataclasses.replace(mail(mime=raw), headers=()), RULES.sender), Unproven)


def test_a_mail_with_endless_header_fields_proves_nothing() -> None:
    """A thousand fields are looked at; a mail with more is unproven, whatever stands in them."""
    assert isinstance(proof_of(*[("X-A", "b")] * 990), ProvenAddress)
    assert isinstance(proof_of(*[("X-A", "b")] * 1_000), Unproven)


def test_fields_that_cannot_be_handled_prove_nothing() -> None:
    """Whatever an adapter hands over, the proof answers."""
    broken: Any = (("From", None), *AUTH)
    assert prove(dataclasses.replace(mail(), headers=broken), RULES.sender) == Unproven(
        why="The header of the mail cannot be read.", values=()
    )


def test_an_alarm_can_show_the_fields() -> None:
    """The values given to the team are capped and hold nothing that a terminal or a mail obeys."""
    proof = proof_of(auth=auth(As="\x1b[2J\u202e" + "x" * 500))
    assert isinstance(proof, Unproven)
    shown = dict(proof.values)[AS]
    assert shown.startswith("\\x1b[2J\\u202exxx")
    assert shown.isprintable()
    assert len(shown) < 120


def test_exactly_one_enabled_person_is_a_verified_sender() -> None:
    """Address, person and proof go on together."""
    sender = verify(proven(), PERSON)
    assert isinstance(sender, VerifiedApprover)
    assert (sender.address, sender.person, sender.proof) == (ILKA, PERSON, "Internal/04")


@pytest.mark.parametrize(
    ("lookup", "code"),
    [
        (NoPerson(), Code.SENDER_UNKNOWN),
        (SeveralPersons(count=2), Code.SENDER_AMBIGUOUS),
        (dataclasses.replace(PERSON, disabled=True), Code.SENDER_DISABLED),
        (dataclasses.replace(PERSON, expired=True), Code.SENDER_DISABLED),
        (dataclasses.replace(PERSON, disabled=True, shared_mailbox=True), Code.SHARED_MAILBOX),
        (dataclasses.replace(PERSON, disabled=True, linked_mailbox=True), Code.LINKED_MAILBOX_UNSUPPORTED),
        (dataclasses.replace(PERSON, address=TIMO, addresses=frozenset({TIMO})), Code.SENDER_UNKNOWN),
    ],
)
def test_whoever_is_not_one_enabled_person_is_refused_by_name(lookup: PersonLookup, code: Code) -> None:
    """Each refusal has its code; shared and linked mailboxes are named so though Exchange disables their accounts."""
    assert verify(proven(), lookup) == SenderRefused(code=code)


def test_any_address_of_the_person_is_theirs() -> None:
    """A proxy address proves the person as well as the primary one."""
    person = dataclasses.replace(PERSON, address="ilka@corp.example", addresses=frozenset({"ilka@corp.example", ILKA}))
    assert isinstance(verify(proven(), person), VerifiedApprover)


def test_nobody_else_makes_a_verified_sender() -> None:
    """A VerifiedApprover is proof of the checks: building, changing, copying or pickling one raises TypeError."""
    sender = verify(proven(), PERSON)
    assert isinstance(sender, VerifiedApprover)
    make: Any = VerifiedApprover
    for attempt in (
        lambda: make(address=ILKA, person=PERSON, proof="Internal/04"),
        lambda: make(address=ILKA, person=PERSON, proof="Internal/04", seal=object()),
        lambda: copy.copy(sender),
        lambda: copy.deepcopy(sender),
        lambda: pickle.dumps(sender),
    ):
        with pytest.raises(TypeError):
            attempt()
    replace: Any = dataclasses.replace
    with pytest.raises((TypeError, ValueError)):
        replace(sender, address=TIMO)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(sender, "address", TIMO)  # noqa: B010 - the frozen class is the point


def test_nobody_else_makes_a_proven_address() -> None:
    """The proof itself is made by prove() alone, so that verify() cannot be fed a claim."""
    make: Any = ProvenAddress
    with pytest.raises(TypeError):
        make(address=ILKA, proof="Internal/04", values=(), seal=None)
