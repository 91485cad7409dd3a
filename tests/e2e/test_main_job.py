"""The main job on real processes and real protocols: what PVWA took, what approvers were told, where mails went."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from approvald_sandbox.world.mails import forwarded, forwarded_as_attachment, out_of_office
from e2e.stage import TEAM, Seen, Stage

ILKA, MARA, DARIO = "ilka.brandt@corp.example", "mara.voss@corp.example", "dario.conti@corp.example"
RHEA, TIMO, JONAS = "rhea.malik@corp.example", "timo.gast@corp.example", "jonas.keil@corp.example"


def test_a_first_level_mail_becomes_one_confirmation(house: Stage) -> None:
    """A team approver's mail is confirmed once, by the level-1 account, with the sender in the comment."""
    notice = house.new_request()

    seen = house.see(forwarded(notice, ILKA))

    assert (seen.folder, seen.code) == ("Done", "confirmed")
    assert house.votes(notice) == [("svc-pam-l1", 1)]
    assert house.attempts_at(notice) == 1
    assert re.fullmatch(rf"Approved on behalf of {ILKA} \(approvald [a-z0-9]{{12}}\)", house.comments()[-1])
    [reply] = seen.replies
    assert (reply["to"], reply["cc"]) == ([ILKA], [])
    assert reply["subject"].startswith("Approved: ")


def test_a_second_level_mail_follows_the_first(house: Stage) -> None:
    """A request that needs two levels is confirmed by two people through two accounts."""
    notice = house.new_request(levels=2)

    first = house.see(forwarded(notice, ILKA))
    second = house.see(forwarded(notice, RHEA))

    assert (first.folder, second.folder) == ("Done", "Done")
    assert first.replies[0]["subject"].startswith("Approved (first level)")
    assert house.votes(notice) == [("svc-pam-l1", 1), ("svc-pam-l2", 2)]
    assert f"on behalf of {RHEA}" in house.comments()[-1]


def test_a_forward_as_attachment_counts_like_one_inline(house: Stage) -> None:
    """The notification may be attached to the approver's mail."""
    notice = house.new_request()

    assert house.see(forwarded_as_attachment(notice, ILKA)).folder == "Done"

    assert house.votes(notice) == [("svc-pam-l1", 1)]


def test_an_unknown_kind_of_note_is_read_as_a_note(house: Stage) -> None:
    """Add-ins and scanners give notes classes of their own; honest mails get through."""
    notice = house.new_request()

    seen = house.see(forwarded(notice, ILKA), item_class="IPM.Note.SMIME.Scanned")

    assert (seen.folder, seen.code) == ("Done", "confirmed")
    assert house.votes(notice) == [("svc-pam-l1", 1)]


@pytest.mark.parametrize(
    ("code", "sender", "fields"),
    [
        ("own_request", ILKA, {"requestor": ILKA}),
        ("not_an_approver", TIMO, {}),
        ("other_team", DARIO, {}),
        ("expired", ILKA, {"status": "expired"}),
        ("wrong_level", RHEA, {"levels": 2}),
        ("already_rejected", ILKA, {"status": "rejected"}),
        ("window_over", ILKA, {"access_from": -7200, "access_to": -3600}),
    ],
)
def test_a_refusal_confirms_nothing_and_names_its_check(
    house: Stage, code: str, sender: str, fields: dict[str, Any]
) -> None:
    """A refused mail never reaches Confirm; the sender reads the check, and the CyberArk team is in copy."""
    notice = house.new_request(**fields)

    seen = house.see(forwarded(notice, sender))

    assert (seen.folder, seen.code) == ("Refused", code)
    assert house.attempts_at(notice) == 0
    [reply] = seen.replies
    assert (reply["to"], reply["cc"]) == ([sender], [TEAM])
    assert code in reply["html"]


def test_a_request_that_is_gone_is_refused(house: Stage) -> None:
    """What PVWA does not know, and lists for neither account, has been deleted."""
    notice = house.new_request()
    house.sandbox.change_request(notice.safe, notice.number, delete=True)

    seen = house.see(forwarded(notice, ILKA))

    assert (seen.folder, seen.code) == ("Refused", "request_gone")


def test_the_late_approver_reads_who_approved_and_when(house: Stage) -> None:
    """The human in our own comment is named, with the time in the configured zone."""
    notice = house.new_request()
    house.see(forwarded(notice, ILKA))

    late = house.see(forwarded(notice, MARA))

    assert (late.folder, late.code) == ("Refused", "already_confirmed")
    said = rf"already approved by {ILKA} on \w+ \d+ \w+ \d{{4}} \d\d:\d\d CES?T"
    assert re.search(said, late.replies[0]["html"])
    assert house.attempts_at(notice) == 1


def test_an_edited_requestor_is_refused_as_altered(house: Stage) -> None:
    """Nothing typed into the mail weakens a check: PVWA's record says who asked."""
    notice = house.new_request(requestor=ILKA)

    seen = house.see(forwarded(replace(notice, requestor=JONAS), ILKA))

    assert (seen.folder, seen.code) == ("Refused", "altered")
    assert house.attempts_at(notice) == 0


def test_a_missing_detail_is_named(house: Stage) -> None:
    """The sender of an incomplete mail reads which line is missing."""
    notice = replace(house.new_request(), changes={"Request Id": None})

    seen = house.see(forwarded(notice, ILKA))

    assert (seen.folder, seen.code) == ("Refused", "incomplete")
    assert "the request id" in seen.replies[0]["html"]


def test_automatic_mail_and_chatter_are_ignored_silently(house: Stage) -> None:
    """Nobody answers a machine, and mails about something else are filed without a word."""
    notice = house.new_request()

    assert house.see(out_of_office(ILKA)) == Seen(folder="Ignored", code="automatic", replies=[])
    chatter = house.see(forwarded(notice, ILKA, subject="Lunch?"))
    assert chatter == Seen(folder="Ignored", code="not_a_request", replies=[])

    assert house.attempts_at(notice) == 0


def test_the_same_mail_twice_is_handled_once(house: Stage) -> None:
    """A second copy of an answered mail is put away."""
    notice = house.new_request()
    mail = forwarded(notice, ILKA)

    assert house.see(mail).folder == "Done"
    assert house.see(mail) == Seen(folder="Ignored", code="duplicate", replies=[])

    assert house.attempts_at(notice) == 1
