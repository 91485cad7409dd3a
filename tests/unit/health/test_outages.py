"""A system that fails is left alone for a while; its outage is told once, its end once, over restarts too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.clock import Patience
from approvald.core.errors import AuthenticationFailed, LedgerAway, OutcomeUnknown, System, Unavailable
from approvald.health.health import Health
from approvald.ledger import tables
from approvald.ledger.entries import State
from approvald.ledger.letters import Letters
from approvald.ledger.mails import Mails
from approvald.ledger.outages import OutageBook
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from places import SHIPPED
from unit.ledger.test_ledger import listed

PATIENCE = Patience(tell_after=timedelta(minutes=5), chance=lambda: 0.0)
AWAY = Unavailable(System.PVWA, "PVWA did not answer")


class Site:
    """One ledger, one breaker for PVWA. `restart` builds anew what lives in the process."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.folder = path.parent
        self.clock = FakeClock()
        self.store = Store(f"sqlite:///{path}", self.clock)
        self.store.open()
        self.mails = Mails(self.store)
        self.asked = 0
        self.settings = settings
        self.letters = Letters(self.store, longest_work=timedelta(seconds=35))
        self.restart()

    def restart(self) -> None:
        """Start the program again."""
        health = Health(self.settings, self.store, chance=PATIENCE.chance)
        self.desk, self.outages, self.breaker = health.alarms, health.outages, health.breakers.breaker(System.PVWA)

    def ask(self, error: Exception | None = None) -> bool:
        """Ask PVWA, which answers with this error. Returns whether it was really asked."""
        before = self.asked
        try:
            with self.breaker.call():
                self.asked += 1
                if error is not None:
                    raise error
        except (Unavailable, OutcomeUnknown, ValueError):
            pass
        return self.asked > before

    def alarms(self) -> list[str]:
        """Return the subjects of the mails that the team was written."""
        self.desk.write_letters()
        return [letter.text.subject for letter in self.letters.due()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site where all is well."""
    made = Site(tmp_path / "ledger.db", load(SHIPPED))
    yield made
    made.store.close()


def test_one_failure_keeps_nobody_from_asking(site: Site) -> None:
    """It may be about one request only, and the others must get through."""
    for _ in range(10):
        assert site.ask(AWAY)
        assert site.ask()


@pytest.mark.parametrize("error", [AWAY, OutcomeUnknown("the answer was lost")], ids=["away", "lost"])
def test_a_system_that_fails_twice_is_left_alone_for_ever_longer(site: Site, error: Exception) -> None:
    """1, 2, 4 ... 60 seconds, each ended by one single question."""
    site.ask(error)
    site.ask(error)
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        assert not site.ask(error)
        site.clock.turn(pause - 0.01)
        assert not site.ask(error)
        site.clock.turn(0.02)
        assert site.ask(error)
    site.clock.turn(61)
    assert site.ask()
    assert site.ask(error)
    assert site.ask(), "an answer closes it again"


def test_a_system_that_names_its_time_is_left_alone_so_long(site: Site) -> None:
    """429 with Retry-After is heeded when it comes twice, up to a quarter of an hour."""
    site.ask(Unavailable(System.PVWA, "too many calls", retry_after_seconds=120))
    assert site.ask(Unavailable(System.PVWA, "too many calls", retry_after_seconds=120))
    site.clock.turn(119)
    assert not site.ask()
    site.clock.turn(2)
    assert site.ask()


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(System.SECRET_STORE, "sealed"),
        LedgerAway("disk full"),
        AuthenticationFailed(System.PVWA, "refused", account="svc-pam-l1"),
        ValueError("an odd answer"),
    ],
    ids=["of another system", "of the ledger", "one account", "an odd answer"],
)
def test_what_is_no_failure_of_this_system_leaves_it_open(site: Site, error: Exception) -> None:
    """Another system's failure, and an account that is not accepted, are not this system's outage."""
    for _ in range(5):
        assert site.ask(error)
    assert (System.PVWA, "") not in OutageBook(site.store).lasting()


def test_a_short_outage_alarms_nobody(site: Site) -> None:
    """Most are over before anybody could do something."""
    for _ in range(4):
        site.ask(AWAY)
        site.clock.turn(60)
    site.ask()
    for _ in range(4):
        site.outages.housekeep()
        site.clock.turn(30)
    assert site.alarms() == []
    assert OutageBook(site.store).lasting() == {}


def test_a_long_outage_is_told_once_and_its_end_once(site: Site) -> None:
    """However many questions fail, and however often the program is started again."""
    for _ in range(12):
        site.ask(AWAY)
        site.clock.turn(61)
        site.outages.housekeep()
        site.restart()
    assert site.alarms() == ["Alarm: a system is away, and mails are waiting"]

    site.ask()
    site.outages.housekeep()
    assert len(site.alarms()) == 1
    site.clock.turn(61)
    site.ask()
    site.outages.housekeep()
    site.outages.housekeep()
    assert site.alarms()[1:] == ["All clear: a system is back"]


def test_a_system_that_comes_and_goes_has_one_outage(site: Site) -> None:
    """It is over when a minute has passed without a failure."""
    for _ in range(20):
        site.ask(AWAY)
        site.ask()
        site.outages.housekeep()
        site.clock.turn(40)
    site.clock.turn(61)
    site.outages.housekeep()
    assert len(site.alarms()) == 2


def test_two_systems_are_told_of_one_by_one(site: Site) -> None:
    """The second outage does not wait until the first one's mail is an hour old."""
    site.outages.failed(System.PVWA, "away")
    site.clock.turn(301)
    site.outages.failed(System.PVWA, "away")
    assert len(site.alarms()) == 1
    site.outages.failed(System.DIRECTORY, "away, too")
    site.clock.turn(301)
    site.outages.failed(System.DIRECTORY, "away, too")
    assert len(site.alarms()) == 2


def test_a_crash_between_an_alarm_and_its_outage_tells_nobody_twice(site: Site) -> None:
    """Neither of the beginning nor of the end."""
    site.ask(AWAY)
    site.clock.turn(301)
    site.ask(AWAY)
    assert len(site.alarms()) == 1
    forget_that_it_was_told(site)
    site.outages.housekeep()
    assert len(site.alarms()) == 1
    with site.store.look() as connection:
        lasting = connection.execute(sa.select(tables.outages)).mappings().one()
    for _ in range(2):
        site.clock.turn(1)
        site.ask()
        site.clock.turn(61)
        site.outages.housekeep()
        assert len(site.alarms()) == 2
        assert OutageBook(site.store).lasting() == {}
        with site.store.begin() as connection:
            connection.execute(tables.outages.insert().values(**lasting))
        site.restart()


def forget_that_it_was_told(site: Site) -> None:
    """Let the program have crashed after the alarm was written down, and start it again."""
    with site.store.begin() as connection:
        connection.execute(tables.outages.update().values(is_told=False))
    site.restart()


def waiting_mails(site: Site) -> datetime:
    """Let three mails come: one waits for PVWA, one for the directory, one for nothing. Returns until when they do."""
    entries = [site.mails.seen(listed(item)) for item in ("one", "two", "three")]
    later = site.clock.now() + timedelta(minutes=1)
    site.mails.waits(entries[0].id, cause="away", system="pvwa", retry_at=later)
    site.mails.waits(entries[1].id, cause="away", system="directory", retry_at=later)
    return later


def retried_at(site: Site) -> list[datetime | None]:
    """Return when each of the three is tried again."""
    found = site.mails.entries(["one", "two", "three"])
    assert {entry.state for entry in found.values()} == {State.SEEN}
    return [found[item].retry_at for item in ("one", "two", "three")]


@pytest.mark.parametrize("restart", [True, False])
def test_mails_that_waited_are_due_when_the_system_answers(site: Site, *, restart: bool) -> None:
    """Not a minute later, and only those that waited for it."""
    site.ask(AWAY)
    later = waiting_mails(site)
    site.ask(AWAY)
    if restart:
        site.restart()
    site.clock.turn(2)
    site.ask()
    assert retried_at(site) == [site.clock.now(), later, None]


def test_one_mail_that_fails_is_not_tried_again_with_every_answer_to_another(site: Site) -> None:
    """Its own pause holds, so that a question that always fails does not become as frequent as those that succeed."""
    site.ask(AWAY)
    later = waiting_mails(site)
    site.ask()
    assert retried_at(site) == [later, later, None]


def test_the_end_says_how_many_mails_had_to_wait(site: Site) -> None:
    """From when to when, and how many."""
    for _ in range(3):
        site.ask(AWAY)
        site.clock.turn(200)
        if not site.mails.entries(["one"]):
            waiting_mails(site)
    site.ask()
    site.clock.turn(61)
    site.outages.housekeep()
    site.desk.write_letters()
    facts = dict(site.letters.due()[-1].text.facts)
    assert facts["Mails that began to wait in the meantime"] == "2"
    assert facts["Back since"] == "2026-11-20 12:10:00 UTC"


def test_what_was_done_stays_done_when_the_ledger_cannot_be_told(site: Site) -> None:
    """An answer and a lost one come through: else a confirmation that was taken would count as one never sent."""
    site.ask(AWAY)
    site.store.close()
    (path,) = site.folder.glob("ledger.db")
    path.rename(path.with_name("elsewhere.db"))
    path.mkdir()
    with site.breaker.call():
        site.asked += 1
    with pytest.raises(OutcomeUnknown):
        _lose_an_answer(site)
    path.rmdir()


def _lose_an_answer(site: Site) -> None:
    with site.breaker.call():
        message = "the answer was lost"
        raise OutcomeUnknown(message)
