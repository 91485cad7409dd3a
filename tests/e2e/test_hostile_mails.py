"""Mails of somebody with an internal mailbox who wants a request approved: forged, dressed up, or sent to oneself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvald_sandbox.world.mails import Notice, forwarded
from e2e.stage import Stage

ILKA, JONAS = "ilka.brandt@corp.example", "jonas.keil@corp.example"
AS = b"X-MS-Exchange-Organization-AuthAs: Internal"
MECHANISM = b"X-MS-Exchange-Organization-AuthMechanism: 04"
FROM = b'From: "Ilka Brandt" <ilka.brandt@corp.example>'


def dressed(notice: Notice, content: str) -> bytes:
    """Return a mail of Ilka's with that body, which begins with its own content fields; @ is the block as HTML."""
    head = forwarded(notice, ILKA).partition(b"MIME-Version")[0]
    block = "".join(f"<p>{label}: {value}</p>" for label, value in notice.lines())
    return head + b"MIME-Version: 1.0\n" + content.replace("@", block).encode()


def html(page: str) -> str:
    """Return the body of an HTML mail."""
    return f'Content-Type: text/html; charset="utf-8"\n\n<p>Lunch menu of the week.</p>{page}\n'


def parts(kind: str, *each: str) -> str:
    """Return the body of a multipart mail."""
    return f'Content-Type: multipart/{kind}; boundary="b"\n\n' + "".join(f"--b\n{one}\n" for one in each) + "--b--\n"


LUNCH = html("")
PAGE = 'Content-Type: text/html; charset="utf-8"\n\n@\n'


@pytest.mark.parametrize(
    "forge",
    [
        (AS, AS + b"\n" + AS),
        (AS, b"X-MS-Exchange-Organization-AuthAs: Internal74"),
        (AS, b"X-MS-Exchange-Organization-AuthAs:\n Internal\n X"),
        (AS, b"X-MS-Exchange-Organization-AuthAs: =?us-ascii?q?Internal?="),
        (MECHANISM, b"X-MS-Exchange-Organization-AuthMechanism: 10"),
        (MECHANISM, MECHANISM + b", 04"),
        (b"AuthSource: EX01.corp.example", b"AuthSource: EX01.corp.example.evil.example"),
        (b"AuthSource: EX01.corp.example", b"AuthSource: mail.evil.example EX01.corp.example"),
        (FROM, FROM + b"\nFrom: <timo.gast@corp.example>"),
        (FROM, b"From: <ilka.brandt@corp.example> <timo.gast@corp.example>"),
        (FROM, b"From: ilka.brandt@corp.example <timo.gast@corp.example>"),
        (FROM, b"From: Friends: <ilka.brandt@corp.example>;"),
        (FROM, b"From: <ilka.brandt@corp.example>, <timo.gast@corp.example>"),
        (FROM, b"From: =?utf-8?q?Ilka=0D=0ASafe:_X?= <ilka.brandt@corp.example>"),
        (FROM, FROM + b"\nX-MS-Exchange-P2FromRegexMatch: 1"),
    ],
    ids=lambda forge: forge[1].decode()[:60],
)
def test_no_forged_field_proves_a_sender(house: Stage, forge: tuple[bytes, bytes]) -> None:
    """Doubled, lengthened, folded, encoded or foreign fields: no Confirm, no answer, put into quarantine."""
    notice = house.new_request()
    mail = forwarded(notice, ILKA)
    assert forge[0] in mail

    seen = house.see(mail.replace(*forge))

    assert (seen.folder, seen.code, seen.replies) == ("Quarantine", "sender_unproven", [])
    assert house.attempts_at(notice) == 0


