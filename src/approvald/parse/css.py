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

Declarations = tuple[tuple[str, str], ...]

_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|(.))", re.DOTALL)
_SURROGATES: Final = 0xD800
_NAME: Final = re.compile(r"(?:^|[\s>+~])([a-z][a-z0-9]*|\*)|([.#][\w-]+)", re.ASCII)
_BY_ATTRIBUTE: Final = re.compile(r"\[\s*(class|id)\s*[~|^$*]?=\s*[\"']?([\w-]++)[^\[\]]*+\]", re.ASCII)
_ALIASES: Final = {"background": "background-color", "font": "font-size", "-webkit-text-fill-color": "color"}
_LENGTH: Final = re.compile(
    r"([+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))(px|pt|pc|cm|mm|in|em|rem|ex|ch|vw|vh|%)?"
)
_PX: Final = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "cm": 37.8, "mm": 3.78, "in": 96.0, "em": 16.0, "rem": 16.0,
              "ex": 8.0, "ch": 8.0, "vw": 10.0, "vh": 10.0, "%": 10.0, "": 1.0}  # fmt: skip
_TINY_PX: Final = 1.5
_FAR_PX: Final = -200.0
_FAINT: Final = 0.1
_OFFSETS: Final = ("left", "right", "top", "bottom", "margin-left", "margin-top", "margin-right", "text-indent")
_CLIPPED: Final = ("rect(0", "rect(1px", "inset(50%", "inset(100%", "circle(0")
_AWAY: Final = re.compile(r"(?:scale[xy]?|opacity)\(\s*0*(?:\.0*)?[,%)\s]|translate[xy]?\(\s*-[0-9]{3,}")
_FONT_WORDS: Final = ("small", "medium", "large", "x-small", "x-large", "xx-large", "initial")


@dataclass(frozen=True, kw_only=True)
class Style:
    """What declarations say about seeing. `hides`: nothing inside can be seen, whatever it says itself.

    The others are inherited and can be set again by what is inside; None where nothing is said.
    """

    hides: bool = False
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
    sizes = [word for word in words if _LENGTH.fullmatch(word) and (word.strip("0.") == "" or not word[-1].isdigit())]
    return sizes[0] if sizes else "medium"


def _declarations(css: str) -> Declarations:
    pairs = (piece.partition(":") for piece in css.split(";"))
    return tuple((name.strip(), value.replace("!important", "").strip()) for name, colon, value in pairs if colon)


def _plain(css: str) -> str:
    """Drop comments, undo escapes, and lower the case."""
    kept, position = [], 0
    while (start := css.find("/*", position)) >= 0:
        kept.append(css[position:start])
        end = css.find("*/", start + 2)
        position = len(css) if end < 0 else end + 2
    kept.append(css[position:])
    return _ESCAPE.sub(_unescaped, "".join(kept)).casefold()


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
            plain = _BY_ATTRIBUTE.sub(lambda match: (".", "#")[match[1] == "id"] + match[2], selector)
            names = [tag or mark for tag, mark in _NAME.findall(plain)]
            if names:
                self._said.setdefault(names[-1], []).extend(body)

    def matching(self, tag: str, classes: Iterable[str], identity: str) -> list[Style]:
        """Return what is said of an element, the least specific first."""
        names = ("*", tag, *(f".{name}" for name in classes), f"#{identity}")
        return [self._style(name) for name in names if name in self._said] if self._said else []

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = _summary(tuple(self._said[name]))
        return self._styles[name]


def hides(pairs: Declarations) -> bool:
    """Tell whether these declarations hide the element and all that is in it."""
    clips = any(name.startswith("overflow") and value.startswith(("hidden", "clip")) for name, value in pairs)
    return any(_hides(name, value, clips=clips) for name, value in pairs)


def _hides(name: str, value: str, *, clips: bool) -> bool:
    size = length(value)
    if name == "max-height" or (name in {"height", "width", "max-width"} and clips):
        return size is not None and size <= _TINY_PX
    if name in _OFFSETS:
        return size is not None and size <= _FAR_PX
    if name in {"opacity", "zoom"}:
        return size is not None and size / (_PX["%"] * 100 if value.endswith("%") else 1) < _FAINT
    return (
        (name in {"display", "mso-hide", "content-visibility"} and value in {"none", "all", "hidden"})
        or (name in {"clip", "clip-path"} and value.startswith(_CLIPPED))
        or (name in {"transform", "filter"} and _AWAY.search(value) is not None)
        # what is shown is then not what is read
        or (name == "unicode-bidi" and "override" in value)
    )


def length(value: str) -> float | None:
    """Return a CSS length in pixels, roughly; None where it is none."""
    match = _LENGTH.fullmatch(value)
    return float(match[1]) * _PX[match[2] or ""] if match else None


def font_is_tiny(value: str, *, inherited: bool) -> bool:
    """Tell whether a font-size leaves nothing to see; relative sizes keep what is inherited."""
    match = _LENGTH.fullmatch(value)
    if match is None:
        return inherited and value not in _FONT_WORDS
    if float(match[1]) <= 0:
        return True
    if match[2] in {"em", "%", "ex"}:
        return inherited
    return float(match[1]) * _PX[match[2] or ""] <= _TINY_PX
