"""Values out of PVWA's JSON, made harmless and typed: the only place that trusts nothing about a form.

Texts come out on one line, without control characters and without characters that turn the reading direction.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

NAME_CHARS: Final = 256
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_LONGEST_NUMBER: Final = 18
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def clean(value: object, longest: int) -> str:
    """Return the text on one line with its edges trimmed, cut at `longest` characters; anything but text is empty."""
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
    """One JSON object, its keys found in any case. Every getter answers "not said" for what is of no usable form."""

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
        """Yield the objects of a list; one object that stands alone counts as a list of one."""
        value = self.raw(key)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield Fields(each)
