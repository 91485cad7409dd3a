"""HTML -> the text an approver saw, and the text they did not see. lxml parses; the walk is our own.

lxml.html stays linear on every bomb tried (mail-security C.3) and drops what lies deeper than 256 elements, which makes
the reading incomplete. Block elements, cells and <br> break lines. Comments, scripts and styles are no content.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final
from urllib.parse import unquote

from lxml import etree, html

from approvald.errors import Unreadable
from approvald.headers import ADDRESS
from approvald.parse import colours
from approvald.parse.css import NOTHING, Style, StyleSheet, font_is_tiny, style_of

_SKIPPED: Final = frozenset({"script", "style", "head", "title", "meta", "link", "base"})
# Shown only by clients that lack something, or only after a click
_FALLBACKS: Final = frozenset({
    "noscript", "template", "noframes", "noembed", "object", "iframe", "video", "audio", "canvas", "datalist", "dialog",
})  # fmt: skip
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd", "details", "dialog",
    "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "html", "legend", "li", "listing", "main", "menu", "nav", "noscript", "object", "ol",
    "optgroup", "option", "p", "plaintext", "pre", "search", "section", "select", "summary", "table", "tbody", "td",
    "template", "textarea", "tfoot", "th", "thead", "tr", "ul", "xmp",
})  # fmt: skip
_BREAKS: Final = frozenset({"br", "hr"})
_BLOCK_DISPLAYS: Final = ("block", "flex", "grid", "table", "list-item", "flow-root")
_WHITE: Final = re.compile(r"[ \t\r\n\f]+")
_XML_DECLARATION: Final = re.compile(r"^[\s\ufeff]*<\?xml[^>]{0,200}>", re.IGNORECASE)
_UNSEEN: Final = re.compile(r"[\x00-\x20]")
_MOST_ELEMENTS: Final = 50_000
_MOST_ATTRIBUTES: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class HtmlText:
    """`visible`: as shown. `hidden`: what is not shown, each stretch on lines of its own. `whole`: as if all shown."""

    visible: str = field(repr=False)
    hidden: str = field(repr=False)
    whole: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """How text looks at one place: inherited by what is inside."""

    hidden: bool = False
    invisible: bool = False
    tiny: bool = False
    colour: colours.Colour | None = colours.BLACK
    ground: colours.Colour | None = colours.WHITE
    keeps_lines: bool = False
    skipped: bool = False
    in_details: bool = False
    breaks: bool = False

    @property
    def is_unseen(self) -> bool:
        seen = not (self.hidden or self.invisible or self.tiny or self.in_details)
        return not seen or colours.are_alike(self.colour, self.ground)


class _Lines:
    """Text under construction: white space folded as HTML does, one line a block."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)

    def break_line(self) -> None:
        if self._pieces and self._pieces[-1] != "\n":
            self._pieces.append("\n")

    def text(self) -> str:
        return "".join(self._pieces)


def read_html(source: str) -> HtmlText:
    """Return the texts of an HTML view. Raises Unreadable when it has more elements than any honest mail."""
    body = _XML_DECLARATION.sub("", source, count=1).encode("utf-8", "replace").decode()
    if not body.strip():
        return HtmlText(visible="", hidden="", whole="")
    _count(body)
    try:
        root = html.document_fromstring(body, parser=html.HTMLParser(no_network=True))
    except etree.ParserError:  # nothing but comments
        return HtmlText(visible="", hidden="", whole="")
    return _Walk(_roots(root)).run()


def _roots(root: html.HtmlElement) -> list[html.HtmlElement]:
    """Return every tree of the document: what stands behind `</html>` is shown too, and libxml2 makes it a sibling."""
    before = list(root.itersiblings(preceding=True))
    trees = [*reversed(before), root, *root.itersiblings()]
    return [tree for tree in trees if isinstance(tree.tag, str)]


