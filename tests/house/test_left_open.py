"""A confirmation whose answer was lost is read from PVWA and told, whatever becomes of its mail meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from approvald.config.load import load
from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.model import Folder, Level
from approvald.core.ports import Accepted
from approvald.ledger import tables
from approvald.ledger.challenges import Challenge, Challenges
from approvald.ledger.entries import State
from fakes.house import ILKA, MARA, House
from fakes.pvwa import Permit
from places import SHIPPED

LOST = OutcomeUnknown("the answer was lost")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


def outcomes(house: House) -> list[str]:
    """Return what became of each intent."""
    with house.store.look() as connection:
        return list(connection.scalars(sa.select(tables.confirmations.c.outcome)))


def told(house: House) -> list[str]:
    """Return what Ilka was sent, by the beginning of its subject."""
    return [reply.subject.split(":")[0] for reply in house.mailbox.sent if reply.to == (ILKA,)]


def rounds(house: House, count: int = 6) -> None:
    """Poll so many times, 100 s apart."""
    for _ in range(count):
        house.clock.turn(100)
        house.round()


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_mail_that_is_taken_away_meanwhile_is_settled_first(house: House, *, after_effect: bool) -> None:
    """What PVWA shows is told and written down; what it does not show leaves nothing open behind."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST, after_effect=after_effect)
    house.round()
    house.mailbox.move(item, Folder.DONE)
    rounds(house)
    assert outcomes(house) == (["confirmed"] if after_effect else ["not_done"])
    assert told(house) == (["Approved"] if after_effect else [])
    assert house.mails.unfiled() == []


def test_a_mail_that_was_taken_away_stops_no_other_mail(house: House) -> None:
    """An error nobody expected holds that one mail up, as it would if it were still there."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST)
    house.round()
    house.mailbox.move(item, Folder.DONE)
    house.pvwa.fail("details", RuntimeError("an error nobody expected"))
    house.clock.turn(100)
    house.round()
    assert outcomes(house) == ["open"]
    house.forward(house.ask("DB-PROD-02_18"))
    rounds(house, 2)
    assert sorted(outcomes(house)) == ["confirmed", "not_done"]


def test_a_mail_that_was_taken_away_waits_as_long_as_it_has_to(house: House) -> None:
    """PVWA may be at work on its confirmation for a minute: it is not asked for again every second."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST)
    house.round()
    house.mailbox.move(item, Folder.DONE)
    house.clock.turn(10)
    house.round()
    [entry] = house.mails.unfiled()
    assert entry.retry_at is not None
    assert (entry.retry_at - house.clock.now()).total_seconds() >= 45


def test_a_mail_that_is_moved_away_and_back_is_told_what_was_done(house: House) -> None:
    """The attempt that confirmed is answered so; moved back by hand, the mail is one more attempt, too late."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST, after_effect=True)
    house.round()
    house.mailbox.move(house.mailbox.move(item, Folder.DONE), None)
    rounds(house)
    assert outcomes(house) == ["confirmed"]
    assert told(house) == ["Approved", "Already approved"]
    assert len(house.pvwa.attempts) == 1


def test_nothing_is_given_up_while_nobody_can_tell(house: House) -> None:
    """PVWA is away: the mail is not there any more, and its confirmation stays open until PVWA is read."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST, after_effect=True)
    house.round()
    house.mailbox.move(item, Folder.DONE)
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"), times=None)
    rounds(house)
    assert outcomes(house) == ["open"]
    house.pvwa.recover()
    rounds(house)
    assert (outcomes(house), told(house)) == (["confirmed"], ["Not decided yet", "Approved"])


def test_a_mail_that_asks_for_a_code_now_stays_one_that_may_have_confirmed(house: House) -> None:
    """The policy changed while the answer was lost: what was confirmed is found all the same."""
    request = house.ask()
    house.forward(request)
    house.pvwa.fail("confirm", LOST, after_effect=True)
    house.round()
    [entry] = house.mails.unfiled()
    Challenges(house.store).open(
        Challenge(
            ledger_id=entry.id, request_id=request.request_id, created=request.created, level=Level.FIRST,
            approver_guid="some guid",
        )
    )  # fmt: skip
    assert house.mails.unfiled()[0].state is State.CONFIRMING
    rounds(house)
    assert (outcomes(house), told(house)) == (["confirmed"], ["Approved"])


def test_a_long_wait_for_a_system_that_is_not_away_is_told(house: House) -> None:
    """As where PVWA's list and its record contradict each other: no outage is known, so this alarm is the only one."""
    request = house.ask()
    house.forward(request)
    house.pvwa.listed_but_absent.add(request.request_id)
    rounds(house)
    assert len(house.alarms("a mail is waiting")) == 1


def test_an_answer_from_before_the_ledger_was_set_back_is_not_sent_again(house: House) -> None:
    """The mail is decided in the ledger and not in the Inbox: Sent Items are asked whether it was answered."""
    house.forward(house.ask())
    house.round()
    assert told(house) == ["Approved"]
    with house.store.begin() as connection:  # as an older copy of the ledger has it
        connection.execute(tables.mails.update().values(state=State.OUTCOME, filed_at=None, filed_item_id=None))
    rounds(house)
    assert told(house) == ["Approved"]
    assert house.mails.unfiled() == []


