"""Every refusal on real processes: no Confirm, who is told, who is in copy, which folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.stage import TEAM, Seen, Stage

ILKA, MARA, RHEA = "ilka.brandt@corp.example", "mara.voss@corp.example", "rhea.malik@corp.example"
LEA, TOMAS, PRIYA = "lea.fontaine@corp.example", "tomas.ruiz@corp.example", "priya.nair@corp.example"
CONFIRM = "IncomingRequests.Confirm"
STATES: Sequence[tuple[str, dict[str, Any]]] = (
    ("sender_disabled", {"disabled": True}),
    ("sender_disabled", {"expired": True}),
    ("shared_mailbox", {"kind": "shared"}),
    ("linked_mailbox_unsupported", {"kind": "linked"}),
)


def assert_refused(stage: Stage, notice: Notice, seen: Seen, code: str, sender: str = ILKA) -> str:
    """Hold a refusal to its form: filed, one answer to the sender, team in copy, no Confirm. Returns the answer."""
    assert (seen.folder, seen.code) == ("Refused", code)
    assert [(reply["to"], reply["cc"]) for reply in seen.replies] == [([sender], [TEAM])]
    assert stage.attempts_at(notice) == 0
    assert code in seen.replies[0]["html"]
    return str(seen.replies[0]["html"])


def test_an_unproven_sender_is_put_away_without_a_word(house: Stage) -> None:
    """What Exchange does not vouch for is quarantined; nobody is answered, and an alarm stands in the log."""
    notice = house.new_request()
    mail = forwarded(notice, ILKA)

    for forged in (
        mail.replace(b"AuthAs: Internal", b"AuthAs: Anonymous"),
        mail.replace(b"AuthSource: EX01.corp.example", b"AuthSource: mail.evil.example"),
        mail.replace(b"X-MS-Exchange-Organization-AuthMechanism: 04", b"X-Nothing: 04"),
    ):
        assert forged != mail
        assert house.see(forged) == Seen(folder="Quarantine", code="sender_unproven", replies=[])

    assert house.attempts_at(notice) == 0
    assert [line["code"] for line in house.daemon.events("alarm")][-3:] == ["sender_unproven"] * 3


def test_a_mail_by_smtp_log_on_is_told_the_right_way(house: Stage) -> None:
    """Exchange knows the sender, but not by a way that proves enough: the answer names the ways that do."""
    notice = house.new_request()

    seen = house.see(forwarded(notice, ILKA).replace(b"AuthMechanism: 04", b"AuthMechanism: 07"))

    assert "Outlook" in assert_refused(house, notice, seen, "sender_route")


def test_nobody_approves_in_another_ones_name(house: Stage) -> None:
    """A delegate's mail names its author in From and the delegate in Sender: refused."""
    notice = house.new_request()

    seen = house.see(forwarded(notice, ILKA).replace(b"\nTo: pam", f"\nSender: <{MARA}>\nTo: pam".encode()))

    assert_refused(house, notice, seen, "on_behalf")


def test_a_sender_whom_the_directory_does_not_know(house: Stage) -> None:
    """A proven address without a person behind it approves nothing."""
    notice = house.new_request()
    house.sandbox.change_person("lea.fontaine", delete=True)

    assert_refused(house, notice, house.see(forwarded(notice, LEA)), "sender_unknown", LEA)


def test_an_address_of_two_people_proves_nobody(house: Stage) -> None:
    """One address at two objects of the directory: nobody knows which of them wrote."""
    notice = house.new_request()
    house.sandbox.change_person("priya.nair", proxy_addresses=[f"SMTP:{PRIYA}", f"smtp:{ILKA}"])

    assert_refused(house, notice, house.see(forwarded(notice, ILKA)), "sender_ambiguous")


