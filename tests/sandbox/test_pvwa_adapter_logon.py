"""How the PVWA adapter logs on: with which password, how often, to which address. We never lock an account."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from approvald.adapters.pvwa.client import PvwaClient
from approvald.config.settings import PvwaSettings
from approvald.core.errors import AuthenticationFailed, System, Unavailable
from approvald.core.ports import Accepted
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import FaultKind
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from sandbox.pvwa_client import COMMENT, FIRST, KEY, L1, L2, SECOND, Desk, desk, secret

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def at(sandbox: Sandbox) -> Iterator[Desk]:
    """Give a client that has not logged on yet."""
    with desk(sandbox) as made:
        yield made


# Passwords


def test_a_bad_password_is_tried_once(at: Desk) -> None:
    """One refused log-on however many mails wait, and the account is never suspended."""
    at.sandbox.change_profile(lockout_threshold=2)
    at.sandbox.change_password(L1, "Rotated-1!", places=["directory"])
    for _ in range(8):
        with pytest.raises(AuthenticationFailed):
            at.client.details(KEY, FIRST)
    assert at.failed_logons() == {L1: 1}
    assert at.guard.failures == [(L1, "1")]


def test_a_refused_logon_says_what_to_do_and_hides_the_password(at: Desk) -> None:
    """The account, PVWA's words, the next try and the secret's name; never the password."""
    at.secrets.put("level1", secret(L1, "2", "Wr0ng-and-secret"))
    at.secrets.get("level1", fresh=True)
    with pytest.raises(AuthenticationFailed) as raised:
        at.client.details(KEY, FIRST)
    assert raised.value.system is System.PVWA
    assert raised.value.account == L1
    assert raised.value.next_try == datetime(2026, 11, 20, 12, 15, tzinfo=UTC)
    words = str(raised.value)
    for part in (L1, "PASWS013E", "2026-11-20 12:15 UTC", "level1"):
        assert part in words
    error: BaseException | None = raised.value
    while error is not None:
        assert "Wr0ng-and-secret" not in repr(error) + str(error)
        error = error.__cause__ or error.__context__


def test_a_rotated_password_needs_no_restart(at: Desk) -> None:
    """The cached one is refused once, the new one is read afresh and accepted, in the same call."""
    at.sandbox.change_password(L1, "Rotated-1!", places=["directory"])
    at.secrets.put("level1", secret(L1, "2", "Rotated-1!"))
    assert at.record().number == "17"
    assert at.failed_logons() == {L1: 1}
    assert at.secrets.reads == [("level1", False), ("level1", True)]
    assert at.guard.failures == [(L1, "1")]
    assert at.guard.successes == [(L1, "2")]


def test_a_password_corrected_later_is_noticed_by_itself(at: Desk) -> None:
    """The guard forbids the old version; the new one is tried although the old one is still cached."""
    at.sandbox.change_password(L1, "Rotated-1!", places=["directory"])
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            at.client.details(KEY, FIRST)
    at.secrets.put("level1", secret(L1, "2", "Rotated-1!"))
    assert at.record().number == "17"
    assert at.failed_logons() == {L1: 1}


def test_a_secret_store_that_is_away_does_not_hide_the_refusal(at: Desk) -> None:
    """The refused log-on is the news that somebody must act on."""
    at.sandbox.change_password(L1, "Rotated-1!", places=["directory"])
    at.secrets.away_if_fresh = True
    with pytest.raises(AuthenticationFailed, match="PASWS013E"):
        at.client.details(KEY, FIRST)


def test_an_expired_password_is_not_tried_on_and_on(at: Desk) -> None:
    """PVWA's 409 is a refusal as well, and one try is one try."""
    at.sandbox.change_profile(expired_passwords=[L1])
    with pytest.raises(AuthenticationFailed, match="must be changed"):
        at.client.details(KEY, FIRST)
    for _ in range(4):
        with pytest.raises(AuthenticationFailed):
            at.client.details(KEY, FIRST)
    assert at.failed_logons() == {L1: 1}


