"""An account of ours that is not accepted is told at once and once, its acceptance once, over restarts too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.errors import AuthenticationFailed, System
from approvald.ledger.logon_guard import LedgerLogonGuard
from places import SHIPPED
from unit.health.test_outages import AWAY, Site, forget_that_it_was_told
from unit.ledger.test_ledger import listed

ACCOUNT = "svc-pam-l1"
REFUSED = AuthenticationFailed(System.PVWA, "PVWA does not accept svc-pam-l1", account=ACCOUNT)
OVER = "All clear: one of approvald's passwords is accepted again"
TOLD = "Alarm: one of approvald's passwords is not accepted"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site where all is well."""
    made = Site(tmp_path / "ledger.db", load(SHIPPED))
    yield made
    made.store.close()


@pytest.fixture
def guard(site: Site) -> LedgerLogonGuard:
    """Return what counts refused log-ons at PVWA."""
    return LedgerLogonGuard(site.store, System.PVWA)


def test_a_refused_password_is_told_at_once_and_once(site: Site, guard: LedgerLogonGuard) -> None:
    """Somebody must act; but hours of trying and restarts are one refusal."""
    guard.failed(ACCOUNT, "1")
    site.ask(REFUSED)
    assert site.alarms() == [TOLD]
    for _ in range(300):
        site.clock.turn(61)
        site.outages.housekeep()
        site.restart()
        site.ask(REFUSED)
    assert site.alarms() == [TOLD]


def test_its_acceptance_is_told_once(site: Site, guard: LedgerLogonGuard) -> None:
    """When a log-on has been good and a minute has passed, by whichever program and before or after a restart."""
    guard.failed(ACCOUNT, "1")
    site.ask(REFUSED)
    guard.succeeded(ACCOUNT, "2")
    site.restart()
    site.ask()
    site.outages.housekeep()
    assert site.alarms() == [TOLD]
    site.clock.turn(61)
    for _ in range(3):
        site.outages.housekeep()
        site.ask()
    assert site.alarms() == [TOLD, OVER]
    site.ask(REFUSED)
    assert site.alarms() == [TOLD, OVER, TOLD], "that is another refusal"


def test_a_crash_between_an_alarm_and_its_refusal_tells_nobody_twice(site: Site) -> None:
    """The alarm that was written down counts."""
    site.ask(REFUSED)
    assert site.alarms() == [TOLD]
    forget_that_it_was_told(site)
    site.clock.turn(61)
    site.ask(REFUSED)
    assert site.alarms() == [TOLD]


def test_another_account_that_works_is_no_acceptance(site: Site, guard: LedgerLogonGuard) -> None:
    """The account of level 2 is answered all the time, while that of level 1 is held back."""
    guard.failed(ACCOUNT, "1")
    site.ask(REFUSED)
    for _ in range(10):
        site.ask()
        site.clock.turn(61)
        site.outages.housekeep()
    assert site.alarms() == [TOLD]


def test_a_refusal_that_comes_and_goes_is_one(site: Site) -> None:
    """Exchange may refuse without judging the password: the guard knows nothing, and its answers alone speak."""
    for _ in range(10):
        site.ask(REFUSED)
        site.ask()
        site.clock.turn(40)
        site.outages.housekeep()
    site.clock.turn(61)
    site.outages.housekeep()
    assert site.alarms() == [TOLD, OVER]


def test_two_refused_accounts_are_told_of_one_by_one(site: Site) -> None:
    """The second does not wait until the first one's mail is an hour old."""
    site.ask(REFUSED)
    assert len(site.alarms()) == 1
    site.ask(AuthenticationFailed(System.PVWA, "refused", account="svc-pam-l2"))
    assert len(site.alarms()) == 2


def test_mails_are_due_when_the_account_is_accepted(site: Site, guard: LedgerLogonGuard) -> None:
    """And not before, though the other account works."""
    entry = site.mails.seen(listed("one"))
    later = site.clock.now() + timedelta(minutes=1)
    site.mails.waits(entry.id, cause="refused", system="pvwa", retry_at=later)
    guard.failed(ACCOUNT, "1")
    site.ask(REFUSED)
    site.ask()
    assert site.mails.entries(["one"])["one"].retry_at == later
    guard.succeeded(ACCOUNT, "2")
    site.ask()
    assert site.mails.entries(["one"])["one"].retry_at == site.clock.now()


def test_a_refused_account_is_no_outage(site: Site) -> None:
    """The other account goes on, and an outage beside it is told of by itself."""
    site.ask(REFUSED)
    assert site.alarms() == [TOLD]
    site.clock.turn(400)
    site.ask(AWAY)
    site.clock.turn(301)
    site.ask(AWAY)
    assert site.alarms() == [TOLD, "Alarm: a system is away, and mails are waiting"]
