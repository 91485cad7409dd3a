"""Every mail of the corpus, and every one that the fuzzer has found, against the rules that hold for all mails."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mailbag import OPEN, html_of, multipart, part, text_of
from reading_properties import check

FOUND = OPEN.parent / "found"
MAILS = sorted([*OPEN.glob("*.eml"), *FOUND.glob("*.eml")])


@pytest.mark.parametrize("path", MAILS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_mail_breaks_a_rule_of_the_reading(path: Path) -> None:
    """Intake, proof and reading answer, in forms that are allowed, in any order of views, and in little time."""
    started = time.process_time()
    check(path.read_bytes())
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\x00" * 100,
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n",
        part(text_of()),
        multipart("alternative", part(text_of()), part(html_of(), "text/html")),
    ],
)
def test_mails_that_are_hardly_any_break_none_either(raw: bytes) -> None:
    """Bytes that are no mail, and a mail without any header of Exchange's, are answered as well."""
    check(raw)
