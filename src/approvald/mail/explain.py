"""Explains what approvald makes of one mail file, without asking any server: for `approvald explain`. Pure.

A file has no item class and no answer of Exchange or of the directory: the class is an argument, and the sender proof
is judged by the header fields in the file alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from approvald.core.model import Ambiguous, Incomplete, ListedMail, Mail, NotARequest, Notification, Reading
from approvald.mail import headers
from approvald.mail.intake import (
    Automatic,
    CodeMail,
    ForReading,
    Intake,
    IntakeRules,
    RuleForward,
    UnreadableMail,
    classify,
)
from approvald.mail.parse.read import read as read_here
from approvald.mail.parse.rules import ParseRules
from approvald.mail.sender import OnBehalf, Proof, ProvenAddress, SenderRules, WrongRoute, prove

Explanation = dict[str, str | list[str] | None]
"""Keys: reading, requestor, safe, request_number, missing, why; null where there is none."""

_UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)  # nothing here looks at it


@dataclass(frozen=True, kw_only=True)
class ExplainRules:
    """The rules of every step before the group and PVWA."""

    intake: IntakeRules
    sender: SenderRules
    parse: ParseRules


def mail_of(raw: bytes, item_class: str = "IPM.Note") -> Mail:
    """Return a mail file as Exchange would have delivered it, as far as a file can tell."""
    fields = headers.from_mime(raw)
    listed = ListedMail(item_id="", item_class=item_class, size=len(raw), received=_UNKNOWN_TIME)
    return Mail(listed=listed, message_id=headers.only(fields, "Message-ID") or "", headers=fields, mime=raw)


def explain(
    raw: bytes, item_class: str, rules: ExplainRules, read: Callable[[bytes], Reading] | None = None
) -> Explanation:
    """Return what intake and parse make of a mail file, whoever sent it. Raises nothing but what `read` raises.

    `read` reads the mail in place of this process, which no mail should then be able to stop.
    """
    kind = classify(mail_of(raw, item_class), rules.intake)
    if not isinstance(kind, ForReading):
        return _explanation(_READINGS[type(kind)], why=kind.why)
    reading = read(raw) if read is not None else read_here(raw, rules.parse)
    if isinstance(reading, Notification):
        return _explanation("parsed") | {
            "requestor": reading.requestor, "safe": reading.safe, "request_number": reading.number,
        }  # fmt: skip
    missing = list(reading.missing) if isinstance(reading, Incomplete) else None
    return _explanation(_READINGS[type(reading)], why=reading.why) | {"missing": missing}


def sender_words(raw: bytes, rules: ExplainRules) -> str:
    """Return a sentence on what the sender proof says of a mail file."""
    return _words(prove(mail_of(raw), rules.sender))


def _words(proof: Proof) -> str:
    if isinstance(proof, ProvenAddress):
        return f"proven ({proof.proof}): {proof.address}; the directory must still know this address"
    if isinstance(proof, WrongRoute):
        return f"refused: {proof.address} sent by an SMTP log-on (mechanism {proof.mechanism}), which is not allowed"
    if isinstance(proof, OnBehalf):
        return f"refused: {proof.sender_address} sent this on behalf of {proof.address}"
    return f"not proven: {proof.why}"


_READINGS: Final[dict[type[Intake | Reading], str]] = {
    Automatic: "auto_mail",
    RuleForward: "auto_mail",
    CodeMail: "not_a_request",
    NotARequest: "not_a_request",
    UnreadableMail: "incomplete",
    Incomplete: "incomplete",
    Ambiguous: "ambiguous",
}


def _explanation(reading: str, *, why: str | None = None) -> Explanation:
    return {
        "reading": reading, "requestor": None, "safe": None, "request_number": None, "missing": None, "why": why,
    }  # fmt: skip
