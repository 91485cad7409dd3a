"""The labelled lines of a text: `Label: value`, wherever mail clients put the value.

A label counts only at the start of a line, behind quote marks, blanks, NBSP and zero-width characters. Its value stands
on the same line, or on the next line that is not empty (the next cell of a table). A reason runs to the next label.
Nothing is normalised inside a value but blanks: what looks like a letter and is none stays what it is and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from approvald.core.errors import Unreadable
from approvald.mail.parse.rules import ParseRules

_BLANK: Final = " \t\u00a0"
_EDGE: Final = _BLANK + "\r\u200b\u200c\u200d\u2060\ufeff"
_QUOTED: Final = re.compile(rf"[>{_EDGE}]*")
_SOMETHING: Final = re.compile(rf"[^>{_EDGE}\n]")
# str.splitlines() breaks here, and so do some clients; others do not
_RARE_BREAKS: Final = dict.fromkeys(map(ord, "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), "\n")
_BLANKS: Final = re.compile(rf"[{_BLANK}\n]+")
_DECORATED: Final = re.compile(
    r"(?P<address>[^\s<>\[\]]+) ?(?:<mailto:(?P<angle>[^<>]*)>|\[mailto:(?P<square>[^\[\]]*)\])"
)
_CONTINUES: Final = re.compile(rf"\n[>{_EDGE}]*(?=[<\[]mailto:)", re.IGNORECASE)
_WRAP_CHARS: Final = 70
_PROSE: Final = frozenset({"account", "device_user", "reason"})
_MOST_UNWRAPPED: Final = 8_192
_LINK_BESIDE: Final = re.compile(r"(?<=\S)<(?:https?|mailto|tel|sip):[^<>]*>", re.IGNORECASE)
_LINK_CHARS: Final = 400


@dataclass(frozen=True, kw_only=True)
class Found:
    """One labelled value. An empty `value` is a label with nothing behind it. `others`: further values it names."""

    name: str
    value: str = field(repr=False)
    others: tuple[str, ...] = field(default=(), repr=False)


def readings(text: str, rules: ParseRules) -> tuple[str, ...]:
    """Return the text with lines broken at CR LF and LF only, and with lines broken at more characters."""
    narrow = text.replace("\r\n", "\n")
    wide = narrow.translate(_RARE_BREAKS)
    if max(map(len, wide.split("\n"))) > rules.limits.line_chars:
        message = f"A line of the mail is longer than {rules.limits.line_chars} characters."
        raise Unreadable(message)
    return (narrow,) if narrow == wide else (narrow, wide)


def fields_of(text: str, rules: ParseRules, *, wraps: bool) -> Iterator[Found]:
    """Return every labelled value of one reading. `wraps`: a mail client may have broken long lines of this text."""
    pattern = _pattern(rules.labels)
    matches = [*pattern.finditer(text)]
    ends = [match.start() for match in matches] + [len(text)]
    for match, end in zip(matches, ends[1:], strict=True):
        name = str(match.lastgroup)
        if name != "other":
            yield _found(name, text, match, end, wraps=wraps)


def _found(name: str, text: str, match: re.Match[str], end: int, *, wraps: bool) -> Found:
    if name == "reason" and end < len(text):
        return Found(name=name, value=_prose(_joined(text[match.end() : end])))
    line, line_end = _line(text, match.end(), end)
    if not line and (something := _SOMETHING.search(text, line_end, end)):
        line, line_end = _line(text, something.start(), end)
    if name in _PROSE:
        return Found(name=name, value=_prose(_unwrapped(text, line, line_end, end) if wraps else line))
    if name == "requestor":
        return _requestor(line, text[line_end : min(end, line_end + _LINK_CHARS)])
    return Found(name=name, value=_folded(line))


def _line(text: str, start: int, end: int) -> tuple[str, int]:
    line_end = text.find("\n", start, end)
    line_end = end if line_end < 0 else line_end
    return text[start:line_end].strip(_EDGE), line_end


def _folded(value: str) -> str:
    return _BLANKS.sub(" ", value).strip(_EDGE)


def _joined(region: str) -> str:
    first, *lines = region.split("\n")  # a mark on the label's own line is the requestor's, not a quote
    return " ".join(line.strip(_EDGE) for line in (first, *(_QUOTED.sub("", line, count=1) for line in lines)))


def _unwrapped(text: str, line: str, line_end: int, end: int) -> str:
    """Join a value with the lines a client broke it into: the next one begins with a word that did not fit."""
    value = line
    while line_end < end and len(value) < _MOST_UNWRAPPED:
        following, next_end = _line(text, line_end + 1, end)
        following = _QUOTED.sub("", following, count=1)
        start = text.rfind("\n", 0, line_end) + 1
        first_word = following.partition(" ")[0]
        if not first_word or line_end - start + 1 + len(first_word) <= _WRAP_CHARS:
            break
        value, line_end = f"{value} {following}", next_end
    return value


def _prose(value: str) -> str:
    """Fold every kind of line break, and drop the targets that clients print beside links: `https://x<https://x>`."""
    return _folded(_LINK_BESIDE.sub("", value.translate(_RARE_BREAKS)))


def _requestor(line: str, rest: str) -> Found:
    """Read an address with the link that clients print beside it: `a@b<mailto:a@b>`, `a@b [mailto:a@b]`."""
    continued = _CONTINUES.match(rest)
    if continued is not None:
        line += rest[continued.end() :].partition("\n")[0].strip(_EDGE)
    value = _folded(line)
    decorated = _DECORATED.fullmatch(value)
    if decorated is None:
        return Found(name="requestor", value=_lower(value))
    target = decorated["angle"] if decorated["angle"] is not None else decorated["square"]
    address = _lower(unquote(target).partition("?")[0].strip())
    shown = _lower(decorated["address"])
    return Found(name="requestor", value=shown, others=() if address == shown else (address,))


def _lower(address: str) -> str:
    """Lower ASCII only: a long s or a Kelvin sign must not become a letter of an address."""
    return address.lower() if address.isascii() else address


@lru_cache(maxsize=16)
def _pattern(labels: tuple[tuple[str, tuple[str, ...]], ...]) -> re.Pattern[str]:
    groups = "|".join(
        f"(?P<{name}>{'|'.join(_label(word) for word in sorted(words, key=len, reverse=True))})"
        for name, words in labels
        if words
    )
    # ASCII: without it a long s or a Kelvin sign would be an s or a k
    return re.compile(rf"^[>{_EDGE}]*(?:{groups})[{_EDGE}]*:", re.ASCII | re.IGNORECASE | re.MULTILINE)


def _label(words: str) -> str:
    return rf"[{_BLANK}]+".join(re.escape(word) for word in words.split())
