"""No text of a mail changes a decision, except by choosing which record of PVWA is looked at.

Ilka, a proven approver, sends mails about the requests of a small world, edited in every way that forgers know: lines
of other requests added, hidden, attached or put in place of the true ones, in the text, in the HTML, or in both.
"""

from __future__ import annotations

import html
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from approvald.config.load import load
from approvald.config.settings import Settings
from fakes.house import ILKA, House
from fakes.pvwa_requests import FakeRequest
from mailbag import AUTH, PHRASE, attached, multipart, part
from places import ROOT

SETTINGS: Final[Settings] = load(ROOT / "config" / "approvald.toml")
SHE_MAY: Final = frozenset({"DB-PROD-01_17", "DB-PROD-01_18", "DB-PROD-01_25"})
REQUESTS: Final = (
    *sorted(SHE_MAY), "DB-PROD-01_19", "DB-PROD-01_20", "DB-PROD-01_21", "DB-PROD-01_22", "DB-PROD-01_23",
    "DB-PROD-01_24", "NET-CORE_17",
)  # fmt: skip
LABELS: Final = ("Requester email", "Safe", "Request Id", "Account name", "Device User Name", "Reason")


def world(folder: Path) -> House:
    """Return a house with requests that Ilka may confirm, and one for each rule that keeps her from others."""
    house = House(folder, SETTINGS)
    house.directory.add_group("NET_PAMapprover", "timo.gast")
    house.ask("DB-PROD-01_17")
    house.ask("DB-PROD-01_18", "mara.voss", account="Operating System-WinDomain-app2-svc", device_user="svc")
    house.ask("DB-PROD-01_19", "ilka.brandt")
    house.ask("DB-PROD-01_20", level1=("NET_PAMapprover",))
    house.ask("DB-PROD-01_21", levels=2)
    house.ask("DB-PROD-01_22")
    house.ask("DB-PROD-01_23", needed=2, level1=("DB_PAMapprover", "NET_PAMapprover"))
    house.ask("DB-PROD-01_24", requestor="somebody.else")
    house.ask("DB-PROD-01_25", levels=2)
    house.ask("NET-CORE_17", level1=("NET_PAMapprover",))
    for request_id in ("DB-PROD-01_21", "DB-PROD-01_23"):
        house.pvwa.act_in_portal(request_id, "ilka.brandt")
    house.pvwa.act_in_portal("DB-PROD-01_22", "mara.voss", "rejected")
    house.clock.turn(60)
    return house


def lines_of(request: FakeRequest) -> dict[str, str]:
    """Return what CyberArk's notification says of a request, label by label."""
    safe, _, number = request.request_id.rpartition("_")
    values = (f"{request.requestor}@corp.example", safe, number, request.account, request.device_user, request.reason)
    return dict(zip(LABELS, values, strict=True))


with tempfile.TemporaryDirectory() as _folder:
    LINES: Final = {each: lines_of(request) for each, request in world(Path(_folder)).pvwa.requests.items()}


@dataclass
class Draft:
    """A forward under construction: the lines of its text and of its HTML, and the parts beside them."""

    text: list[str]
    html: list[str]
    beside: list[bytes] = field(default_factory=list)
    is_honest_about: str | None = None
    """The request whose own lines all stand there untouched."""

    def mail(self, *, says_html: bool, says_text: bool) -> bytes:
        """Return it as Exchange delivers it."""
        parts = [part("\n".join(self.text))] if says_text or not says_html else []
        parts += [part(f"<html><body>{''.join(self.html)}</body></html>", "text/html")] if says_html else []
        body = multipart("alternative", *parts, boundary="=_alt")
        names = (("From", ILKA), ("Subject", f"FW: {PHRASE}"), ("Message-ID", "<1.ilka@corp.example>"), *AUTH)
        head = "".join(f"{name}: {value}\r\n" for name, value in names)
        return head.encode() + (multipart("mixed", body, *self.beside, boundary="=_mix") if self.beside else body)


