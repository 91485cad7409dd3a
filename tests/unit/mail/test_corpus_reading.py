"""The corpus, mail by mail: intake, sender proof and parser against its manifest, without any server."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from approvald.cli.explain import command
from approvald.mail.explain import explain, mail_of, sender_words
from approvald.mail.sender import OnBehalf, ProvenAddress, Unproven, WrongRoute, prove
from mailbag import OPEN, RULES, Case, corpus
from places import ROOT

CASES = corpus()
TRUST = {ProvenAddress: "internal", Unproven: "not_proven", WrongRoute: "not_proven", OnBehalf: "on_behalf"}
KEYS = ["reading", "requestor", "safe", "request_number", "missing", "why"]


def test_the_corpus_is_whole() -> None:
    """Every mail of the folder stands in the manifest, and none is missing."""
    assert sorted(case.name for case in CASES) == sorted(path.name for path in OPEN.glob("*.eml"))
    assert len(CASES) == 207


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_mail_reads_as_the_manifest_says(case: Case) -> None:
    """The reading is the expected one or one as safe; the values of a request are the true ones."""
    explanation = explain(case.raw, case.expected["item_class"], RULES)
    assert explanation["reading"] in case.answers
    values = [explanation[key] for key in ("requestor", "safe", "request_number")]
    truth = [case.expected[key] for key in ("requestor", "safe", "request_id")]
    assert values == (truth if explanation["reading"] == "parsed" else [None, None, None])
    assert list(explanation) == KEYS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_sender_is_trusted_as_the_manifest_says(case: Case) -> None:
    """The sender proof finds exactly the proven, the forged and the delegated mails."""
    proof = prove(mail_of(case.raw, case.expected["item_class"]), RULES.sender)
    assert TRUST[type(proof)] == case.expected["trust"]
    if isinstance(proof, ProvenAddress):
        assert proof.address == case.expected["sender"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_sentence_repeats_the_mail(case: Case) -> None:
    """What a refused sender is told holds no value of the mail: nothing in it can come back to anyone."""
    why = explain(case.raw, case.expected["item_class"], RULES)["why"]
    told = f"{why} {sender_words(case.raw, RULES) if why else ''}"
    truth = [case.expected[key] for key in ("requestor", "safe", "request_id")]
    assert not any(
        text in str(why) for text in ("DB-PROD", "INF-LIN", "NET-CORE", "SAP_BASIS", "voss", *filter(None, truth))
    )
    assert told.isascii()
    assert told.isprintable()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("001-outlook-en.eml", ["parsed", "mara.voss@corp.example", "DB-PROD-01", "1101", "proven (Internal/04)"]),
        ("110-missing-safe.eml", ["incomplete", "does not state the safe", "missing         safe"]),
        ("179-anonymous-relay.eml", ["parsed", "not proven"]),
        ("186-on-behalf-of.eml", ["timo.gast@corp.example sent this on behalf of ilka.brandt@corp.example"]),
        ("192-imap-client-smtp-auth.eml", ["SMTP log-on (mechanism 07)"]),
    ],
)
def test_explain_says_it_on_a_screen(file: str, words: list[str]) -> None:
    """The command's screen names the reading, the values or what is missing, and what the sender proof would say."""
    result = CliRunner().invoke(command, ["--config", str(ROOT / "config/approvald.toml"), str(OPEN / file)])
    assert result.exit_code == 0
    assert [word for word in words if word not in result.output] == []


def test_explain_says_it_as_json() -> None:
    """With --json the command prints one object that always has the same keys."""
    arguments = [
        "--config",
        str(ROOT / "config/approvald.toml"),
        "--json",
        "--item-class",
        "IPM.Schedule.Meeting.Request",
    ]
    result = CliRunner().invoke(command, [*arguments, str(OPEN / "001-outlook-en.eml")])
    explanation = json.loads(result.output)
    assert list(explanation) == KEYS
    assert explanation == {**dict.fromkeys(KEYS), "reading": "auto_mail", "why": "item class"}