def test_a_clock_that_was_ahead_lets_no_mail_wait_for_days(house: House) -> None:
    """A pause that ends days from now is none, and neither is a sending of days from now still under way."""
    house.clock.turn(2 * 24 * 3600)
    house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"))
    house.round()
    house.clock.turn(-2 * 24 * 3600)
    house.round()
    assert told(house) == ["Approved"]


@pytest.mark.parametrize("call", ["confirm", "send"])
def test_what_was_sent_while_the_clock_was_ahead_settles_in_time(house: House, call: str) -> None:
    """Its answer was lost: from when the clock is right it counts anew."""
    house.forward(house.ask())
    house.clock.turn(2 * 24 * 3600)
    if call == "confirm":
        house.pvwa.fail("confirm", LOST)
    else:
        house.mailbox.lose_answers = 1
    house.round()
    house.clock.turn(-2 * 24 * 3600)
    for _ in range(5):
        house.round()
        house.clock.turn(50)
    assert told(house) == ["Approved"]
    assert len(house.pvwa.confirmations) == 1


class Gateway:
    """Something in front of PVWA that says yes by itself: what it took never comes to PVWA. `sent`: how often."""

    def __init__(self, house: House, *, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._meanwhile = meanwhile
        self.sent = 0
        house.pvwa.before_confirming = self

    def __call__(self, permit: Permit) -> Accepted:
        """Take one."""
        if permit is not None:
            permit()
        self.sent += 1
        self._meanwhile()
        return Accepted()


def test_a_mail_that_is_moved_away_and_back_at_once_is_decided_when_nothing_was_done(house: House) -> None:
    """While its first item is not settled nobody knows whether the second is an attempt or a copy: it waits."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST)
    house.round()
    house.mailbox.move(house.mailbox.move(item, Folder.DONE), None)
    house.clock.turn(5)
    house.round()
    assert told(house) == []
    rounds(house)
    assert (told(house), sorted(outcomes(house))) == (["Approved"], ["confirmed", "not_done"])


def test_a_copy_of_a_mail_whose_answer_was_lost_is_told_nothing(house: House) -> None:
    """It waits until the first one is told, and is a copy then as it was before."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST, after_effect=True)
    house.round()
    house.mailbox.copy(item)
    house.clock.turn(5)
    house.round()
    rounds(house)
    assert (told(house), outcomes(house), house.mails.unfiled()) == (["Approved"], ["confirmed"], [])


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_mail_that_cannot_be_fetched_any_more_is_settled_first(house: House, *, after_effect: bool) -> None:
    """Exchange says that it is broken: what it has confirmed is told all the same, and nothing stays open."""
    item = house.forward(house.ask())
    house.pvwa.fail("confirm", LOST, after_effect=after_effect)
    house.round()
    house.mailbox.poison.add(item)
    rounds(house)
    assert outcomes(house) == (["confirmed"] if after_effect else ["not_done"])
    assert told(house) == (["Approved"] if after_effect else ["Not approved"])


def test_what_nobody_may_read_is_neither_done_nor_undone(house: House) -> None:
    """The accounts lost their right for a while: the mail waits, and what PVWA shows then is told."""
    request = house.ask()
    house.forward(request)
    house.pvwa.fail("confirm", LOST, after_effect=True)
    house.round()
    request.forbidden_to = frozenset(Level)
    rounds(house, 2)
    assert (outcomes(house), told(house)) == (["open"], [])
    request.forbidden_to = frozenset()
    rounds(house, 2)
    assert (outcomes(house), told(house)) == (["confirmed"], ["Approved"])


def test_what_was_taken_and_nobody_may_read_is_not_sent_again(house: House) -> None:
    """By no other mail either, once the accounts have their right back."""
    request, gateway = house.ask(), Gateway(house)
    house.forward(request)
    house.round()
    request.forbidden_to = frozenset(Level)
    rounds(house, 2)
    request.forbidden_to = frozenset()
    house.forward(request, MARA)
    rounds(house, 2)
    assert (gateway.sent, outcomes(house)) == (1, ["open"])


def test_what_was_taken_and_is_gone_is_done(house: House) -> None:
    """PVWA took it, could not be read, and has no record of the request any more: as if it was read at once."""
    request = house.ask()
    house.forward(request)
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"), skip=1)
    house.round()
    house.pvwa.delete(request.request_id)
    rounds(house, 2)
    assert (outcomes(house), told(house)) == (["confirmed"], ["Approved"])


class Killed(BaseException):
    """kill -9."""


@pytest.mark.parametrize("end", [Killed(), RuntimeError("an error nobody expected")], ids=["killed", "an error"])
def test_what_was_taken_is_written_down_before_it_is_read_back(house: House, end: BaseException) -> None:
    """The program ends while it reads what PVWA made of it: nothing is sent a second time."""
    gateway = Gateway(house)
    house.forward(house.ask())
    house.pvwa.fail("details", end, skip=1)
    try:
        house.round()
    except Killed:
        house.crash()
    rounds(house, 3)
    assert (gateway.sent, outcomes(house)) == (1, ["open"])


def test_the_act_of_somebody_else_is_not_told_as_ours(house: House) -> None:
    """Something in front of PVWA said yes by itself, and in that second somebody approved in the portal."""
    request = house.ask()
    Gateway(house, meanwhile=lambda: house.pvwa.act_in_portal(request.request_id, "mara.voss"))
    house.forward(request)
    rounds(house, 3)
    assert (outcomes(house), told(house)) == (["not_done"], ["Already approved"])