@pytest.mark.parametrize(
    "content",
    [
        html('<div style="font-size:calc(0px)">@</div>'),
        html('<div style="position:absolute;left:9999px">@</div>'),
        html('<div style="clip-path:circle(0)">@</div>'),
        html('<div style="color:color-mix(in srgb,white,white)">@</div>'),
        html("<svg width=0 height=0><foreignObject>@</foreignObject></svg>"),
        html("<select><option>Lunch<option>@</select>"),
        html("<progress>@</progress>"),
        html("<![if !mso]>@<![endif]>"),
        html("</body></html><div hidden>@</div>"),
        parts("related", LUNCH, PAGE),
        parts("alternative", PAGE, LUNCH),
        parts("alternative", PAGE, "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n"),
        parts("alternative", LUNCH, f"Content-Type: message/rfc822\n\nSubject: x\n{PAGE}"),
    ],
)
def test_a_request_that_nobody_has_seen_is_not_approved(house: Stage, content: str) -> None:
    """Below or beside a lunch menu, wherever a client shows nothing of it: ambiguous, and the approver is told."""
    notice = house.new_request()

    seen = house.see(dressed(notice, content))

    assert (seen.folder, seen.code, house.attempts_at(notice)) == ("Refused", "ambiguous", 0)
    assert len(seen.replies) == 1


@pytest.mark.parametrize(
    "content",
    [
        html("<!-- @ -->"),
        html("<title>@</title><style>@</style><script>@</script>"),
        html('<img alt="Safe: DB-PROD-01" aria-label="Request Id: 2001"><input value="Safe: DB-PROD-01">'),
        parts("mixed", LUNCH, f"Content-Type: message/delivery-status\n\n{PAGE}"),
        parts("mixed", LUNCH, f"Content-Type: message/external-body; access-type=URL\n\n{PAGE}"),
        parts("mixed", LUNCH, "Content-Type: text/rtf\n\n@", "Content-Type: text/enriched\n\n@"),
        parts("mixed", LUNCH, 'Content-Type: text/html; name="request.htm"\n\n@'),
        LUNCH.replace('"utf-8"', '"utf-8"; charset="utf-16"'),
        PAGE.replace('"utf-8"', '"utf-8"; charset="utf-16"'),
        PAGE.replace("text/html;", "text/html;\nContent-Type: text/plain;"),
    ],
)
def test_a_request_where_no_text_is_read_is_not_approved(house: Stage, content: str) -> None:
    """Comments, attributes, files, types nobody reads, and parts that say twice what they are hold no request."""
    notice = house.new_request()

    seen = house.see(dressed(notice, content))

    assert (seen.folder, house.attempts_at(notice)) == ("Refused", 0)
    assert seen.code in {"incomplete", "unreadable"}


@pytest.mark.parametrize("spelling", ["plain", "domain", "upn"])
@pytest.mark.parametrize("person", [{}, {"mail": "Ilka.Brandt@CORP.example"}], ids=["as it is", "capitals"])
def test_nobody_approves_their_own_request(house: Stage, spelling: str, person: dict[str, Any]) -> None:
    r"""However CyberArk writes the requestor (user, DOMAIN\user, UPN) and the directory the address."""
    house.sandbox.change_profile(requestor_names=spelling)
    if person:
        house.sandbox.change_person("ilka.brandt", **person)
    notice = house.new_request(requestor=ILKA)

    own = house.see(forwarded(notice, "ILKA.Brandt@corp.EXAMPLE"))
    edited = house.see(forwarded(replace(notice, requestor=JONAS), ILKA))

    assert (own.code, edited.code, house.attempts_at(notice)) == ("own_request", "altered", 0)


def test_nobody_approves_their_own_request_by_another_address(house: Stage) -> None:
    """A second address of one mailbox is the same person; one that the directory does not know is nobody's."""
    house.sandbox.change_person("ilka.brandt", proxy_addresses=[f"SMTP:{ILKA}", "smtp:ilka@corp.example"])
    notice = house.new_request(requestor=ILKA)

    second = house.see(forwarded(notice, "ilka@corp.example"))
    plus = house.see(forwarded(notice, "ilka.brandt+pam@corp.example"))

    assert (second.code, plus.code, house.attempts_at(notice)) == ("own_request", "sender_unknown", 0)
