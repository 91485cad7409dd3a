"""Reads PVWA's JSON of a request into an `AccessRequest`. Only what identifies the request must be present and sound.

Shapes and types: pvwa-rest 2.3. Numbers may come as texts, instants in seconds or milliseconds, names of keys in any
case; unknown keys are passed over.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from approvald.core.errors import Unreadable
from approvald.core.model import AccessRequest, Confirmer, Level

TEXT_CHARS: Final = 2000
LIST_KEYS: Final = ("incomingrequests", "myrequests", "requests")
_IDENTITY: Final = ("RequestID", "SafeName", "RequestorUserName")
_GROUP_TYPE: Final = 2
NAME_CHARS: Final = 256
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_LONGEST_NUMBER: Final = 18
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")


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
    """Return a name that decides who is who: taken as it is or not at all, never repaired."""
    text = record.text(key)
    value = record.raw(key)
    if not text or not isinstance(value, str) or text != value.strip():
        message = (
            f"PVWA sent a request whose {key} is missing or unusable, so it is unclear what was requested and by whom. "
            "Approve it in PVWA, and show this request to the CyberArk team."
        )
        raise Unreadable(message)
    return text


def _confirmer(row: Fields) -> Confirmer:
    """Read one confirmer. `Type` may be wrong or unknown: a confirmer with a list of members is a group."""
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
    """Return the RequestIDs of a list of requests in order; None when the answer is not a list that can be trusted.

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


def clean(value: object, longest: int) -> str:
    """Return the text on one line with its edges trimmed, cut at `longest` characters; anything but text is empty.

    These texts are compared with a mail's: nothing is put in the place of a character, and joiners of scripts stay.
    """
    if not isinstance(value, str):
        return ""
    return "".join(filter(None, map(_harmless, value[: 2 * longest]))).strip()[:longest].rstrip()


def _harmless(character: str) -> str:
    if character in _BREAKS:
        return " "
    if character in _TURNING or unicodedata.category(character) in {"Cc", "Cs"}:
        return ""
    return character


class Fields:
    """One JSON object, its keys found in any case. Every getter treats an unusable value as one that is not given."""

    def __init__(self, value: object) -> None:
        pairs = value.items() if isinstance(value, dict) else ()
        self._values: dict[str, object] = {str(key).casefold(): each for key, each in pairs}

    def __contains__(self, key: str) -> bool:
        return key.casefold() in self._values

    def raw(self, key: str) -> object:
        """Return the value as it came, None where the key is missing."""
        return self._values.get(key.casefold())

    def only(self) -> object:
        """Return the value of an object with one key, else None: how some answers are wrapped."""
        return next(iter(self._values.values())) if len(self._values) == 1 else None

    def object(self, key: str) -> Fields:
        """Return the object under this key, an empty one where there is none."""
        return Fields(self.raw(key))

    def text(self, key: str, longest: int = NAME_CHARS) -> str:
        """Return a harmless text, empty where there is none."""
        return clean(self.raw(key), longest)

    def number(self, key: str) -> int | None:
        """Return a whole number, also from a text such as "12"."""
        value = self.raw(key)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        text = value.strip() if isinstance(value, str) else ""
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else None

    def count(self, key: str) -> int | None:
        """Return a number that is not negative."""
        value = self.number(key)
        return value if value is not None and value >= 0 else None

    def instant(self, key: str) -> datetime | None:
        """Return an instant (UTC) given in epoch seconds or milliseconds; 0 and anything outside 2000-2100 is none."""
        value = self.number(key) or 0
        for unit in (1, 1000):
            if _EARLIEST <= value / unit < _LATEST:
                return datetime.fromtimestamp(value / unit, UTC).replace(microsecond=0)
        return None

    def objects(self, key: str) -> Iterator[Fields]:
        """Yield the objects of a list; a single object counts as a list of one."""
        value = self.raw(key)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield Fields(each)
