"""Intake: which mails are automatic, forwarded by a rule, about something else, over a limit, or ours to read."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from approvald.core.model import Mail, NotARequest
from approvald.mail import headers
from approvald.mail.intake import Automatic, ForReading, RuleForward, UnreadableMail, classify
from mailbag import AUTH, ILKA, PHRASE, RULES, mail

RULE_LOOP = ("X-MS-Exchange-Inbox-Rules-Loop", ILKA)


def kind_of(*fields: tuple[str, str], **changed: Any) -> type:
    """Return what intake makes of a request with these changes."""
    return type(classify(mail(*fields, **changed), RULES.intake))


@pytest.mark.parametrize(
    "item_class",
    [
        "REPORT.IPM.Note.NDR",
        "REPORT.IPM.Note.IPNRN",
        "IPM.Schedule.Meeting.Request",
        "IPM.Note.Rules.OofTemplate.Microsoft",
        "IPM.Note.Rules.ReplyTemplate.Microsoft",
        "IPM.Outlook.Recall",
        "IPM.Recall.Report.Success",
        "IPM.TaskRequest.Accept",
        "IPM.Note.Microsoft.Approval.Request",
        "ipm.schedule.meeting.canceled",
        "IPM.Contact",
        "IPM.Notebook",
        "",
    ],
)
def test_classes_that_no_human_writes_are_automatic(item_class: str) -> None:
    """Reports, meetings, templates, recalls, approvals, tasks, and whatever is no IPM.Note, are dropped."""
    assert kind_of(item_class=item_class) is Automatic


@pytest.mark.parametrize(
    "item_class", ["IPM.Note", "ipm.note", "IPM.Note.SMIME.MultipartSigned", "IPM.Note.SMIME", "IPM.Note.Archiver"]
)
def test_other_notes_are_read(item_class: str) -> None:
    """A class that some add-in gives to people's mails is a note like any other."""
    assert kind_of(item_class=item_class) is ForReading


@pytest.mark.parametrize(
    "field",
    [
        ("Auto-Submitted", "auto-replied (vacation)"),
        ("auto-submitted", "Auto-Generated"),
        ("Auto-Submitted", 'auto-notified; owner-email="x"'),
        ("Auto-Submitted", ""),
        ("Content-Type", "multipart/report; report-type=delivery-status"),
        ("Content-Type", "Multipart/Report"),
        ("Return-Path", "<>"),
        ("Return-Path", "< >"),
        ("Precedence", "bulk"),
        ("Precedence", " List"),
        ("Precedence", "junk"),
        ("List-Id", "<dba.lists.corp.example>"),
        ("List-Unsubscribe", "<mailto:x@y.example>"),
        ("X-Autoreply", "yes"),
        ("X-Autorespond", ""),
        ("X-Autoresponse", "1"),
        ("X-Approvald", "result; id=77"),
        ("X-Approvald-Id", "77"),
    ],
)
def test_each_sign_of_an_automatic_mail_is_enough(field: tuple[str, str]) -> None:
    """Any one sign of mail-security D drops a mail that is a proven request otherwise."""
    assert kind_of(field) is Automatic


@pytest.mark.parametrize(
    "field",
    [
        ("X-Auto-Response-Suppress", "All"),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply"),
        ("Auto-Submitted", "no"),
        ("Auto-Submitted", "No (a person)"),
        ("Precedence", "first-class"),
        ("Return-Path", f"<{ILKA}>"),
        ("Content-Type", "multipart/mixed; boundary=report"),
    ],
)
def test_what_people_s_mails_carry_is_no_sign(field: tuple[str, str]) -> None:
    """X-Auto-Response-Suppress asks others not to answer; it and its like stand on honest mails."""
    assert kind_of(field) is ForReading


def test_a_second_value_cannot_hide_the_first() -> None:
    """Every value of a field counts: `no` beside `auto-replied` is automatic."""
    assert kind_of(("Auto-Submitted", "no"), ("Auto-Submitted", "auto-replied")) is Automatic


@pytest.mark.parametrize(
    "author",
    [
        "pam-approve@corp.example",
        "PVWA-noreply@Corp.Example",
        "Postmaster <postmaster@other.example>",
        "MAILER-DAEMON@corp.example",
        "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.example",
    ],
)
def test_mail_from_machines_and_from_ourselves_is_automatic(author: str) -> None:
    """Our own mailbox, PVWA and the mail servers never approve anything."""
    assert kind_of(author=author) is Automatic


