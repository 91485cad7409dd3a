"""The pretend PVWA over the wire: its routes, its dual-control rules, its sessions, and a public client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiobastion
import pytest
import requests

from approvald_sandbox.systems.certificates import make_certificates, server_context
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from sandbox.pvwa_server import KEY, L1, L2, Stage, ask, code, stage


@pytest.fixture
def pvwa() -> Iterator[Stage]:
    """Run a PVWA over the small world."""
    with stage() as made:
        yield made


def test_a_request_goes_through_two_levels_and_is_then_confirmed(pvwa: Stage) -> None:
    """Level 1 first, then level 2; each answer is an empty 200 and the record tells what is left."""
    first, second = pvwa.client(L1), pvwa.client(L2)
    answer = first.confirm(reason="one")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    record = first.details()
    assert (record["Status"], record["CurrentConfirmationLevel"], record["ConfirmationsLeft"]) == (1, 2, 1)
    assert second.confirm(reason="two").status_code == 200
    record = second.details()
    assert (record["Status"], record["ConfirmationsLeft"]) == (2, 0)
    assert [(c["Name"], c["Reason"], c["Members"][0]["UserName"]) for c in record["Confirmers"]] == [
        ("DB_PAMapprover", "one", L1),
        ("L2_PAMapprover", "two", L2),
    ]
    assert [(c.key, c.user, c.level, c.reason) for c in pvwa.journal.confirmations()] == [
        (KEY, L1, 1, "one"),
        (KEY, L2, 2, "two"),
    ]


def test_the_second_level_cannot_confirm_first_and_the_first_not_twice(pvwa: Stage) -> None:
    """A confirmer of the other level is not authorized; nothing is written down."""
    first, second = pvwa.client(L1), pvwa.client(L2)
    assert code(second.confirm()) == (403, "PASWS041E")
    assert first.confirm().status_code == 200
    assert code(first.confirm()) == (403, "PASWS041E")
    assert [entry.status for entry in pvwa.journal.attempts()] == [403, 200, 403]
    assert len(pvwa.journal.confirmations()) == 1


def test_a_group_counts_once(pvwa: Stage) -> None:
    """Where two must confirm, two members of one group are one confirmer."""
    ask(pvwa.world, "18", confirmers_needed=2)
    assert pvwa.client("ilka.brandt").confirm("DB-PROD-01_18").status_code == 200
    mara = pvwa.client("mara.voss")
    assert code(mara.confirm("DB-PROD-01_18")) == (500, "CAWS00001E")
    assert mara.details("DB-PROD-01_18")["ConfirmationsLeft"] == 1


def test_a_user_of_two_groups_confirms_once(pvwa: Stage) -> None:
    """Membership in a second confirming group gives no second vote at the same level."""
    pvwa.world.safes["DB-PROD-01"].level1.append("Net_PAMapprover")
    ask(pvwa.world, "18", confirmers_needed=2)
    first = pvwa.client(L1)
    assert first.confirm("DB-PROD-01_18").status_code == 200
    assert first.confirm("DB-PROD-01_18").status_code == 500
    assert pvwa.client("wen.zhao").confirm("DB-PROD-01_18").status_code == 200
    assert first.details("DB-PROD-01_18")["Status"] == 2


def test_two_confirmers_are_two_groups_or_users(pvwa: Stage) -> None:
    """A user named as confirmer beside the group gives the second vote."""
    pvwa.world.safes["DB-PROD-01"].level1.append("dario.conti")
    pvwa.world.person_for("dario.conti@corp.example")
    ask(pvwa.world, "18", confirmers_needed=2)
    assert pvwa.client(L1).confirm("DB-PROD-01_18").status_code == 200
    dario = pvwa.client("dario.conti")
    assert dario.confirm("DB-PROD-01_18").status_code == 200
    record = dario.details("DB-PROD-01_18")
    assert record["Status"] == 2
    user = record["Confirmers"][1]
    assert (user["Type"], user["Name"], user["Members"]) == (1, "dario.conti", None)
    assert user["AdditionalDetails"] == {"fullname": "Dario Conti", "email": "dario.conti@corp.example", "phone": ""}


def test_nobody_confirms_his_own_request(pvwa: Stage) -> None:
    """A requestor who is in the confirming group is refused."""
    ask(pvwa.world, "18", requestor="ilka.brandt@corp.example")
    assert code(pvwa.client("ilka.brandt").confirm("DB-PROD-01_18")) == (403, "PASWS041E")
    assert pvwa.journal.confirmations() == []


def test_one_rejection_closes_the_request(pvwa: Stage) -> None:
    """After a rejection nobody can confirm, and the record says who rejected and why."""
    mara, first = pvwa.client("mara.voss"), pvwa.client(L1)
    assert mara.call("POST", f"API/IncomingRequests/{KEY}/Reject", {"Reason": "not today"}).status_code == 200
    assert code(first.confirm()) == (500, "CAWS00001E")
    record = first.details()
    row = record["Confirmers"][0]
    assert (record["Status"], row["Action"], row["Reason"]) == (16, 3, "not today")
    assert row["Members"][0]["AdditionalDetails"]["fullname"] == "Mara Voss"


def test_time_ends_a_request(pvwa: Stage) -> None:
    """After its expiration date a request is expired and listed only when asked for; after its window it is invalid."""
    ask(pvwa.world, "18", access_from=0, access_to=3600)
    pvwa.world.turn_clock(7200)
    first = pvwa.client(L1)
    record = first.details("DB-PROD-01_18")
    assert record["Status"] == 1
    assert record["InvalidRequestReason"] != 0
    assert first.confirm("DB-PROD-01_18").status_code == 500
    pvwa.world.turn_clock(31 * 24 * 3600)
    first = pvwa.client(L1)
    assert first.details()["Status"] == 4
    assert first.confirm().status_code == 500
    assert first.listed() == []
    assert first.listed(EXPIRED="True", OnlyWaiting="true") == [KEY, "DB-PROD-01_18"]


def test_only_confirmers_see_a_request(pvwa: Stage) -> None:
    """Another team's group sees neither the details (403) nor the list entry; an unknown id is 404 in JSON."""
    ask(pvwa.world, "18", safe="NET.CORE")
    wen, first = pvwa.client("wen.zhao"), pvwa.client(L1)
    assert wen.listed() == ["NET.CORE_18"]
    ask(pvwa.world, "19", status="rejected")
    assert first.listed() == [KEY, "NET.CORE_18", "DB-PROD-01_19"]
    assert first.listed(onlyWaiting="true") == [KEY, "NET.CORE_18"]
    assert code(wen.call("GET", f"API/IncomingRequests/{KEY}")) == (403, "PASWS041E")
    assert code(wen.confirm()) == (403, "PASWS041E")
    assert code(wen.confirm("DB-PROD-01_99")) == (404, "CAWS00001E")
    assert code(wen.confirm("DB-PROD-01")) == (400, "PASWS167E")


