"""Honest mails from real life that must be confirmed: a check that refuses one of them is a defect like a hole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from approvald_sandbox.world.mails import SUBJECT, Notice, forwarded, forwarded_as_attachment
from e2e.honest_mails import ILKA, both, confirmed, letter, lines, linked_row, page, part, table_row, wrapped
from e2e.stage import Stage

IOS = "Get Outlook for iOS<https://aka.ms/o0ukef>\n" + "_" * 32 + "\nFrom: CyberArk PVWA\nSent: 09.11.2026 08:10"
APPLE = "Fine.\n\nBegin forwarded message:\n\n> From: CyberArk PVWA <pvwa-noreply@corp.example>\n> Subject: " + SUBJECT
SIGNATURE = "Ilka Brandt | Databases | Drive Safe: carefully, and mind your Request Id: it is printed above"
BANNER = "CAUTION! Stay Safe: this mail is from outside."
LONG = "Kernel patch in the agreed window CHG0042117, as spoken with the owner of the database and with the night shift"

Mail = Callable[[Notice], bytes]


MAILS: dict[str, Mail] = {
    "from a phone": lambda n: letter(part(lines(n, IOS))),
    "quoted by Apple Mail": lambda n: letter(part(lines(n, APPLE, quote="> ")), subject=f"Fwd: {SUBJECT}"),
    "quoted twice": lambda n: letter(part(lines(n, "passed on", quote="> > "))),
    "the same lines twice": lambda n: letter(part(lines(n, lines(n), quote="> "))),
    "an HTML table": lambda n: letter(part(page(n, row=table_row), "text/html")),
    "text and a table": lambda n: letter(both(lines(n, separator=":\u00a0\n\n"), page(n, row=table_row))),
    "a no-break space": lambda n: letter(both(lines(n, separator=":\u00a0"), page(n))),
    "Latin-1": lambda n: letter(both(lines(n, "Schöne Grüße"), page(n, "<p>Schöne Grüße</p>"), "iso-8859-1")),
    "ISO-2022-JP": lambda n: letter(part(lines(n, "承認をお願いします。"), charset="iso-2022-jp")),
    "windows-1251": lambda n: letter(part(lines(n, "Согласовано."), charset="windows-1251")),
    "lines broken at 72": lambda n: letter(part(wrapped(lines(n)))),
    "format=flowed": lambda n: letter(part(lines(n), more="; format=flowed; delsp=no")),
    "a protected link": lambda n: letter(part(page(n, row=linked_row), "text/html")),
    "a decorated address": lambda n: letter(
        part(lines(n).replace(n.requestor, f"{n.requestor}<mailto:{n.requestor}>"))
    ),
    "a signature": lambda n: letter(both(lines(n, SIGNATURE), page(n, f"<p>{SIGNATURE}</p>"))),
    "a disclaimer": lambda n: letter(part(lines(n, after="Stay Safe: think before you print.\nReason enough: trees."))),
    "a warning banner": lambda n: letter(part(page(n, f"<table><tr><td>{BANNER}</td></tr></table>"), "text/html")),
    "attached, without a word": lambda n: forwarded_as_attachment(n, ILKA).replace(b"Fine from my side.\n", b"\n"),
    "asking not to be answered by machines": lambda n: letter(part(lines(n)), fields=["X-Auto-Response-Suppress: All"]),
    "said not to be automatic": lambda n: letter(part(lines(n)), fields=["Auto-Submitted: no"]),
    "a name with a comma": lambda n: letter(part(lines(n)), author=f'"Brandt, Ilka (IT)" <{ILKA}>'),
    "a name with a dot": lambda n: letter(part(lines(n)), author=f"Ilka M. Brandt <{ILKA}>"),
    "a name in encoded words": lambda n: letter(part(lines(n)), author=f"=?utf-8?q?Ilka_Brandt-M=C3=BCller?= <{ILKA}>"),
    "an address in capitals": lambda n: letter(part(lines(n)), author="Ilka Brandt <Ilka.Brandt@CORP.example>"),
    "its own Sender": lambda n: letter(part(lines(n)), fields=[f"Sender: <{ILKA}>"]),
    "the requestor in capitals": lambda n: forwarded(replace(n, requestor=n.requestor.upper()), ILKA),
    "the account in another case": lambda n: forwarded(replace(n, account=n.account.upper()), ILKA),
    "the safe in another case": lambda n: forwarded(replace(n, safe=n.safe.lower()), ILKA),
    "without account, user and reason": lambda n: forwarded(
        replace(n, changes=dict.fromkeys(("Account name", "Device User Name", "Reason"))), ILKA
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MAILS)
def test_an_honest_mail_is_confirmed(house: Stage, name: str) -> None:
    """However clients, countries and signatures shape it, a forwarded notification is read and confirmed."""
    notice = house.new_request()

    confirmed(house, notice, MAILS[name](notice))


@pytest.mark.parametrize(
    "prefix",
    [
        "WG:", "TR :", "RV:", "I:", "PD:", "VB:", "VS:", "VL:", "ENC:", "İLT:", "转发:", "Videresend:", "Fwd: Fwd:",
        "[EXT] RE: FW:", "CHG0042117 - FW:", "",
    ],
)  # fmt: skip
def test_anything_may_stand_before_the_subject(house: Stage, prefix: str) -> None:
    """Clients put a prefix in their language before the subject, people a ticket's number."""
    notice = house.new_request()

    confirmed(house, notice, forwarded(notice, ILKA, subject=f"{prefix} {SUBJECT}".strip()))


