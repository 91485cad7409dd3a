"""PVWA's JSON into a record: whatever a PVWA of any version may send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.adapters.pvwa.records import Fields, access_request, clean, find_record, listed_ids
from approvald.core.errors import Unreadable
from approvald.core.model import AccessRequest, Confirmer, Level

SECONDS = 1_724_125_545
INSTANT = datetime(2024, 8, 20, 3, 45, 45, tzinfo=UTC)


def record(**changes: Any) -> dict[str, Any]:
    """Return the JSON of a request as a PVWA 12 sends it."""
    return {
        "RequestorFullName": "Timo Gast",
        "RequestID": "DB-PROD-01_17",
        "SafeName": "DB-PROD-01",
        "RequestorUserName": "timo.gast",
        "RequestorReason": "(ConnectionClient=PSM-RDP) patching",
        "UserReason": "patching",
        "CreationDate": SECONDS,
        "Operation": "Connect to DBPlat-oracle-db1",
        "ExpirationDate": SECONDS + 60,
        "OperationType": 4,
        "AccessType": "ManyTimes",
        "ConfirmationsLeft": 1,
        "AccessFrom": 0,
        "AccessTo": 0,
        "Status": 1,
        "StatusTitle": "Waiting: 1 more user(s) must confirm the request",
        "InvalidRequestReason": 0,
        "CurrentConfirmationLevel": 1,
        "RequiredConfirmersCountLevel2": 1,
        "AccountDetails": {
            "AccountID": "120_3",
            "Properties": {"Address": "db1.corp.example", "Name": "Database-DBPlat-db1-oracle", "UserName": "oracle"},
        },
        "Confirmers": [
            {
                "Type": 2,
                "ID": 55,
                "Name": "DB_PAMapprover",
                "Action": 2,
                "Reason": "",
                "ActionDate": 0,
                "AdditionalDetails": {},
                "Members": [{"UserID": 71, "UserName": "svc-pam-l1", "AdditionalDetails": {"fullname": "Service"}}],
            },
            {
                "Type": 1,
                "ID": 41,
                "Name": "mara.voss",
                "Action": 1,
                "Reason": "fine",
                "ActionDate": SECONDS,
                "AdditionalDetails": {"fullname": "Mara Voss", "email": "", "phone": ""},
                "Members": None,
            },
        ],
    } | changes


def taken(content: object) -> AccessRequest:
    """Read a record out of an answer."""
    found = find_record(content)
    assert found is not None
    return access_request(found)


def test_every_fact_is_taken_over() -> None:
    """Each value ends in its own field."""
    assert taken(record()) == AccessRequest(
        request_id="DB-PROD-01_17",
        safe="DB-PROD-01",
        requestor_user_name="timo.gast",
        requestor_full_name="Timo Gast",
        requestor_reason="(ConnectionClient=PSM-RDP) patching",
        user_reason="patching",
        account="Database-DBPlat-db1-oracle",
        account_address="db1.corp.example",
        device_user="oracle",
        operation="Connect to DBPlat-oracle-db1",
        created=INSTANT,
        expires=INSTANT.replace(minute=46),
        status=1,
        status_title="Waiting: 1 more user(s) must confirm the request",
        confirmations_left=1,
        level=Level.FIRST,
        second_level_left=1,
        confirmers=(
            Confirmer(name="DB_PAMapprover", is_group=True, action=2, members=(("svc-pam-l1", "Service"),)),
            Confirmer(
                name="mara.voss", is_group=False, action=1, acted_at=INSTANT, comment="fine", full_name="Mara Voss"
            ),
        ),
    )


def test_only_three_facts_are_needed() -> None:
    """Whatever else is missing is "not said"."""
    content = {"RequestID": "S_1", "SafeName": "S", "RequestorUserName": "timo.gast"}
    expected = AccessRequest(request_id="S_1", safe="S", requestor_user_name="timo.gast")
    assert taken(content) == expected


@pytest.mark.parametrize("wrap", [lambda r: [r], lambda r: {"IncomingRequest": r}, lambda r: {"value": [r]}])
def test_a_record_may_be_wrapped_once(wrap: Any) -> None:
    """In a list of one or an object of one key."""
    assert taken(wrap(record())) == taken(record())


@pytest.mark.parametrize("content", [None, [], {}, "text", 7, [record(), record()], {"state": "ok"}, {"a": 1, "b": 2}])
def test_what_is_no_record_is_not_taken_for_one(content: object) -> None:
    """Two records are none, because it is not known which one is meant."""
    assert find_record(content) is None


def test_keys_are_found_in_any_case() -> None:
    """Newer resources of PVWA write camelCase."""
    lower = {key[0].lower() + key[1:]: value for key, value in record().items()}
    assert taken(lower) == taken(record())


@pytest.mark.parametrize("key", ["RequestID", "SafeName", "RequestorUserName"])
@pytest.mark.parametrize("value", [None, "", "  ", 7, ["x"], "x\u202ey", "x\x00", "a\nb", "x" * 300])
def test_a_request_without_sound_identity_is_unreadable(key: str, value: object) -> None:
    """Names that decide who is who are taken as they stand or not at all, and the error does not repeat them."""
    with pytest.raises(Unreadable, match=f"whose {key} is missing or unusable"):
        taken(record(**{key: value}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SECONDS, INSTANT),
        (str(SECONDS), INSTANT),
        (float(SECONDS), INSTANT),
        (SECONDS * 1000, INSTANT),
        (f"{SECONDS}123", INSTANT),
        (0, None),
        (None, None),
        ("", None),
        (-1, None),
        (True, None),
        (5, None),
        (10**30, None),
        ("9" * 400, None),
        (float("inf"), None),
        (float("nan"), None),
        ("2024-08-20T03:45:45Z", None),
        ({}, None),
    ],
)
def test_instants_are_seconds_or_milliseconds(value: object, expected: datetime | None) -> None:
    """0 is none, and what is outside 2000 to 2100 is nobody's date."""
    assert taken(record(AccessTo=value)).access_to == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, Level.FIRST), (2, Level.SECOND), ("2", Level.SECOND), (0, None), (3, None), (None, None), (True, None)],
)
def test_a_level_is_one_two_or_not_said(value: object, expected: Level | None) -> None:
    """CyberArk has two."""
    assert taken(record(CurrentConfirmationLevel=value)).level is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("3", 3), (" 3 ", 3), (3.0, 3), (3.5, None), ("x", None), (-1, None), ([], None)]
)
def test_counts_are_whole_numbers_in_any_form(value: object, expected: int | None) -> None:
    """Also as texts; a negative count is not said."""
    assert taken(record(ConfirmationsLeft=value)).confirmations_left == expected


