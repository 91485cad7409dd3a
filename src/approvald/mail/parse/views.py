"""The views of a mail: every text/plain and text/html that a client may have shown, decoded within limits.

Allowed places: anywhere in multiparts, and in mails attached as message/rfc822. A file (a part with a name, or marked
as attachment) is no view. What cannot be read for certain raises Unreadable: no view may be missing when they are
compared. Clients show one rendering of a multipart/alternative and the root of a multipart/related, so each view says
where in them it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email import policy as policies
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import Policy
from itertools import count
from typing import Any, Final

from approvald.core.errors import Unreadable
from approvald.mail import headers
from approvald.mail.parse.rules import ParseRules, ViewLimits, codec_name

_ENCODINGS: Final = frozenset({"", "7bit", "8bit", "binary", "quoted-printable", "base64"})
_CHARSET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,39}", re.ASCII)
_PARAMETER: Final = re.compile(r";\s*(charset|boundary|start)(?:\*[0-9*]{0,4})?\s*=", re.ASCII | re.IGNORECASE)
_SAID_ONCE: Final = ("Content-Type", "Content-Disposition", "Content-Transfer-Encoding")


@dataclass(frozen=True, kw_only=True)
class View:
    """One text of the mail.

    `renderings`: the number of each multipart/alternative around it, with the position of the rendering it is part of.
    `is_beside`: it belongs to a multipart/related and is not its root, so that no client shows it. `is_attached`: it is
    of a mail attached to this one.
    """

    text: str = field(repr=False)
    is_html: bool
    renderings: tuple[tuple[int, int], ...] = ()
    is_beside: bool = False
    is_attached: bool = False


@dataclass(frozen=True, kw_only=True)
class Views:
    """All views in order, and what else the mail holds that would explain why there is nothing to read.

    `alternatives`: how many renderings each multipart/alternative has, by its number.
    """

    views: tuple[View, ...]
    alternatives: tuple[int, ...] = ()
    is_encrypted: bool = False
    has_winmail: bool = False


class _Part(EmailMessage):
    """A part that counts, so that a mail over a limit is refused while it is parsed, not afterwards.

    Python's parser reads Content-Type as it goes, in quadratic time: a long one must never be stored.
    """

    limits: ViewLimits
    depth: int = 0
    fields: int = 0

    def set_raw(self, name: str, value: str) -> None:
        """Take a header field from the parser."""
        self.fields += 1
        long = len(value) > self.limits.header_chars and name.casefold().startswith("content-")
        if long or self.fields > headers.MOST_FIELDS:
            message = "The header of a part is too long."
            raise Unreadable(message)
        super().set_raw(name, value)

    def attach(self, payload: Any) -> None:
        """Take a part inside this one from the parser."""
        payload.depth = self.depth + 1
        if payload.depth > self.limits.depth:
            message = f"The mail is nested more than {self.limits.depth} parts deep."
            raise Unreadable(message)
        super().attach(payload)


def views_of(mime: bytes, rules: ParseRules) -> Views:
    """Return the views of a raw mail. Raises Unreadable over a limit, and whatever Python's parser raises."""
    if len(mime) > rules.limits.mime_bytes:
        message = f"The mail is larger than {rules.limits.mime_bytes} bytes."
        raise Unreadable(message)
    return _Walk(rules).run(_parsed(mime, rules.limits))


