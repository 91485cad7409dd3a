"""A confirmation whose answer was lost is read from PVWA and told, whatever becomes of its mail meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from approvald import config
from approvald.errors import OutcomeUnknown, System, Unavailable
from approvald.ledger import tables
from approvald.ledger.challenges import Challenge, Challenges
from approvald.ledger.entries import State
from approvald.model import Folder, Level
from fakes.house import ILKA, House

CONFIGURATION = Path(__file__).parents[2] / "config" / "approvald.toml"
LOST = OutcomeUnknown("the answer was lost")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, config.load(CONFIGURATION))


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
    house.known_away.clear()
    house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "list and record contradict each other"), times=None)
    rounds(house)
    assert len(house.alarms("a mail waits")) == 1


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
