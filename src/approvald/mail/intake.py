"""Is this mail ours to read? Pure, and never raises: a mail that cannot be judged is unreadable, never a request.

The order is design.md section 3: automatic mail, rule forwards, the subject, the limits. Signs of automatic mail are
tried in the order of mail-security D. Who sent the mail is the other half of intake: `sender.py`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from approvald.core.model import Mail, NotARequest
from approvald.mail import headers
from approvald.mail.headers import Headers


@dataclass(frozen=True, kw_only=True)
class IntakeRules:
    """What intake needs of the configuration. Phrases and words are folded (`fold`), addresses case folded."""

    own_addresses: frozenset[str]
    """Our mailbox and PVWA's sender: a mail from either is not an approver's."""
    subject_phrases: tuple[str, ...]
    automatic_subjects: tuple[str, ...]
    fetch_bytes: int
    header_chars: int


@dataclass(frozen=True, kw_only=True)
class Automatic:
    """No human wrote this mail: no answer. `why` names the sign, for the log."""

    why: str


@dataclass(frozen=True, kw_only=True)
class RuleForward:
    """A rule forwarded this mail and nobody looked: no approval. `why` names the mark, for the log."""

    why: str


@dataclass(frozen=True, kw_only=True)
class CodeMail:
    """An answer with a code of ours in its subject, in capitals. Nothing is said of its sender, nor of the code."""

    code: str = field(repr=False)
    why: str = "The subject holds a code in the form of approvald's."


@dataclass(frozen=True, kw_only=True)
class UnreadableMail:
    """The mail is over a limit or its fields cannot be read. `why` is a sentence for the sender."""

    why: str


@dataclass(frozen=True, kw_only=True)
class ForReading:
    """By its class, marks and subject this is a forwarded notification. Nothing is said of its sender."""


Intake = Automatic | RuleForward | CodeMail | NotARequest | UnreadableMail | ForReading

_AUTOMATIC_CLASSES: Final = (
    "report.", "ipm.schedule.", "ipm.note.rules.ooftemplate", "ipm.note.rules.replytemplate", "ipm.outlook.recall",
    "ipm.recall.report", "ipm.taskrequest", "ipm.note.microsoft.approval",
)  # fmt: skip
_RULE_MARKS: Final = (
    "X-MS-Exchange-Inbox-Rules-Loop", "X-MS-Exchange-ForwardingLoop", "X-MS-Exchange-Generated-Message-Source",
    "Resent-From",
)  # fmt: skip
_AUTO_FORWARDED: Final = "X-MS-Exchange-Organization-AutoForwarded"
# X-Auto-Response-Suppress is no mark: it stands on mails of people and asks others not to answer (mail-security D).
_LIST_MARKS: Final = ("List-Id", "List-Unsubscribe")
_AUTOREPLY_MARKS: Final = ("X-Autoreply", "X-Autorespond", "X-Autoresponse")
_MACHINES: Final = re.compile(r"(?:postmaster|mailer-daemon|microsoftexchange[0-9a-f]*)@.*", re.ASCII)
_CODE: Final = re.compile(r"\[approvald ([a-z0-9]{8,16})\]", re.ASCII)
_CUT: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def classify(mail: Mail, rules: IntakeRules) -> Intake:
    """Say what kind of mail this is, before anything of its body is read. Never raises."""
    try:
        fields = mail.headers or headers.from_mime(mail.mime or b"")
        if len(fields) <= headers.MOST_FIELDS:
            return _classify(mail, fields, rules)
        return UnreadableMail(why="The mail has too many header fields.")
    except Exception:  # noqa: BLE001 - the fields are a stranger's; whatever they do, the queue goes on
        return UnreadableMail(why="The header of this mail cannot be read.")


def _classify(mail: Mail, fields: Headers, rules: IntakeRules) -> Intake:
    mark = _rule_mark(mail, fields)
    sign = _automatic_sign(mail.listed.item_class, fields, is_rule_forward=mark is not None)
    sign = sign or _automatic_author(mail, fields, rules) or _automatic_subject(fields, rules)
    if sign is not None:
        return Automatic(why=sign)
    if mark is not None:
        return RuleForward(why=mark)
    code = _code(fields)
    if code is not None:
        return CodeMail(code=code)
    if not is_request_subject(fields, rules):
        return NotARequest(why="The subject does not end with a phrase of [mail] subject_phrases.")
    return _limits(mail, fields, rules) or ForReading()


def _automatic_sign(item_class: str, fields: Headers, *, is_rule_forward: bool) -> str | None:
    kind = item_class.casefold()
    submitted = headers.values(fields, "Auto-Submitted")
    # Exchange writes auto-generated on what a rule forwards; its owner is told of the rule, so this is not the end
    told = {"no", "auto-generated", "auto-forwarded"} if is_rule_forward else {"no"}
    if kind.startswith(_AUTOMATIC_CLASSES) or not (kind == "ipm.note" or kind.startswith("ipm.note.")):
        return "item class"
    if any(headers.first_word(value) not in told for value in submitted):
        return "Auto-Submitted"
    if headers.main_type(fields) == "multipart/report":
        return "multipart/report"
    if "<>" in (value.replace(" ", "") for value in headers.values(fields, "Return-Path")):
        return "Return-Path <>"
    if any(headers.first_word(value) in {"bulk", "list", "junk"} for value in headers.values(fields, "Precedence")):
        return "Precedence"
    if any(key.strip().casefold().startswith("x-approvald") for key, _ in fields):
        return "our own mark X-Approvald"
    return headers.named(fields, _LIST_MARKS) or headers.named(fields, _AUTOREPLY_MARKS)


def _rule_mark(mail: Mail, fields: Headers) -> str | None:
    if mail.auto_forwarded:
        return "PidTagAutoForwarded"
    if any(headers.first_word(value) != "false" for value in headers.values(fields, _AUTO_FORWARDED)):
        return _AUTO_FORWARDED
    return headers.named(fields, _RULE_MARKS)


def _automatic_author(mail: Mail, fields: Headers, rules: IntakeRules) -> str | None:
    authors = {headers.address(value) for value in headers.values(fields, "From")}
    authors |= {address.casefold() for address in (mail.from_address, mail.sender_address) if address}
    if any(author and (author in rules.own_addresses or _MACHINES.fullmatch(author)) for author in authors):
        return "From is ours, PVWA's or a mail server's"
    return None


def _automatic_subject(fields: Headers, rules: IntakeRules) -> str | None:
    subjects = [fold(headers.decoded(value)) for value in headers.values(fields, "Subject")]
    if any(subject.startswith(rules.automatic_subjects) for subject in subjects):
        return "words of [mail] automatic_subjects"
    return None


def is_request_subject(fields: Headers, rules: IntakeRules) -> bool:
    """Tell whether every Subject ends with a configured phrase, after decoding and cutting at a control character.

    Anything may stand before the phrase (FW:, WG:, ticket numbers); nothing may stand behind it, because CyberArk's
    subjects about confirmed, rejected and deleted requests begin with the same words (pvwa-rest 10).
    """
    subjects = [fold(_CUT.split(headers.decoded(value), maxsplit=1)[0]) for value in headers.values(fields, "Subject")]
    return bool(subjects) and all(subject.endswith(rules.subject_phrases) for subject in subjects)


def _code(fields: Headers) -> str | None:
    """Return the one code in the one Subject, anywhere in it; mail clients put RE: and the like before it."""
    subject = headers.only(fields, "Subject")
    if subject is None:
        return None
    found = set(_CODE.findall(fold(_CUT.split(headers.decoded(subject), maxsplit=1)[0])))
    return found.pop().upper() if len(found) == 1 else None


def fold(text: str) -> str:
    """Fold case, composed letters and every run of white space, for comparing what people and mail clients write."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _limits(mail: Mail, fields: Headers, rules: IntakeRules) -> UnreadableMail | None:
    size = max(mail.listed.size, len(mail.mime or b""))
    if mail.mime is None or size > rules.fetch_bytes:
        return UnreadableMail(
            why=f"The mail is larger than the {rules.fetch_bytes} bytes that are read. "
            "Forward CyberArk's notification alone, without attachments."
        )
    long = headers.over_limit(fields, rules.header_chars)
    if long is not None:
        return UnreadableMail(why="A field of the mail's header is too long. Forward CyberArk's notification alone.")
    return None