def test_the_second_level_sees_a_request_that_it_never_confirms(pvwa: Stage) -> None:
    """Its right on the safe shows it a request of one level too; its vote is not wanted there."""
    ask(pvwa.world, "18", levels=1)
    second = pvwa.client(L2)
    assert [row["Name"] for row in second.details("DB-PROD-01_18")["Confirmers"]] == ["DB_PAMapprover"]
    assert code(second.confirm("DB-PROD-01_18")) == (403, "PASWS041E")


def test_a_world_that_lists_the_confirming_account_decides_its_groups(pvwa: Stage) -> None:
    """The account is in every team's group by itself, and only where the world says so once it says anything."""
    first = pvwa.client(L1)
    ask(pvwa.world, "18", safe="NET.CORE")
    pvwa.world.groups["Net_PAMapprover"].members.append(L1)
    assert first.listed() == ["NET.CORE_18"]


def test_a_requestor_asks_looks_and_takes_back(pvwa: Stage) -> None:
    """MyRequests: a deleted request is gone for its confirmers too."""
    first, timo = pvwa.client(L1), pvwa.client("timo.gast")
    account = first.details()["AccountDetails"]["AccountID"]
    made = timo.call("POST", "API/MyRequests", {"AccountId": account, "Reason": "again", "ToDate": 0}).json()
    assert (made["RequestID"], made["UserReason"], made["Status"]) == ("DB-PROD-01_18", "again", 1)
    assert "RequestorFullName" not in made
    assert [r["RequestID"] for r in timo.call("GET", "api/myrequests/").json()["MyRequests"]] == [KEY, "DB-PROD-01_18"]
    assert code(first.call("DELETE", "API/MyRequests/DB-PROD-01_18/")) == (403, "PASWS041E")
    assert timo.call("DELETE", "API/MyRequests/DB-PROD-01_18/").status_code == 200
    assert code(first.confirm("DB-PROD-01_18")) == (404, "CAWS00001E")
    assert timo.call("GET", "API/MyRequests/DB-PROD-01_18/").status_code == 404


