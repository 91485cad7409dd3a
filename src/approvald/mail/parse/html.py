"""Splits HTML into the text an approver saw and the text they did not. lxml parses; the walk is our own.

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

from approvald.core.errors import Unreadable
from approvald.core.text import ADDRESS
from approvald.mail.parse.css import NOTHING, styles_of
from approvald.mail.parse.look import Look, attributes_of, look_of
from approvald.mail.parse.sheets import StyleSheet

_WHITE: Final = re.compile(r"[ \t\r\n\f]+")
_XML_DECLARATION: Final = re.compile(r"^[\s\ufeff]*<\?xml[^>]{0,200}>", re.IGNORECASE)
_UNSEEN: Final = re.compile(r"[\x00-\x20]")
# <![if !mso]>, which is a comment for everybody but Word, and <!--[if !mso]><!-->
_FOR_SOME: Final = re.compile(r"\s*\[if\b[^\[\]<>]{0,200}\](?:>\s*<!)?", re.IGNORECASE)
_FOR_ALL: Final = re.compile(r"\s*(?:<!)?\[endif\]", re.IGNORECASE)
_SOMETHING_ELSE: Final = "\ufffc"
"""Stands for what is shown and cannot be read: a picture, a form field, text that a style sheet writes."""
_MOST_ELEMENTS: Final = 50_000
_MOST_ATTRIBUTES: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class HtmlText:
    """`visible`: as shown. `hidden`: what is not shown, each stretch on lines of its own. `whole`: as if all shown."""

    visible: str = field(repr=False)
    hidden: str = field(repr=False)
    whole: str = field(repr=False)


class _Lines:
    """Text under construction: white space folded as HTML does, one line a block."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)

    def break_line(self) -> None:
        if self._pieces and self._pieces[-1] != "\n":
            self._pieces.append("\n")

    def is_in_word(self) -> bool:
        return bool(self._pieces) and not self._pieces[-1][-1:].isspace()

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
    return _Walk(_trees(root)).run()


def _trees(root: html.HtmlElement) -> list[html.HtmlElement]:
    """Return every tree and comment of the document in order.

    What stands before `<html>` and behind `</html>` counts too, and libxml2 makes it siblings.
    """
    before = list(root.itersiblings(preceding=True))
    return [*reversed(before), root, *root.itersiblings()]


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

    def __init__(self, trees: Sequence[html.HtmlElement]) -> None:
        self._trees = trees
        self._sheet = StyleSheet()
        for style in chain.from_iterable(tree.iter("style") for tree in trees):
            self._sheet.add(style.text or "")
        self._visible, self._hidden, self._whole = _Lines(), _Lines(), _Lines()
        self._looks = [Look()]
        self._links: list[tuple[str, list[str]]] = []
        self._styles = {"": (NOTHING, NOTHING)}
        self._conditions = 0
        self._beside_picture = False

    def run(self) -> HtmlText:
        for tree in self._trees:
            if isinstance(tree.tag, str):
                self._walk(tree)
            else:
                self._take_comment(tree.text or "")
        return HtmlText(visible=self._visible.text(), hidden=self._hidden.text(), whole=self._whole.text())

    def _walk(self, tree: html.HtmlElement) -> None:
        for event, node in etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
            if event == "start":
                self._open(node)
            elif event == "end":
                self._close(node)
            else:
                self._take_comment(node.text or "")
            if event != "start":
                self._add(node.tail)

    def _take_comment(self, said: str) -> None:
        """Note where text that some clients leave out begins and ends: Word reads conditions in comments.

        An instruction (`<?x ?>`) is one by the rules of HTML, and by some versions of libxml2.
        """
        if _FOR_SOME.fullmatch(said):
            self._conditions += 1
        elif _FOR_ALL.match(said):
            self._conditions = max(self._conditions - 1, 0)
        else:
            return
        self._hidden.break_line()

    def _open(self, node: html.HtmlElement) -> None:
        tag = str(node.tag).casefold()
        look = self._look_of(node, tag)
        if look.breaks:
            self._break()
        if look.is_unseen != self._looks[-1].is_unseen:
            self._hidden.break_line()
        self._looks.append(look)
        if tag in {"img", "input"}:
            self._beside_picture = tag == "img"
            self._add_unread(always=tag == "input")
        elif look.writes:
            self._add_unread(always=True)
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

    def _look_of(self, node: html.HtmlElement, tag: str) -> Look:
        classes = (node.get("class") or "").casefold().split()
        said = self._sheet.about(tag, classes, (node.get("id") or "").casefold(), map(str.casefold, node.keys()))
        inline = node.get("style") or ""
        if inline not in self._styles:
            self._styles[inline] = styles_of(inline)
        attributes, is_open = attributes_of(node, tag, inline), node.get("open") is not None
        return look_of(tag, attributes, said, self._styles[inline], self._looks[-1], is_open=is_open)

    def _add_unread(self, *, always: bool) -> None:
        """Note that people see something here that is no text of ours, if it touches a word."""
        if always or self._whole.is_in_word():
            self._beside_picture = False
            for lines in (self._whole, self._hidden):
                lines.add(_SOMETHING_ELSE)

    def _add(self, text: str | None) -> None:
        look = self._looks[-1]
        if not text or look.skipped:
            return
        shown = text if look.keeps_lines else _WHITE.sub(" ", text)
        if self._beside_picture and not shown[0].isspace():
            self._add_unread(always=True)
        self._beside_picture = False
        if self._links:
            self._links[-1][1].append(shown)
        for lines in (self._whole, self._hidden if look.is_unseen or self._conditions else self._visible):
            lines.add(shown)

    def _break(self) -> None:
        self._beside_picture = False
        for lines in (self._visible, self._hidden, self._whole):
            lines.break_line()


def _address_of_link(href: str) -> str:
    """Return the mail address a link leads to, also through a wrapper such as safelinks; empty where it is none."""
    before, scheme, rest = unquote(_UNSEEN.sub("", href[:2_048])).casefold().partition("mailto:")
    if not scheme:
        return ""
    if not before:
        return unquote(rest.partition("?")[0]).strip()
    wrapped = ADDRESS.match(unquote(rest))
    return wrapped[0] if wrapped is not None else ""
