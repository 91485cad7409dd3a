"""Log-on, tokens and nodes of the pretend PVWA, and the switches that change them."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator

import pytest
import requests

from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from sandbox.pvwa_server import KEY, L1, L2, Stage, code, stage, wait_until


@pytest.fixture
def pvwa() -> Iterator[Stage]:
    """Run a PVWA over the small world."""
    with stage() as made:
        yield made


def test_five_bad_passwords_suspend_a_user(pvwa: Stage) -> None:
    """The right password does not help afterwards, and the open session is dead; a good one in between starts anew."""
    open_one, client = pvwa.client(L1), pvwa.client()
    for _ in range(4):
        assert code(client.logon(L1, "wrong")) == (403, "PASWS013E")
    assert client.logon(L1).status_code == 200
    for _ in range(5):
        assert code(client.logon(L1, "wrong")) == (403, "PASWS013E")
    assert code(client.logon(L1)) == (403, "PASWS035E")
    assert code(open_one.call("GET", "API/LoginsInfo")) == (401, "PASWS006E")
    assert pvwa.journal.failed_logons() == {L1: 10}
    pvwa.pvwa.gate.activate(L1)
    assert client.logon(L1).status_code == 200


def test_who_cannot_log_on(pvwa: Stage) -> None:
    """Disabled people, unknown users and names with a domain before them are refused each in PVWA's own way."""
    pvwa.world.people["mara.voss"].disabled = True
    client = pvwa.client()
    assert code(client.logon("mara.voss")) == (403, "PASWS035E")
    assert code(client.logon("nobody")) == (403, "PASWS013E")
    assert code(client.logon("svc-pam-l1@evil.example")) == (403, "PASWS013E")
    assert code(client.logon("CORP\\svc-pam-l1")) == (500, "CAWS00001E")
    assert code(client.call("POST", "API/auth/LDAP/Logon", {"username": L1})) == (400, "PASWS167E")
    assert code(client.call("POST", "API/auth/LDAP/Logon", [])) == (400, "PASWS167E")


def test_a_second_logon_kills_the_first_unless_concurrent(pvwa: Stage) -> None:
    """Without concurrentSession the older token is dead; with it both live; log-off ends one only."""
    first, second = pvwa.client(L1), pvwa.client(L1)
    assert first.listed() == [KEY]
    assert second.call("POST", "API/Auth/Logoff", {}).json() == {"LogoffUrl": ""}
    assert code(second.call("POST", "API/Auth/Logoff")) == (401, "PASWS006E")
    assert first.listed() == [KEY]
    third = pvwa.client()
    third.logon(L1, concurrentSession=False)
    assert code(first.confirm()) == (401, "PASWS006E")
    old = "WebServices/auth/Shared/RestfulAuthenticationService.svc/Logoff"
    assert third.call("POST", old).json() == {}
    assert pvwa.pvwa.sessions.count(L1) == 0


@pytest.mark.parametrize(("length", "shape"), [(180, "string"), (244, "string"), (180, "object")])
def test_shapes_of_a_token(pvwa: Stage, length: int, shape: str) -> None:
    """A token is base64 of parts between semicolons, of the length asked for, bare or in an object."""
    pvwa.profile.update({"token_length": length, "token_shape": shape})
    body = pvwa.client().logon(L1).json()
    token = body if shape == "string" else body["CyberArkLogonResult"]
    assert len(token) == length
    assert base64.b64decode(token).endswith(b";00000000;")


def test_a_token_lives_on_its_node(pvwa: Stage) -> None:
    """With two nodes the cookie of the log-on must come back; without it the token is unknown."""
    pvwa.profile.update({"sticky_nodes": True})
    kept = pvwa.client(L1)
    assert kept.http.cookies["SERVERID"] == "node1"
    assert kept.listed() == [KEY]
    lost = pvwa.client()
    lost.token = kept.token
    assert lost.call("GET", "API/LoginsInfo").status_code == 401
    assert lost.http.cookies["SERVERID"] == "node2"
    assert lost.call("GET", "API/LoginsInfo").status_code == 401
    without = pvwa.client()
    without.token = kept.token
    assert without.call("GET", "API/LoginsInfo").status_code == 401
    assert without.http.cookies["SERVERID"] == kept.http.cookies["SERVERID"]
    assert kept.confirm().status_code == 200


