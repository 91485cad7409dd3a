"""One mail, several texts: which of them clients show, and where they cut it."""

from __future__ import annotations

import pytest

from approvald.core.model import Ambiguous, Incomplete, Notification
from approvald.mail.parse.read import read
from mailbag import RULES, attached, html_of, multipart, part, text_of

TRUE = ("mara.voss@corp.example", "DB-PROD-01", "1101")
LUNCH = part("<p>Lunch menu.</p>", "text/html")
PICTURE = b"Content-Type: image/png\r\n\r\nPNG"
INNER = {"boundary": "=_i"}
PICTURED = multipart("related", PICTURE, boundary="=_i")


@pytest.mark.parametrize(
    "mime",
    [
        multipart("alternative", part(html_of(), "text/html"), LUNCH),
        multipart("alternative", LUNCH, part(html_of(), "text/html")),
        multipart("alternative", part(html_of(), "text/html"), part("Lunch menu.")),
        multipart("alternative", part(text_of()), PICTURE),
        multipart("alternative", part(text_of()), PICTURED),
        multipart("alternative", part(text_of()), part("Lunch menu.", "text/enriched")),
        multipart("alternative", part(text_of()), part("{\\rtf1 Lunch menu.}", "text/rtf")),
        multipart("alternative", part(text_of()), part("BEGIN:VCALENDAR", "text/calendar")),
        multipart("alternative", LUNCH, attached(part(text_of()))),
        multipart("alternative", attached(part(text_of())), LUNCH),
        multipart("alternative", multipart("alternative", part(text_of()), boundary="=_i"), LUNCH),
        multipart("alternative", part("a"), multipart("alternative", part(text_of()), boundary="=_i"), LUNCH),
        multipart("mixed", attached(multipart("alternative", part(text_of()), LUNCH, boundary="=_i"))),
    ],
)
def test_a_request_in_a_rendering_that_is_not_shown_is_ambiguous(mime: bytes) -> None:
    """Clients show one rendering of several: its HTML, or the last; what only another one says, nobody has seen."""
    assert isinstance(read(mime, RULES.parse), Ambiguous)


@pytest.mark.parametrize(
    "mime",
    [
        multipart("related", LUNCH, part(html_of(), "text/html", "Content-ID: <a@b>")),
        multipart("related", LUNCH, part(text_of())),
        multipart("related", PICTURE, part(text_of())),
        multipart("related", LUNCH, attached(part(text_of()))),
        multipart("related", LUNCH, multipart("mixed", part(text_of()), boundary="=_i")),
        multipart("related", part(html_of(), "text/html"), LUNCH).replace(b"related;", b'related; start="<l@b>";'),
        multipart("alternative", part(text_of()), multipart("related", LUNCH, part(text_of()), boundary="=_i")),
    ],
)
def test_a_request_beside_the_root_of_a_related_part_is_ambiguous(mime: bytes) -> None:
    """What stands beside the root is fetched by it or never shown, like a picture; the root may be named."""
    assert isinstance(read(mime, RULES.parse), Ambiguous)


@pytest.mark.parametrize(
    "mime",
    [
        multipart("alternative", part("see below"), multipart("mixed", LUNCH, attached(part(text_of())), **INNER)),
        multipart("alternative", part(text_of()), multipart("mixed", part(html_of(), "text/html"), LUNCH, **INNER)),
        multipart("alternative", part(text_of()), part("<html>", "text/x-amp-html"), part(html_of(), "text/html")),
        multipart("related", part(html_of(), "text/html", "Content-ID: <l@b>"), PICTURE).replace(
            b"related;", b'related; start="<l@b>";'
        ),
        multipart("related", multipart("alternative", part("x"), part(html_of(), "text/html"), **INNER), PICTURE),
    ],
)
def test_what_mail_clients_build_of_parts_is_read(mime: bytes) -> None:
    """A forward attached to HTML, HTML in several pieces, a named root, renderings that only some clients know."""
    reading = read(mime, RULES.parse)
    assert isinstance(reading, Notification), reading
    assert (reading.requestor, reading.safe, reading.number) == TRUE


@pytest.mark.parametrize(
    "mime",
    [
        part(text_of()).replace(b'charset="utf-8"', b'charset="utf-8"; charset="iso-8859-1"'),
        part(text_of()).replace(b'charset="utf-8"', b"charset=\"utf-8\"; charset*=us-ascii''iso-8859-1"),
        multipart("mixed", part(text_of())).replace(b'boundary="=_b"', b'boundary="=_b"; Boundary="=_c"'),
        multipart("mixed", part(text_of())).replace(b'boundary="=_b"', b'boundary="=_c"; boundary*0="=_b"'),
        multipart("mixed", multipart("mixed", part(text_of()))),
        multipart("alternative", multipart("mixed", part(text_of())), LUNCH),
        multipart("alternative", attached(multipart("mixed", part(text_of()))), LUNCH),
    ],
)
def test_parts_that_programs_cut_differently_are_unreadable(mime: bytes) -> None:
    """Two boundaries, two character sets, or one boundary for two parts: each client sees another mail."""
    reading = read(mime, RULES.parse)
    assert isinstance(reading, Incomplete), reading
    assert reading.unreadable


def test_an_attached_mail_may_repeat_the_boundary_of_the_mail_it_is_in() -> None:
    """Clients do, and every part of both is shown and read either way; a second request in them is still seen."""
    reading = read(multipart("mixed", part("both"), attached(multipart("mixed", part(text_of())))), RULES.parse)
    assert isinstance(reading, Notification), reading
    assert (reading.requestor, reading.safe, reading.number) == TRUE

    two = multipart("mixed", part(text_of({"Request Id": "7"})), attached(multipart("mixed", part(text_of()))))
    assert isinstance(read(two, RULES.parse), Ambiguous)
