"""Works out whether the text of an HTML element is seen, and whether the element breaks the line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from lxml import html

from approvald.mail.parse import colours
from approvald.mail.parse.css import NOTHING, Style, styles_of
from approvald.mail.parse.hiding import cuts, font_is_tiny
from approvald.mail.parse.sheets import Said

_SKIPPED: Final = frozenset({"script", "style", "head", "title", "meta", "link", "base"})
# Shown only by clients that lack something, or only after a click, or only in part
_FALLBACKS: Final = frozenset({
    "noscript", "template", "noframes", "noembed", "object", "iframe", "video", "audio", "canvas", "datalist", "dialog",
    "applet", "comment", "frameset", "marquee", "math", "meter", "progress", "rp", "select", "svg", "textarea", "xml",
})  # fmt: skip
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd", "details", "dialog",
    "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "html", "legend", "li", "listing", "main", "menu", "nav", "noscript", "object", "ol",
    "optgroup", "option", "p", "plaintext", "pre", "search", "section", "select", "summary", "table", "tbody", "td",
    "template", "textarea", "tfoot", "th", "thead", "tr", "ul", "xmp",
})  # fmt: skip
_BREAKS: Final = frozenset({"br", "hr"})
_PICTURES: Final = frozenset({"img", "input", "video", "canvas"})
_BLOCK_DISPLAYS: Final = ("block", "flex", "grid", "table", "list-item", "flow-root")


_MOST_SHADES: Final = 32


class Shade(NamedTuple):
    """One way in which text may come out: inherited by what is inside."""

    tiny: bool = False
    invisible: bool = False
    colour: colours.Colour | None = colours.BLACK
    ground: colours.Colour | None = colours.WHITE

    @property
    def is_unseen(self) -> bool:
        """Whether text that comes out so is not seen."""
        return self.tiny or self.invisible or colours.are_alike(self.colour, self.ground)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How text looks at one place: inherited by what is inside. `shades`: the certain one first, then the others."""

    hidden: bool = False
    shades: tuple[Shade, ...] = (Shade(),)
    keeps_lines: bool = False
    skipped: bool = False
    in_details: bool = False
    breaks: bool = False
    writes: bool = False

    @property
    def is_unseen(self) -> bool:
        """Whether text that looks so is not seen, or may be not seen."""
        return self.hidden or self.in_details or any(shade.is_unseen for shade in self.shades)


def look_of(
    tag: str, attributes: Style, said: Said, inline: tuple[Style, Style], outer: Look, *, is_open: bool
) -> Look:
    """Return the look of an element: what attributes, style sheets and its style attribute make of the outer look."""
    before = (attributes, *said.before)
    after = (inline[0], *said.after, inline[1])
    styles = (*before, *said.doubtful, *after, *said.insisted)
    shades = [_shade((*before, *after), shade) for shade in outer.shades]
    shades += [_shade((*before, style, *after), outer.shades[0]) for style in said.doubtful]
    shades += [_shade((*before, *after, style), outer.shades[0]) for style in said.insisted]
    distinct = tuple(dict.fromkeys(shades))
    breaks, keeps = tag in _BLOCKS, outer.keeps_lines
    for style in styles:
        keeps = style.white_space.startswith("pre") if style.white_space else keeps
        breaks = _breaks(style.display, otherwise=breaks) if style.display else breaks
    hidden = any(style.hides for style in styles) or cuts([pair for style in styles for pair in style.boxes])
    return Look(
        hidden=outer.hidden or hidden or len(distinct) > _MOST_SHADES or (outer.in_details and tag != "summary"),
        shades=distinct[:_MOST_SHADES], keeps_lines=keeps,
        skipped=outer.skipped or tag in _SKIPPED, in_details=tag == "details" and not is_open,
        breaks=breaks or tag in _BREAKS, writes=any(style.writes for style in styles),
    )  # fmt: skip


def _shade(styles: Iterable[Style], outer: Shade) -> Shade:
    tiny, invisible, colour, ground = outer
    for style in styles:
        if style is NOTHING:
            continue
        tiny = font_is_tiny(style.font_size, inherited=outer.tiny) if style.font_size else tiny
        invisible = _is_invisible(style.visibility) if style.visibility else invisible
        colour = colours.text(style.colour, outer.colour) if style.colour else colour
        ground = colours.ground(style.ground, outer.ground) if style.ground else ground
    return Shade(tiny, invisible, colour, ground)


def _is_invisible(visibility: str) -> bool:
    return visibility in {"hidden", "collapse"} or "(" in visibility


def _breaks(display: str, *, otherwise: bool) -> bool:
    if display in {"inline", "contents"}:
        return False
    return otherwise or display.startswith(_BLOCK_DISPLAYS)


def attributes_of(node: html.HtmlElement, tag: str, inline: str) -> Style:
    """Return what the attributes of an element say, as style."""
    is_reversed = tag == "bdo" and "rtl" in f"{node.get('dir')} {inline}".casefold()
    draws = tag == "font" and styles_of(f"font-family:{node.get('face') or ''}")[0].hides
    hides = tag in _FALLBACKS or node.get("hidden") is not None or node.get("popover") is not None or is_reversed
    ground = node.get("bgcolor") or ("url()" if node.get("background") else None)
    colour = node.get("text") if tag == "body" else node.get("color") if tag == "font" else None
    space = "pre" if tag in {"pre", "textarea", "listing", "xmp", "plaintext"} else None
    sizes = tuple((name, (node.get(name) or "").strip().casefold()) for name in ("height", "width"))
    boxes = tuple(pair for pair in sizes if pair[1]) if tag not in _PICTURES else ()
    if not (hides or draws or ground or colour or space or boxes):
        return NOTHING
    return Style(hides=hides or draws, ground=ground, colour=colour, white_space=space, boxes=boxes)
