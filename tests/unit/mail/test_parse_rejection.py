"""The word `reject` as the first visible line of the mail itself, and nowhere else."""

from __future__ import annotations

from email.message import EmailMessage
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.config.load import load
from approvald.core import frozen_json
from approvald.core.model import Ambiguous, Notification, Reading
from approvald.mail.parse.read import read as read_mime
from approvald.mail.rules import parse_rules
from places import SHIPPED

RULES = parse_rules(load(SHIPPED))
BLOCK = (
    "From: PVWA\nRequester email: timo.gast@corp.example\nSafe: DB-PROD-01\nRequest Id: 17\nReason: reject: a test\n"
)


def mail(text: str | None = None, html: str | None = None) -> EmailMessage:
    """Return a forwarded mail with these renderings of its own text above the notification."""
    made = EmailMessage()
    if text is not None:
        made.set_content(f"{text}\n\n{BLOCK}")
    if html is not None:
        whole = f"<html><body>{html}<p>{escape(BLOCK).replace(chr(10), '<br>')}</p></body></html>"
        if text is None:
            made.set_content(whole, subtype="html")
        else:
            made.add_alternative(whole, subtype="html")
    return made


def read(text: str | None = None, html: str | None = None) -> Reading:
    """Read such a mail."""
    return read_mime(mail(text, html).as_bytes(), RULES)


def words(reading: Reading) -> str | None:
    """Return the rejection of a notification that was read."""
    assert isinstance(reading, Notification), reading
    assert reading.request_id == "DB-PROD-01_17"
    return reading.rejection


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("reject", ""), ("Reject", ""), ("REJECT: not planned", "not planned"), ("reject, see you", "see you"),
        ("reject not planned", "not planned"), ("  reject :  not   planned  ", "not planned"), ("reject:", ""),
        ("\u200breject\u00a0nicht geplant, später", "nicht geplant, später"), ("\n\n \nreject: x", "x"),
        ("reject: " + "w" * 400, "w" * 150),
    ],
)  # fmt: skip
def test_a_mail_that_begins_with_reject_rejects(line: str, said: str) -> None:
    """Followed by a blank, a colon, a comma or the end of the line; in each rendering alone and in both."""
    assert words(read(text=line)) == said
    shown = "<br>".join(escape(each) for each in line.split("\n"))
    assert words(read(html=f"<p>{shown}</p>")) == said
    assert words(read(text=line, html=f"<div>{shown}</div>")) == said


@pytest.mark.parametrize(
    "line",
    ["Rejected the other one, this is fine", "rejection is not needed", "reject-list is clean", "reject_it", "rejects",
     "I reject", "ok\nreject", "> reject", ">reject: x", "r\u0435ject", "rejecté", "reject's", "", "re ject"],
)  # fmt: skip
def test_other_words_and_other_lines_approve(line: str) -> None:
    """An approver may write what they like; the word inside a reason, a quoted line or the notification is none."""
    assert words(read(text=line)) is None


@pytest.mark.parametrize(
    "line", ["reject!", "Reject.", "reject; no", "reject\u2014no", "reject\u2028no", "reject\x0bno"]
)
def test_the_word_in_another_form_neither_approves_nor_rejects(line: str) -> None:
    """Whoever writes so hardly means to approve; they are asked to say it clearly."""
    reading = read(text=line)
    assert isinstance(reading, Ambiguous)
    assert reading.fields == ("reject",)
    assert line.strip() not in reading.why


@pytest.mark.parametrize(
    ("text", "html"),
    [("reject", "<p>fine</p>"), ("fine", "<p>reject</p>"), ("reject", '<p style="display:none">reject</p><p>fine</p>')],
)
def test_renderings_that_differ_neither_approve_nor_reject(text: str, html: str) -> None:
    """The approver saw one of them, and nobody knows which."""
    assert isinstance(read(text=text, html=html), Ambiguous)


@pytest.mark.parametrize(
    "html",
    ['<p style="display:none">reject: x</p><p>fine</p>', '<span style="color:#fff">reject</span><p>fine</p>',
     "<blockquote><p>reject: x</p></blockquote><p>fine</p>", "<title>reject</title><p>fine</p>",
     "<!-- reject --><p>fine</p>", "<blockquote>reject</blockquote>"],
)  # fmt: skip
def test_what_is_hidden_or_quoted_is_not_the_approvers_word(html: str) -> None:
    """It neither rejects nor hinders the approval."""
    assert words(read(html=html)) is None


def test_an_attached_mail_has_no_say() -> None:
    """The approver's own text counts, whatever the mail attached to it begins with."""
    outer = EmailMessage()
    outer.set_content("please approve\n")
    outer.add_attachment(mail(text="reject: x"))
    assert words(read_mime(outer.as_bytes(), RULES)) is None
    rejecting = EmailMessage()
    rejecting.set_content("reject: x\n")
    rejecting.add_attachment(mail(text="please approve"))
    assert words(read_mime(rejecting.as_bytes(), RULES)) == "x"


def test_a_second_text_of_the_mail_makes_it_doubtful() -> None:
    """Texts in a row, as some phones write them: the word at the beginning of a later one is neither yes nor no."""
    two = EmailMessage()
    two["Content-Type"] = "multipart/mixed; boundary=b"
    two.set_payload(f"--b\n\nfine\n\n{BLOCK}\n--b\n\nreject: x\n--b--\n")
    assert isinstance(read_mime(two.as_bytes(), RULES), Ambiguous)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_that_begins_with_reject_ever_approves(before: str, behind: str) -> None:
    """Whatever invisible or odd characters stand around the word, a line that shows it alone is no approval."""
    blank = "".join(each for each in before if each in " \t\u00a0\u200b\u2060")
    reading = read(text=f"{blank}reject:{behind}")
    assert not isinstance(reading, Notification) or reading.rejection is not None


def test_the_reading_process_hands_the_words_over() -> None:
    """They survive the way from the process that reads mails."""
    reading = read(text="reject: später (nächste Woche)")
    assert words(frozen_json.loads(frozen_json.dumps(reading), Notification)) == "später (nächste Woche)"