class _Census:
    """Counts what the parser meets, without building a tree: that takes quadratic time for an element's attributes."""

    def __init__(self) -> None:
        self._elements = 0

    def start(self, _tag: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if self._elements > _MOST_ELEMENTS or len(attributes) > _MOST_ATTRIBUTES:
            message = f"An HTML text has more than {_MOST_ELEMENTS} elements, or {_MOST_ATTRIBUTES} attributes in one."
            raise Unreadable(message)

    def close(self) -> None:
        """Nothing was built."""


def _count(body: str) -> None:
    target = _Census()
    # lxml calls the methods that are there; its stubs ask for all
    parser = etree.HTMLParser(target=target, no_network=True)  # type: ignore[arg-type]
    parser.feed(body)
    parser.close()


class _Walk:
    """One walk over the trees of a document, in its order, without recursion."""

    def __init__(self, roots: Sequence[html.HtmlElement]) -> None:
        self._roots = roots
        self._sheet = StyleSheet()
        for style in chain.from_iterable(root.iter("style") for root in roots):
            self._sheet.add(style.text or "")
        self._visible, self._hidden, self._whole = _Lines(), _Lines(), _Lines()
        self._looks = [_Look()]
        self._links: list[tuple[str, list[str]]] = []
        self._styles = {"": NOTHING}

    def run(self) -> HtmlText:
        walks = (etree.iterwalk(root, events=("start", "end", "comment", "pi")) for root in self._roots)
        for event, node in chain.from_iterable(walks):
            if event == "start":
                self._open(node)
            elif event == "end":
                self._close(node)
            if event != "start":
                self._add(node.tail)
        return HtmlText(visible=self._visible.text(), hidden=self._hidden.text(), whole=self._whole.text())

    def _open(self, node: html.HtmlElement) -> None:
        tag = str(node.tag).casefold()
        look = _look(tag, self._styles_of(node, tag), self._looks[-1], is_open=node.get("open") is not None)
        if look.breaks:
            self._break()
        if look.is_unseen != self._looks[-1].is_unseen:
            self._hidden.break_line()
        self._looks.append(look)
        if tag == "a":
            self._links.append((_address_of_link(node.get("href") or ""), []))
        self._add(node.text)

    def _close(self, node: html.HtmlElement) -> None:
        tag = str(node.tag).casefold()
        if tag == "a" and self._links:
            address, pieces = self._links.pop()
            shown = "".join(pieces).strip().strip("\u200b\ufeff").casefold()
            if address and address != shown:
                self._add(f"<mailto:{address}>")
        look = self._looks.pop()
        if look.is_unseen != self._looks[-1].is_unseen:
            self._hidden.break_line()
        if look.breaks:
            self._break()

    def _styles_of(self, node: html.HtmlElement, tag: str) -> list[Style]:
        """Return what is said of an element, the least specific first: attributes, style sheets, style."""
        classes = (node.get("class") or "").casefold().split()
        sheet = self._sheet.matching(tag, classes, (node.get("id") or "").casefold())
        inline = node.get("style") or ""
        if inline not in self._styles:
            self._styles[inline] = style_of(inline)
        return [_attributes(node, tag), *sheet, self._styles[inline]]

    def _add(self, text: str | None) -> None:
        look = self._looks[-1]
        if not text or look.skipped:
            return
        shown = text if look.keeps_lines else _WHITE.sub(" ", text)
        if self._links:
            self._links[-1][1].append(shown)
        for lines in (self._whole, self._hidden if look.is_unseen else self._visible):
            lines.add(shown)

    def _break(self) -> None:
        for lines in (self._visible, self._hidden, self._whole):
            lines.break_line()


def _look(tag: str, styles: list[Style], outer: _Look, *, is_open: bool) -> _Look:
    breaks = tag in _BLOCKS
    tiny, invisible, colour, ground, keeps = outer.tiny, outer.invisible, outer.colour, outer.ground, outer.keeps_lines
    for style in styles:
        tiny = font_is_tiny(style.font_size, inherited=outer.tiny) if style.font_size else tiny
        invisible = style.visibility in {"hidden", "collapse"} if style.visibility else invisible
        colour = colours.text(style.colour, outer.colour) if style.colour else colour
        ground = colours.ground(style.ground, outer.ground) if style.ground else ground
        keeps = style.white_space.startswith("pre") if style.white_space else keeps
        breaks = _breaks(style.display, otherwise=breaks) if style.display else breaks
    return _Look(
        hidden=outer.hidden or any(style.hides for style in styles) or (outer.in_details and tag != "summary"),
        invisible=invisible, tiny=tiny, colour=colour, ground=ground, keeps_lines=keeps,
        skipped=outer.skipped or tag in _SKIPPED, in_details=tag == "details" and not is_open,
        breaks=breaks or tag in _BREAKS,
    )  # fmt: skip


def _breaks(display: str, *, otherwise: bool) -> bool:
    if display in {"inline", "contents"}:
        return False
    return otherwise or display.startswith(_BLOCK_DISPLAYS)


def _attributes(node: html.HtmlElement, tag: str) -> Style:
    """Return what the attributes of an element say, as style."""
    is_reversed = tag == "bdo" and (node.get("dir") or "").strip().casefold() == "rtl"
    hides = tag in _FALLBACKS or node.get("hidden") is not None or is_reversed
    ground = node.get("bgcolor") or ("url()" if node.get("background") else None)
    colour = node.get("text") if tag == "body" else node.get("color") if tag == "font" else None
    space = "pre" if tag in {"pre", "textarea", "listing", "xmp", "plaintext"} else None
    if not (hides or ground or colour or space):
        return NOTHING
    return Style(hides=hides, ground=ground, colour=colour, white_space=space)


def _address_of_link(href: str) -> str:
    """Return the mail address a link leads to, also through a wrapper such as safelinks; empty where it is none."""
    before, scheme, rest = unquote(_UNSEEN.sub("", href[:2_048])).casefold().partition("mailto:")
    if not scheme:
        return ""
    if not before:
        return unquote(rest.partition("?")[0]).strip()
    wrapped = ADDRESS.match(unquote(rest))
    return wrapped[0] if wrapped is not None else ""
