"""Answers that some PVWA, IIS or load balancer gives and the sandbox does not, word for word."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from approvald.adapters.pvwa.wire import AnswerLost, Wire
from approvald.config.settings import PvwaSettings
from approvald.core.errors import OutcomeUnknown, Unavailable, Unreadable
from approvald.core.model import AccessRequest
from approvald.core.ports import Accepted, Forbidden
from sandbox.pvwa_client import COMMENT, FIRST, KEY
from sandbox.scripted_pvwa import HTML, PAGE, RECORD, TOKEN, Say, ScriptedDesk, error, scripted_desk


@pytest.fixture
def at(tmp_path: Path) -> Iterator[ScriptedDesk]:
    """Give a client before a server where every log-on succeeds until the test says otherwise."""
    with scripted_desk(tmp_path) as made:
        yield made


def test_every_call_says_that_it_is_json(at: ScriptedDesk) -> None:
    """Also an empty POST: some servers answer 415 otherwise."""
    at.script.on("/Confirm/", Say(200))
    at.client.confirm(KEY, FIRST, COMMENT)
    at.client.close()
    logon, confirm, logoff = at.script.heard
    assert json.loads(confirm.body) == {"Reason": COMMENT}
    assert (logoff.path, logoff.body) == ("/PasswordVault/API/Auth/Logoff/", b"")
    assert {call.headers["Content-Type"] for call in (logon, confirm, logoff)} == {"application/json"}


@pytest.mark.parametrize(
    "answer",
    [
        Say(401, PAGE, HTML),
        Say(401),
        Say(403, error("CAIWS001E", "Couldn't retrieve session token from request header.")),
        Say(403, error("CAWS00001E", "The user was logged off.")),
    ],
)
def test_every_kind_of_dead_token_is_renewed_for_a_confirmation(at: ScriptedDesk, answer: Say) -> None:
    """These come before anything is done."""
    at.script.on("/Confirm/", answer, Say(200))
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()
    assert (at.count("/Logon/"), at.count("/Confirm/")) == (2, 2)


def test_a_vault_that_breaks_off_may_have_confirmed(at: ScriptedDesk) -> None:
    """The words "has been disconnected" in a 500 can come from the middle of the act: never repeated."""
    at.script.on("/Confirm/", Say(500, error("CAWS00001E", "User svc has been disconnected")))
    with pytest.raises(OutcomeUnknown):
        at.client.confirm(KEY, FIRST, COMMENT)
    assert at.count("/Confirm/") == 1
    assert isinstance(at.client.details(KEY, FIRST), AccessRequest)
    assert at.count("/Logon/") == 2


def test_a_vault_that_breaks_off_a_read_is_asked_again(at: ScriptedDesk) -> None:
    """Reading twice harms nobody."""
    at.script.on(f"/{KEY}/", Say(500, error("X", "Logoff from the Vault and logon again")), Say(200, RECORD))
    assert isinstance(at.client.details(KEY, FIRST), AccessRequest)
    assert at.count("/Logon/") == 2


@pytest.mark.parametrize(
    "answer", [Say(200), Say(204), Say(200, {}), Say(200, b"null"), Say(200, b"", HTML), Say(200, RECORD)]
)
def test_every_yes_to_a_confirmation_is_a_yes(at: ScriptedDesk, answer: Say) -> None:
    """Empty, or JSON without an ErrorCode."""
    at.script.on("/Confirm/", answer)
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()


@pytest.mark.parametrize(
    "answer",
    [
        Say(200, PAGE, HTML),
        Say(200, b"OK"),
        Say(200, error("CAWS00001E", "not really")),
        Say(302, b"", {"Location": "/PasswordVault/logon"}),
        Say(403, PAGE, HTML),
        Say(404, b""),
        Say(500),
        Say(500, {"Message": "An error has occurred."}),
        Say(502, PAGE, HTML),
        Say(503, error("CAWS00001E", "busy")),
        Say(504),
        Say(200, RECORD, {}, 20),
    ],
)
def test_what_is_no_word_of_pvwas_leaves_a_confirmation_unknown(at: ScriptedDesk, answer: Say) -> None:
    """Sent once, not repeated, neither given nor declined; a redirect is not followed."""
    at.script.on("/Confirm/", answer)
    with pytest.raises(OutcomeUnknown):
        at.client.confirm(KEY, FIRST, COMMENT)
    assert [call.method for call in at.script.heard] == ["POST", "POST"]


@pytest.mark.parametrize(
    "answer",
    [
        Say(200),
        Say(200, {"state": "maintenance"}),
        Say(200, []),
        Say(200, PAGE, HTML),
        Say(301, b"", {"Location": "/elsewhere"}),
        Say(403, PAGE, HTML),
        Say(404, PAGE, HTML),
        Say(404),
        Say(404, {"Message": "No HTTP resource was found that matches the request URI"}),
        Say(404, b"<?xml version='1.0'?><Fault>gone</Fault>", {"Content-Type": "application/xml"}),
        Say(200, RECORD, {}, 20),
        Say(503, error("CAWS00001E", f"Request {KEY} was not found."), {"Retry-After": "9"}),
    ],
)
def test_what_is_no_word_of_pvwas_tells_nothing_about_a_request(at: ScriptedDesk, answer: Say) -> None:
    """Neither absent nor forbidden: the mail waits."""
    at.script.on(f"/{KEY}/", answer)
    with pytest.raises(Unavailable) as raised:
        at.client.details(KEY, FIRST)
    assert raised.value.retry_after_seconds == (9.0 if answer.status == 503 else None)


@pytest.mark.parametrize("wrap", [lambda r: [r], lambda r: {"Request": r}])
def test_a_wrapped_record_is_a_record(at: ScriptedDesk, wrap: Any) -> None:
    """In a list of one or an object of one key."""
    at.script.on(f"/{KEY}/", Say(200, wrap(RECORD)))
    assert isinstance(at.client.details(KEY, FIRST), AccessRequest)


@pytest.mark.parametrize("change", [{"RequestID": "DB-PROD-01_18"}, {"RequestorUserName": ""}])
def test_a_record_of_another_request_or_of_nobody_is_unreadable(at: ScriptedDesk, change: dict[str, str]) -> None:
    """It is never guessed which request or whose it was."""
    at.script.on(f"/{KEY}/", Say(200, RECORD | change))
    with pytest.raises(Unreadable):
        at.client.details(KEY, FIRST)


def test_a_refusal_of_rights_keeps_pvwas_words(at: ScriptedDesk) -> None:
    """For the log and the CyberArk team."""
    at.script.on(f"/{KEY}/", Say(403, error("PASWS041E", "You are not authorized to perform this action.")))
    expected = Forbidden(code="PASWS041E", words="You are not authorized to perform this action.")
    assert at.client.details(KEY, FIRST) == expected


@pytest.mark.parametrize("key", ["IncomingRequests", "MyRequests", "Requests"])
def test_the_list_is_asked_for_everything(at: ScriptedDesk, key: str) -> None:
    """Handled and expired requests too, under whichever name it comes."""
    at.script.on("/IncomingRequests/", Say(200, {key: [RECORD]}))
    assert at.client.lists(KEY, FIRST)
    assert not at.client.lists("DB-PROD-01_1", FIRST)
    assert at.script.heard[-1].path.endswith("/IncomingRequests/?onlyWaiting=false&expired=true")


@pytest.mark.parametrize(
    "answer",
    [
        Say(200),
        Say(200, {"IncomingRequests": [RECORD, {"odd": 1}]}),
        Say(200, {"state": "ok"}),
        Say(403, error("PASWS041E", "no")),
        Say(404, error("X", "no such route")),
        Say(200, PAGE, HTML),
    ],
)
def test_a_list_that_cannot_be_read_says_neither_yes_nor_no(at: ScriptedDesk, answer: Say) -> None:
    """Absence has to be proven."""
    at.script.on("/IncomingRequests/", answer)
    with pytest.raises(Unavailable):
        at.client.lists(KEY, FIRST)


def test_the_correlation_id_is_handed_to_whoever_has_to_look(at: ScriptedDesk) -> None:
    """It is the key into PVWA's own log."""
    at.script.on(f"/{KEY}/", Say(500, PAGE, {**HTML, "X-Correlation-ID": "6f1c1f0e-3d52"}))
    with pytest.raises(Unavailable, match="correlation id 6f1c1f0e-3d52"):
        at.client.details(KEY, FIRST)


