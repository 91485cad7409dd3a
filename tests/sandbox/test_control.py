"""The sandbox as a whole: its process, its control API and its client."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.control.process import SandboxFailed
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD

SECONDS = 5
MAIL = b"From: mara.voss@corp.example\r\nSubject: FW: Password access request\r\n\r\nSee below.\r\n"
WORLD = {
    "safes": {"DB-PROD-01": "DB_PAMapprover"},
    "groups": {"DB_PAMapprover": ["mara.voss@corp.example"], "L2_PAMapprover": ["rhea.malik@corp.example"]},
    "requests": {
        "DB-PROD-01_1": {
            "safe": "DB-PROD-01",
            "request_id": "1",
            "requestor": "jonas.keil@corp.example",
            "status": "waiting",
            "waits_for_level": 1,
            "account": "an account",
            "reason": "a reason",
        }
    },
}


def logon(sandbox: Sandbox, password: str = DEFAULT_PASSWORD, user: str = "svc-pam-l1") -> requests.Response:
    """Log on to the PVWA with a connection of its own."""
    endpoints = sandbox.endpoints()
    return requests.post(
        f"{endpoints['pvwa']}/API/auth/LDAP/Logon",
        json={"username": user, "password": password, "concurrentSession": True},
        verify=endpoints["ca_file"],
        timeout=SECONDS,
    )


def started(*options: str) -> subprocess.Popen[bytes]:
    """Start the sandbox as a process, as a person would."""
    command = [sys.executable, "-m", "approvald_sandbox", "serve", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603 - our own module


def test_a_delivered_mail_can_be_looked_at_and_moved(sandbox: Sandbox) -> None:
    """What goes in by the control API stands in the mailbox with its class and time, byte for byte."""
    received = datetime(2026, 11, 9, 8, 20, tzinfo=UTC)
    made = sandbox.deliver(MAIL, item_class="REPORT.IPM.Note.NDR", received=received)
    (found,) = sandbox.mailbox()["Inbox"]
    assert (found["id"], found["item_class"]) == (made, "REPORT.IPM.Note.NDR")
    assert datetime.fromisoformat(found["received"]) == received
    assert sandbox.raw(made) == MAIL
    moved = sandbox.move(made, "Deleted Items")
    assert [each["id"] for each in sandbox.mailbox()["Deleted Items"]] == [moved]
    assert sandbox.mailbox()["Inbox"] == []
    assert sandbox.sent() == []


def test_a_reset_leaves_nothing_behind(sandbox: Sandbox) -> None:
    """Mails, faults, switches, clock, journal, passwords and the world are those of the start again."""
    sandbox.deliver(MAIL)
    sandbox.put_fault(System.PVWA, Fault(kind=FaultKind.DOWN))
    sandbox.change_profile(closed_answer="409")
    sandbox.turn_clock(3600)
    sandbox.change_password("svc-pam-l1", "another")
    sandbox.reset(WORLD)
    assert sandbox.mailbox()["Inbox"] == []
    assert not any(sandbox.faults().values())
    assert abs(sandbox.now() - datetime.now(UTC).timestamp()) < SECONDS
    assert logon(sandbox).status_code == 200
    assert set(sandbox.requests()) == {"DB-PROD-01_1"}
    sandbox.reset()
    assert sandbox.requests() == {}
    assert sandbox.journal() == []


def test_the_journal_shows_calls_confirmations_and_failed_logons(sandbox: Sandbox) -> None:
    """One confirmation over REST is one attempt, one confirmation, and its calls in order."""
    sandbox.reset(WORLD)
    endpoints = sandbox.endpoints()
    assert logon(sandbox, "wrong").status_code == 403
    token = logon(sandbox).json()
    url = f"{endpoints['pvwa']}/API/IncomingRequests/DB-PROD-01_1/Confirm"
    answer = requests.post(
        url,
        json={"Reason": "by mail"},
        headers={"Authorization": token},
        verify=endpoints["ca_file"],
        timeout=SECONDS,
    )
    assert answer.ok
    (confirmed,) = sandbox.confirmations()
    assert (confirmed["key"], confirmed["user"], confirmed["level"]) == ("DB-PROD-01_1", "svc-pam-l1", 1)
    assert [each["reason"] for each in sandbox.confirm_attempts()] == ["by mail"]
    assert [each["status"] for each in sandbox.journal("Logon")] == [403, 200]
    stats = sandbox.stats()
    assert stats["operations"]["pvwa"] == ["Logon", "Logon", "IncomingRequests.Confirm"]
    assert stats["failed_logons"]["pvwa"] == {"svc-pam-l1": 1}
    assert sandbox.requests()["DB-PROD-01_1"]["status"] == "confirmed"


def test_requests_can_be_added_changed_and_deleted(sandbox: Sandbox) -> None:
    """A change touches the keys given, keeps what was confirmed, and adds what must have happened."""
    sandbox.reset(WORLD)
    sandbox.change_request("DB-PROD-01", "2", requestor="jonas.keil@corp.example", levels=2)
    before = sandbox.requests()["DB-PROD-01_2"]
    sandbox.change_request("DB-PROD-01", "2", waits_for_level=2, account="another account")
    changed = sandbox.requests()["DB-PROD-01_2"]
    assert changed["created"] == before["created"]
    assert (changed["level"], changed["account"]) == (2, "another account")
    assert [each["level"] for each in changed["confirmations"]] == [1]
    sandbox.change_request(
        "DB-PROD-01", "2", status="confirmed", confirmed_by={"user": "rhea.malik", "full_name": "Rhea Malik"}
    )
    closed = sandbox.requests()["DB-PROD-01_2"]["confirmations"]
    assert [(each["level"], each["actor"]) for each in closed] == [(1, "portal.user"), (2, "rhea.malik")]
    sandbox.change_request("DB-PROD-01", "2", delete=True)
    assert set(sandbox.requests()) == {"DB-PROD-01_1"}


def test_a_password_can_be_rotated_in_one_place_first(sandbox: Sandbox) -> None:
    """Between the two halves of a rotation the secret store still hands out the old password."""
    sandbox.change_password("svc-pam-l1", "rotated", ["directory"])
    assert logon(sandbox).status_code == 403
    assert logon(sandbox, "rotated").status_code == 200


@pytest.mark.parametrize("system", [System.EXCHANGE, System.PVWA, System.VAULT])
def test_a_web_system_goes_down_and_comes_back_on_its_port(sandbox: Sandbox, system: System) -> None:
    """DOWN refuses and cuts one system only; clearing it opens the same port again."""
    endpoints = sandbox.endpoints()
    others = {System.EXCHANGE, System.PVWA, System.VAULT} - {system}
    with requests.Session() as session:
        session.verify = endpoints["ca_file"]
        session.trust_env = False
        session.get(endpoints[system], timeout=SECONDS)
        sandbox.put_fault(system, Fault(kind=FaultKind.DOWN))
        with pytest.raises(requests.ConnectionError):
            session.get(endpoints[system], timeout=SECONDS)
        for other in others:
            session.get(endpoints[other], timeout=SECONDS)
        sandbox.clear_faults(system)
        assert session.get(endpoints[system], timeout=SECONDS).status_code >= 400
    assert sandbox.endpoints() == endpoints


@pytest.mark.parametrize("system", [System.EXCHANGE, System.PVWA, System.VAULT])
def test_an_untrusted_certificate_is_seen_on_an_open_connection_too(sandbox: Sandbox, system: System) -> None:
    """WRONG_CERTIFICATE ends kept-alive connections, and the next handshake fails until it is cleared."""
    endpoints = sandbox.endpoints()
    with requests.Session() as session:
        session.verify = endpoints["ca_file"]
        session.trust_env = False
        session.get(endpoints[system], timeout=SECONDS)
        sandbox.put_fault(system, Fault(kind=FaultKind.WRONG_CERTIFICATE))
        with pytest.raises(requests.exceptions.SSLError):
            session.get(endpoints[system], timeout=SECONDS)
        sandbox.clear_faults(system)
        session.get(endpoints[system], timeout=SECONDS)


def test_a_wrong_call_is_refused_with_its_reason(sandbox: Sandbox) -> None:
    """Unknown switches, systems, folders and keys are 400 with words, and change nothing."""
    with pytest.raises(SandboxFailed, match="unknown PVWA profile switch 'nonsense'"):
        sandbox.change_profile(nonsense=True)
    with pytest.raises(SandboxFailed, match="There is no folder"):
        sandbox.deliver(MAIL, folder="Nowhere")
    with pytest.raises(SandboxFailed, match="known are"):
        sandbox.change_person("mara.voss", shoe_size=38)
    with pytest.raises(SandboxFailed, match="`in` takes directory, vault"):
        sandbox.change_password("svc-mail", "x", ["attic"])
    with pytest.raises(SandboxFailed, match="unexpected keyword argument"):
        sandbox.reset({"people": {"mara.voss": {"shoe_size": 38}}})
    assert sandbox.mailbox()["Inbox"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_the_ports_can_be_kept(tmp_path: Path, number: signal.Signals) -> None:
    """A signal while a request hangs: exit code 0 and no word on standard error; a second run takes the same ports."""
    ports_file = tmp_path / "ports.json"
    endpoints: list[dict[str, str]] = []
    for _ in range(2):
        with started("--ports-file", str(ports_file)) as process:
            assert process.stdout is not None
            endpoints.append(json.loads(process.stdout.readline()))
            control = endpoints[-1]["control"]
            fault = {"system": "pvwa", "kind": "hang"}
            requests.post(f"{control}/faults", json=fault, timeout=SECONDS)
            url = f"{endpoints[-1]['pvwa']}/API/verify"
            with pytest.raises(requests.ReadTimeout):
                requests.get(url, verify=endpoints[-1]["ca_file"], timeout=0.2)
            process.send_signal(number)
            _, words = process.communicate(timeout=SECONDS)
            assert (process.returncode, words) == (0, b"")
        assert not Path(endpoints[-1]["directory"]).exists()
    ports = [{key: value for key, value in each.items() if "://" in value} for each in endpoints]
    assert ports[0] == ports[1]


def test_it_ends_when_its_starter_is_gone(tmp_path: Path) -> None:
    """The process that a test run leaves behind sees the end of standard input and stops."""
    with started("--dir", str(tmp_path), "--with-stdin") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=SECONDS) == 0


@pytest.mark.parametrize("content", ["nonsense", '{"people": 3}', '{"people": {"a": {"shoe_size": 1}}}'])
def test_a_wrong_world_is_one_sentence(tmp_path: Path, content: str) -> None:
    """A file that is no world stops the start with its name, and without a traceback."""
    world = tmp_path / "world.json"
    world.write_text(content, encoding="utf-8")
    with pytest.raises(SandboxFailed, match=r"is not a world\.json") as caught:
        Sandbox(world, tmp_path / "run").start()
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("content", ["nonsense", '{"pvwa": 80000}', '{"attic": 1}'])
def test_a_wrong_ports_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    """What is not a ports file stops the start with exit code 64 and what such a file holds."""
    ports_file = tmp_path / "ports.json"
    ports_file.write_text(content, encoding="utf-8")
    with started("--ports-file", str(ports_file)) as process:
        _, words = process.communicate(timeout=SECONDS)
    assert process.returncode == 64
    assert b"is not a ports file" in words
    assert words.count(b"\n") == 1


def test_a_port_in_use_is_one_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    """A port stays taken, even while its system is down, and who wants it too is told so."""
    port = int(sandbox.endpoints()["vault"].rpartition(":")[2])
    sandbox.put_fault(System.VAULT, Fault(kind=FaultKind.DOWN))
    with pytest.raises(SandboxFailed, match=f"port {port} of 127.0.0.1 cannot be used"):
        Sandbox(directory=tmp_path, ports={"control": port}).start()


def test_a_world_and_ports_can_be_given(tmp_path: Path) -> None:
    """The client takes the content of a world, and a started sandbox keeps its ports on the next start."""
    with Sandbox(WORLD, tmp_path / "first") as first:
        assert set(first.requests()) == {"DB-PROD-01_1"}
        control = int(first.endpoints()["control"].rpartition(":")[2])
    with Sandbox(WORLD, tmp_path / "second", {"control": control}) as second:
        assert second.endpoints()["control"] == first.endpoints()["control"]


def test_pvwa_sessions_can_be_ended_and_users_activated(sandbox: Sandbox) -> None:
    """A token dies by the control API as it does by a restart, and a suspension is lifted."""
    endpoints = sandbox.endpoints()
    token = logon(sandbox).json()
    url, ca = f"{endpoints['pvwa']}/API/IncomingRequests", endpoints["ca_file"]
    assert requests.get(url, headers={"Authorization": token}, verify=ca, timeout=SECONDS).status_code == 200
    sandbox.end_pvwa_sessions("svc-pam-l1")
    assert requests.get(url, headers={"Authorization": token}, verify=ca, timeout=SECONDS).status_code == 401
    for _ in range(5):
        logon(sandbox, "wrong")
    assert logon(sandbox).status_code == 403
    sandbox.activate_pvwa_user("svc-pam-l1")
    assert logon(sandbox).status_code == 200


def test_the_mailbox_offers_the_schemes_it_is_told(sandbox: Sandbox) -> None:
    """Exchange names the ways of logging on that are set, and a reset brings both back."""
    endpoints = sandbox.endpoints()
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<FindItem xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"/></s:Body></s:Envelope>'
    )

    def offered() -> str:
        answer = requests.post(endpoints["exchange"], data=body, verify=endpoints["ca_file"], timeout=SECONDS)
        return answer.headers["WWW-Authenticate"]

    sandbox.change_exchange(schemes=["Basic"])
    assert "NTLM" not in offered()
    sandbox.reset()
    assert "NTLM" in offered()
    assert "Basic" in offered()
