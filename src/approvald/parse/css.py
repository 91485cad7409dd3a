"""What CSS makes of an element, as far as it hides text. Linear in its input; rather calls something hidden than not.

Style sheets are read by the last name of each selector (`.x` of `div > td.x`), whatever stands before it and in
whatever @media block: what is hidden somewhere is hidden here. Mails that show an approver one thing and a forward
another ("kobold letters") live on such rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from approvald.parse.hiding import HARMLESS, LENGTH, Declarations, font_is_tiny, hides

_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(.))", re.DOTALL)
_SURROGATES: Final = 0xD800
_NAME: Final = re.compile(r"(?:^|[\s>+~])([a-z][a-z0-9]*|\*)|([.#][\w-]+)|(\[[\w-]+)", re.ASCII)
_BY_ATTRIBUTE: Final = re.compile(r"\[\s*(class|id)\s*[~|^$*]?=\s*[\"']?([\w-]++)[^\[\]]*+\]", re.ASCII)
_OPENS: Final = re.compile(r"\[\s*")
_FUNCTIONAL: Final = re.compile(r":[a-z-]+\([^()]*+\)|\*\|", re.ASCII)
_WHILE_POINTED_AT: Final = re.compile(r":(?:hover|active|focus)", re.ASCII)
_MAKER: Final = re.compile(r"-(?:webkit|moz|ms|o)-")
_ALIASES: Final = {"background": "background-color", "font": "font-size", "text-fill-color": "color"}
_WORD: Final = re.compile(r"\w|\(")
# A text that is not closed ends with its line
_TOKEN: Final = re.compile(
    r"""/\*.*?(?:\*/|\Z)|"(?:[^"\\\n]|\\.)*+(?:"|(?=\n)|\\?\Z)|'(?:[^'\\\n]|\\.)*+(?:'|(?=\n)|\\?\Z)""", re.DOTALL
)
_MARKUP: Final = str.maketrans("", "", "{};:,/*<>@")


@dataclass(frozen=True, kw_only=True)
class Style:
    """What declarations say about seeing. `hides`: nothing inside can be seen, whatever it says itself.

    `writes`: it puts text before or behind its own. The others are inherited and can be set again by what is inside;
    None where nothing is said.
    """

    hides: bool = False
    writes: bool = False
    font_size: str | None = None
    visibility: str | None = None
    colour: str | None = None
    ground: str | None = None
    white_space: str | None = None
    display: str | None = None


NOTHING: Final = Style()


def style_of(css: str) -> Style:
    """Return what a style attribute says about seeing."""
    return _summary(_declarations(_plain(css)))


def _summary(pairs: Declarations) -> Style:
    said: dict[str, str] = {}
    for name, written in pairs:
        key = _ALIASES.get(name, name)
        value = _font_size(written) if name == "font" else written
        hidden_before = said.get(key) in {"hidden", "collapse"} or (
            key == "font-size" and font_is_tiny(said.get(key, ""), inherited=False)
        )
        said[key] = said[key] if hidden_before else value
    return Style(
        hides=hides(pairs),
        writes=any(name == "content" and _WORD.search(value) and value not in HARMLESS for name, value in pairs),
        font_size=said.get("font-size"),
        visibility=said.get("visibility"),
        colour=said.get("color"),
        ground=said.get("background-color"),
        white_space=said.get("white-space"),
        display=said.get("display"),
    )


def _font_size(font: str) -> str:
    """Return the size in a `font`, which may be a word; weights have no unit."""
    words = font.replace("/", " ").split()
    sizes = [word for word in words if LENGTH.fullmatch(word) and (word.strip("0.") == "" or not word[-1].isdigit())]
    return sizes[0] if sizes else "medium"


def _declarations(css: str) -> Declarations:
    pairs = (piece.partition(":") for piece in css.split(";"))
    return tuple(
        (_MAKER.sub("", name.strip(), count=1), value.replace("!important", "").strip())
        for name, colon, value in pairs
        if colon
    )


def _plain(css: str) -> str:
    """Drop comments and what in quoted texts looks like CSS, undo escapes, and lower the case."""
    return _ESCAPE.sub(_unescaped, _TOKEN.sub(_without_markup, css)).casefold()


def _without_markup(match: re.Match[str]) -> str:
    return "" if match[0].startswith("/") else match[0].translate(_MARKUP)


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2]
    number = int(match[1], 16)
    return chr(number) if 0 < number < _SURROGATES else "\ufffd"


class StyleSheet:
    """What all style elements of a mail say, by tag, class (`.x`) or id (`#x`)."""

    def __init__(self) -> None:
        self._said: dict[str, list[tuple[str, str]]] = {}
        self._styles: dict[str, Style] = {}

    def add(self, css: str) -> None:
        """Read one style element's text."""
        selectors = ""
        for piece in re.split(r"([{}])", _plain(css.replace("<!--", " ").replace("-->", " "))):
            if piece == "{":
                continue
            if selectors and not selectors.startswith("@"):
                self._keep(selectors, _declarations(piece))
            selectors = "" if piece == "}" else piece.rpartition(";")[2].strip()

    def _keep(self, selectors: str, body: Declarations) -> None:
        for selector in selectors.split(",") if body else ():
            if _WHILE_POINTED_AT.search(selector):
                continue
            plain = _BY_ATTRIBUTE.sub(lambda match: (".", "#")[match[1] == "id"] + match[2], selector)
            bare = _FUNCTIONAL.sub("", _OPENS.sub("[", plain))
            names = [tag or mark or attribute for tag, mark, attribute in _NAME.findall(bare)][-1:]
            # what stands in :is() and the like is meant as well, and in :not() is everything else
            names += [mark for _, mark, _ in _NAME.findall(plain) if mark and bare != plain]
            for name in names or ("*" if ":" in plain else ()):
                self._said.setdefault(name, []).extend(body)

    def matching(self, tag: str, classes: Iterable[str], identity: str, attributes: Iterable[str]) -> list[Style]:
        """Return what is said of an element, the least specific first."""
        tags = dict.fromkeys((tag, tag.partition(":")[0]))
        names = ("*", *tags, *(f"[{name}" for name in attributes), *(f".{name}" for name in classes), f"#{identity}")
        return [self._style(name) for name in names if name in self._said] if self._said else []

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = _summary(tuple(self._said[name]))
        return self._styles[name]