def _parsed(mime: bytes, limits: ViewLimits) -> EmailMessage:
    made = count(1)

    def part(policy: Policy[EmailMessage]) -> EmailMessage:
        if next(made) > limits.parts:
            message = f"The mail has more than {limits.parts} parts."
            raise Unreadable(message)
        new = _Part(policy=policy)
        new.limits = limits
        return new

    return BytesParser(policy=policies.default.clone(message_factory=part)).parsebytes(mime)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where in the mail a part stands. `boundaries`: of the multiparts around it."""

    renderings: tuple[tuple[int, int], ...] = ()
    is_beside: bool = False
    attached: int = 0
    boundaries: frozenset[str | None] = frozenset()


class _Walk:
    """One walk over the parts of a mail, collecting as it goes."""

    def __init__(self, rules: ParseRules) -> None:
        self._rules = rules
        self._alternatives: list[int] = []
        self._encrypted = False
        self._winmail = False

    def run(self, root: EmailMessage) -> Views:
        found = tuple(self._views(root, _Place()))
        return Views(
            views=found,
            alternatives=tuple(self._alternatives),
            is_encrypted=self._encrypted,
            has_winmail=self._winmail,
        )

    def _views(self, part: EmailMessage, place: _Place) -> Iterator[View]:
        self._check_fields(part)
        kind: str = part.get_content_type()
        if kind in {"text/plain", "text/html"}:
            if part.get_content_disposition() in {None, "inline"} and part.get_filename() is None:
                text, is_html = self._text(part), kind == "text/html"
                yield View(text=text, is_html=is_html, renderings=place.renderings, is_beside=place.is_beside,
                           is_attached=place.attached > 0)  # fmt: skip
        elif kind.startswith("multipart/"):
            for child, inner in self._inside(part, kind, place):
                yield from self._views(child, inner)
        elif kind == "message/rfc822":
            if place.attached >= self._rules.limits.attached_depth:
                message = f"More than {self._rules.limits.attached_depth} mails are attached inside one another."
                raise Unreadable(message)
            # Clients repeat a boundary in a mail and in the one attached to it. Where every part is shown in any case,
            # it does not matter which of the two mails a program takes a part to be in.
            is_shown_whole = not place.renderings and not place.is_beside
            boundaries = frozenset() if is_shown_whole else place.boundaries
            for child in _children(part):
                yield from self._views(child, replace(place, attached=place.attached + 1, boundaries=boundaries))
        else:
            self._encrypted |= kind in {"application/pkcs7-mime", "application/x-pkcs7-mime"}
            self._winmail |= kind in {"application/ms-tnef", "application/vnd.ms-tnef"}

    def _inside(self, part: EmailMessage, kind: str, place: _Place) -> Iterator[tuple[EmailMessage, _Place]]:
        """Return the parts of a multipart, each with its place."""
        boundary = part.get_boundary()
        if boundary in place.boundaries:
            message = "Two parts of the mail, one inside the other, use the same boundary line."
            raise Unreadable(message)
        place = replace(place, boundaries=place.boundaries | {boundary})
        children = _children(part)
        number = len(self._alternatives)
        if kind == "multipart/alternative":
            self._alternatives.append(len(children))
        for position, child in enumerate(children):
            inner = place
            if kind == "multipart/alternative":
                inner = replace(place, renderings=(*place.renderings, (number, position)))
            elif kind == "multipart/related" and (position or not _may_be_root(child, part)):
                inner = replace(place, is_beside=True)
            yield child, inner

    def _check_fields(self, part: EmailMessage) -> None:
        fields = tuple((name, str(value)) for name, value in part.raw_items())
        if any(len(headers.values(fields, name)) > 1 for name in _SAID_ONCE):
            message = "A part of the mail states its type or encoding more than once."
            raise Unreadable(message)
        said = [found[1].casefold() for value in headers.values(fields, "Content-Type")
                for found in _PARAMETER.finditer(value)]  # fmt: skip
        if len(said) > len(set(said)):
            message = "A part of the mail states its character set or boundary more than once."
            raise Unreadable(message)

    def _text(self, part: EmailMessage) -> str:
        encoding = str(part.get("Content-Transfer-Encoding", "")).strip().casefold()
        charset = part.get_content_charset("utf-8")
        codec = codec_name(charset) if _CHARSET.fullmatch(charset) else None
        if encoding not in _ENCODINGS or codec is None or codec not in self._rules.charsets:
            message = "The mail's text is in a character set or encoding that is not read here."
            raise Unreadable(message)
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        if len(data) > self._rules.limits.view_bytes:
            message = f"A text of the mail is larger than {self._rules.limits.view_bytes} bytes."
            raise Unreadable(message)
        # utf-8 takes us-ascii's place: mails without a charset, or with a wrong one, are honest and common
        text = data.decode("utf-8" if codec == "ascii" else codec, "replace")
        return text.replace("\x00", "\ufffd")


def _children(part: EmailMessage) -> list[EmailMessage]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, EmailMessage)] if isinstance(payload, list) else []


def _may_be_root(first: EmailMessage, related: EmailMessage) -> bool:
    """Tell whether the first part of a multipart/related is the one that clients show (RFC 2387)."""
    root = related.get_param("start")
    return root is None or str(root).strip() == str(first.get("Content-ID", "")).strip()