@pytest.mark.parametrize(
    "resolved", [{"from_address": "pvwa-noreply@corp.example"}, {"sender_address": "PAM-approve@corp.example"}]
)
def test_what_exchange_resolved_counts_as_author_too(resolved: dict[str, str]) -> None:
    """A mail that Exchange itself calls PVWA's or ours is automatic, whatever its From says."""
    assert kind_of(**resolved) is Automatic


@pytest.mark.parametrize(
    "subject",
    [
        f"Automatic reply: {PHRASE}",
        f"automatische  antwort: WG: {PHRASE}",
        f"Re\u0301ponse automatique\u00a0: {PHRASE}",
        f"Abwesenheitsnotiz: {PHRASE}",
        f"Out of Office AutoReply: {PHRASE}",
        f"Automaattinen vastaus: VL: {PHRASE}",
        f"Otomatik Yan\u0131t: {PHRASE}",
        f"Автоответ: {PHRASE}",
        f"自动答复: 转发: {PHRASE}",
    ],
)
def test_words_of_automatic_answers_are_a_sign(subject: str) -> None:
    """Subjects beginning as vacation notes do are dropped, in any case, spacing and composition of letters."""
    assert kind_of(subject=subject) is Automatic


@pytest.mark.parametrize(
    "field",
    [
        RULE_LOOP,
        ("X-MS-Exchange-ForwardingLoop", ILKA),
        ("X-MS-Exchange-Generated-Message-Source", "Mailbox Rules Agent"),
        ("Resent-From", f"<{ILKA}>"),
        ("X-MS-Exchange-Organization-AutoForwarded", "true"),
        ("X-MS-Exchange-Organization-AutoForwarded", ""),
    ],
)
def test_each_mark_of_a_rule_forward_is_enough(field: tuple[str, str]) -> None:
    """Where any mark says that a rule forwarded the mail, nobody looked at it."""
    assert kind_of(field) is RuleForward
    assert kind_of(field, ("Auto-Submitted", "auto-generated")) is RuleForward


def test_exchange_s_own_property_marks_a_rule_forward() -> None:
    """PidTagAutoForwarded true is a mark; false and unknown are none."""
    assert kind_of(auto_forwarded=True) is RuleForward
    assert kind_of(auto_forwarded=False) is ForReading
    assert kind_of(("X-MS-Exchange-Organization-AutoForwarded", "FALSE")) is ForReading


@pytest.mark.parametrize(
    "fields", [(("Auto-Submitted", "auto-replied"),), (("X-Approvald", "1"),), (("List-Id", "<l>"),)]
)
def test_an_automatic_answer_with_a_rule_mark_is_automatic(fields: tuple[tuple[str, str], ...]) -> None:
    """Vacation notes run through rules too; they get no notice about a rule."""
    assert kind_of(RULE_LOOP, *fields) is Automatic
    assert kind_of(RULE_LOOP, author="pvwa-noreply@corp.example") is Automatic


@pytest.mark.parametrize(
    "subject",
    [
        PHRASE,
        f"WG: FW: [INC-4711] {PHRASE}",
        f"FW: {PHRASE.upper()}  ",
        f"TR\u00a0: {PHRASE.replace(' ', chr(0xA0))}",
        f"FW: {PHRASE}\r\nBcc: x@evil.example",
        f"FW: {PHRASE}\x07 approved",
        f"FW: {PHRASE.replace(' request', chr(13) + chr(10) + chr(9) + 'request')}",
        "=?utf-8?q?TR=C2=A0=3A_Notification=3A?=\r\n =?utf-8?q?_Password_acc?=\r\n =?utf-8?b?ZXNzIHJlcXVlc3Q=?=",
        "=?utf-8?q?FW=3A_Notification=3A_Password_access_request=0D=0ABcc=3A_x=40evil.example?=",
    ],
)
def test_a_subject_that_ends_with_the_phrase_is_a_request(subject: str) -> None:
    """Prefixes of any language, letter case, folding, NBSP, encoded words and injected lines do not matter."""
    assert kind_of(subject=subject) in {ForReading, UnreadableMail}
    assert classify(mail(subject=subject), RULES.intake) == ForReading()


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "How do I use this mailbox?",
        f"FW: {PHRASE} confirmation",
        f"FW: {PHRASE} rejection",
        f"FW: {PHRASE} final confirmation",
        f"FW: {PHRASE} deletion",
        "=?utf-8?q?broken",
        "=?undefined?q?x?=",
        f"\ud800 FW: {PHRASE}",
        f"x\nFW: {PHRASE}",
        "Notification: Password\u200baccess request",
    ],
)
def test_a_subject_that_does_not_end_with_it_is_no_request(subject: str) -> None:
    """CyberArk's subjects about confirmed, rejected and deleted requests go on after the phrase: no approval order."""
    assert kind_of(subject=subject) is NotARequest


