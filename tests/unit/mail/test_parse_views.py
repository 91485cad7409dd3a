"""The parts of a mail: which are views, which are not, and the limits beyond which nothing is read."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from approvald.core.model import Ambiguous, Incomplete, Notification, Reading
from approvald.mail.parse.read import read
from approvald.mail.parse.rules import ParseRules, codec_name
from mailbag import RULES, attached, html_of, multipart, part, text_of

TRUE = ("mara.voss@corp.example", "DB-PROD-01", "1101")
OTHER = {"Requester email": "jonas.keil@corp.example", "Request Id": "1102"}


def reading_of(mime: bytes, **limits: int) -> Reading:
    """Read a mail with some limits changed."""
    changed = dataclasses.replace(RULES.parse.limits, **limits)
    return read(mime, dataclasses.replace(RULES.parse, limits=changed))


def values_of(reading: Reading) -> tuple[str, str, str]:
    """Return the core values of a notification that was read."""
    assert isinstance(reading, Notification), reading
    return reading.requestor, reading.safe, reading.number


def is_unreadable(reading: Reading) -> bool:
    """Tell whether a mail was refused as unreadable, with a sentence for people."""
    assert isinstance(reading, Incomplete), reading
    assert reading.why.endswith("or approve in PVWA.")
    return reading.unreadable and reading.missing == ("requestor", "safe", "number")


@pytest.mark.parametrize(
    "mime",
    [
        part(text_of()),
        part(html_of(), "text/html"),
        multipart("mixed", part(text_of()), part("a footer")),
        multipart("alternative", part(text_of()), part(html_of(), "text/html")),
        multipart("related", part(html_of(), "text/html"), b"Content-Type: image/png\r\n\r\nPNG"),
        multipart("alternative", part(text_of()), multipart("related", part(html_of(), "text/html"), boundary="=_i")),
        multipart("signed", part(text_of()), b"Content-Type: application/pkcs7-signature\r\n\r\nx"),
        multipart("mixed", part("ok"), attached(part(text_of()))),
        multipart("mixed", attached(multipart("mixed", attached(part(text_of())), boundary="=_i"))),
        multipart("digest", b"Content-Description: x\r\n\r\n" + part(text_of())),
        part(text_of(), "text/plain", "Content-Disposition: inline"),
        part(text_of()).replace(b'; charset="utf-8"', b""),
        part(text_of()).replace(b"utf-8", b"US-ASCII"),
        part(text_of()).replace(b"utf-8", b"latin1"),
        text_of().join(("\r\n\r\n", "")).encode(),
    ],
)
def test_every_place_where_clients_show_text_is_read(mime: bytes) -> None:
    """Text and HTML in multiparts, signed mails and attached mails (two deep) hold the notification."""
    assert values_of(read(mime, RULES.parse)) == TRUE


@pytest.mark.parametrize(
    "mime",
    [
        part(text_of(), "text/plain", "Content-Disposition: attachment"),
        part(text_of(), "text/plain", "Content-Disposition: attachment; filename=request.txt"),
        part(text_of(), "text/plain", "Content-Disposition: inline; filename=request.txt"),
        part(text_of(), "text/plain", "Content-Disposition: form-data"),
        part(text_of(), "text/plain; name=request.txt"),
        part(html_of(), "text/html; name=request.htm"),
        part(text_of(), "text/calendar"),
        part(text_of(), "text/enriched"),
        part(text_of(), "application/octet-stream"),
        b"Content-Type: message/partial; id=x; number=1; total=1\r\n\r\n" + part(text_of()),
        b"Content-Type: message/external-body; access-type=URL\r\n\r\n" + part(text_of()),
        b"Content-Type: message/global\r\n\r\n" + part(text_of()),
        b"Content-Type: multipart/mixed\r\n\r\n" + part(text_of()),
        multipart("mixed", part("ok")) + text_of().encode(),
        b"",
    ],
)
def test_what_is_no_view_holds_no_notification(mime: bytes) -> None:
    """Files, other kinds of text, other kinds of message and what stands outside the parts are not read."""
    reading = read(mime, RULES.parse)
    assert isinstance(reading, Incomplete)
    assert reading.missing == ("requestor", "safe", "number")
    assert not reading.unreadable
    assert "does not state the requestor's e-mail address, the safe, the request id" in reading.why


@pytest.mark.parametrize(
    "kind", ["application/pkcs7-mime; smime-type=enveloped-data", "application/x-pkcs7-mime; smime-type=signed-data"]
)
def test_an_encrypted_mail_is_incomplete_and_says_so(kind: str) -> None:
    """The sender of an encrypted mail is told to send it unencrypted."""
    reading = read(f"Content-Type: {kind}\r\n\r\nMII".encode(), RULES.parse)
    assert isinstance(reading, Incomplete)
    assert "Send it unencrypted." in reading.why


def test_a_winmail_file_is_incomplete_and_says_so() -> None:
    """TNEF is not opened; the sender is told to send HTML or plain text."""
    reading = read(multipart("mixed", part("ok"), b"Content-Type: application/ms-tnef\r\n\r\nx"), RULES.parse)
    assert isinstance(reading, Incomplete)
    assert "winmail.dat" in reading.why
    assert "HTML or plain text" in reading.why


def test_a_signature_file_beside_a_notification_does_not_matter() -> None:
    """What would explain an unreadable mail explains nothing where the mail was read."""
    mime = multipart("mixed", part(text_of()), b"Content-Type: application/ms-tnef\r\n\r\nx")
    assert values_of(read(mime, RULES.parse)) == TRUE


@pytest.mark.parametrize(
    "mime",
    [
        multipart("mixed", part(text_of()), part(text_of(OTHER))),
        multipart("alternative", part(text_of()), part(html_of(OTHER), "text/html")),
        multipart("mixed", part(text_of()), attached(part(text_of(OTHER)))),
        multipart("mixed", attached(part(text_of())), attached(part(text_of(OTHER)))),
        multipart("alternative", part(text_of()), part("<p>Lunch menu.</p>", "text/html")),
        multipart("alternative", part(text_of()), part(html_of({"Safe": ""}).replace("Safe", "Salt"), "text/html")),
    ],
)
def test_views_that_disagree_are_ambiguous(mime: bytes) -> None:
    """A second value in any view, or a field that only the unseen rendering has, is refused."""
    assert isinstance(read(mime, RULES.parse), Ambiguous)


def test_the_html_may_say_more_than_the_text() -> None:
    """A text rendering that is only a stub is honest: the approver saw the HTML."""
    mime = multipart("alternative", part("Your client shows no HTML."), part(html_of(), "text/html"))
    assert values_of(read(mime, RULES.parse)) == TRUE


@pytest.mark.parametrize(
    "charset",
    [
        "utf-7",
        "unicode_escape",
        "raw_unicode_escape",
        "punycode",
        "rot13",
        "x-evil-1",
        "undefined",
        "a b",
        "utf-16-le",
        "x" * 99,
    ],
)
def test_only_listed_character_sets_are_read(charset: str) -> None:
    """Python's own codecs and unknown names are no character sets of mail."""
    mime = part(text_of()).replace(b'"utf-8"', f'"{charset}"'.encode())
    assert is_unreadable(read(mime, RULES.parse))


