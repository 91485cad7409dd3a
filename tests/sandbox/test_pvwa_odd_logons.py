"""Answers to a log-on that some PVWA, IIS or load balancer gives and the sandbox does not, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvald import __version__
from approvald.core.errors import AuthenticationFailed, Unavailable
from approvald.core.model import AccessRequest
from sandbox.pvwa_client import FIRST, KEY, L1, secret
from sandbox.scripted_pvwa import HTML, PAGE, TOKEN, Say, ScriptedDesk, error, scripted_desk


@pytest.fixture
def at(tmp_path: Path) -> Iterator[ScriptedDesk]:
    """Give a client before a server where every log-on succeeds until the test says otherwise."""
    with scripted_desk(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    "answer",
    [
        Say(200, TOKEN),
        Say(200, {"CyberArkLogonResult": TOKEN}),
        Say(200, {"LogonResult": TOKEN}),
        Say(200, {"value": TOKEN}),
        Say(200, f'"{TOKEN}"'.encode()),
        Say(200, TOKEN.encode(), {"Content-Type": "text/plain"}),
        Say(200, f'"{TOKEN}"\r\n'.encode(), {"Content-Type": "text/plain"}),
        Say(201, TOKEN),
    ],
)
def test_a_token_is_found_in_every_known_shape(at: ScriptedDesk, answer: Say) -> None:
    """And sent back raw."""
    at.script.on("/Logon/", answer)
    assert isinstance(at.client.details(KEY, FIRST), AccessRequest)
    assert at.script.heard[-1].headers["Authorization"] == TOKEN


@pytest.mark.parametrize(
    "answer",
    [
        Say(200, PAGE, HTML),
        Say(200),
        Say(200, {}),
        Say(200, {"value": None}),
        Say(200, "short"),
        Say(200, ["a"]),
        Say(200, TOKEN.encode(), HTML),
        Say(302, b"", {"Location": "https://sso.corp.example/"}),
        Say(200, {"UserName": "x", "AdditionalInfo": ""}),
        Say(403, PAGE, HTML),
        Say(401, PAGE, HTML),
        Say(404, error("X", "no such route")),
        Say(415, error("X", "unsupported")),
        Say(500, error("CAWS00001E", "The Vault is unreachable")),
        Say(
            500, error("CAWS00001E", "The number of concurrent dynamic sessions for user x has reached its limit (300)")
        ),
    ],
)
def test_a_logon_that_is_neither_yes_nor_no_is_an_outage(at: ScriptedDesk, answer: Say) -> None:
    """Nothing is counted against the account, because nobody judged its password."""
    at.script.on("/Logon/", answer)
    with pytest.raises(Unavailable) as raised:
        at.client.details(KEY, FIRST)
    assert not isinstance(raised.value, AuthenticationFailed)
    assert at.guard.failures == []
    assert at.count(f"/{KEY}/") == 0


@pytest.mark.parametrize(
    "answer",
    [
        Say(400, error("PASWS167E", "There are some invalid parameters")),
        Say(401, error("PASWS013E", "no")),
        Say(403, error("PASWS035E", "Authentication failure. Please contact your Administrator.")),
        Say(403),
        Say(403, b"Forbidden", {"Content-Type": "text/plain"}),
        Say(409, error("ITATS009E", "expired")),
        Say(500, error("CAWS00001E", "ITATS004E Authentication failure for User x")),
        Say(500, error("CAWS00001E", "User x has been suspended")),
        Say(500, error("ITATS542I", "Enter the code from your token")),
        Say(500, error("CAWS00001E", "ITATS542I Enter the code from your token")),
    ],
)
def test_a_refused_logon_is_counted_whatever_its_status(at: ScriptedDesk, answer: Say) -> None:
    """Also where the Vault's refusal, or its wish for a second factor, is wrapped in a 500."""
    at.script.on("/Logon/", answer)
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            at.client.details(KEY, FIRST)
    assert at.guard.failures == [(L1, "1")]
    assert at.count("/Logon/") == 1


def test_a_challenge_is_explained(at: ScriptedDesk) -> None:
    """A service account cannot answer it, and the operator has to be told what it is."""
    at.script.on("/Logon/", Say(500, error("ITATS542I", "Enter the code")))
    with pytest.raises(AuthenticationFailed, match="second factor"):
        at.client.details(KEY, FIRST)


def test_a_logon_that_only_passed_the_iis_is_repeated_once(at: ScriptedDesk) -> None:
    """On the same cookies (psPAS issue 245)."""
    half = Say(200, {"UserName": "svc", "AdditionalInfo": ""}, {"Set-Cookie": "CA22222=half; path=/PasswordVault"})
    at.script.on("/Logon/", half, Say(200, TOKEN))
    assert isinstance(at.client.details(KEY, FIRST), AccessRequest)
    assert [call.headers.get("Cookie") for call in at.script.heard] == [None, "CA22222=half", "CA22222=half"]


def test_a_logon_sends_what_pvwa_wants(at: ScriptedDesk) -> None:
    """JSON with a concurrent session, our name, no token yet."""
    at.client.details(KEY, FIRST)
    call = at.script.heard[0]
    assert call.path == "/PasswordVault/API/auth/LDAP/Logon/"
    assert json.loads(call.body) == {"username": L1, "password": secret(L1).password, "concurrentSession": True}
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["User-Agent"] == f"approvald/{__version__}"
    assert "Authorization" not in call.headers
