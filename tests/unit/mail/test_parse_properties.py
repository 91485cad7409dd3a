"""Properties: nothing makes the pure front raise, and no arrangement of views turns a refusal into other values."""

from __future__ import annotations

import string
from typing import Final

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from approvald.core.model import REQUEST_NUMBER, Ambiguous, Incomplete, Notification, Reading
from approvald.core.text import ADDRESS
from approvald.mail import headers
from approvald.mail.explain import explain, mail_of, sender_words
from approvald.mail.intake import classify
from approvald.mail.parse.read import read
from approvald.mail.sender import ProvenAddress, prove
from mailbag import LINES, RULES, attached, corpus, html_of, mail, multipart, part, text_of

QUICK: Final = settings(max_examples=150)
RAW: Final = [case.raw for case in corpus() if len(case.raw) < 20_000]

odd_text = st.text(
    st.one_of(
        st.sampled_from(
            "\r\n\v\f\x1c\x85\u2028\u200b\ufeff\u202e\u00ad\uff1a\u017f\u212a<>:;=&\"'\\/ \t\u00a0@,.()[]{}%"
        ),
        st.sampled_from(string.ascii_letters + string.digits),
        st.characters(),
    ),
    max_size=200,
)
TAGS: Final = ["<br>", "<p>", "</p>", '<div style="display:none">', "</div>", "<td>"]
pieces = st.sampled_from([*LINES, *LINES.values(), ": ", ":", "\n", "> ", *TAGS])
text = st.lists(st.one_of(pieces, odd_text), max_size=30).map("".join)
kinds = st.sampled_from(["text/plain", "text/html"])
values = st.fixed_dictionaries(
    {},
    optional={
        "Requester email": st.sampled_from(
            ["jonas.keil@corp.example", "", "x@evil.example", "Mara", f"{LINES['Requester email']}<mailto:a@b.c>"]
        ),
        "Safe": st.sampled_from(["NET-CORE", "", "R&D", "../x", "D\u0412"]),
        "Request Id": st.sampled_from(["1102", "", "\uff11", "1_2"]),
    },
)
blocks = st.builds(
    lambda changed, html: part(html_of(changed), "text/html") if html else part(text_of(changed)), values, st.booleans()
)
views = st.one_of(blocks, st.builds(part, text, kinds))


def core(reading: Reading) -> tuple[str, str, str] | None:
    """Return what a request is looked up by, or None where the mail was refused."""
    return (reading.requestor, reading.safe, reading.number) if isinstance(reading, Notification) else None


@QUICK
@given(st.binary(max_size=2_000))
def test_no_bytes_make_anything_raise(raw: bytes) -> None:
    """Any bytes are read, classified, proven and explained, and what comes out is one of ours."""
    assert isinstance(read(raw, RULES.parse), Notification | Incomplete | Ambiguous)
    assert explain(raw, "IPM.Note", RULES)["reading"] in {"incomplete", "not_a_request", "auto_mail"}
    assert not isinstance(prove(mail_of(raw), RULES.sender), ProvenAddress)
    assert sender_words(raw, RULES).startswith("not proven")


@QUICK
@given(st.sampled_from(RAW), st.data())
def test_damaged_mails_never_raise_nor_change_their_values(raw: bytes, data: st.DataObject) -> None:
    """A piece cut out of, or put into, a real mail gives a reading in which every value still has its form."""
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 50)))
    put = data.draw(st.one_of(st.binary(max_size=20), odd_text.map(lambda value: value.encode("utf-8", "replace"))))
    reading = read(raw[:start] + put + raw[end:], RULES.parse)
    if isinstance(reading, Notification):
        assert ADDRESS.fullmatch(reading.requestor)
        assert reading.requestor.endswith("@corp.example")
        assert REQUEST_NUMBER.fullmatch(reading.number)
        assert reading.safe.isascii()
        assert 0 < len(reading.safe) <= 28


