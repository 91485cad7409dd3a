"""Reads from CSS declarations whether text can be seen. Linear in their length; in doubt, text is hidden."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from approvald.mail.parse.hiding import HARMLESS, LENGTH, Declarations, font_is_tiny, hides, is_of_box

_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(.))", re.DOTALL)
_SURROGATES: Final = 0xD800
_IMPORTANT: Final = re.compile(r"\s*!\s*important\s*\Z")
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
    """The effect of declarations on seeing. `hides`: nothing inside can be seen, whatever it says itself.

    `writes`: it puts text before or behind its own. The others are inherited and can be set again by what is inside;
    None where nothing is said.
    """

    hides: bool = False
    writes: bool = False
    boxes: Declarations = ()
    """What makes a box, and what cuts it: only together do they hide, and they may stand in different rules."""
    font_size: str | None = None
    visibility: str | None = None
    colour: str | None = None
    ground: str | None = None
    white_space: str | None = None
    display: str | None = None


NOTHING: Final = Style()


def styles_of(css: str) -> tuple[Style, Style]:
    """Return what a style attribute, or the body of a rule, says about seeing: without and with `!important`."""
    return summaries(declarations(plain(css)))


def summaries(pairs: Declarations) -> tuple[Style, Style]:
    """Return what declarations say: those without `!important`, and those with it."""
    said: list[tuple[str, str]] = []
    insisted: list[tuple[str, str]] = []
    for name, value in pairs:
        wish = _IMPORTANT.sub("", value)
        (said if wish == value else insisted).append((name, wish))
    return _summary(tuple(said)), _summary(tuple(insisted))


def _summary(pairs: Declarations) -> Style:
    if not pairs:
        return NOTHING
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
        boxes=tuple(pair for pair in pairs if is_of_box(pair[0])),
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


def declarations(css: str) -> Declarations:
    """Return names without their makers' prefixes, and values, of CSS that went through `plain`."""
    pairs = (piece.partition(":") for piece in css.split(";"))
    return tuple((_MAKER.sub("", name.strip(), count=1), value.strip()) for name, colon, value in pairs if colon)


def plain(css: str) -> str:
    """Drop comments and what in quoted texts looks like CSS, undo escapes, and lower the case."""
    return _ESCAPE.sub(_unescaped, _TOKEN.sub(_without_markup, css)).casefold()


def _without_markup(match: re.Match[str]) -> str:
    return "" if match[0].startswith("/") else match[0].translate(_MARKUP)


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2]
    number = int(match[1], 16)
    return chr(number) if 0 < number < _SURROGATES else "\ufffd"
