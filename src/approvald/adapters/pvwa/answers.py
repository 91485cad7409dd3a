"""Reads what came back over HTTP defensively, and tells PVWA's own word from somebody else's.

PVWA's own word is JSON: a value, or an error with an ErrorCode. Web pages (with any status, also 200), redirects, empty
errors and other texts come from whatever is in front of PVWA and say nothing about a request (pvwa-rest 0).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Final

from approvald.adapters.pvwa.records import Fields

WORDS_CHARS: Final = 300
CODE_CHARS: Final = 40
LONGEST_WAIT_SECONDS: Final = 3600.0
BUSY_OR_LATE: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Statuses that come from a load balancer or a limit, whatever the body says."""

_HTML: Final = re.compile(rb"\s*(<!doctype|<html|<\?xml|<head|<body|<!--)", re.IGNORECASE)
_DEAD_CODES: Final = frozenset({"PASWS006E", "CAIWS001E", "CASSM005E", "CASTM006E"})
_DEAD_WORDS: Final = re.compile(r"logged off|has been disconnected|logoff from the vault", re.IGNORECASE)
_FORBIDDEN_CODE: Final = "PASWS041E"
_FORBIDDEN_WORDS: Final = re.compile(r"\bnot authori[sz]ed\b", re.IGNORECASE)
_GONE: Final = (
    r"\W{1,4}(?:was not found|not found|could ?n[o']t be found|can ?not be found|does(?: not|n't) exist"
    r"|no longer exists|has been deleted)\b"
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A complete HTTP answer. `trace`: PVWA's correlation id, the key into its own log; empty where it gave none.

    `date`: the Date header as it came.
    """

    status: int
    body: bytes = field(repr=False)
    content_type: str = ""
    retry_after_seconds: float | None = None
    trace: str = ""
    date: str = ""

    @property
    def is_page(self) -> bool:
        """Whether it is a web page (or an XHTML fault): never PVWA's word."""
        return bool(self.body.strip()) and ("html" in self.content_type.lower() or bool(_HTML.match(self.body)))

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @cached_property
    def reading(self) -> AnswerReading:
        """What it says, read once."""
        return read(self)


@dataclass(frozen=True, kw_only=True)
class Value:
    """An answer of PVWA's in JSON that is not an error: an object, a list or a text."""

    status: int
    content: object = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Empty:
    """A 2xx without a body: how PVWA says yes to an act."""

    status: int


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """An error in PVWA's own JSON. `words` is safe to show: no control characters, at most 300 of them."""

    status: int
    code: str
    words: str

    @property
    def is_dead_token(self) -> bool:
        """Whether PVWA does not know our token, or no longer does."""
        return (
            self.status == HTTPStatus.UNAUTHORIZED or self.code in _DEAD_CODES or bool(_DEAD_WORDS.search(self.words))
        )

    @property
    def is_forbidden(self) -> bool:
        """Whether the account may not do this; also when the Vault's refusal comes wrapped in a 500."""
        if self.is_dead_token:
            return False
        return (
            self.status == HTTPStatus.FORBIDDEN
            or self.code == _FORBIDDEN_CODE
            or bool(_FORBIDDEN_WORDS.search(self.words))
        )

    def says_gone(self, request_id: str) -> bool:
        """Whether there is no such request: a 404, or words that say so about the request itself.

        Words about something else that was not found (a server, a path, a user) prove nothing.
        """
        if self.status == HTTPStatus.NOT_FOUND:
            return True
        name = rf"(?:request(?: id)?|{re.escape(request_id)})"
        return bool(re.search(rf"\b{name}(?:\W{{1,4}}{re.escape(request_id)})?{_GONE}", self.words, re.IGNORECASE))


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """An answer that is not PVWA's word. `what` names it for a message: a web page, a redirect, nothing."""

    status: int
    what: str


AnswerReading = Value | Empty | Complaint | Foreign


def read(answer: Answer) -> AnswerReading:
    """Tell PVWA's word from everything else. Never raises."""
    if answer.is_success and not answer.body.strip():
        return Empty(status=answer.status)
    what = _foreign(answer)
    if what:
        return Foreign(status=answer.status, what=what)
    try:
        content: object = json.loads(answer.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Foreign(status=answer.status, what="a text that is not JSON")
    complaint = _complaint(answer.status, content)
    if complaint is None and not answer.is_success:
        return Foreign(status=answer.status, what="JSON without an ErrorCode")
    return complaint or Value(status=answer.status, content=content)


def _foreign(answer: Answer) -> str:
    """Name what can be told from PVWA's word without reading it as JSON, else return an empty text."""
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return "a redirect"
    if not answer.body.strip():
        return "an empty answer"
    return "a web page" if answer.is_page else ""


def _complaint(status: int, content: object) -> Complaint | None:
    """Read PVWA's error body; `Details` (an array or one object) says more where the message is general."""
    error = Fields(content)
    code = error.text("ErrorCode", CODE_CHARS)
    if not code:
        return None
    words = [part.text("ErrorMessage", WORDS_CHARS) for part in (error, *error.objects("Details"))]
    return Complaint(status=status, code=code, words=" ".join(filter(None, words))[:WORDS_CHARS])


def wait_wished(header: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header (a number or an HTTP date), at most an hour; None where unusable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, IndexError, TypeError):
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
