"""Makes any value fit for a log line: no secret, no character that forges or hides text, no endless length."""

from __future__ import annotations

import html
import json
import math
import re
import threading
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Final
from urllib.parse import quote, quote_plus

from approvald.core.text import escape

MAX_CHARS: Final = 256
MAX_TRACE_CHARS: Final = 8_000
MAX_ITEMS: Final = 50
STARS: Final = "****"

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


class Redactor:
    """Replaces registered secrets by stars, in every spelling a library may have given them. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, secret: str) -> None:
        """Keep this value out of every line from now on. An empty one is ignored."""
        with self._lock:
            self._spellings |= _spellings(secret)
            longest_first = sorted(self._spellings, key=len, reverse=True)
            if longest_first:
                self._pattern = re.compile("|".join(re.escape(each) for each in longest_first))

    def redact(self, text: str) -> str:
        """Return the text with stars for secrets."""
        pattern = self._pattern
        return pattern.sub(STARS, text) if pattern else text

    def text(self, text: str, limit: int = MAX_CHARS) -> str:
        """Return one line without secrets and unsafe characters, at most `limit` characters before escaping."""
        return escape(_cut(self.redact(text), limit))

    def trace(self, text: str) -> str:
        """Return a traceback without secrets, its lines kept; of a long one only the end, where the error is."""
        kept = self.redact(text)[-MAX_TRACE_CHARS:]
        return "\n".join(escape(line) for line in kept.split("\n"))

    def plain(self, value: object) -> Plain:
        """Return the value as JSON can hold it; for an unknown type only its name, since it may hold anything."""
        match value:
            case Enum():
                return self.plain(value.value)
            case None | bool() | int():
                return value
            case float():
                return value if math.isfinite(value) else None
            case str():
                return self.text(value)
            case Mapping():
                items = list(value.items())[:MAX_ITEMS]
                return {self.text(str(key)): self.plain(item) for key, item in items}
            case list() | tuple() | AbstractSet():
                return [self.plain(item) for item in _some(value)]
            case _:
                return f"<{type(value).__name__}>"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _some(values: Iterable[object]) -> list[object]:
    return [item for item, _ in zip(values, range(MAX_ITEMS), strict=False)]


def _spellings(secret: str) -> set[str]:
    """Return the secret as it is, and as repr, JSON, URLs, forms and XML write it."""
    as_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    as_url = {quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    as_markup = {html.escape(secret), html.escape(secret, quote=False)}
    return ({secret, repr(secret)[1:-1]} | as_json | as_url | as_markup) - {""}


SECRETS: Final = Redactor()
"""The secrets of this process. One for all, because a library may log what another part of the program has read."""


def register_secret(secret: str) -> None:
    """Keep this value out of every log line, whoever logs it and however it is spelled there."""
    SECRETS.register(secret)


def without_secrets(text: str) -> str:
    """Return a text for a person on one line, with stars in place of registered secrets."""
    return SECRETS.text(text, limit=1_000)


def without_secrets_in_trace(trace: str) -> str:
    """Return a traceback with stars in place of registered secrets, its lines kept."""
    return SECRETS.trace(trace)
