"""Tells which CSS declarations hide text or change what it looks like. Pure arithmetic on single declarations.

There is no end of ways to hide text. Of the properties that can, only plain values that leave the text readable are
taken for harmless: a function (`calc()`, `var()`) or a value nobody knows hides.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

Declarations = tuple[tuple[str, str], ...]
"""Names without a maker's prefix, and values, in lower case."""

LENGTH: Final = re.compile(r"([+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:e[+-]?[0-9]{1,2})?)([a-z]{1,6}|%)?")
_PX: Final = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "cm": 37.8, "mm": 3.78, "q": 0.945, "in": 96.0, "em": 16.0,
              "rem": 16.0, "ex": 8.0, "ch": 8.0, "%": 10.0, "": 1.0}  # fmt: skip
_OF_THE_WINDOW: Final = 10.0
"""Pixels of a vw, a vmin or any other unit."""
_TINY_PX: Final = 1.5
_NARROW_PX: Final = 8.0
_LEAST_WIDTH_PX: Final = 60.0
_FAR_PX: Final = (-200.0, 2_000.0)
_TIGHT_PX: Final = -4.0
_SMALL: Final = {"em": 0.2, "ex": 0.4, "%": 20.0}
_FAINT: Final = 0.35
_LEAST_SCALE: Final = 0.2
_OFFSETS: Final = ("left", "right", "top", "bottom", "margin", "padding", "inset", "text-indent", "translate")
_LENGTHS: Final = frozenset({"max-height", "height", "block-size", "max-block-size"})
_WIDTHS: Final = frozenset({"width", "max-width", "inline-size", "max-inline-size"})
_BOX: Final = _LENGTHS | _WIDTHS | {"line-height"}
HARMLESS: Final = frozenset({"", "none", "normal", "auto", "inherit", "initial", "unset", "revert"})
# Whatever they say, but nothing, takes some of the text away or changes what it looks like
_CHANGING: Final = (
    "clip", "mask", "filter", "mix-blend-mode", "text-security", "animation", "line-clamp", "mso-hide", "offset",
)  # fmt: skip
_UNSHOWN_DISPLAY: Final = frozenset({"none", "table-column", "table-column-group"})
_TRANSFORM: Final = re.compile(r"(scale[xy]?|translate[xy]?|rotate)\(([^()]{1,80})\)")
_PLAIN_TURN: Final = re.compile(r"-?[0-9.]{1,9}(?:deg|g?rad|turn)")
_SIGN_FONTS: Final = ("wingdings", "webdings", "symbol", "marlett", "zapfdingbats", "zapf dingbats", "adobe blank")
_FONT_WORDS: Final = ("small", "medium", "large", "x-small", "x-large", "xx-large", "initial")


def hides(pairs: Declarations) -> bool:
    """Tell whether these declarations hide the element and all that is in it, or some of that."""
    return any(_moves_away(name, value) or _hides(name, value) for name, value in pairs)


def is_of_box(name: str) -> bool:
    """Tell whether this property is one of those that `cuts` judges together."""
    return name in _BOX or name.startswith("overflow")


def cuts(pairs: Collection[tuple[str, str]]) -> bool:
    """Tell whether all that is said of one box makes it too small for its text."""
    overflows = [value for name, value in pairs if name.startswith("overflow")]
    clips = any(value.startswith(("hidden", "clip")) for value in overflows)
    scrolls = any(value.startswith(("scroll", "auto")) for value in overflows)
    return any(_hides_box(name, value, clips=clips, scrolls=scrolls) for name, value in pairs)


def _hides_box(name: str, value: str, *, clips: bool, scrolls: bool) -> bool:
    """Tell whether a box is too small for its text, or cuts it off."""
    size = _length(value)
    if size is None:
        return False
    if name in _LENGTHS and clips:
        return not value.endswith("%") or size <= _TINY_PX
    if name in _LENGTHS | {"line-height"} and (clips or scrolls or name.startswith("max-")):
        return size <= (_TINY_PX if name == "line-height" or not scrolls else _NARROW_PX)
    return name in _WIDTHS and (clips or scrolls) and size <= _LEAST_WIDTH_PX


def _moves_away(name: str, value: str) -> bool:
    if name == "letter-spacing":
        return any(each <= _TIGHT_PX for each in _lengths(value))
    if name == "z-index":
        return value.startswith("-")
    if name.startswith(_OFFSETS):
        return any(not _FAR_PX[0] < each < _FAR_PX[1] for each in _lengths(value))
    if name == "scale":
        return any(each < _LEAST_SCALE for each in _lengths(value))
    if name == "rotate":
        return value not in HARMLESS and _PLAIN_TURN.fullmatch(value) is None
    if name != "transform" or value in HARMLESS:
        return False
    return bool(_TRANSFORM.sub("", value).strip()) or any(
        _moves(kind, args) for kind, args in _TRANSFORM.findall(value)
    )


def _moves(kind: str, arguments: str) -> bool:
    lengths = _lengths(arguments)
    if kind.startswith("scale"):
        return any(each < _LEAST_SCALE for each in lengths)
    return kind.startswith("translate") and any(not _FAR_PX[0] < each < -_FAR_PX[0] for each in lengths)


def _hides(name: str, value: str) -> bool:
    if name in {"opacity", "zoom"}:
        size = _length(value)
        if size is None:
            return value not in HARMLESS
        return size / (_PX["%"] * 100 if value.endswith("%") else 1) < _FAINT
    if name == "font-size-adjust":
        return value not in HARMLESS and any(each < _LEAST_SCALE for each in _lengths(value))
    if name in {"display", "content-visibility"}:
        return value in _UNSHOWN_DISPLAY or "(" in value or value == "hidden"
    if name.startswith(_CHANGING):
        return value not in HARMLESS and not value.startswith("drop-shadow")
    return (
        # what is shown is then not what is read
        (name == "unicode-bidi" and "override" in value)
        or (name == "font-family" and value.lstrip("\"' ").startswith(_SIGN_FONTS))
        or (name.startswith("mso-") and value.startswith("comment"))
    )


def _lengths(value: str) -> list[float]:
    """Return every length in a value, in pixels."""
    return [_pixels(match) for match in LENGTH.finditer(value[:_LONGEST_VALUE])]


_LONGEST_VALUE: Final = 1_024


def _length(value: str) -> float | None:
    """Return a CSS length in pixels, roughly; None where it is none."""
    match = LENGTH.fullmatch(value)
    return _pixels(match) if match else None


def _pixels(match: re.Match[str]) -> float:
    return float(match[1]) * _PX.get(match[2] or "", _OF_THE_WINDOW)


def font_is_tiny(value: str, *, inherited: bool) -> bool:
    """Tell whether a font-size leaves nothing to see; relative sizes keep what is inherited."""
    match = LENGTH.fullmatch(value)
    if match is None:
        return "(" in value or (inherited and value not in _FONT_WORDS)
    if float(match[1]) <= 0:
        return True
    if match[2] in _SMALL:
        return inherited or float(match[1]) < _SMALL[match[2]]
    return _pixels(match) <= _TINY_PX
