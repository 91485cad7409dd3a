"""Each switch of the pretend PVWA once: what a caller sees with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from approvald_sandbox.systems.pvwa.profile import Profile
from sandbox.pvwa_server import KEY, L1, L2, Client, Stage, ask, stage


@pytest.fixture
def pvwa() -> Iterator[Stage]:
    """Run a PVWA over the small world."""
    with stage() as made:
        yield made


def rows(client: Client, key: str = KEY) -> list[str]:
    """Return the names of a request's confirmers."""
    return [each["Name"] for each in client.details(key)["Confirmers"]]


@pytest.mark.parametrize(("answer", "status"), [("500", 500), ("409", 409), ("404", 404), ("403", 403)])
def test_a_closed_request_answers_json(pvwa: Stage, answer: str, status: int) -> None:
    """The status of a Confirm that comes too late differs between installations."""
    pvwa.profile.update({"closed_answer": answer})
    ask(pvwa.world, "18", status="confirmed")
    refused = pvwa.client(L1).confirm("DB-PROD-01_18")
    assert refused.status_code == status
    assert ("was not found" in refused.json()["ErrorMessage"]) is (answer == "404")


def test_a_closed_request_answers_a_page(pvwa: Stage) -> None:
    """Some answer the 500 in HTML."""
    pvwa.profile.update({"closed_answer": "500html"})
    ask(pvwa.world, "18", status="rejected")
    refused = pvwa.client(L1).confirm("DB-PROD-01_18")
    assert (refused.status_code, refused.headers["Content-Type"]) == (500, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("status_map", "numbers"), [("a", {"confirmed": 2, "rejected": 16, "used": 8}), ("b", {"rejected": 3, "used": 5})]
)
def test_status_numbers(pvwa: Stage, status_map: str, numbers: dict[str, int]) -> None:
    """Only 1, waiting, is the same everywhere."""
    pvwa.profile.update({"status_map": status_map})
    client = pvwa.client(L1)
    assert client.details()["Status"] == 1
    for index, (status, number) in enumerate(numbers.items(), start=20):
        ask(pvwa.world, str(index), status=status)
        assert client.details(f"DB-PROD-01_{index}")["Status"] == number


@pytest.mark.parametrize(("members", "names"), [("actor", [L1]), ("all", ["ilka.brandt", "mara.voss", L1])])
def test_members_of_a_group_that_acted(pvwa: Stage, members: str, names: list[str]) -> None:
    """Some show who acted for the group, some the whole group."""
    pvwa.profile.update({"members": members, "action_confirmed": 4})
    client = pvwa.client(L1)
    client.confirm()
    group = client.details()["Confirmers"][0]
    assert [member["UserName"] for member in group["Members"]] == names
    assert group["Action"] == 4


@pytest.mark.parametrize("members", ["actor", "all"])
def test_who_closed_a_request_before_the_world_began(pvwa: Stage, members: str) -> None:
    """A confirmer whom only the Vault knows stands in his group's row with his full name."""
    pvwa.profile.update({"members": members})
    ask(pvwa.world, "18", status="confirmed", confirmed_by={"user": "a.smith", "full_name": "Alice Smith", "at": -60})
    group = pvwa.client(L1).details("DB-PROD-01_18")["Confirmers"][0]
    acted = next(member for member in group["Members"] if member["UserName"] == "a.smith")
    assert acted["AdditionalDetails"]["fullname"] == "Alice Smith"
    assert group["ActionDate"] == pytest.approx(pvwa.world.now() - 60, abs=10)


@pytest.mark.parametrize(("answer", "status"), [("403", 403), ("500", 500)])
def test_answer_to_the_wrong_level(pvwa: Stage, answer: str, status: int) -> None:
    """The refusal of a vote is 403 or 500; both are PVWA's JSON."""
    pvwa.profile.update({"wrong_level_answer": answer})
    refused = pvwa.client(L2).confirm()
    assert refused.status_code == status
    assert "You are not authorized to perform this action." in refused.json()["ErrorMessage"]


@pytest.mark.parametrize(("answer", "status"), [("403", 403), ("404", 404), ("500", 500)])
def test_answer_to_a_stranger(pvwa: Stage, answer: str, status: int) -> None:
    """Details for a user who is no confirmer are refused in one of three ways."""
    pvwa.profile.update({"no_access_answer": answer})
    assert pvwa.client("wen.zhao").call("GET", f"API/IncomingRequests/{KEY}").status_code == status


def test_the_second_level_is_blind_to_the_first(pvwa: Stage) -> None:
    """The level-2 account gets 404 in JSON and an empty list until level 1 has confirmed."""
    pvwa.profile.update({"level2_blind_to_level1": True})
    second = pvwa.client(L2)
    unseen = second.call("GET", f"API/IncomingRequests/{KEY}")
    assert (unseen.status_code, unseen.json()["ErrorCode"]) == (404, "CAWS00001E")
    assert second.listed() == []
    assert second.confirm().status_code == 404
    assert pvwa.client(L1).confirm().status_code == 200
    assert second.listed() == [KEY]
    assert second.confirm().status_code == 200


