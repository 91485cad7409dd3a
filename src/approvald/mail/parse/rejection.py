"""Tells whether the approver's own first line begins with `reject`.

Only the first visible line of the mail itself counts: nothing quoted, nothing hidden, nothing of a mail attached to it.
Every rendering of it must say the same; where they do not, or where the word stands there in another form, the mail is
ambiguous, so that nobody who meant to reject has approved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lxml import html

from approvald.mail.parse.html import read_html
from approvald.mail.parse.views import View

LONGEST_WORDS: Final = 150
"""Characters of the approver's words that are kept: more than fit into CyberArk's field beside our own."""
_WORD: Final = "reject"
_BLANK: Final = " \t\u00a0"
_EDGE: Final = _BLANK + "\r\u200b\u200c\u200d\u2060\ufeff"


@dataclass(frozen=True)
class Doubtful:
    """Nobody can tell whether the approver rejects."""


@dataclass(kw_only=True)
class Openings:
    """What the approver's own texts begin with, collected view by view in the mail's order."""

    _first: dict[tuple[int, int] | None, str | Doubtful | None] = field(default_factory=dict)
    _further: list[str | Doubtful | None] = field(default_factory=list)

    def add(self, view: View, shown: str) -> None:
        """Take a view's text as it is shown."""
        if view.is_attached or view.is_beside:
            return
        said = _said(shown)
        if said is not None and view.is_html and _said(_without_quotations(view.text)) != said:
            said = None
        rendering = view.renderings[0] if view.renderings else None
        is_first_text = not self._first or (
            rendering is not None and rendering not in self._first and self._alternative() == rendering[0]
        )
        if is_first_text:
            self._first[rendering] = said
        else:
            self._further.append(said)

    def rejection(self) -> str | Doubtful | None:
        """Return the approver's words, maybe none, where they reject; None where they do not."""
        first = list(self._first.values())
        words = [said for said in first if isinstance(said, str)]
        is_clear = all(said is None for said in self._further) and len(words) in {0, len(first)}
        if not is_clear or any(isinstance(said, Doubtful) for said in first):
            return Doubtful()
        return max(words, key=len, default=None)

    def _alternative(self) -> int | None:
        rendering = next(iter(self._first))
        return rendering[0] if rendering is not None else None


def _without_quotations(source: str) -> str:
    """Return what an HTML view shows outside its quotations. It has been read before, so it is within the limits."""
    root = html.document_fromstring(source.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8"))
    for quotation in [each for each in root.iter("blockquote") if isinstance(each, html.HtmlElement)]:
        quotation.drop_tree()
    return read_html(html.tostring(root, encoding="unicode")).visible


def _said(shown: str) -> str | Doubtful | None:
    """Return the words behind `reject` where the first line begins with it, else None; Doubtful for `reject!`."""
    text = next((line for line in shown.split("\n") if line.strip(_EDGE)), "").strip(_EDGE)
    if text[: len(_WORD)].lower() != _WORD:
        return None
    rest = text[len(_WORD) :]
    if rest and (rest[0].isalnum() or rest[0] in "_-'\u2019"):
        return None
    if rest and rest[0] not in f"{_BLANK}:,":
        return Doubtful()
    printable = "".join(each if each.isprintable() else " " for each in rest)
    return " ".join(printable.lstrip(f"{_EDGE}:,").split())[:LONGEST_WORDS]