@pytest.mark.parametrize(("code", "state"), STATES)
def test_a_person_who_may_not_act(house: Stage, code: str, state: dict[str, Any]) -> None:
    """Disabled or expired accounts, shared and linked mailboxes approve nothing, member of a team or not."""
    notice = house.new_request()
    house.sandbox.change_person("ilka.brandt", **state)

    assert_refused(house, notice, house.see(forwarded(notice, ILKA)), code)


def test_two_safes_in_one_mail_are_ambiguous(house: Stage) -> None:
    """A second distinct value of a core field is never chosen from."""
    notice = house.new_request()

    seen = house.see(forwarded(notice, ILKA, note="Safe: DB-PROD-02"))

    assert_refused(house, notice, seen, "ambiguous")


def test_mails_over_a_limit_are_unreadable(house: Stage) -> None:
    """A text too long to read, and an item too large to fetch, are answered and not guessed at."""
    notice = house.new_request()
    line = b"All work and no play makes this a dull line.\n"
    for lines in (24_000, 115_000):
        mail = forwarded(notice, ILKA).replace(b"Fine from my side.\n", line * lines, 1)
        assert_refused(house, notice, house.see(mail), "unreadable")


def test_a_mail_from_four_days_ago_is_stale(house: Stage) -> None:
    """A forwarded mail is good for three days; the answer asks to forward it again."""
    notice = house.new_request()

    seen = house.see(forwarded(notice, ILKA), received=datetime.now(UTC) - timedelta(days=4))

    assert "orward" in assert_refused(house, notice, seen, "stale")


def test_a_safe_that_neither_account_may_see(house: Stage) -> None:
    """403 for both accounts is an account without rights, not a request that is gone."""
    house.sandbox.change_safe("DB-PROD-09", level1=["Vault Admins"], level2=["Vault Admins"])
    notice = house.new_request("DB-PROD-09")

    assert_refused(house, notice, house.see(forwarded(notice, ILKA)), "not_visible")


def test_confirmers_that_fit_no_group_of_the_directory(house: Stage) -> None:
    """Where PVWA names a group nobody has mapped, nobody approves; the team reads which one."""
    house.sandbox.change_safe("DB-PROD-10", level1=["Vault Admins"])
    house.sandbox.change_group("Vault Admins", members=["svc-pam-l1"])
    notice = house.new_request("DB-PROD-10")

    seen = house.see(forwarded(notice, ILKA))

    house.sandbox.change_group("Vault Admins", delete=True)
    assert_refused(house, notice, seen, "confirmers_unmapped")


def test_nobody_gives_both_levels(house: Stage) -> None:
    """A person in a team and in the second-level group gives one level only."""
    house.sandbox.change_group("L2_PAMapprover", members=[RHEA, ILKA])
    notice = house.new_request(levels=2)

    assert house.see(forwarded(notice, ILKA)).code == "confirmed"
    seen = house.see(forwarded(notice, ILKA))

    assert (seen.folder, seen.code) == ("Refused", "same_person_twice")
    assert house.votes(notice) == [("svc-pam-l1", 1)]
    assert house.attempts_at(notice) == 1


def test_two_accounts_of_one_human_do_not_give_both_levels(house: Stage) -> None:
    """Four eyes are two people: accounts joined by the link attribute are one."""
    house.sandbox.change_group("L2_PAMapprover", members=[RHEA, TOMAS])
    for sam in ("ilka.brandt", "tomas.ruiz"):
        house.sandbox.change_person(sam, employee_id="4711")
    notice = house.new_request(levels=2)

    assert house.see(forwarded(notice, ILKA)).code == "confirmed"
    seen = house.see(forwarded(notice, TOMAS))

    assert (seen.folder, seen.code) == ("Refused", "same_person_twice")
    assert house.votes(notice) == [("svc-pam-l1", 1)]


