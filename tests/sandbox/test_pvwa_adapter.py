"""The PVWA adapter's three calls, against every profile of the PVWA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from approvald.core.errors import OutcomeUnknown
from approvald.core.model import Level
from approvald.core.ports import Absent, Accepted, Declined, Forbidden
from approvald_sandbox.control.client import Sandbox
from sandbox.pvwa_client import COMMENT, FIRST, GONE, KEY, L1, SECOND, Desk, desk

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def at(sandbox: Sandbox) -> Iterator[Desk]:
    """Give a client that has not logged on yet."""
    with desk(sandbox) as made:
        yield made


# The good way


def test_a_confirmation_takes_three_calls_once_logged_on(at: Desk) -> None:
    """Details, Confirm, Details; PVWA sees the right account and comment, once."""
    at.record()
    before = len(at.routes())
    assert at.record().confirmers[0].acted_at is None
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()
    after = at.record()
    assert at.routes()[before:] == ["Details", "Confirm", "Details"]
    assert after.confirmers[0].comment == COMMENT
    assert after.confirmers[0].members[0][0] == L1
    assert [(c["key"], c["user"], c["level"], c["reason"]) for c in at.sandbox.confirmations()] == [
        (KEY, L1, 1, COMMENT)
    ]


def test_both_levels_are_confirmed_by_their_own_accounts(at: Desk) -> None:
    """Each level has its own PVWA session."""
    assert at.client.confirm(KEY, FIRST, "one") == Accepted()
    assert at.record(SECOND).level is Level.SECOND
    assert at.client.confirm(KEY, SECOND, "two") == Accepted()
    assert [(c["user"], c["level"]) for c in at.sandbox.confirmations()] == [("svc-pam-l1", 1), ("svc-pam-l2", 2)]
    assert at.routes().count("Logon") == 2


def test_making_a_client_does_nothing(at: Desk) -> None:
    """No log-on, no secret read, before the first call; and closing an unused client asks nothing."""
    at.client.close()
    assert at.routes() == []
    assert at.secrets.reads == []


@pytest.mark.parametrize("safe", ["NET.CORE", "APP PAY 02", "SAP_BASIS", "A(1)-x"])
def test_safe_names_with_dots_spaces_and_signs_are_addressed(at: Desk, safe: str) -> None:
    """The request id is one quoted part of the path, and a slash follows it."""
    at.sandbox.change_safe(safe, level1=["DB_PAMapprover"])
    at.sandbox.change_request(safe, "3", requestor="timo.gast@corp.example")
    assert at.record(key=f"{safe}_3").safe == safe
    assert at.client.lists(f"{safe}_3", FIRST)
    assert at.client.confirm(f"{safe}_3", FIRST, COMMENT) == Accepted()


def test_the_list_tells_handled_and_expired_requests_too(at: Desk) -> None:
    """Absence from the list has to mean that the request is gone."""
    requests: dict[str, dict[str, Any]] = {"21": {"status": "confirmed"}, "22": {"expires": -60}, "23": {}}
    for number, fields in requests.items():
        at.sandbox.change_request("DB-PROD-01", number, requestor="timo.gast@corp.example", **fields)
        assert at.client.lists(f"DB-PROD-01_{number}", FIRST)
    assert at.client.lists("db-prod-01_23", FIRST)
    assert not at.client.lists(GONE, FIRST)


# What PVWA says of a request


def test_a_request_that_is_not_there_is_absent(at: Desk) -> None:
    """By PVWA's own 404."""
    assert isinstance(at.client.details(GONE, FIRST), Absent)
    assert at.client.confirm(GONE, FIRST, COMMENT) == Declined(
        status=404, code="CAWS00001E", words=f"Request {GONE} was not found."
    )


@pytest.mark.parametrize("answer", ["403", "500"])
def test_a_request_of_others_is_forbidden_in_either_wording(at: Desk, answer: str) -> None:
    """PVWA's 403, or the Vault's refusal wrapped in a 500."""
    at.sandbox.change_profile(no_access_answer=answer, single_level_second_group=True)
    got = at.client.details(KEY, FIRST)
    assert isinstance(got, Forbidden)
    assert "not authorized" in got.words