@pytest.mark.parametrize("charset", ["iso-2022-jp", "windows-1252", "gb2312", "ks_c_5601-1987", "UTF-16", "cp1250"])
def test_listed_character_sets_are_read_by_any_of_their_names(charset: str) -> None:
    """Aliases of an allowed character set are allowed."""
    head = f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode()
    assert values_of(read(head + text_of().encode(charset), RULES.parse)) == TRUE


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("koi8-u", "koi8-u"), ("big5-hkscs", "big5hkscs"), ("tis-620", "tis-620"), ("windows-874", "cp874"),
        ("windows-1255", "cp1255"), ("iso-8859-8", "iso8859-8"), ("iso-8859-8-i", "iso8859-8"),
        ("windows-1256", "cp1256"), ("windows-1258", "cp1258"), ("iso-8859-13", "iso8859-13"),
        ("iso-8859-16", "iso8859-16"), ("windows-31j", "cp932"), ("windows-949", "cp949"), ("x-gbk", "gbk"),
    ],
)  # fmt: skip
def test_what_mail_clients_of_other_countries_write_is_read(charset: str, codec: str) -> None:
    """An approver's language is no reason to refuse, nor a name of it that Microsoft knows and Python does not."""
    head = f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode()
    assert values_of(read(head + text_of().encode(codec), RULES.parse)) == TRUE


def test_a_character_set_that_python_does_not_know_allows_nothing() -> None:
    """A made-up name in [parse] charsets stands for no codec."""
    assert codec_name("x-evil-1") is None
    assert codec_name("utf\0") is None
    assert codec_name("Latin1") == codec_name("iso-8859-1")


def test_bytes_that_are_not_of_the_character_set_do_not_hide_the_rest() -> None:
    """A broken byte outside the values is shown as a replacement, as clients do; inside one it is refused."""
    greeted = part("hello ?\n" + text_of()).replace(b"hello ?", b"hello \xff")
    assert values_of(read(greeted, RULES.parse)) == TRUE
    broken = part(text_of({"Safe": "DB-PROD-0?"})).replace(b"DB-PROD-0?", b"DB-PROD-0\xff")
    assert isinstance(read(broken, RULES.parse), Incomplete)
    assert isinstance(read(part(text_of({"Safe": "DB-PROD-01\0"})), RULES.parse), Incomplete)


