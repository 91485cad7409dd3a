"""PVWA's JSON of a request -> `AccessRequest`. Only what identifies the request must be there and be sound.

Shapes and types: pvwa-rest 2.3. Numbers may come as texts, instants in seconds or milliseconds, names of keys in any
case; unknown keys are passed over.
"""

from __future__ import annotations

from typing import Final

from approvald.adapters.pvwa.fields import Fields
from approvald.core.errors import Unreadable
from approvald.core.model import AccessRequest, Confirmer, Level

TEXT_CHARS: Final = 2000
LIST_KEYS: Final = ("incomingrequests", "myrequests", "requests")
_IDENTITY: Final = ("RequestID", "SafeName", "RequestorUserName")
_GROUP_TYPE: Final = 2


def find_record(content: object) -> Fields | None:
    """Return the request object of an answer, bare or wrapped once in an object or a list of one; None: no record."""
    for candidate in (content, Fields(content).only()):
        value = candidate[0] if isinstance(candidate, list) and len(candidate) == 1 else candidate
        record = Fields(value)
        if any(key in record for key in _IDENTITY):
            return record
    return None


def access_request(record: Fields) -> AccessRequest:
    """Read one record. Raises Unreadable when the request, its safe or its requestor is not named soundly."""
    request_id, safe, requestor = (_identity(record, key) for key in _IDENTITY)
    properties = record.object("AccountDetails").object("Properties")
    level = record.number("CurrentConfirmationLevel")
    return AccessRequest(
        request_id=request_id,
        safe=safe,
        requestor_user_name=requestor,
        requestor_full_name=record.text("RequestorFullName"),
        requestor_reason=record.text("RequestorReason", TEXT_CHARS),
        user_reason=record.text("UserReason", TEXT_CHARS),
        account=properties.text("Name") or None,
        account_address=properties.text("Address") or None,
        device_user=properties.text("UserName") or None,
        operation=record.text("Operation", TEXT_CHARS),
        created=record.instant("CreationDate"),
        expires=record.instant("ExpirationDate"),
        access_from=record.instant("AccessFrom"),
        access_to=record.instant("AccessTo"),
        status=record.number("Status"),
        status_title=record.text("StatusTitle", TEXT_CHARS),
        invalid_reason=record.number("InvalidRequestReason") or 0,
        confirmations_left=record.count("ConfirmationsLeft"),
        level=Level(level) if level in {Level.FIRST, Level.SECOND} else None,
        second_level_left=record.count("RequiredConfirmersCountLevel2"),
        confirmers=tuple(_confirmer(each) for each in record.objects("Confirmers")),
    )


def _identity(record: Fields, key: str) -> str:
    """Return a name that decides who is who: taken as it stands or not at all, never repaired."""
    text = record.text(key)
    value = record.raw(key)
    if not text or not isinstance(value, str) or text != value.strip():
        message = (
            f"PVWA sent a request whose {key} is missing or unusable, so it cannot be told what was asked and by whom. "
            "Approve it in PVWA, and show the CyberArk team this request."
        )
        raise Unreadable(message)
    return text


def _confirmer(row: Fields) -> Confirmer:
    """Read one confirmer. `Type` may lie or be unknown: whoever has a list of members is a group."""
    members = row.raw("Members")
    return Confirmer(
        name=row.text("Name"),
        is_group=isinstance(members, list) or row.number("Type") == _GROUP_TYPE,
        action=row.number("Action") or 0,
        acted_at=row.instant("ActionDate"),
        comment=row.text("Reason", TEXT_CHARS),
        full_name=row.object("AdditionalDetails").text("fullname"),
        members=tuple(
            (user_name, each.object("AdditionalDetails").text("fullname"))
            for each in row.objects("Members")
            if (user_name := each.text("UserName"))
        ),
    )


def listed_ids(content: object) -> tuple[str, ...] | None:
    """Return the RequestIDs of a list of requests in order; None when the answer is no list that can be trusted.

    A row that cannot be read makes the whole list useless, because a list is asked to prove that a request is absent.
    """
    rows = content
    if isinstance(content, dict):
        answer = Fields(content)
        rows = next((answer.raw(key) for key in LIST_KEYS if isinstance(answer.raw(key), list)), None)
    if not isinstance(rows, list):
        return None
    ids = [Fields(row).text("RequestID") for row in rows]
    return tuple(ids) if all(ids) else None
