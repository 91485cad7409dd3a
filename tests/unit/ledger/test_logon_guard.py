"""approvald never locks its own accounts: one try at once, one after 15 minutes, one after 60, then a new password."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.core.errors import AuthenticationFailed, LeaseLost, System, Unavailable
from approvald.ledger.lease import Lease
from approvald.ledger.logon_guard import LedgerLogonGuard
from approvald.ledger.store import Store
from fakes.clock import FakeClock

MINUTE = 60


class Guards:
    """Two programs that share one ledger, and their clock."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.stores = [Store(f"sqlite:///{path}", self.clock) for _ in range(2)]
        for store in self.stores:
            store.open()
        self.one, self.other = (LedgerLogonGuard(store, System.PVWA) for store in self.stores)


@pytest.fixture
def guards(tmp_path: Path) -> Iterator[Guards]:
    """Return the guards of two programs."""
    made = Guards(tmp_path / "ledger.db")
    yield made
    for store in made.stores:
        store.close()


def held_back(guard: LedgerLogonGuard, account: str = "svc-pam-l1", version: str = "1") -> AuthenticationFailed:
    """Expect that the account must not be tried now."""
    with pytest.raises(AuthenticationFailed) as caught:
        guard.claim(account, version)
    return caught.value


def test_three_tries_and_no_fourth(guards: Guards) -> None:
    """At once, a quarter of an hour later, an hour later: never again with this version, however long it takes."""
    guard, clock = guards.one, guards.clock
    for pause in (15, 60):
        guard.claim("svc-pam-l1", "1")
        expected = clock.now() + timedelta(minutes=pause)
        assert guard.failed("svc-pam-l1", "1") == expected
        clock.turn(pause * MINUTE - 1)
        assert held_back(guard).next_try == expected
        clock.turn(1)
    guard.claim("svc-pam-l1", "1")
    assert guard.failed("svc-pam-l1", "1") is None
    clock.turn(365 * 24 * 60 * MINUTE)
    assert held_back(guard).next_try is None


def test_a_new_version_of_the_secret_is_tried_at_once(guards: Guards) -> None:
    """Somebody has set the right password."""
    for _ in range(3):
        guards.one.failed("svc-pam-l1", "1")
    guards.one.claim("svc-pam-l1", "2")
    held_back(guards.one, version="1")


def test_a_good_log_on_forgets_every_failure(guards: Guards) -> None:
    """Of every version: the account is not near its lock any more."""
    for version in ("1", "2"):
        guards.one.failed("svc-pam-l1", version)
    guards.one.succeeded("SVC-PAM-L1", "2")
    for version in ("1", "2"):
        guards.one.claim("svc-pam-l1", version)
    assert guards.one.failed("svc-pam-l1", "1") == guards.clock.now() + timedelta(minutes=15)


def test_all_programs_of_a_ledger_count_together(guards: Guards) -> None:
    """Daemon and doctor do not each spend three tries; an account's name has no case."""
    guards.one.failed("svc-pam-l1", "1")
    held_back(guards.other, "SVC-PAM-L1")
    guards.other.failed("svc-pam-l1", "1")
    guards.one.failed("svc-pam-l1", "1")
    assert held_back(guards.other).next_try is None


def test_accounts_and_systems_are_counted_apart(guards: Guards) -> None:
    """A wrong PVWA password does not silence the mailbox."""
    guards.one.failed("svc-pam-l1", "1")
    guards.one.claim("svc-pam-l2", "1")
    LedgerLogonGuard(guards.stores[0], System.EXCHANGE).claim("svc-pam-l1", "1")


def test_the_operator_reads_what_to_do_and_no_secret(guards: Guards) -> None:
    """System, account, how often, when next, and where to set the password."""
    guards.one.failed("svc-pam-l1", "1")
    error = held_back(guards.one)
    assert (error.system, error.account) == (System.PVWA, "svc-pam-l1")
    for words in ("pvwa", "svc-pam-l1", "12:15 UTC", "secret store"):
        assert words in str(error)
    for _ in range(2):
        guards.one.failed("svc-pam-l1", "1")
    assert "not tried again" in str(held_back(guards.one))


def test_while_a_log_on_is_under_way_nobody_else_tries(guards: Guards) -> None:
    """And a program of another host that never tells what came of it keeps others back for its longest call only."""
    here, there = (
        LedgerLogonGuard(store, System.PVWA, longest_call=timedelta(seconds=65), holder=f"host{number} process 1 (1)")
        for number, store in enumerate(guards.stores)
    )
    here.claim("svc-pam-l1", "1")
    with pytest.raises(Unavailable, match="host0 process 1"):
        there.claim("svc-pam-l1", "1")
    guards.clock.turn(69)
    with pytest.raises(Unavailable, match="host0 process 1"):
        there.claim("svc-pam-l1", "1")
    guards.clock.turn(2)
    there.claim("svc-pam-l1", "1")


