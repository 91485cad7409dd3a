"""Finds the style-sheet rules about an element. A rule whose selector says more than we look at may hold or not.

Mails that show an approver one thing and a forward another ("kobold letters") live on rules that hold only there. So
only plain selectors (`td`, `p.x`, `#x`) outside of any block such as @media are certain; every other one is taken by
the last name of its selector (`.x` of `div > .x`), and what it would make of the element is looked at too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from approvald.mail.parse.css import NOTHING, Style, declarations, plain, summaries
from approvald.mail.parse.hiding import Declarations

_NAME: Final = re.compile(r"(?:^|[\s>+~])([a-z][a-z0-9]*|\*)|([.#][\w-]+)|(\[[\w-]+)", re.ASCII)
_BY_ATTRIBUTE: Final = re.compile(r"\[\s*(class|id)\s*[~|^$*]?=\s*[\"']?([\w-]++)[^\[\]]*+\]", re.ASCII)
_OPENS: Final = re.compile(r"\[\s*")
_FUNCTIONAL: Final = re.compile(r":[a-z-]+\([^()]*+\)|\*\|", re.ASCII)
_WHILE_POINTED_AT: Final = re.compile(r":(?:hover|active|focus)", re.ASCII)
_SIMPLE: Final = re.compile(r"([a-z][a-z0-9]*|\*)?((?:[.#][\w-]+)*)", re.ASCII)
_MARK: Final = re.compile(r"[.#][\w-]+", re.ASCII)
_MOST_DOUBTFUL: Final = 64
_MOST_RULES: Final = 100
_HIDDEN: Final = Style(hides=True)


@dataclass(frozen=True, kw_only=True)
class Said:
    """The rules of a sheet about one element.

    `before`: what holds for certain, the least specific first. `after`: the same, of what no style attribute
    overrules. `doubtful`: what may hold or not, each alone. `insisted`: the same, and above everything.
    """

    before: tuple[Style, ...] = ()
    after: tuple[Style, ...] = ()
    doubtful: tuple[Style, ...] = ()
    insisted: tuple[Style, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """One rule. `weight`: how specific it is, or None where nobody knows whether it holds."""

    said: Style
    insisted: Style
    tag: str = ""
    marks: frozenset[str] = frozenset()
    weight: tuple[int, int, int, int] | None = None


class StyleSheet:
    """The rules of all style elements of a mail."""

    def __init__(self) -> None:
        self._rules: dict[str, list[_Rule]] = {}
        self._order = 0
        self._known: dict[tuple[str, ...], Said] = {}

    def add(self, css: str) -> None:
        """Read one style element's text."""
        owners: list[str] = []
        prelude = ""
        for piece in re.split(r"([{}])", plain(css.replace("<!--", " ").replace("-->", " "))):
            if piece == "{":
                owners.append(prelude)
            elif piece == "}":
                del owners[-1:]
            elif owners and not owners[-1].startswith("@"):
                self._keep(owners[-1], declarations(piece), is_nested=len(owners) > 1)
            prelude = "" if piece in "{}" else piece.rpartition(";")[2].strip()

    def _keep(self, selectors: str, body: Declarations, *, is_nested: bool) -> None:
        if not body or not selectors:
            return
        said, insisted = summaries(body)
        if said == insisted == NOTHING:
            return
        for selector in dict.fromkeys(selectors.split(",")):
            if _WHILE_POINTED_AT.search(selector):
                continue
            simple = None if is_nested else _SIMPLE.fullmatch(selector.strip())
            self._order += 1
            if simple is None or not simple[0]:
                for name in _last_names(selector):
                    self._add(name, _Rule(said=said, insisted=insisted))
                continue
            marks = _MARK.findall(simple[2])
            tag = (simple[1] or "").strip("*")
            ids = sum(mark.startswith("#") for mark in marks)
            rule = _Rule(said=said, insisted=insisted, tag=tag, marks=frozenset(marks),
                         weight=(ids, len(marks) - ids, bool(tag), self._order))  # fmt: skip
            self._add(marks[-1] if marks else tag or "*", rule)

    def _add(self, name: str, rule: _Rule) -> None:
        rules = self._rules.setdefault(name, [])
        if len(rules) < _MOST_RULES:
            rules.append(rule)
        else:  # nobody writes so many but to keep us busy
            rules[-1] = _Rule(said=_HIDDEN, insisted=NOTHING)

    def about(self, tag: str, classes: Iterable[str], identity: str, attributes: Iterable[str]) -> Said:
        """Return what is said of an element. All names in lower case."""
        if not self._rules:
            return Said()
        marks = (*(f".{name}" for name in classes), f"#{identity}")
        names = ("*", *dict.fromkeys((tag, tag.partition(":")[0])), *(f"[{name}" for name in attributes), *marks)
        if names not in self._known:
            found = [rule for name in dict.fromkeys(names) for rule in self._rules.get(name, ())]
            self._known[names] = _said(found, tag, frozenset(marks))
        return self._known[names]


def _said(found: Iterable[_Rule], tag: str, marks: frozenset[str]) -> Said:
    certain: list[tuple[tuple[int, int, int, int], _Rule]] = []
    doubtful: dict[Style, None] = {}
    insisted: dict[Style, None] = {}
    for rule in found:
        if rule.weight is None:
            doubtful[rule.said] = insisted[rule.insisted] = None
        elif rule.tag in {"", tag} and rule.marks <= marks:
            certain.append((rule.weight, rule))
    certain.sort(key=lambda pair: pair[0])
    return Said(
        before=tuple(rule.said for _, rule in certain),
        after=tuple(rule.insisted for _, rule in certain if rule.insisted != NOTHING),
        doubtful=_few(doubtful),
        insisted=_few(insisted),
    )


def _few(styles: dict[Style, None]) -> tuple[Style, ...]:
    kept = tuple(style for style in styles if style != NOTHING)
    return kept if len(kept) <= _MOST_DOUBTFUL else (_HIDDEN,)


def _last_names(selector: str) -> Iterable[str]:
    """Return the names by which an element may be meant: the last one, and all in :is() and the like."""
    written = _BY_ATTRIBUTE.sub(lambda match: (".", "#")[match[1] == "id"] + match[2], selector)
    bare = _FUNCTIONAL.sub("", _OPENS.sub("[", written))
    names = [tag or mark or attribute for tag, mark, attribute in _NAME.findall(bare)][-1:]
    names += [mark for _, mark, _ in _NAME.findall(written) if mark and bare != written]
    return dict.fromkeys(names or ("*" if ":" in written else ()))