def test_an_idle_session_ends(pvwa: Stage) -> None:
    """Every call refreshes a session; after the timeout without one it is dead."""
    pvwa.profile.update({"idle_timeout_seconds": 60})
    client = pvwa.client(L1)
    for _ in range(3):
        pvwa.world.turn_clock(40)
        assert client.listed() == [KEY]
    pvwa.world.turn_clock(61)
    assert client.confirm().status_code == 401
    assert pvwa.journal.confirmations() == []


def test_one_call_per_token(pvwa: Stage) -> None:
    """A second call with the token is refused while the first is under way, and another token's is not."""
    pvwa.profile.update({"one_call_per_token": True})
    first, twin, other = pvwa.client(L1), pvwa.client(), pvwa.client(L2)
    twin.token = first.token
    pvwa.faults.put(System.PVWA, Fault(kind=FaultKind.SLOW, seconds=0.5, times=1, operation="details"))
    seen: list[requests.Response] = []
    slow = threading.Thread(target=lambda: seen.append(first.call("GET", f"API/IncomingRequests/{KEY}")))
    slow.start()
    wait_until(lambda: bool(pvwa.journal.entries("IncomingRequests.Details")))
    refused = twin.confirm()
    assert (refused.status_code, refused.json()["ErrorCode"]) == (500, "CAWS00001E")
    assert other.listed() == [KEY]
    slow.join()
    assert seen[0].status_code == 200
    assert twin.confirm().status_code == 200


def test_lockout_threshold_logon_types_and_expired_passwords(pvwa: Stage) -> None:
    """A site may lock sooner, switch a way of logging on off, and want a password changed."""
    pvwa.profile.update({"lockout_threshold": 1, "logon_types": ["LDAP"], "expired_passwords": [L2]})
    client = pvwa.client()
    assert client.logon(L2).status_code == 409
    by_vault = {"username": L1, "password": "Sandbox-Passw0rd!"}
    assert client.call("POST", "API/Auth/CyberArk/Logon", by_vault).status_code == 403
    assert client.logon(L1).status_code == 200
    assert client.logon(L1, "wrong").status_code == 403
    assert client.logon(L1).json()["ErrorCode"] == "PASWS035E"


def test_the_journal_holds_no_secret(pvwa: Stage) -> None:
    """Neither a password nor a token is in what tests print."""
    first = pvwa.client(L1)
    first.confirm()
    text = repr(pvwa.journal.entries())
    assert "IncomingRequests.Confirm" in text
    assert DEFAULT_PASSWORD not in text
    assert first.token not in text


def test_server_questions(pvwa: Stage) -> None:
    """Verify needs no token and tells the ways of logging on; version and LoginsInfo need one."""
    client = pvwa.client()
    methods = client.call("GET", "API/verify/").json()["AuthenticationMethods"]
    assert {"Id": "ldap", "Enabled": True} in methods
    assert code(client.call("GET", "API/LoginsInfo")) == (401, "PASWS006E")
    client.logon(f"{L1}@corp.example")
    assert client.call("GET", "API/LoginsInfo").json()["FailedLogins"] == 0
    assert client.call("GET", "WebServices/PIMServices.svc/Server").json()["ServerName"] == "Vault"


def test_two_at_once_spend_one_vote(pvwa: Stage) -> None:
    """Eight Confirms at the same instant are eight attempts and one confirmation."""
    clients = [pvwa.client(L1) for _ in range(8)]
    threads = [threading.Thread(target=client.confirm) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pvwa.journal.attempts()) == 8
    assert len(pvwa.journal.confirmations()) == 1