def test_a_token_is_in_no_error(at: ScriptedDesk) -> None:
    """Whatever a server makes of it."""
    at.script.on(f"/{KEY}/", Say(500, {"Message": TOKEN}))
    with pytest.raises(Unavailable) as raised:
        at.client.details(KEY, FIRST)
    assert TOKEN not in str(raised.value)


def test_an_answer_that_does_not_end_is_given_up(at: ScriptedDesk) -> None:
    """Every piece comes in time and the whole does not: there is a limit for all of it."""
    at.client.details(KEY, FIRST)
    long = RECORD | {"Padding": "x" * 400_000}
    at.script.on(f"/{KEY}/", Say(200, long, half_way=lambda: at.clock.turn(60)))
    with pytest.raises(Unavailable, match="too long or too slow"):
        at.client.details(KEY, FIRST)
    at.script.on(f"/{KEY}/", Say(200, long))
    assert isinstance(at.client.details(KEY, FIRST), AccessRequest)


def test_a_header_that_trickles_is_given_up(at: ScriptedDesk) -> None:
    """The limit for a read begins anew with every byte; the one for the whole call does not. It may have been done."""
    at.script.on("/Confirm/", Say(200, trickles=True))
    with pytest.raises(OutcomeUnknown):
        at.client.confirm(KEY, FIRST, COMMENT)
    assert 0 < at.script.trickled < 100
    at.script.on("/Confirm/", Say(200))
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()


def test_a_call_that_connects_after_its_time_is_not_sent(at: ScriptedDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that hangs outlives every limit of the HTTP library; a lease may be gone when it answers."""
    look_up = socket.getaddrinfo

    def hang(*arguments: Any, **options: Any) -> Any:
        time.sleep(1.5)
        return look_up(*arguments, **options)

    settings = PvwaSettings(
        url=at.script.base, ca_file=at.script.ca_file, connect_timeout_seconds=0.5, read_timeout_seconds=0.5
    )
    with closing(Wire(settings, at.clock)) as wire:
        with monkeypatch.context() as slow:
            slow.setattr(socket, "getaddrinfo", hang)
            with pytest.raises(Unavailable, match="cannot be reached") as raised:
                wire.send("POST", f"/api/IncomingRequests/{KEY}/Confirm/")
        assert not isinstance(raised.value, AnswerLost)
        assert at.script.heard == []
        assert wire.send("GET", f"/api/IncomingRequests/{KEY}/").status == 200