@pytest.mark.parametrize("encoding", ["x-uuencode", "uuencode", "gzip", "quoted-printable, base64"])
def test_only_the_encodings_of_mime_are_read(encoding: str) -> None:
    """Python decodes uuencoded text, which mail clients do not show."""
    assert is_unreadable(read(part(text_of()).replace(b"8bit", encoding.encode()), RULES.parse))


@pytest.mark.parametrize(
    "field", ["Content-Type: text/html", "Content-Disposition: attachment", "Content-Transfer-Encoding: base64"]
)
def test_a_part_that_says_twice_what_it_is_is_unreadable(field: str) -> None:
    """Parsers differ in which of two fields they take, so neither counts."""
    mime = part(text_of(), "text/plain", "Content-Disposition: inline", field)
    assert is_unreadable(read(mime, RULES.parse))


@pytest.mark.parametrize(
    ("mime", "limit", "value"),
    [
        (part(text_of()), "mime_bytes", len(part(text_of()))),
        (part(text_of()), "view_bytes", len(text_of()) + 2),
        (multipart("mixed", part(text_of()), part("b"), part("c")), "parts", 4),
        (multipart("mixed", multipart("mixed", part(text_of()), boundary="=_i")), "depth", 2),
        (attached(part("a") + b"\r\n" + text_of().encode()), "depth", 1),
        (attached(attached(part(text_of()))), "attached_depth", 2),
        (part(text_of({"Reason": "x" * 500}), "text/plain", "Content-Description: " + "x" * 90), "header_chars", 90),
        (part(text_of({"Reason": "x" * 500})), "line_chars", 508),
        (part(html_of({"Reason": "x" * 500}), "text/html"), "line_chars", 509),  # a blank before the label
    ],
)
def test_each_limit_is_exact(mime: bytes, limit: str, value: int) -> None:
    """At a limit a mail is read; one below, it is unreadable: nothing is cut off and read on."""
    assert values_of(reading_of(mime, **{limit: value})) == TRUE
    assert is_unreadable(reading_of(mime, **{limit: value - 1}))


def test_a_long_account_is_refused() -> None:
    """A value over the limit is no value: requestor, account and device user are not cut."""
    assert isinstance(reading_of(part(text_of({"Account name": "x" * 300})), value_chars=300), Notification)
    for label in ("Account name", "Device User Name"):
        reading = reading_of(part(text_of({label: "x" * 300})), value_chars=299)
        assert isinstance(reading, Incomplete)
        assert reading.missing == ()
        assert "is too long" in reading.why
    address = f"{'x' * 60}@corp.example"
    assert isinstance(reading_of(part(text_of({"Requester email": address})), value_chars=len(address)), Notification)
    assert isinstance(reading_of(part(text_of({"Requester email": address})), value_chars=len(address) - 1), Incomplete)


@pytest.mark.parametrize(
    "mime",
    [
        b"Content-Type: message/rfc822\r\n\r\n" * 1_200,
        multipart("mixed", *[part("x")] * 3_000),
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 3_000,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"a: b\r\n\r\n" * 3_000,
        b"".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n'.encode() for n in range(100)),
        b"Content-Type: text/plain; " + b"a=b;" * 100_000 + b"\r\n\r\n",
        b"Content-Type: " + b"(" * 8_000 + b"\r\n\r\n" + text_of().encode(),
        b"a: b\r\n" * 2_000 + b"\r\n" + text_of().encode(),
        part("<p " + " ".join(f"a{n}=1" for n in range(1_001)) + ">" + html_of(), "text/html"),
        part(html_of() + "<b>" + "<i></i>" * 50_000, "text/html"),
    ],
)
def test_bombs_are_refused_by_their_counts(mime: bytes) -> None:
    """Nested, numerous and endless things are counted while they are parsed, not afterwards."""
    assert is_unreadable(read(mime, RULES.parse))


def test_whatever_a_caller_hands_over_is_answered() -> None:
    """Reading never raises, not even for what are no bytes."""
    nonsense: Any = None
    assert is_unreadable(read(nonsense, RULES.parse))


def test_the_rules_can_be_handed_to_a_worker_process() -> None:
    """The rules survive the way into another process and read the same there."""
    received: ParseRules = pickle.loads(pickle.dumps(RULES.parse))  # noqa: S301 - our own bytes
    assert received == RULES.parse
    assert values_of(read(part(text_of()), received)) == TRUE