HIDING: Final = (
    "<p>{}</p>", "<div>{}<br></div>", "<p hidden>{}</p>", '<div style="display:none">{}</div>',
    '<p style="font-size:0">{}</p>', '<p><font color="white">{}</font></p>', "<!-- {} -->", "<td>{}</td>",
    "<style>.x{{display:none}}</style><p class=x>{}</p>", "<a href='mailto:{}'>x</a>", "<p>x {}</p>", "{}",
)  # fmt: skip
CODEWORDS: Final = (
    "approved", "reject this", "Status: confirmed", "level: 2", "Approved on behalf of rhea.malik@corp.example",
    "X-MS-Exchange-Organization-AuthAs: Internal", "From: rhea.malik@corp.example", "{request_id}", "%s", "<br>",
    "<!--", "</body>", "> ", "Approver: rhea.malik@corp.example", "Confirmers: DB_PAMapprover",
)  # fmt: skip


@st.composite
def values(draw: st.DrawFn) -> tuple[str, str]:
    """Return a label and a value: another request's, or anything."""
    label = draw(st.sampled_from(LABELS))
    value = draw(st.sampled_from(REQUESTS).map(lambda each: LINES[each][label]) | st.text(max_size=12))
    return label, value


def pieces() -> st.SearchStrategy[str]:
    """Return a line that somebody may type: a labelled one, words that a program may fall for, or anything."""
    return values().map(": ".join) | st.sampled_from(CODEWORDS) | st.text(max_size=20)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Draft, bytes]:
    """Return a forward of one request, and what became of it."""
    request_id = draw(st.sampled_from(REQUESTS))
    shown = [f"{label}: {value}" for label, value in LINES[request_id].items()]
    draft = Draft(
        text=["Fine from my side.", *shown, "Kind regards"],
        html=[f"<p>{html.escape(line)}</p>" for line in ("Fine.", *shown, "Kind regards")],
        is_honest_about=request_id,
    )
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["insert", "insert", "replace", "drop", "attach"]))
        place = draw(st.integers(0, len(draft.text)))
        into = draw(st.sampled_from(["text", "html", "both"]))
        if kind == "insert":
            piece, form = draw(pieces()), draw(st.sampled_from(HIDING))
            if into != "html":
                draft.text.insert(place, piece)
            if into != "text":
                draft.html.insert(min(place, len(draft.html)), form.format(piece))
        elif kind == "attach":
            other = LINES[draw(st.sampled_from(REQUESTS))]
            text = "\n".join(f"{label}: {value}" for label, value in other.items())
            draft.beside.append(draw(st.sampled_from([part(text), attached(part(text))])))
        else:
            draft.is_honest_about = None
            label, value = draw(values())
            if kind == "drop":
                value = ""
            if into != "html":
                draft.text = [f"{label}: {value}" if line.startswith(label) else line for line in draft.text]
            if into != "text":
                changed = f"<p>{label}: {html.escape(value)}</p>"
                draft.html = [changed if line.startswith(f"<p>{label}") else line for line in draft.html]
    says_html, says_text = draw(st.booleans()), draw(st.booleans())
    return draft, draft.mail(says_html=says_html, says_text=says_text)


@pytest.mark.timeout(600)
@given(edited())
@settings(max_examples=100, deadline=None)
def test_an_edited_mail_confirms_what_it_names_or_nothing(given_mail: tuple[Draft, bytes]) -> None:
    """A confirmation is of the one record named, which Ilka may confirm anyway; nothing else is touched."""
    draft, raw = given_mail
    with tempfile.TemporaryDirectory() as folder:
        house = world(Path(folder))
        house.mailbox.deliver(raw, received=house.clock.now())
        house.round()
        confirmed = [attempt.request_id for attempt in house.pvwa.attempts]
        event(f"confirmed {len(confirmed)}")
        assert house.mailbox.folder(None) == []
        assert len(house.mailbox.sent) == 1
        assert house.mailbox.sent[0].to == (ILKA,)
        assert len(confirmed) <= 1
        for request_id in confirmed:
            assert request_id in SHE_MAY
            assert draft.is_honest_about in {None, request_id}
            assert f"on behalf of {ILKA} " in house.pvwa.attempts[0].comment
            seen = raw.decode("utf-8", "replace").casefold()
            assert all(LINES[request_id][label].casefold() in seen for label in LABELS[:3])


@pytest.mark.parametrize("request_id", REQUESTS)
def test_the_honest_mail_is_confirmed_where_the_rules_allow_it(tmp_path: Path, request_id: str) -> None:
    """The world is what the test above takes it for: each request but Ilka's three has a rule against it."""
    house = world(tmp_path)
    request = house.pvwa.requests[request_id]
    house.forward(request)
    house.round()
    assert [attempt.request_id for attempt in house.pvwa.attempts] == ([request_id] if request_id in SHE_MAY else [])