def test_a_record_has_the_published_shape(pvwa: Stage) -> None:
    """Account properties are strings without exception; a list item has no confirmers."""
    first = pvwa.client(L1)
    record = first.details()
    properties = record["AccountDetails"]["Properties"]
    assert all(isinstance(value, str) for value in properties.values())
    assert (properties["Name"], properties["UserName"]) == ("Operating System-UnixSSH-db7.corp.example-root", "root")
    assert (properties["Address"], properties["LastModifiedDate"][-3:]) == ("db7.corp.example", "000")
    assert (record["UserReason"], record["RequestorUserName"]) == ("Kernel patch", "timo.gast")
    assert record["RequestorReason"].endswith(record["UserReason"])
    assert record["ExpirationDate"] - record["CreationDate"] == 30 * 24 * 3600
    waiting = record["Confirmers"][0]
    assert (waiting["Type"], waiting["Action"], waiting["ActionDate"]) == (2, 2, 0)
    assert [member["UserName"] for member in waiting["Members"]] == ["ilka.brandt", "mara.voss", L1]
    [listed] = first.call("GET", "API/IncomingRequests").json()["IncomingRequests"]
    assert listed | {"Confirmers": record["Confirmers"]} == record


def test_paths_are_matched_as_iis_does(pvwa: Stage) -> None:
    """Case and final slash do not matter; a dot in the last segment needs the slash; unknown paths get IIS's page."""
    ask(pvwa.world, "18", safe="NET.CORE")
    first = pvwa.client(L1)
    assert first.call("GET", f"api/INCOMINGREQUESTS/{KEY.lower()}").json()["RequestID"] == KEY
    assert first.details("NET.CORE_18")["SafeName"] == "NET.CORE"
    for path in ("API/IncomingRequests/NET.CORE_18", "API/NoSuchThing", "API/IncomingRequests/A%26B_1/"):
        answer = first.call("GET", path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert first.call("PUT", f"API/IncomingRequests/{KEY}/").status_code == 405


def test_faults_hit_the_call_they_name(pvwa: Stage) -> None:
    """A reset after processing loses the answer, not the confirmation; 401 is PVWA's JSON, 503 the balancer's page."""
    first = pvwa.client(L1)
    pvwa.faults.put(System.PVWA, Fault(kind=FaultKind.RESET_AFTER, times=1, operation="confirm"))
    with pytest.raises(requests.ConnectionError):
        first.confirm()
    assert [(c.user, c.level) for c in pvwa.journal.confirmations()] == [(L1, 1)]
    pvwa.faults.put(System.PVWA, Fault(kind=FaultKind.RESET_BEFORE, times=1, operation="confirm"))
    with pytest.raises(requests.ConnectionError):
        pvwa.client(L2).confirm()
    assert [entry.status for entry in pvwa.journal.attempts()] == [200, 0]
    assert len(pvwa.journal.confirmations()) == 1
    pvwa.faults.put(System.PVWA, Fault(kind=FaultKind.STATUS, times=1, status=401))
    assert code(first.call("GET", "API/LoginsInfo")) == (401, "PASWS006E")
    pvwa.faults.put(System.PVWA, Fault(kind=FaultKind.STATUS, times=1, status=503, retry_after=7))
    answer = first.call("GET", "API/LoginsInfo")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_public_client_lists_and_confirms(tmp_path: Path) -> None:
    """aiobastion, which nobody here wrote, logs on over TLS, lists, confirms and logs off."""
    files = make_certificates(tmp_path)

    async def act(host: str) -> tuple[Any, Any, Any]:
        client = aiobastion.EPV(
            serialized={"api_host": host, "authtype": "LDAP", "verify": str(files.ca), "keep_cookies": True}
        )
        await client.login(L1, DEFAULT_PASSWORD)
        assert await client.check_token()
        listed = await client.handle_request("get", "API/IncomingRequests", params={"onlyWaiting": "true"})
        done = await client.handle_request("post", f"API/IncomingRequests/{KEY}/Confirm", data={"Reason": "aio"})
        version = await client.get_version()
        await client.logoff()
        return listed, done, version

    with stage(tls=server_context(files.server)) as pvwa:
        listed, done, version = asyncio.run(act(pvwa.base.removeprefix("https://")))
        assert [each["RequestID"] for each in listed["IncomingRequests"]] == [KEY]
        assert done is True
        assert version == "14.0.0"
        assert [(c.user, c.reason) for c in pvwa.journal.confirmations()] == [(L1, "aio")]
        assert pvwa.pvwa.sessions.count(L1) == 0
