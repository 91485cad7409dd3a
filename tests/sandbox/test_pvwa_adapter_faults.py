"""The PVWA adapter's three calls against every fault of the wire: an outage is no answer, a lost answer no outage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.ports import Absent, Accepted, Declined
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import FaultKind
from sandbox.pvwa_client import COMMENT, FIRST, GONE, KEY, Desk, desk
from sandbox.pvwa_server import wait_until

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def at(sandbox: Sandbox) -> Iterator[Desk]:
    """Give a client that has not logged on yet."""
    with desk(sandbox) as made:
        yield made


def test_a_fail_over_of_cyberarks_vault_is_an_outage(at: Desk) -> None:
    """500 with the Vault's words, at log-on and after it, is neither "no such request" nor a refused password."""
    at.record()
    at.sandbox.change_profile(vault_away=True)
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            at.client.details(KEY, FIRST)
        assert type(caught.value) is Unavailable
    at.sandbox.change_profile(vault_away=False)
    at.record()


def test_an_upgrade_window_is_an_outage(at: Desk) -> None:
    """Pages with 404 and 503 on every path: neither is "no such request", at log-on and after it."""
    at.sandbox.change_profile(upgrade_window=True)
    for _ in range(2):
        with pytest.raises(Unavailable):
            at.client.details(KEY, FIRST)
    at.sandbox.change_profile(upgrade_window=False)
    at.record()
    at.sandbox.change_profile(upgrade_window=True)
    for _ in range(2):
        with pytest.raises(Unavailable, match="a web page"):
            at.client.details(KEY, FIRST)
        with pytest.raises(Unavailable, match="a web page"):
            at.client.lists(KEY, FIRST)
    assert at.guard.failures == []


FAULTS: list[dict[str, Any]] = [
    {"kind": FaultKind.HTML},
    {"kind": FaultKind.RESET_BEFORE},
    {"kind": FaultKind.RESET_AFTER},
    {"kind": FaultKind.HANG},
    {"kind": FaultKind.STATUS, "status": 500},
    {"kind": FaultKind.STATUS, "status": 502},
    {"kind": FaultKind.STATUS, "status": 503},
    {"kind": FaultKind.STATUS, "status": 504},
    {"kind": FaultKind.STATUS, "status": 429},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: f"{each['kind']}{each.get('status', '')}")
@pytest.mark.parametrize("call", ["details", "lists"])
def test_no_fault_of_a_read_is_an_answer(sandbox: Sandbox, fault: dict[str, Any], call: str) -> None:
    """Unavailable, never Absent; and the next try finds everything as it is, without another log-on."""
    with desk(sandbox, read_timeout_seconds=1.0) as at:
        at.record()
        at.fault(operation="IncomingRequests", times=None, **fault)
        with pytest.raises(Unavailable) as raised:
            getattr(at.client, call)(KEY, FIRST)
        assert raised.value.system is System.PVWA
        sandbox.clear_faults()
        assert at.record().number == "17"
        assert at.client.lists(KEY, FIRST)
        assert at.routes().count("Logon") == 1


def test_an_unclear_error_about_a_request_in_the_list_is_an_outage(at: Desk) -> None:
    """A 500 of general words proves nothing while the list still holds the request."""
    at.fault(FaultKind.STATUS, "Details", status=500)
    with pytest.raises(Unavailable, match="CAWS00001E"):
        at.client.details(KEY, FIRST)


def test_an_unclear_error_about_a_request_in_no_list_is_absence(at: Desk) -> None:
    """Installations that answer 500 for a deleted request are still told apart from an outage."""
    at.fault(FaultKind.STATUS, "Details", status=500)
    assert at.client.details(GONE, FIRST) == Absent(code="CAWS00001E")


def test_retry_after_is_handed_on(at: Desk) -> None:
    """The wish of a load balancer reaches whoever waits."""
    at.record()
    at.fault(FaultKind.STATUS, "Details", status=429, retry_after=7)
    with pytest.raises(Unavailable) as raised:
        at.client.details(KEY, FIRST)
    assert raised.value.retry_after_seconds == 7.0


def test_a_confirmation_that_was_held_off_by_a_limit_was_not_given(at: Desk) -> None:
    """429 comes before anything is done."""
    at.fault(FaultKind.STATUS, "Confirm", status=429, retry_after=3)
    with pytest.raises(Unavailable) as raised:
        at.client.confirm(KEY, FIRST, COMMENT)
    assert raised.value.retry_after_seconds == 3.0
    assert at.sandbox.confirmations() == []
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()


@pytest.mark.parametrize(
    "fault",
    [fault for fault in FAULTS if fault.get("status") not in {429, 500}],
    ids=lambda each: f"{each['kind']}{each.get('status', '')}",
)
def test_a_lost_answer_to_a_confirmation_is_unknown_and_never_sent_again(
    sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    """One Confirm arrives, whatever happens to its answer; whether it counted is seen in the record."""
    with desk(sandbox, read_timeout_seconds=1.0) as at:
        at.record()
        at.fault(operation="Confirm", times=None, **fault)
        with pytest.raises(OutcomeUnknown, match=KEY):
            at.client.confirm(KEY, FIRST, COMMENT)
        assert len(sandbox.confirm_attempts()) == 1
        done = fault["kind"] is FaultKind.RESET_AFTER
        assert (at.record().confirmers[0].comment == COMMENT) is done
        assert len(sandbox.confirmations()) == int(done)


def test_a_slow_confirmation_is_unknown_and_later_seen(sandbox: Sandbox) -> None:
    """The read limit ends the wait, not the confirmation."""
    with desk(sandbox, read_timeout_seconds=0.5) as at:
        at.record()
        at.fault(FaultKind.SLOW, "Confirm", seconds=0.8)
        with pytest.raises(OutcomeUnknown, match="did not answer in time"):
            at.client.confirm(KEY, FIRST, COMMENT)
        wait_until(lambda: len(sandbox.confirmations()) == 1)
        assert at.record().confirmers[0].comment == COMMENT
        assert len(sandbox.confirm_attempts()) == 1


def test_an_error_of_pvwas_own_declines_a_confirmation(at: Desk) -> None:
    """Its meaning is found by reading the record, not here."""
    at.fault(FaultKind.STATUS, "Confirm", status=500)
    expected = Declined(status=500, code="CAWS00001E", words="An unexpected error occurred in the Vault.")
    assert at.client.confirm(KEY, FIRST, COMMENT) == expected


@pytest.mark.parametrize("kind", [FaultKind.DOWN, FaultKind.WRONG_CERTIFICATE])
def test_a_pvwa_that_is_away_or_not_itself_gets_nothing(at: Desk, kind: FaultKind) -> None:
    """No connection, or no trusted certificate: it is certain that no confirmation was sent."""
    at.record()
    at.fault(kind, times=None)
    words = "cannot be reached" if kind is FaultKind.DOWN else r"pvwa\.ca_file"
    with pytest.raises(Unavailable, match=words):
        at.client.confirm(KEY, FIRST, COMMENT)
    at.sandbox.clear_faults()
    assert at.sandbox.confirm_attempts() == []
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()