def test_a_request_of_ones_own_second_account(house: Stage) -> None:
    """The requestor's account and the approver's are joined by the link attribute: their own request."""
    for sam in ("ilka.brandt", "priya.nair"):
        house.sandbox.change_person(sam, employee_id="4711")
    notice = house.new_request(requestor=PRIYA)

    assert_refused(house, notice, house.see(forwarded(notice, ILKA)), "own_request")


def test_a_requestor_whom_the_directory_does_not_know(house: Stage) -> None:
    """Nobody can say that requestor and approver are two people: refused, and the words say why."""
    notice = house.new_request(requestor=LEA)
    house.sandbox.change_person("lea.fontaine", delete=True)

    assert_refused(house, notice, house.see(forwarded(notice, ILKA)), "requestor_unknown")


def test_a_team_has_one_vote(house: Stage) -> None:
    """Where two confirmers are needed, the team's second approver reads who gave the team's vote, and when."""
    notice = house.new_request(confirmers_needed=2)

    first = house.see(forwarded(notice, ILKA))
    second = house.see(forwarded(notice, MARA))

    assert (first.code, first.replies[0]["subject"].partition(":")[0]) == (
        "confirmed",
        "Approved (more confirmations needed)",
    )
    assert "1 more confirmation" in first.replies[0]["html"]
    assert (second.folder, second.code) == ("Refused", "needs_other_confirmer")
    assert f"came from {ILKA} on " in second.replies[0]["html"]
    assert house.votes(notice) == [("svc-pam-l1", 1)]
    assert house.attempts_at(notice) == 1


def test_what_pvwa_forbids_is_told_in_its_words(house: Stage) -> None:
    """A Confirm that PVWA forbids is tried once; an error of its own twice at most, and nothing is counted."""
    forbidden, failing = house.new_request(), house.new_request()

    house.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.STATUS, status=403, operation=f"{CONFIRM} ", times=1))
    seen = house.see(forwarded(forbidden, ILKA))
    assert (seen.folder, seen.code, seen.replies[0]["cc"]) == ("Refused", "not_permitted", [TEAM])
    assert (house.attempts_at(forbidden), house.votes(forbidden)) == (1, [])

    house.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.STATUS, status=500, operation=f"{CONFIRM} "))
    seen = house.see(forwarded(failing, ILKA))
    assert (seen.folder, seen.code, seen.replies[0]["cc"]) == ("Refused", "pvwa_refused", [TEAM])
    assert "unexpected error" in seen.replies[0]["html"]
    assert (house.attempts_at(failing), house.votes(failing)) == (2, [])


@pytest.mark.parametrize(
    ("code", "item_class", "header"),
    [
        ("automatic", "REPORT.IPM.Note.NDR", ""),
        ("automatic", "IPM.Schedule.Meeting.Request", ""),
        ("automatic", "IPM.Note.Rules.OofTemplate.Microsoft", ""),
        ("automatic", "IPM.Note", "Auto-Submitted: auto-generated"),
        ("automatic", "IPM.Note", "List-Id: <all.corp.example>"),
        ("automatic", "IPM.Note", "Precedence: bulk"),
        ("rule_forward", "IPM.Note", "X-MS-Exchange-Inbox-Rules-Loop: ilka.brandt@corp.example"),
        ("rule_forward", "IPM.Note", "X-MS-Exchange-Organization-AutoForwarded: true"),
    ],
)
def test_machines_are_not_answered(house: Stage, code: str, item_class: str, header: str) -> None:
    """What no human sent is put away, a notification in it or not; the owner of a rule gets one note a day."""
    notice = house.new_request()
    mail = forwarded(notice, ILKA)
    marked = mail.replace(b"\nTo: pam", f"\n{header}\nTo: pam".encode(), 1) if header else mail

    seen = house.see(marked, item_class=item_class)

    assert (seen.folder, seen.code) == ("Ignored", code)
    assert [reply["to"] for reply in seen.replies] in ([[], [[ILKA]]] if code == "rule_forward" else [[]])
    assert house.attempts_at(notice) == 0
