"""approvald never locks its own accounts: one try at once, one after 15 minutes, one after 60, then a new password."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.errors import AuthenticationFailed, System
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
        guard.may_try(account, version)
    return caught.value


def test_three_tries_and_no_fourth(guards: Guards) -> None:
    """At once, a quarter of an hour later, an hour later: never again with this version, however long it takes."""
    guard, clock = guards.one, guards.clock
    for pause in (15, 60):
        guard.may_try("svc-pam-l1", "1")
        expected = clock.now() + timedelta(minutes=pause)
        assert guard.failed("svc-pam-l1", "1") == expected
        clock.turn(pause * MINUTE - 1)
        assert held_back(guard).next_try == expected
        clock.turn(1)
    guard.may_try("svc-pam-l1", "1")
    assert guard.failed("svc-pam-l1", "1") is None
    clock.turn(365 * 24 * 60 * MINUTE)
    assert held_back(guard).next_try is None


def test_a_new_version_of_the_secret_is_tried_at_once(guards: Guards) -> None:
    """Somebody has set the right password."""
    for _ in range(3):
        guards.one.failed("svc-pam-l1", "1")
    guards.one.may_try("svc-pam-l1", "2")
    held_back(guards.one, version="1")


def test_a_good_log_on_forgets_every_failure(guards: Guards) -> None:
    """Of every version: the account is not near its lock any more."""
    for version in ("1", "2"):
        guards.one.failed("svc-pam-l1", version)
    guards.one.succeeded("SVC-PAM-L1", "2")
    for version in ("1", "2"):
        guards.one.may_try("svc-pam-l1", version)
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
    guards.one.may_try("svc-pam-l2", "1")
    LedgerLogonGuard(guards.stores[0], System.EXCHANGE).may_try("svc-pam-l1", "1")


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