def test_what_happens_to_an_account_is_logged(at: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Log-on, refusal, holding back, renewal and a log-off that failed; no password and no token."""
    caplog.set_level(logging.DEBUG)
    at.sandbox.change_password(L1, "Rotated-1!", places=["directory"])
    for _ in range(2):
        with pytest.raises(AuthenticationFailed):
            at.client.details(KEY, FIRST)
    at.secrets.put("level1", secret(L1, "2", "Rotated-1!"))
    at.record()
    at.sandbox.end_pvwa_sessions()
    at.record()
    at.fault(FaultKind.RESET_BEFORE, "Logoff")
    at.client.close()
    ours = [line for line in caplog.records if line.name.startswith("approvald")]
    assert [line.getMessage() for line in ours] == [
        "logon.failed",
        "logon.held_back",
        "logon.held_back",
        "logon.done",
        "pvwa.session_renewed",
        "logon.done",
        "logoff.failed",
    ]
    written = "".join(f"{line.getMessage()} {line.__dict__}" for line in caplog.records)
    assert "Rotated-1!" not in written
    assert DEFAULT_PASSWORD not in written


def test_one_account_in_trouble_leaves_the_other_alone(at: Desk) -> None:
    """Each has its own session and its own guard entry."""
    at.sandbox.change_password(L1, "Rotated-1!", places=["directory"])
    with pytest.raises(AuthenticationFailed):
        at.client.details(KEY, FIRST)
    assert at.record(SECOND).number == "17"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.STATUS, 500),
        (FaultKind.STATUS, 502),
        (FaultKind.STATUS, 503),
        (FaultKind.STATUS, 429),
        (FaultKind.STATUS, 404),
        (FaultKind.HTML, 0),
        (FaultKind.RESET_BEFORE, 0),
        (FaultKind.RESET_AFTER, 0),
        (FaultKind.DOWN, 0),
        (FaultKind.WRONG_CERTIFICATE, 0),
    ],
)
def test_a_logon_that_pvwa_did_not_judge_is_an_outage(at: Desk, kind: FaultKind, status: int) -> None:
    """Nothing is counted against the account, a waiting confirmation was certainly not sent, and it heals by itself."""
    at.fault(kind, "" if kind in {FaultKind.DOWN, FaultKind.WRONG_CERTIFICATE} else "Logon", status=status, times=None)
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            at.client.confirm(KEY, FIRST, COMMENT)
        assert not isinstance(raised.value, AuthenticationFailed)
    at.sandbox.clear_faults()
    assert at.sandbox.confirm_attempts() == []
    assert at.guard.failures == []
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()


@pytest.mark.parametrize("status", [401, 403])
def test_a_logon_that_pvwa_refused_is_counted(at: Desk, status: int) -> None:
    """Whatever its words are."""
    at.fault(FaultKind.STATUS, "Logon", status=status)
    with pytest.raises(AuthenticationFailed):
        at.client.details(KEY, FIRST)
    assert at.guard.failures == [(L1, "1")]


@pytest.mark.parametrize("kind", ["LDAP", "CyberArk", "Windows"])
def test_each_kind_of_logon_has_its_address(sandbox: Sandbox, kind: str) -> None:
    """The method is part of the path."""
    with desk(sandbox, authentication=kind) as at:
        sandbox.change_profile(logon_types=[kind])
        assert at.record().number == "17"


# The address


def test_an_address_without_a_path_means_the_usual_virtual_directory(at: Desk) -> None:
    """https://pvwa.corp.example is enough; another directory can be named."""
    where = at.sandbox.endpoints()
    client = another(at, url=where["pvwa"].removesuffix("/PasswordVault"))
    assert client.lists(KEY, FIRST)
    client.close()
    elsewhere = another(at, url=where["pvwa"].replace("PasswordVault", "Elsewhere"))
    with pytest.raises(Unavailable, match="HTTP 404"):
        elsewhere.details(KEY, FIRST)


def test_a_ca_file_that_is_missing_is_named(at: Desk) -> None:
    """Nothing is sent without a checked certificate."""
    client = another(at, ca_file=at.sandbox.directory / "missing.pem")
    with pytest.raises(Unavailable, match=r"pvwa\.ca_file names is not there"):
        client.details(KEY, FIRST)
    assert at.routes() == []


def test_a_proxy_that_does_not_connect_is_named(at: Desk) -> None:
    """And it is certain that nothing was sent."""
    client = another(at, proxy="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"pvwa\.proxy"):
        client.confirm(KEY, FIRST, COMMENT)
    assert at.routes() == []


def test_proxies_and_passwords_of_the_environment_count_for_nothing(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `pvwa.proxy` sets a proxy, and a .netrc would replace our token."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    netrc = at.sandbox.directory / "netrc"
    netrc.write_text("machine localhost login x password y\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert at.record().number == "17"


def test_the_user_name_is_the_secrets(at: Desk) -> None:
    """Asked without a log-on, and the same after it."""
    assert at.client.user_name(SECOND) == L2
    assert at.routes() == []
    at.record(SECOND)
    assert at.client.user_name(SECOND) == L2


def another(at: Desk, **options: object) -> PvwaClient:
    """Return a second client with other options, and the desk's secrets and guard."""
    where = at.sandbox.endpoints()
    given = {"url": where["pvwa"], "ca_file": where["ca_file"], "read_timeout_seconds": 5.0} | options
    return PvwaClient(PvwaSettings.model_validate(given), at.secrets, at.guard, at.clock)
