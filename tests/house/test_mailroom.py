"""Rounds over the Inbox on fakes: nothing lost, nothing twice, and as few requests as can be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.errors import OutcomeUnknown, System, Unavailable, Unreadable
from approvald.core.model import Folder
from fakes.directory import make_person
from fakes.house import ILKA, MARA, RHEA, House
from places import SHIPPED


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


def test_an_honest_mail_is_confirmed_answered_and_filed_in_one_round(house: House) -> None:
    """One listing, one fetch, one sending, one move."""
    house.forward(house.ask())

    house.round()

    assert len(house.pvwa.confirmations) == 1
    assert [reply.to for reply in house.mailbox.sent] == [(ILKA,)]
    assert len(house.mailbox.folder(Folder.DONE)) == 1
    assert house.mailbox.requests == ["list_inbox", "fetch", "send", "file"]


def test_fifty_mails_cost_no_more_requests_than_one(house: House) -> None:
    """The mails of a round are fetched, answered and filed together."""
    for number in range(50):
        house.forward(house.ask(f"DB-PROD-01_{number + 1}"))

    house.round()

    assert len(house.mailbox.folder(Folder.DONE)) == 50
    assert house.mailbox.requests == ["list_inbox", "fetch", "send", "file"]


def test_a_stop_lets_no_new_mail_begin(house: House) -> None:
    """Once told to stop, the mailroom begins nothing; the mail stays in the Inbox."""
    house.forward(house.ask())

    house.round(stopping=True)

    assert house.pvwa.attempts == []
    assert len(house.mailbox.folder(None)) == 1


@pytest.mark.parametrize("crash", [True, False])
def test_a_lost_answer_to_a_confirmation_is_settled_by_reading(house: House, *, crash: bool) -> None:
    """PVWA took it and the answer was lost: the mail waits, PVWA is read, nothing is sent again."""
    house.forward(house.ask())
    house.pvwa.fail("confirm", OutcomeUnknown("lost"), after_effect=True)

    house.round()
    assert house.mailbox.sent == []
    if crash:
        house.crash()
    house.clock.turn(2)
    house.round()

    assert len(house.pvwa.attempts) == 1
    assert house.mailbox.sent[0].subject.startswith("Approved")
    assert len(house.mailbox.folder(Folder.DONE)) == 1


def test_a_confirmation_that_never_arrived_is_sent_once_more(house: House) -> None:
    """PVWA, read when it must be done with what was sent, still waits: the same mail confirms, once."""
    house.forward(house.ask())
    house.pvwa.fail("confirm", OutcomeUnknown("lost"))

    house.round()
    house.clock.turn(2)
    house.round()
    assert house.pvwa.confirmations == []
    house.clock.turn(66)
    house.round()

    assert len(house.pvwa.confirmations) == 1
    assert len(house.mailbox.sent) == 1


def test_a_lost_answer_to_a_reply_sends_nothing_twice(house: House) -> None:
    """The marker is found in Sent Items, not before Exchange must be done with it; then the mail is filed."""
    house.forward(house.ask())
    house.mailbox.lose_answers = 1

    house.round()
    house.crash()
    house.round()
    assert "sent_markers" not in house.mailbox.requests
    house.clock.turn(40)
    house.round()

    assert len(house.mailbox.sent) == 1
    assert len(house.mailbox.folder(Folder.DONE)) == 1


def test_a_crash_after_the_outcome_still_answers(house: House) -> None:
    """The reply is made from the ledger; PVWA is not asked again."""
    house.forward(house.ask())
    house.mailbox.away_after = "fetch"
    with pytest.raises(Unavailable):
        house.round()
    calls = list(house.pvwa.calls)
    house.crash()
    house.mailbox.away_after = ""

    house.clock.turn(40)
    house.round()

    assert house.pvwa.calls == calls
    assert len(house.mailbox.sent) == 1
    assert len(house.mailbox.folder(Folder.DONE)) == 1


@pytest.mark.parametrize(
    "error", [Unreadable("odd"), RuntimeError("a bug")], ids=["an odd answer", "an error nobody expected"]
)
def test_one_mails_failure_stops_no_other(house: House, error: Exception) -> None:
    """What goes wrong with one mail holds that mail in the Inbox and nothing else."""
    house.forward(house.ask("DB-PROD-01_1"))
    house.forward(house.ask("DB-PROD-01_2"))
    house.pvwa.fail("details", error, times=1)  # a bug is no error of ours

    house.round()

    assert [attempt.request_id for attempt in house.pvwa.confirmations] == ["DB-PROD-01_2"]
    assert len(house.mailbox.folder(None)) == 1
    house.clock.turn(2)
    house.round()
    assert len(house.mailbox.folder(Folder.DONE)) == 2


def test_large_mails_are_fetched_in_several_requests(house: House) -> None:
    """No answer is asked for that could not come within the read limit: four megabytes at a time."""
    for number in range(3):
        house.forward(house.ask(f"DB-PROD-01_{17 + number}"), note="x" * 900_000)
    house.round()
    assert house.mailbox.requests.count("fetch") == 2
    assert len(house.mailbox.sent) == 3


def test_a_waiting_mail_is_not_fetched_before_its_time(house: House) -> None:
    """A mail that waits costs one line of the listing and nothing more."""
    house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"))
    house.round()

    before = house.mailbox.requests.count("fetch")
    house.round()

    assert house.mailbox.requests.count("fetch") == before


def test_a_poisoned_item_is_put_away_silently(house: House) -> None:
    """An item that Exchange cannot give out stops nobody and is answered to nobody."""
    house.mailbox.poison.add(house.forward(house.ask("DB-PROD-01_1")))
    house.forward(house.ask("DB-PROD-01_2"))

    house.round()

    assert len(house.mailbox.folder(Folder.REFUSED)) == 1
    assert len(house.mailbox.folder(Folder.DONE)) == 1
    assert len(house.mailbox.sent) == 1


def test_two_approvers_at_once_make_one_confirmation(house: House) -> None:
    """The second of two mails about one request hears who was first."""
    request = house.ask()
    house.forward(request, ILKA)
    house.forward(request, MARA)

    house.round()

    assert len(house.pvwa.attempts) == 1
    assert f"already approved by {ILKA}" in house.mailbox.sent[1].text


def _away(house: House) -> None:
    house.directory.error = Unavailable(System.DIRECTORY, "away")


def _exchange_away(house: House) -> None:
    house.mailbox.away = True


@pytest.mark.parametrize("fail", [_away, _exchange_away])
def test_an_outage_at_the_first_poll_loses_nothing(house: House, fail: Callable[[House], None]) -> None:
    """What is away at the start is back later, and the mail is confirmed then."""
    house.forward(house.ask())
    fail(house)
    with contextlib.suppress(Unavailable):
        house.round()
    house.directory.error = None
    house.mailbox.away = False
    house.clock.turn(61)

    house.round()

    assert len(house.mailbox.folder(Folder.DONE)) == 1


def _leaves_the_group(house: House) -> None:
    house.directory.groups["DB_PAMapprover"].members.remove("ilka.brandt")


def _is_away(house: House) -> None:
    house.directory.go_away()


@pytest.mark.parametrize("change", [_leaves_the_group, _is_away])
def test_what_was_confirmed_is_told_as_confirmed_whatever_has_changed_since(
    house: House, change: Callable[[House], None]
) -> None:
    """After a lost answer PVWA is read before anything else: nobody hears "not approved" of what was approved."""
    house.forward(house.ask())
    house.pvwa.fail("confirm", OutcomeUnknown("lost"), after_effect=True)
    house.round()
    change(house)
    house.clock.turn(2)
    house.round()
    house.directory.error = None
    house.clock.turn(61)
    house.round()

    assert [reply.subject.split(":")[0] for reply in house.mailbox.sent] == ["Approved"]
    assert len(house.pvwa.attempts) == 1


def test_a_refusal_waits_until_pvwa_is_done_with_a_lost_confirmation(house: House) -> None:
    """While PVWA may still be at work on it, nobody is told that nothing happened; afterwards it is written off."""
    house.forward(house.ask())
    house.pvwa.fail("confirm", OutcomeUnknown("lost"))
    house.round()
    _leaves_the_group(house)
    house.clock.turn(2)
    house.round()
    assert house.mailbox.sent == []

    house.clock.turn(120)
    house.round()

    assert house.mailbox.sent[0].subject.startswith("Not approved: you are not an approver")
    assert house.pvwa.confirmations == []


def test_the_portals_approver_of_level_one_is_known_by_all_their_accounts(house: House) -> None:
    """Level 1 given in the portal by adm-rhea, linked to Rhea: Rhea does not give level 2 by mail."""
    rhea = next(person for person in house.directory.people if person.account_name == "rhea.malik")
    house.directory.people.remove(rhea)
    house.directory.add(replace(rhea, link="1007"))
    house.directory.add(make_person("adm-rhea", "", link="1007"))
    request = house.ask(levels=2)
    house.pvwa.act_in_portal(request.request_id, "adm-rhea")

    house.forward(request, RHEA)
    house.round()

    assert house.pvwa.attempts == []
    assert "same_person_twice" in house.mailbox.sent[0].html


def test_the_ledger_knows_how_far_the_sender_was_proven(house: House) -> None:
    """Who approved, and how do you know: the proof that the proof reached stands beside the mail."""
    item = house.forward(house.ask())

    house.round()

    assert house.mails.entries([item])[item].proof == "Internal/04"


def test_a_group_made_while_the_daemon_runs_counts_at_once(house: House) -> None:
    """An approver of an older group acts for a new one: the groups are read again before anybody is refused."""
    house.forward(house.ask("DB-PROD-01_1"))
    house.round()
    house.directory.add_group("New_PAMapprover", "ilka.brandt")

    house.forward(house.ask("NEW-SAFE_2", level1=["New_PAMapprover"]))
    house.round()

    assert [attempt.request_id for attempt in house.pvwa.confirmations] == ["DB-PROD-01_1", "NEW-SAFE_2"]


def test_reading_the_groups_again_opens_no_door(house: House) -> None:
    """Somebody who is not in the new group is refused as before."""
    house.forward(house.ask("DB-PROD-01_1"))
    house.round()
    house.directory.add_group("New_PAMapprover", "mara.voss")

    house.forward(house.ask("NEW-SAFE_2", level1=["New_PAMapprover"]))
    house.round()

    assert len(house.pvwa.attempts) == 1
    assert "other_team" in house.mailbox.sent[-1].html
