"""Sites differ, and nobody outside CyberArk knows how: under every profile honest mails get through or wait.

Each test holds what PVWA took against what ought to have happened: one vote a level, by the right account.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.stage import TEAM, Stage

ILKA, MARA, RHEA = "ilka.brandt@corp.example", "mara.voss@corp.example", "rhea.malik@corp.example"
FIRST, SECOND = ("svc-pam-l1", 1), ("svc-pam-l2", 2)
CONFIRM = "IncomingRequests.Confirm"


def both_levels(house: Stage, notice: Notice) -> None:
    """Play an honest request through both levels, and hold what PVWA took against it."""
    first = house.see(forwarded(notice, ILKA))
    assert (first.folder, first.code) == ("Done", "confirmed")
    assert first.replies[0]["subject"].startswith("Approved (first level)")
    second = house.see(forwarded(notice, RHEA))
    assert (second.folder, second.code) == ("Done", "confirmed")
    assert second.replies[0]["subject"].startswith("Approved: ")
    late = house.see(forwarded(notice, MARA))
    assert (late.folder, late.code) == ("Refused", "already_confirmed")

    assert house.votes(notice) == [FIRST, SECOND]
    assert house.attempts_at(notice) == 2
    for comment, sender in zip(house.comments()[-2:], (ILKA, RHEA), strict=True):
        assert comment.startswith(f"Approved on behalf of {sender} (approvald ")


@pytest.mark.parametrize(
    "profile",
    [
        {"level2_blind_to_level1": True},
        {"confirmer_names": "domain", "requestor_names": "domain"},
        {"confirmer_names": "upn", "requestor_names": "upn"},
        {"one_call_per_token": True},
        {"token_shape": "object", "token_length": 244},
        {"sticky_nodes": True},
        {"members": "all"},
        {"list_confirmers": "current"},
        {"handled_hidden": True},
        {"status_map": "b"},
        {"no_access_answer": "500"},
        {"members": "all", "list_confirmers": "current", "status_map": "b", "level2_blind_to_level1": True},
    ],
    ids=lambda profile: "+".join(f"{key}={value}" for key, value in profile.items()),
)
def test_an_honest_request_goes_through_both_levels(house: Stage, profile: dict[str, Any]) -> None:
    """However this PVWA shows names, members, levels and numbers, both levels are confirmed once."""
    house.sandbox.change_profile(**profile)
    house.sandbox.end_pvwa_sessions()

    both_levels(house, house.new_request(levels=2))


def test_a_second_level_approver_who_is_early(house: Stage) -> None:
    """A level-2 account that does not see level 1 yet: the request waits for level 1, and is not called gone."""
    house.sandbox.change_profile(level2_blind_to_level1=True)
    notice = house.new_request(levels=2)

    early = house.see(forwarded(notice, RHEA))

    assert (early.folder, early.code) == ("Refused", "wrong_level")
    assert house.attempts_at(notice) == 0
    both_levels(house, notice)


def test_one_level_whose_only_confirmer_is_the_second_level_group(house: Stage) -> None:
    """There the second-level group counts at level 1, with its own account; a team approver does not."""
    house.sandbox.change_profile(single_level_second_group=True)
    notice = house.new_request()

    other = house.see(forwarded(notice, ILKA))
    seen = house.see(forwarded(notice, RHEA))

    assert (other.folder, other.replies[0]["cc"]) == ("Refused", [TEAM])
    assert other.code in {"other_team", "wrong_level"}
    assert (seen.folder, seen.code) == ("Done", "confirmed")
    assert seen.replies[0]["subject"].startswith("Approved: ")
    assert house.votes(notice) == [("svc-pam-l2", 1)]
    assert house.attempts_at(notice) == 1


def test_two_confirmers_needed_by_policy(house: Stage) -> None:
    """The first vote says one more is needed; the same team's second approver learns who gave the team's vote."""
    house.sandbox.change_profile(confirmers_needed=2, members="all")
    notice = house.new_request()

    first = house.see(forwarded(notice, ILKA))
    second = house.see(forwarded(notice, MARA))

    assert first.code == "confirmed"
    assert "1 more confirmation" in first.replies[0]["html"]
    assert (second.folder, second.code) == ("Refused", "needs_other_confirmer")
    assert f"came from {ILKA} on " in second.replies[0]["html"]
    assert house.votes(notice) == [FIRST]


def test_two_teams_give_the_two_votes_that_are_needed(house: Stage) -> None:
    """Two groups have a vote each, but one account votes once: the second vote is to be given in PVWA."""
    house.sandbox.change_safe("INF-DB", level1=["DB_PAMapprover", "Infra_PAMapprover"])
    notice = house.new_request("INF-DB", confirmers_needed=2)

    first = house.see(forwarded(notice, ILKA))
    second = house.see(forwarded(notice, "dario.conti@corp.example"))

    assert first.code == "confirmed"
    assert (second.folder, second.code) == ("Refused", "needs_other_confirmer")
    assert house.votes(notice) == [FIRST]


def test_an_upgrade_window(house: Stage) -> None:
    """While every route answers web pages, mails wait in the Inbox and nobody is told no; then they are confirmed."""
    waiting, gone = house.new_request(), house.new_request()
    house.sandbox.change_request(gone.safe, gone.number, delete=True)
    house.sandbox.change_profile(upgrade_window=True)
    before, sent, told = house.filed(), len(house.sandbox.sent()), house.waits()

    house.sandbox.deliver(forwarded(waiting, ILKA))
    house.sandbox.deliver(forwarded(gone, MARA))
    house.until(lambda: house.waits() >= told + 4)

    assert house.filed() == before
    assert len(house.sandbox.mailbox()["Inbox"]) == 2
    assert len(house.sandbox.sent()) == sent
    house.sandbox.change_profile(upgrade_window=False)
    house.wait_until_filed(before, 2)
    assert {reply["to"][0]: reply["subject"].partition(":")[0] for reply in house.sandbox.sent()[sent:]} == {
        ILKA: "Approved",
        MARA: "Not approved",
    }
    assert (house.votes(waiting), house.attempts_at(gone)) == ([FIRST], 0)


def test_a_session_that_idled_out_between_two_mails(house: Stage) -> None:
    """A dead token is renewed and the mail goes through, with one Confirm."""
    assert house.see(forwarded(house.new_request(), ILKA)).code == "confirmed"
    logons = len(house.sandbox.journal("Logon"))
    house.sandbox.change_profile(idle_timeout_seconds=0.2)
    time.sleep(1.3)  # PVWA counts whole seconds

    notice = house.new_request()
    assert house.see(forwarded(notice, ILKA)).code == "confirmed"

    assert house.votes(notice) == [FIRST]
    assert house.attempts_at(notice) == 1
    assert len(house.sandbox.journal("Logon")) > logons


@pytest.mark.parametrize(
    ("answer", "status_map"), [("500", "a"), ("409", "b"), ("404", "a"), ("403", "b"), ("500html", "a")]
)
def test_somebody_else_was_faster(house: Stage, answer: str, status_map: str) -> None:
    """A request closed between reading and confirming is `already_confirmed`, whatever PVWA answers to the Confirm."""
    house.sandbox.change_profile(closed_answer=answer, status_map=status_map)
    notice = house.new_request()
    house.sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.SLOW, seconds=0.6, operation=f"{CONFIRM} ", times=1))

    with ThreadPoolExecutor(1) as pool:
        seeing = pool.submit(house.see, forwarded(notice, ILKA))
        house.until(lambda: house.attempts_at(notice) == 1)
        house.sandbox.change_request(
            notice.safe, notice.number, status="confirmed", confirmed_by={"user": "mara.voss", "full_name": "Mara Voss"}
        )
        seen = seeing.result()

    assert (seen.folder, seen.code) == ("Refused", "already_confirmed")
    assert "Mara Voss" in seen.replies[0]["html"]
    assert [reply["cc"] for reply in seen.replies] == [[TEAM]]
    assert house.votes(notice) == []