@QUICK
@given(odd_text, odd_text, odd_text, odd_text)
@example("(" * 5_000, "<" * 500, '"\\' * 100, "=?" * 500)
def test_no_header_makes_intake_or_proof_raise(author: str, subject: str, sender: str, source: str) -> None:
    """Whatever stands in the fields, intake and proof answer; a proven address always has the form of one."""
    fields = (("Sender", sender), ("X-MS-Exchange-Organization-AuthSource", source), ("Auto-Submitted", subject))
    odd = mail(*fields, author=author, subject=subject)
    classify(odd, RULES.intake)
    assert not isinstance(prove(odd, RULES.sender), ProvenAddress)
    proof = prove(mail(author=author, subject=subject), RULES.sender)
    assert not isinstance(proof, ProvenAddress) or ADDRESS.fullmatch(proof.address)
    assert headers.address(author) is None or ADDRESS.fullmatch(headers.address(author) or "")


@QUICK
@given(text, kinds)
def test_sentences_never_repeat_the_mail(body: str, kind: str) -> None:
    """What a refused sender is told is the same for every mail with the same fault: it holds none of its text."""
    marked = body.replace("Safe", "Safe: qzqzq\nSafe")
    reading = read(part(f"qzqzq {marked}", kind), RULES.parse)
    assert isinstance(reading, Notification) or "qzqzq" not in reading.why


@QUICK
@given(st.lists(views, min_size=1, max_size=5), st.data())
def test_order_and_repetition_of_views_change_nothing(parts: list[bytes], data: st.DataObject) -> None:
    """The same views in another order, or some of them twice, give the same values or the same refusal."""
    again = [*data.draw(st.permutations(parts)), *data.draw(st.lists(st.sampled_from(parts), max_size=3))]
    first, second = (read(multipart("mixed", *some), RULES.parse) for some in (parts, again))
    assert type(first) is type(second)
    assert core(first) == core(second)


@QUICK
@given(st.lists(views, min_size=1, max_size=4), views, st.booleans())
def test_a_further_view_never_changes_the_values(parts: list[bytes], further: bytes, inside: bool) -> None:  # noqa: FBT001
    """Adding a view, or an attached mail, to a readable mail leaves its values or makes it a refusal."""
    before = core(read(multipart("mixed", *parts), RULES.parse))
    assume(before is not None)
    after = core(read(multipart("mixed", *parts, attached(further) if inside else further), RULES.parse))
    assert after in {None, before}


@QUICK
@given(st.lists(views, min_size=1, max_size=4), views)
def test_an_ambiguous_mail_stays_refused(parts: list[bytes], further: bytes) -> None:
    """What says two things goes on saying two things, whatever is added."""
    assume(isinstance(read(multipart("mixed", *parts), RULES.parse), Ambiguous))
    assert core(read(multipart("mixed", *parts, further), RULES.parse)) is None


@QUICK
@given(text, st.sampled_from(["display:none", "font-size:0", "color:white", "mso-hide:all", "opacity:0"]))
def test_hiding_a_text_never_makes_it_count(body: str, css: str) -> None:
    """A mail whose whole text is hidden is never a request."""
    assume("</" not in body)
    assert core(read(part(f'<div style="{css}"><pre>{body}</pre></div>', "text/html"), RULES.parse)) is None


@QUICK
@given(values)
def test_only_the_true_form_of_each_value_is_read(changed: dict[str, str]) -> None:
    """A block is read exactly when each of its three values has the form of one, and then with these values."""
    shown = {**LINES, **changed}
    good = (
        shown["Requester email"] in {"mara.voss@corp.example", "jonas.keil@corp.example"}
        and shown["Safe"] in {"DB-PROD-01", "NET-CORE"}
        and shown["Request Id"] in {"1101", "1102"}
    )
    expected = (shown["Requester email"], shown["Safe"], shown["Request Id"]) if good else None
    html = html_of(changed).replace("<mailto:a@b.c>", "&lt;mailto:a@b.c&gt;")
    assert core(read(part(text_of(changed)), RULES.parse)) == expected
    assert core(read(part(html, "text/html"), RULES.parse)) == expected
