"""Reads the colours of text and ground, to find text that nobody can see."""

from __future__ import annotations

import re
from typing import Final

Colour = tuple[int, int, int]
CLEAR: Final = (-1, -1, -1)
"""Fully transparent."""
BLACK: Final = (0, 0, 0)
WHITE: Final = (255, 255, 255)

_HEX: Final = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})(?![0-9a-z])")
_FUNCTION: Final = re.compile(r"(rgb|hsl)a?\(([^()]{1,60})\)")
# The names that are near white or black, those that mails use, and what systems paint as paper and buttons
_NAMES: Final = {
    "white": WHITE, "black": BLACK, "transparent": CLEAR, "snow": (255, 250, 250), "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255), "floralwhite": (255, 250, 240), "seashell": (255, 245, 238),
    "mintcream": (245, 255, 250), "azure": (240, 255, 255), "aliceblue": (240, 248, 255), "honeydew": (240, 255, 240),
    "lavenderblush": (255, 240, 245), "oldlace": (253, 245, 230), "linen": (250, 240, 230), "beige": (245, 245, 220),
    "cornsilk": (255, 248, 220), "lightyellow": (255, 255, 224), "lightcyan": (224, 255, 255),
    "lavender": (230, 230, 250), "gainsboro": (220, 220, 220), "papayawhip": (255, 239, 213),
    "antiquewhite": (250, 235, 215), "blanchedalmond": (255, 235, 205), "lemonchiffon": (255, 250, 205),
    "lightgoldenrodyellow": (250, 250, 210), "mistyrose": (255, 228, 225),
    "whitesmoke": (245, 245, 245), "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "navy": (0, 0, 128), "gray": (128, 128, 128), "windowtext": BLACK, "grey": (128, 128, 128),
    "silver": (192, 192, 192), "yellow": (255, 255, 0),
    **dict.fromkeys(
        ("window", "canvas", "field", "background", "buttonface", "buttonhighlight", "menu", "infobackground",
         "threedface", "threedhighlight", "threedlightshadow", "appworkspace", "scrollbar"),
        WHITE,
    ),
}  # fmt: skip
_INHERITED: Final = frozenset({"inherit", "currentcolor", "unset"})
_NEAR: Final = 24
_NEAR_ON_PAPER: Final = 40
_PAPER: Final = 200
_FAINT_ALPHA: Final = 0.35


def read(value: str) -> Colour | None:
    """Return the first colour in a value (of `color`, `background` or `bgcolor`), None where none is understood."""
    text = value.strip().casefold()
    if match := _HEX.search(text):
        return _from_hex(match[1])
    if match := _FUNCTION.search(text):
        return _from_function(match[1], match[2])
    words = re.split(r"[\s,()]+", text)
    if re.fullmatch(r"[0-9a-f]{3}|[0-9a-f]{6}", text):  # bgcolor without its #
        return _from_hex(text)
    return next((_NAMES[word] for word in words if word in _NAMES), None)


def text(value: str, outer: Colour | None) -> Colour | None:
    """Return the colour that a `color` makes: the outer one where it is inherited, CLEAR where it is not understood."""
    said = value.strip().casefold()
    if said in _INHERITED:
        return outer
    colour = read(said)
    # a function may come to any colour: var(), color-mix(), oklch()
    return CLEAR if colour is None and "(" in said and not said.startswith(("rgb", "hsl")) else colour


def ground(value: str, outer: Colour | None) -> Colour | None:
    """Return the ground that a `background` makes: the outer one where it is clear, not understood, or a picture.

    A picture may be missing, and then the text stands on what is below it.
    """
    colour = None if "url(" in value else read(value)
    is_unsaid = "(" in value or value == "none" or value in _INHERITED
    return outer if colour == CLEAR or (colour is None and is_unsaid) else colour


def are_alike(text: Colour | None, ground: Colour | None) -> bool:
    """Tell whether text of this colour cannot be seen on that ground. Text in unknown colours counts as seen."""
    if text == CLEAR:
        return True
    if text is None or ground is None:
        return False
    near = _NEAR_ON_PAPER if min(*text, *ground) >= _PAPER else _NEAR
    return all(abs(one - other) <= near for one, other in zip(text, ground, strict=True))


def _from_hex(digits: str) -> Colour:
    if len(digits) <= len("rgba"):
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) == len("rrggbbaa") and int(digits[6:], 16) <= _FAINT_ALPHA * 255:
        return CLEAR
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _from_function(kind: str, arguments: str) -> Colour | None:
    numbers = [_number(piece) for piece in re.split(r"[\s,/]+", arguments.strip())]
    known = [number for number in numbers if number is not None]
    if len(known) != len(numbers) or len(known) not in {3, 4}:
        return None
    if len(known) == 4 and known[3] <= _FAINT_ALPHA:  # noqa: PLR2004 - the fourth is alpha
        return CLEAR
    if kind == "hsl":
        return WHITE if known[2] >= _HSL_WHITE else None
    return int(known[0]), int(known[1]), int(known[2])


_HSL_WHITE: Final = 230.0


def _number(text: str) -> float | None:
    match = re.fullmatch(r"([0-9]{0,4}(?:\.[0-9]{1,9})?)(%|deg)?", text)
    if match is None or not match[1]:
        return None
    return float(match[1]) * (2.55 if match[2] == "%" else 1.0)