def test_a_second_level_account_may_be_blind_to_level_one(at: Desk) -> None:
    """It sees the request neither by itself nor in its list."""
    at.sandbox.change_profile(level2_blind_to_level1=True)
    assert isinstance(at.client.details(KEY, SECOND), Absent)
    assert not at.client.lists(KEY, SECOND)
    assert at.record(FIRST).level is Level.FIRST


CLOSED = {
    "500": Declined(status=500, code="CAWS00001E", words="ITATS999E This request has already been closed."),
    "409": Declined(status=409, code="CAWS00001E", words="ITATS999E This request has already been closed."),
    "404": Declined(status=404, code="CAWS00001E", words=f"Request {KEY} was not found."),
    "403": Declined(status=403, code="PASWS041E", words="You are not authorized to perform this action."),
}


@pytest.mark.parametrize("answer", CLOSED)
def test_a_closed_request_is_declined_in_pvwas_words(at: Desk, answer: str) -> None:
    """Whatever status this PVWA uses for it; the record can still be read."""
    at.sandbox.change_profile(closed_answer=answer)
    assert at.client.confirm(KEY, FIRST, "first") == Accepted()
    assert at.client.confirm(KEY, SECOND, "second") == Accepted()
    assert at.client.confirm(KEY, SECOND, "third") == CLOSED[answer]
    assert at.record().confirmers[0].comment == "first"


def test_a_closed_request_answered_by_a_page_is_not_known(at: Desk) -> None:
    """A web page with 500 is not PVWA's word: the record has to be read."""
    at.sandbox.change_profile(closed_answer="500html")
    at.sandbox.change_request("DB-PROD-01", "17", status="confirmed")
    with pytest.raises(OutcomeUnknown, match=r"web page \(HTTP 500"):
        at.client.confirm(KEY, FIRST, COMMENT)


@pytest.mark.parametrize("answer", ["403", "500"])
def test_a_wrong_level_is_declined(at: Desk, answer: str) -> None:
    """And nothing is confirmed."""
    at.sandbox.change_profile(wrong_level_answer=answer)
    got = at.client.confirm(KEY, SECOND, COMMENT)
    assert isinstance(got, Declined)
    assert got.status == int(answer)
    assert at.sandbox.confirmations() == []


@pytest.mark.parametrize(
    "switches",
    [
        {"status_map": "b"},
        {"action_confirmed": 7},
        {"members": "all"},
        {"confirmer_names": "domain"},
        {"confirmer_names": "upn"},
        {"requestor_names": "domain"},
        {"list_confirmers": "current"},
        {"confirmers_needed": 2},
        {"handled_hidden": True},
        {"one_call_per_token": True},
        {"token_shape": "object"},
        {"token_length": 244},
        {"sticky_nodes": True},
    ],
    ids=str,
)
def test_every_kind_of_pvwa_takes_a_confirmation(at: Desk, switches: dict[str, Any]) -> None:
    """Numbers, names and shapes that differ between installations change nothing."""
    at.sandbox.change_profile(**switches)
    assert at.record().requestor_user_name.rpartition("\\")[2] == "timo.gast"
    assert at.client.confirm(KEY, FIRST, COMMENT) == Accepted()
    assert at.record().number == "17"
    assert [each["reason"] for each in at.sandbox.confirmations()] == [COMMENT]


def test_without_a_second_level_account_the_second_level_is_answered_without_pvwa(sandbox: Sandbox) -> None:
    """As "not allowed", with a code that says why."""
    with desk(sandbox, second_level_secret=None) as at:
        assert at.client.details(KEY, SECOND) == Forbidden(code="no_second_level_account")
        assert not at.client.lists(KEY, SECOND)
        assert at.client.confirm(KEY, SECOND, COMMENT) == Declined(status=0, code="no_second_level_account", words="")
        assert at.client.user_name(SECOND) == ""
        assert at.routes() == []