@pytest.mark.parametrize("status", [0, 16, -1, 99, "waiting", None, {}])
def test_an_unknown_status_never_hurts(status: object) -> None:
    """Its numbers are not public."""
    expected = status if isinstance(status, int) else None
    assert taken(record(Status=status, InvalidRequestReason="?", Extra={"a": 1})).status == expected


@pytest.mark.parametrize("value", [None, [], "none", 7, [None, 3, "x"]])
def test_no_confirmers_are_no_confirmers(value: object) -> None:
    """Null, empty and junk alike."""
    assert taken(record(Confirmers=value)).confirmers == ()


@pytest.mark.parametrize(
    ("kind", "members", "is_group"),
    [
        (2, None, True),
        (1, None, False),
        (1, [], True),
        (0, [{"UserName": "x"}], True),
        (None, None, False),
        ("2", 1, True),
    ],
)
def test_whoever_has_members_is_a_group(kind: object, members: object, *, is_group: bool) -> None:
    """The type may be wrong or unknown."""
    row = {"Type": kind, "Name": "DB_PAMapprover", "Members": members}
    assert taken(record(Confirmers=[row])).confirmers[0].is_group is is_group


def test_text_is_made_harmless() -> None:
    """One line, no controls, nothing that turns the reading direction, and not endless."""
    got = taken(record(UserReason="a\u202eb\x1b[1m\r\nc\u0085d\u2066e\x9b" + "x" * 9000, StatusTitle={"no": "text"}))
    assert got.user_reason.startswith("ab[1m  c dexxx")
    assert len(got.user_reason) == 2000
    assert got.status_title == ""


@given(st.text())
def test_clean_text_stays_clean(text: str) -> None:
    """Cleaning twice changes nothing, and no control character is left."""
    once = clean(text, 50)
    assert clean(once, 50) == once
    assert len(once) <= 50
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in once)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(record())), JSON))
def test_no_junk_raises_anything_but_unreadable(changes: dict[str, Any]) -> None:
    """Any JSON in any place gives a record or Unreadable."""
    try:
        got = access_request(Fields(record(**changes)))
    except Unreadable:
        return
    assert got.request_id
    assert got.safe
    assert got.requestor_user_name


@pytest.mark.parametrize("key", ["IncomingRequests", "MyRequests", "Requests", "requests", None])
def test_a_list_comes_under_several_names(key: str | None) -> None:
    """Or bare."""
    rows = [record(), record(RequestID="S_2")]
    assert listed_ids({key: rows} if key else rows) == ("DB-PROD-01_17", "S_2")


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        "x",
        {"IncomingRequests": None},
        {"Total": 3},
        [None],
        [record(), {"Name": "?"}],
        [record(RequestID="")],
    ],
)
def test_a_list_that_cannot_be_read_whole_proves_nothing(content: object) -> None:
    """A list is asked to prove that a request is absent, so one odd row spoils it."""
    assert listed_ids(content) is None


def test_an_empty_list_is_a_list() -> None:
    """Nobody waits for this account."""
    assert listed_ids({"IncomingRequests": []}) == ()