def test_of_many_programs_at_the_same_moment_one_tries(tmp_path: Path) -> None:
    """On one file, as daemon, doctor and a single poll may share it: then all are bound by what came of it."""
    clock = FakeClock()
    stores = [Store(f"sqlite:///{tmp_path / 'ledger.db'}", clock) for _ in range(6)]
    stores[0].open()
    guards = [LedgerLogonGuard(store, System.PVWA, holder=f"host{n} process 1 (1)") for n, store in enumerate(stores)]

    def tried(guard: LedgerLogonGuard) -> type[Exception] | None:
        try:
            guard.claim("svc-pam-l1", "1")
        except (Unavailable, AuthenticationFailed) as error:
            return type(error)
        return None

    with ThreadPoolExecutor(len(guards)) as pool:
        came = list(pool.map(tried, guards))
        assert (came.count(None), came.count(Unavailable)) == (1, 5)
        guards[came.index(None)].failed("svc-pam-l1", "1")
        assert set(pool.map(tried, guards)) <= {AuthenticationFailed, Unavailable}
    for store in stores:
        store.close()


def test_a_refusal_is_counted_by_who_has_lost_the_lease(guards: Guards) -> None:
    """It has happened: whoever works now must not spend the same try again. No new log-on is begun."""
    lease = Lease(guards.stores[0], "mail", "host0 process 1 (1)", longest_call=timedelta(seconds=35))
    lease.take()
    guards.stores[0].fence(lease.fence)
    guards.one.claim("svc-pam-l1", "1")
    Lease(guards.stores[1], "mail", "host1 process 1 (1)", longest_call=timedelta(seconds=35)).take(alone=True)

    assert guards.one.failed("svc-pam-l1", "1") == guards.clock.now() + timedelta(minutes=15)

    held_back(guards.other)
    with pytest.raises(LeaseLost):
        guards.one.claim("svc-pam-l2", "1")


def test_a_try_whose_answer_was_lost_may_have_been_refused(guards: Guards) -> None:
    """After a refusal it begins the next pause; the last try is never used up by one that nobody judged."""
    guard, clock = guards.one, guards.clock
    guard.failed("svc-pam-l1", "1")
    tries = 0
    for _ in range(4 * 60):
        clock.turn(MINUTE)
        try:
            guard.claim("svc-pam-l1", "1")
        except AuthenticationFailed:
            continue
        tries += 1
        guard.not_judged("svc-pam-l1")
    assert tries == 4, "after 15 minutes, and then once an hour"
    assert held_back(guard).next_try is not None


def test_without_a_refusal_an_outage_holds_nothing_back(guards: Guards) -> None:
    """A system that does not answer has refused nobody."""
    for _ in range(30):
        guards.one.claim("svc-pam-l1", "1")
        guards.one.not_judged("svc-pam-l1")


def test_a_refusal_that_the_ledger_cannot_take_is_not_forgotten(tmp_path: Path) -> None:
    """Nothing is tried before it is written down."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.db'}", FakeClock())
    store.open()
    guard = LedgerLogonGuard(store, System.PVWA)
    guard.claim("svc-pam-l1", "1")
    (tmp_path / "ledger.db").rename(tmp_path / "elsewhere")
    (tmp_path / "ledger.db").mkdir()
    store.close()
    for _ in range(2):
        with pytest.raises(Unavailable):
            guard.failed("svc-pam-l1", "1")
        with pytest.raises(Unavailable):
            guard.claim("svc-pam-l1", "1")
    (tmp_path / "ledger.db").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "ledger.db")
    assert "2 times" in str(held_back(guard))
    store.close()


def test_what_another_program_was_refused_is_seen_without_a_claim(guards: Guards) -> None:
    """By one that has logged on before and would not ask; a good log-on ends it."""
    assert not guards.one.has_failed("svc-pam-l1", "1")
    guards.other.failed("svc-pam-l1", "1")
    assert guards.one.has_failed("SVC-PAM-L1", "1")
    assert not guards.one.has_failed("svc-pam-l1", "2")
    guards.other.succeeded("svc-pam-l1", "2")
    assert not guards.one.has_failed("svc-pam-l1", "1")


def test_without_the_ledger_an_accepted_password_stays_accepted(guards: Guards, tmp_path: Path) -> None:
    """No program can log on anew then, so that none has been refused; the alarm about the ledger can be mailed."""
    guards.one.succeeded("svc-approvald", "1")
    for store in guards.stores:
        store.close()
    (tmp_path / "ledger.db").rename(tmp_path / "elsewhere")
    (tmp_path / "ledger.db").mkdir()
    assert not guards.one.has_failed("svc-approvald", "1")
    with pytest.raises(Unavailable):
        guards.one.claim("svc-approvald", "1")


def test_a_clock_that_was_ahead_holds_nobody_back_for_long(guards: Guards) -> None:
    """A refusal that is dated days ahead counts as one of just now, once."""
    guards.clock.turn(7 * 24 * 60 * MINUTE)
    guards.one.failed("svc-pam-l1", "1")
    guards.clock.turn(-7 * 24 * 60 * MINUTE)
    held_back(guards.one)
    guards.clock.turn(15 * MINUTE)
    guards.one.claim("svc-pam-l1", "1")


def test_without_the_ledger_a_refused_password_stays_refused(guards: Guards, tmp_path: Path) -> None:
    """Another program was refused, and the ledger said so before it went away."""
    guards.one.succeeded("svc-approvald", "1")
    guards.other.failed("svc-approvald", "1")
    assert guards.one.has_failed("svc-approvald", "1")
    for store in guards.stores:
        store.close()
    (tmp_path / "ledger.db").rename(tmp_path / "elsewhere")
    (tmp_path / "ledger.db").mkdir()
    assert guards.one.has_failed("svc-approvald", "1")