@pytest.mark.parametrize("item_class", ["IPM.Note.Contoso.Classified", "ipm.note", "IPM.Note.SMIME.MultipartSigned"])
def test_a_note_of_another_class_is_a_note(house: Stage, item_class: str) -> None:
    """Add-ins give mails classes of their own."""
    notice = house.new_request()

    confirmed(house, notice, forwarded(notice, ILKA), item_class=item_class)


def test_a_mail_that_waited_two_days(house: Stage) -> None:
    """Over a weekend a mail may lie; what counts is whether PVWA still waits."""
    notice = house.new_request(created=-2 * 86_400 - 240)

    confirmed(house, notice, forwarded(notice, ILKA), received=datetime.now(UTC) - timedelta(days=2))


def test_a_member_of_a_group_in_the_group(house: Stage) -> None:
    """Teams nest their groups."""
    house.sandbox.change_group("DB_Team", members=["lea.fontaine"])
    house.sandbox.change_group("DB_PAMapprover", members=["DB_Team"])
    notice = house.new_request()

    confirmed(house, notice, forwarded(notice, "lea.fontaine@corp.example"))

    house.sandbox.change_group("DB_Team", delete=True)


@pytest.mark.parametrize("names", ["domain", "upn"])
def test_names_with_their_domain(house: Stage, names: str) -> None:
    r"""PVWA may call a group CORP\\DB_PAMapprover or DB_PAMapprover@corp.example, and the requestor likewise."""
    house.sandbox.change_profile(confirmer_names=names, requestor_names=names)
    notice = house.new_request()

    confirmed(house, notice, forwarded(notice, ILKA))


def test_the_line_manager_approves(house: Stage) -> None:
    """That a requestor's manager approves is what approval is for."""
    house.sandbox.change_person("jonas.keil", manager="ilka.brandt")
    notice = house.new_request()

    confirmed(house, notice, forwarded(notice, ILKA))


def test_the_second_level_after_the_first(house: Stage) -> None:
    """Another person at level 2, through the other account."""
    notice = house.new_request(waits_for_level=2)

    confirmed(house, notice, forwarded(notice, "rhea.malik@corp.example"), vote=("svc-pam-l2", 2))


def test_a_safe_with_blanks(house: Stage) -> None:
    """Safes may have blanks in their names."""
    notice = house.new_request("APP PAY 02")

    confirmed(house, notice, forwarded(notice, ILKA))


def test_another_address_of_the_requestor(house: Stage) -> None:
    """CyberArk may know the requestor by a second address of the same mailbox."""
    house.sandbox.change_person(
        "jonas.keil", proxy_addresses=["SMTP:jonas.keil@corp.example", "smtp:j.keil@corp.example"]
    )
    notice = replace(house.new_request(), requestor="j.keil@corp.example")

    confirmed(house, notice, forwarded(notice, ILKA))


def test_another_address_of_the_sender(house: Stage) -> None:
    """An approver may send from a second address; the answer goes to the one the directory names first."""
    house.sandbox.change_person("ilka.brandt", proxy_addresses=[f"SMTP:{ILKA}", "smtp:i.brandt@corp.example"])
    notice = house.new_request()

    confirmed(house, notice, forwarded(notice, "i.brandt@corp.example"))

    assert house.last_reply()["to"] == [ILKA]


@pytest.mark.parametrize("printed", [LONG[:60], LONG[:60] + "...", LONG, LONG.replace(" ", "  ")])
def test_a_reason_as_cyberark_prints_it(house: Stage, printed: str) -> None:
    """A long reason may be cut in the mail, and its blanks may have been doubled."""
    notice = replace(house.new_request(reason=LONG), reason=printed)

    confirmed(house, notice, forwarded(notice, ILKA))


def test_a_reason_full_of_signs(house: Stage) -> None:
    """What a requestor types is no one's fault: controls, markup, formulas and other scripts are only shown."""
    typed = "=1+1 <b>bold</b> & \u202eright\u202c \x1b[2J 承認 naïve\u00a0\u2013 “quoted” {x} %s 100 %"
    notice = replace(house.new_request(reason=typed), reason=typed)

    confirmed(house, notice, letter(both(lines(notice), page(notice))))

    assert "<b>bold" not in house.last_reply()["html"]


def test_forwarded_again_by_the_right_team(house: Stage) -> None:
    """What another team's approver was refused, the right one confirms."""
    notice = house.new_request()

    assert house.see(forwarded(notice, "dario.conti@corp.example")).code == "other_team"
    confirmed(house, notice, forwarded(notice, ILKA))
