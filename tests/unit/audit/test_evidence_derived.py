"""What an evidence folder says is made from the lines of the trail alone, and stays what it was over versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from approvald.audit.evidence import FORMAT, derived
from approvald.ledger.chain import GENESIS, Line, link

AT = "2026-11-27T07:00:00.000000+00:00"
PERSON = {"name": "Ilka Brandt\nNot approved", "guid": "4f6e"}
DECISION = {
    "approver": {"person": PERSON, "address": "ilka.brandt@corp.example", "proof": "Internal/04", "groups": []},
    "requestor": None, "pvwa": {"status": 1}, "checks": [{"verdict": "passed", "check": "own_team", "value": "yes"}],
    "policy_hash": "b" * 64, "version": "1.0", "mail_id": "m1", "request_id": "DB_1", "mail": {"received": AT},
}  # fmt: skip


def trail(*said: tuple[str, Mapping[str, object]]) -> list[Line]:
    """Chain lines."""
    lines, before = list[Line](), GENESIS
    for seq, (kind, event) in enumerate(said, start=1):
        lines.append(link(seq, AT, kind, event, before))
        before = lines[-1].hash
    return lines


LINES = trail(
    ("policy", {"policy_hash": "a" * 64}), ("policy", {"policy_hash": "b" * 64}), ("decision", DECISION),
    ("ending", {"code": "confirmed", "mail_id": "m1", "request_id": "DB_1", "attempt_of": None}),
    ("policy", {"policy_hash": "c" * 64}),
    ("forged", {"code": "sender_unproven", "mail_id": "m2", "why": "Anonymous", "mail": {"headers": [["From", "x"]]}}),
    ("refusal", {"code": "not_an_approver", "mail_id": "m3"}),
    ("shadow", {"would_end_as": "confirmed", "mail_id": "s1", "decision": DECISION}),
)  # fmt: skip


def test_the_rules_are_those_in_force_at_the_decision() -> None:
    """Neither earlier nor later ones."""
    assert json.loads(derived(LINES)["policy.json"]) == {"policy_hash": "b" * 64}


def test_no_name_writes_a_line_of_its_own() -> None:
    """Names come from the directory and from PVWA; the page is one line for each fact."""
    page = derived(LINES)["summary.txt"].decode().splitlines()
    assert page[:3] == ["Request DB_1", "", f"Mail m1, received {AT}: ended as confirmed"]
    assert "  Approver (human): Ilka Brandt?Not approved, ilka.brandt@corp.example, objectGUID 4f6e" in page


def test_what_was_not_decided_says_why_and_where_from() -> None:
    """And what shadow mode decided is not taken for something done."""
    page = derived(LINES)["summary.txt"].decode()
    assert "ended as sender_unproven\n  It ended before there was anything to decide.\n  Reason: Anonymous\n" in page
    assert "  From: x\n" in page
    assert "  Reason: not_an_approver\n" in page
    assert "Mail s1, received unknown: would have ended as confirmed; shadow mode, so nothing was done\n" in page
    assert page.count("Approver (human)") == 2
    files = derived(LINES)
    assert [len(json.loads(files[name])) for name in ("decisions.json", "pvwa_before.json", "shadow.json")] == [1, 1, 1]
    mails = {mail["ledger_id"]: mail for mail in json.loads(files["mails.json"])}
    assert (mails["s1"]["ended_as"], mails["s1"]["would_have_ended_as"]) == (None, "confirmed")


def test_what_is_made_does_not_change_within_a_format() -> None:
    """Evidence of years ago is checked by making its files anew: whoever changes them raises FORMAT and these."""
    made = derived(LINES)
    digest = hashlib.sha256(b"".join(name.encode() + made[name] for name in sorted(made))).hexdigest()
    assert (FORMAT, digest[:16]) == (3, "f7650bbe69d8d577")