def test_every_subject_must_end_with_the_phrase() -> None:
    """Two Subject fields that disagree, or none, are no request."""
    assert kind_of(("Subject", "lunch")) is NotARequest
    without = dataclasses.replace(mail(), headers=(("From", ILKA), *AUTH))
    assert isinstance(classify(without, RULES.intake), NotARequest)


@pytest.mark.parametrize("changed", [{"mime": None}, {"mime": b"x" * 5_000_001}, {"size": 5_000_001}])
def test_a_mail_over_the_size_limit_is_unreadable(changed: dict[str, Any]) -> None:
    """Five million bytes are read; one more, or a mail too large to fetch, is unreadable."""
    assert kind_of(mime=b"x" * 5_000_000, size=5_000_000) is ForReading
    kind = classify(mail(**changed), RULES.intake)
    assert isinstance(kind, UnreadableMail)
    assert "5000000 bytes" in kind.why


@pytest.mark.parametrize(
    "name", ["To", "From", "Content-Type", "Auto-Submitted", "X-MS-Exchange-Organization-AuthAs", "X-Approvald"]
)
def test_a_long_header_value_is_never_read(name: str) -> None:
    """A field that somebody here reads may hold 8192 characters and not one more."""
    long = (name, "no " + "x" * 8_190)
    assert kind_of(long) in {UnreadableMail, Automatic}
    assert kind_of(("To", "x" * 8_192)) is ForReading


@pytest.mark.parametrize(
    "name", ["References", "Received", "DKIM-Signature", "X-Microsoft-Antispam-Message-Info", "ARC-Seal"]
)
def test_what_servers_write_for_themselves_may_be_long(name: str) -> None:
    """Traces and spam reports of honest mails are longer than any field that is read here."""
    assert kind_of((name, "x" * 20_000)) is ForReading


def test_a_mail_with_endless_header_fields_is_unreadable() -> None:
    """A thousand fields are looked at; honest mails have a hundred."""
    assert kind_of(*[("X-A", "b")] * 990) is ForReading
    assert kind_of(*[("X-A", "b")] * 1_000) is UnreadableMail


def test_a_long_subject_still_ends_with_the_phrase() -> None:
    """A request whose subject is over the limit is unreadable, not silently dropped."""
    assert kind_of(subject="x" * 9_000 + PHRASE) is UnreadableMail


def test_fields_come_from_the_mail_itself_where_exchange_gave_none() -> None:
    """A mail without header fields is judged by its own bytes, and one without either is no request."""
    raw = f"From: {ILKA}\r\nSubject: {PHRASE}\r\nAuto-Submitted: auto-replied\r\n\r\n".encode()
    bare = dataclasses.replace(mail(mime=raw), headers=())
    assert isinstance(classify(bare, RULES.intake), Automatic)
    assert isinstance(classify(dataclasses.replace(bare, mime=None), RULES.intake), NotARequest)


def test_fields_that_cannot_be_handled_make_a_mail_unreadable() -> None:
    """Whatever an adapter hands over, intake answers."""
    broken: Any = (("From", ILKA), ("Subject", None))
    odd: Mail = dataclasses.replace(mail(), headers=broken)
    assert isinstance(classify(odd, RULES.intake), UnreadableMail)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"Subject", b"Subject: x\nSubject: y\n\nbody", b": x\r\n\r\n"])
def test_header_fields_are_read_from_any_bytes(raw: bytes) -> None:
    """Reading fields never raises, keeps doubles, and gives none where there are none."""
    fields = headers.from_mime(raw)
    assert headers.values(fields, "subject") == (("x", "y") if b"Subject: y" in raw else ())
    assert headers.only(fields, "Subject") is None


def test_bytes_that_are_no_mail_have_no_fields() -> None:
    """A value of another type than bytes is answered with no field at all."""
    nonsense: Any = 7
    assert headers.from_mime(nonsense) == ()


def test_raw_eight_bit_subjects_are_read() -> None:
    """A subject in raw UTF-8 or in no known charset is decoded as far as it goes, without raising."""
    fields = headers.from_mime(f"Subject: \u8ee2\u9001: {PHRASE}\r\n\r\n".encode())
    assert headers.decoded(headers.values(fields, "Subject")[0]) == f"\u8ee2\u9001: {PHRASE}"
    fields = headers.from_mime(b"Subject: \xe9 x\r\n\r\n")
    assert headers.decoded(headers.values(fields, "Subject")[0]) == "\ufffd x"
