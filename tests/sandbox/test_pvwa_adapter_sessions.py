"""The PVWA adapter's sessions: dead tokens, load balancers, log-off, one call at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from approvald.core.errors import AuthenticationFailed, Unavailable
from approvald.core.ports import Accepted
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import FaultKind
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from sandbox.pvwa_client import COMMENT, FIRST, KEY, L1, L2, SECOND, Desk, desk
from sandbox.pvwa_server import wait_until

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def at(sandbox: Sandbox) -> Iterator[Desk]:
    """Give a client that has not logged on yet."""
    with desk(sandbox) as made:
        yield made


# Dead tokens


def test_a_session_that_was_idle_too_long_is_renewed_once(at: Desk) -> None:
    """PVWA forgets it; the call is repeated with a new token, and nobody notices."""
    at.sandbox.change_profile(idle_timeout_seconds=600)
    at.record()
    at.sandbox.turn_clock(601)
    assert at.record().number == "17"
    assert at.routes() == ["Logon", "Details", "Details", "Logon", "Details"]


def test_a_confirmation_with_a_dead_token_is_repeated_once(at: Desk) -> None:
    """PVWA refused the first before it acted, so exactly one counts."""
    at.record()
    at.sandbox.end_pvwa_sessions()
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()
    assert at.routes() == ["Logon", "Details", "Confirm", "Logon", "Confirm"]
    assert len(at.sandbox.confirmations()) == 1


def test_a_logon_by_somebody_else_that_ends_ours_is_survived(at: Desk) -> None:
    """A person who uses the account without concurrentSession kills our session."""
    at.record()
    where = at.sandbox.endpoints()
    body = {"username": L1, "password": DEFAULT_PASSWORD}
    with requests.Session() as http:
        http.trust_env = False
        url = f"{where['pvwa']}/API/auth/LDAP/Logon"
        assert http.post(url, json=body, verify=where["ca_file"], timeout=10).ok
    assert at.record().number == "17"
    assert at.guard.failures == []


def test_our_logon_ends_nobodys_session(at: Desk) -> None:
    """We ask for a concurrent session: two daemons with one account live side by side."""
    at.record()
    with desk(at.sandbox) as other:
        other.record()
        at.record()
    assert at.routes().count("Logon") == 2


def test_a_token_that_is_never_accepted_is_an_outage(at: Desk) -> None:
    """One renewal, then waiting: no log-on storm, and no confirmation that may have happened."""
    at.record()
    at.fault(FaultKind.STATUS, "IncomingRequests", status=401, times=None)
    with pytest.raises(Unavailable, match="sticky") as raised:
        at.client.confirm(KEY, FIRST, COMMENT)
    assert not isinstance(raised.value, AuthenticationFailed)
    assert at.routes() == ["Logon", "Details", "Confirm", "Logon", "Confirm"]


def test_the_cookies_of_the_load_balancer_are_kept(at: Desk) -> None:
    """A farm without them would answer 401: from log-on to log-off we stay on one node."""
    at.sandbox.change_profile(sticky_nodes=True)
    for _ in range(3):
        at.record()
        at.record(SECOND)
    at.client.close()
    assert at.routes().count("Logon") == 2
    assert all(entry["status"] == 200 for entry in at.sandbox.journal())


# Log-off


def test_closing_logs_every_account_off(at: Desk) -> None:
    """A PVWA holds at most 300 sessions of a user."""
    at.record(FIRST)
    at.record(SECOND)
    at.client.close()
    at.client.close()
    assert sorted(entry["user"] for entry in at.sandbox.journal("Logoff")) == [L1, L2]


def test_idle_accounts_are_logged_off_and_come_back(at: Desk) -> None:
    """After `idle_minutes` without a call, and only those."""
    at.record(FIRST)
    at.clock.turn(200)
    at.record(SECOND)
    at.clock.turn(101)
    at.client.log_off_idle()
    assert [entry["user"] for entry in at.sandbox.journal("Logoff")] == [L1]
    at.record(FIRST)
    at.client.log_off_idle()
    assert len(at.sandbox.journal("Logoff")) == 1


@pytest.mark.parametrize("kind", [FaultKind.DOWN, FaultKind.RESET_BEFORE, FaultKind.HTML])
def test_a_logoff_that_fails_hurts_nobody(at: Desk, kind: FaultKind) -> None:
    """Neither at rest nor at the end."""
    at.record()
    at.fault(kind, times=None)
    at.clock.turn(10_000)
    at.client.log_off_idle()
    at.client.close()
    at.sandbox.clear_faults()
    assert at.record().number == "17"


# Threads


def test_one_call_at_a_time_with_one_token(at: Desk) -> None:
    """A PVWA may refuse the second of two: eight threads, one log-on, no refusal."""
    at.sandbox.change_profile(one_call_per_token=True)
    failures: list[Exception] = []

    def work() -> None:
        try:
            at.record()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert at.routes() == ["Logon", *["Details"] * 8]


def test_resting_does_not_wait_for_a_call_under_way(at: Desk) -> None:
    """An account that is at work is not idle."""
    at.record()
    at.fault(FaultKind.SLOW, "Details", seconds=1.0)
    at.clock.turn(10_000)
    thread = threading.Thread(target=at.record)
    thread.start()
    wait_until(lambda: len(at.sandbox.journal("IncomingRequests.Details")) == 2)
    at.client.log_off_idle()
    assert thread.is_alive()
    thread.join(30)
    assert at.sandbox.journal("Logoff") == []