@pytest.mark.parametrize(
    ("spelling", "group", "user"),
    [
        ("plain", "DB_PAMapprover", "timo.gast"),
        ("domain", "CORP\\DB_PAMapprover", "CORP\\timo.gast"),
        ("upn", "DB_PAMapprover@corp.example", "timo.gast@corp.example"),
    ],
)
def test_spelling_of_names(pvwa: Stage, spelling: str, group: str, user: str) -> None:
    """Directory names stand in a record plain, with the domain before or behind."""
    pvwa.profile.update({"confirmer_names": spelling, "requestor_names": spelling})
    client = pvwa.client(L1)
    assert rows(client)[0] == group
    assert client.details()["RequestorUserName"] == user


def test_confirmers_of_the_current_level(pvwa: Stage) -> None:
    """A record lists the confirmers of all levels, or of the level it waits for."""
    client = pvwa.client(L1)
    assert rows(client) == ["DB_PAMapprover", "L2_PAMapprover"]
    pvwa.profile.update({"list_confirmers": "current"})
    assert rows(client) == ["DB_PAMapprover"]
    client.confirm()
    assert rows(client) == ["L2_PAMapprover"]


def test_more_confirmers_needed(pvwa: Stage) -> None:
    """The number of confirmers can be set for all requests: one account alone cannot finish a level."""
    pvwa.profile.update({"confirmers_needed": 2})
    client = pvwa.client(L1)
    assert client.details()["ConfirmationsLeft"] == 2
    assert client.confirm().status_code == 200
    record = client.details()
    assert (record["ConfirmationsLeft"], record["CurrentConfirmationLevel"]) == (1, 1)
    assert client.confirm().status_code == 500


def test_one_level_of_the_second_group(pvwa: Stage) -> None:
    """The second-level group confirms alone; the team's account is no confirmer of anything."""
    pvwa.profile.update({"single_level_second_group": True})
    ask(pvwa.world, "18", waits_for_level=2)
    first, second = pvwa.client(L1), pvwa.client(L2)
    assert first.listed() == []
    assert first.confirm().status_code == 403
    for key in (KEY, "DB-PROD-01_18"):
        assert rows(second, key) == ["L2_PAMapprover"]
        assert second.details(key)["ConfirmationsLeft"] == 1
        assert second.confirm(key).status_code == 200
        assert second.details(key)["Status"] == 2
    assert [(c.user, c.level) for c in pvwa.journal.confirmations()] == [(L2, 1), (L2, 1)]


def test_an_upgrade_window(pvwa: Stage) -> None:
    """During an upgrade every path answers a page, 404 and 503 in turn, and nothing is done."""
    client = pvwa.client(L1)
    pvwa.profile.update({"upgrade_window": True})
    answers = [client.confirm(), client.call("GET", "API/verify"), client.call("GET", "nothing")]
    assert [answer.status_code for answer in answers] == [404, 503, 404]
    assert all(answer.headers["Content-Type"].startswith("text/html") for answer in answers)
    pvwa.profile.update({"upgrade_window": False})
    assert client.confirm().status_code == 200


def test_a_vault_that_fails_over(pvwa: Stage) -> None:
    """Every call and log-on answers 500 with the Vault's words, and every session is gone when it is back."""
    client = pvwa.client(L1)
    pvwa.profile.update({"vault_away": True})
    for answer in (client.confirm(), client.call("GET", f"API/IncomingRequests/{KEY}/")):
        assert answer.status_code == 500
        assert "disconnected" in answer.json()["ErrorMessage"]
    pvwa.profile.update({"vault_away": False})
    assert client.confirm().status_code == 401
    assert pvwa.client(L1).confirm().status_code == 200


def test_handled_requests_leave_the_list(pvwa: Stage) -> None:
    """A spent vote and a closed request hide the entry; the details stay readable."""
    pvwa.profile.update({"handled_hidden": True})
    first, second = pvwa.client(L1), pvwa.client(L2)
    ask(pvwa.world, "18", confirmers_needed=2)
    assert first.listed() == [KEY, "DB-PROD-01_18"]
    first.confirm("DB-PROD-01_18")
    assert first.listed() == [KEY]
    first.confirm()
    second.confirm()
    assert second.listed(onlyWaiting="false") == ["DB-PROD-01_18"]
    assert second.details()["Status"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"closed_answr": "500"},
        {"closed_answer": "200"},
        {"sticky_nodes": "yes"},
        {"token_length": 181},
        {"idle_timeout_seconds": 0},
        {"lockout_threshold": True},
        {"confirmers_needed": -1},
        {"logon_types": "ldap"},
    ],
)
def test_a_wrong_switch_changes_nothing(changes: dict[str, Any]) -> None:
    """An unknown switch or an unusable value is named, and the good ones beside it are not set either."""
    profile = Profile()
    with pytest.raises(ValueError, match=next(iter(changes))):
        profile.update({"upgrade_window": True} | changes)
    assert profile == Profile()
