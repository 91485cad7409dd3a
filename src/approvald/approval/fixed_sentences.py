"""What an approver reads of the endings whose sentences never change. How the others are made: `sentences.py`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from approvald.approval.endings import Code

PORTAL: Final = "approve or reject it in the CyberArk portal (PVWA)"


@dataclass(frozen=True)
class Sentences:
    """The three texts of one ending."""

    subject: str
    outcome: str
    next_step: str


FIXED: Final[Mapping[Code, Sentences]] = {
    Code.SENDER_ROUTE: Sentences(
        "Not approved: sent another way",
        "Your mail was not sent by Outlook, Outlook on the web or the phone's Exchange account, so it proves nothing.",
        f"Send it from one of these, or {PORTAL}.",
    ),
    Code.ON_BEHALF: Sentences(
        "Not approved: sent on behalf",
        "Your mail was sent by one person on behalf of another; an approval must come from the approver.",
        "The approver must forward the notification from their own mailbox.",
    ),
    Code.SENDER_UNKNOWN: Sentences(
        "Not approved: sender unknown",
        "The directory knows nobody with your mail address.",
        f"Ask the CyberArk team (in copy), or {PORTAL}.",
    ),
    Code.SENDER_AMBIGUOUS: Sentences(
        "Not approved: address not unique",
        "More than one object of the directory has your mail address, so it does not prove who you are.",
        f"The CyberArk team (in copy) must have it set right; meanwhile {PORTAL}.",
    ),
    Code.SENDER_DISABLED: Sentences(
        "Not approved: account disabled",
        "Your account in the directory is disabled or has expired.",
        "Another approver of the team must approve.",
    ),
    Code.SHARED_MAILBOX: Sentences(
        "Not approved: shared mailbox",
        "Your mail came from a shared mailbox, which does not prove who sent it.",
        "Forward the notification from your own mailbox.",
    ),
    Code.LINKED_MAILBOX_UNSUPPORTED: Sentences(
        "Not approved: linked mailbox",
        "Your mailbox belongs to an account of another directory, which cannot be checked here.",
        f"Please {PORTAL}.",
    ),
    Code.STALE: Sentences(
        "Not approved: mail too old",
        "Your mail waited too long to be acted on safely.",
        "If the request still waits in CyberArk, forward the notification again.",
    ),
    Code.NOT_VISIBLE: Sentences(
        "Not approved: request not visible",
        "CyberArk does not show this request to approvald's accounts, so it could not be checked.",
        f"Please {PORTAL}; the CyberArk team has been told.",
    ),
    Code.EXPIRED: Sentences(
        "Not approved: request expired",
        "The request has expired in CyberArk before it was approved.",
        "If access is still needed, the requestor must make a new request.",
    ),
    Code.WINDOW_OVER: Sentences(
        "Not approved: access window over",
        "The time for which access was asked is over.",
        "If access is still needed, the requestor must make a new request.",
    ),
    Code.REQUESTOR_UNKNOWN: Sentences(
        "Not approved: requestor unknown",
        "The directory does not know exactly one person for the requestor that CyberArk names.",
        f"Please {PORTAL}; the CyberArk team (in copy) can add the requestor under [people.map].",
    ),
    Code.OWN_REQUEST: Sentences(
        "Not approved: your own request",
        "This is your own request, and nobody approves their own.",
        "Another approver of the team must approve it.",
    ),
    Code.APPROVER_BARRED: Sentences(
        "Not approved: you are barred from approving by mail",
        "Your last mails came faster than a person reads them, so approvald takes no approval from you by mail.",
        f"Please {PORTAL}; the CyberArk team (in copy) can release you.",
    ),
    Code.OTHER_TEAM: Sentences(
        "Not approved: another team's request",
        "None of your approver groups is a confirmer of this request.",
        "An approver of the team that owns the safe must approve it.",
    ),
    Code.CONFIRMERS_UNMAPPED: Sentences(
        "Not approved: confirmers not known",
        "CyberArk's confirmers of this request are not known to approvald as approver groups.",
        f"Please {PORTAL}; the CyberArk team has been told.",
    ),
    Code.SAFE_BARRED: Sentences(
        "Not approved: safe barred from mail",
        "Requests for this safe may not be approved by mail here.",
        f"Please {PORTAL}.",
    ),
    Code.REJECT_DISABLED: Sentences(
        "Not approved: rejecting by mail is not enabled",
        "Your mail begins with the word reject. Rejecting by mail is not enabled here, so nothing was done.",
        "Please reject it in the CyberArk portal (PVWA). To approve, forward the notification without that word.",
    ),
    Code.REJECTED: Sentences(
        "Rejected",
        "The request is rejected in CyberArk, as you asked, with your words as the reason.",
        "Nothing more is needed. If access is still wanted, the requestor must make a new request.",
    ),
    Code.CHALLENGE_WRONG: Sentences(
        "Not approved: wrong code",
        "The code in the subject of your mail is not one that was sent to you, or it was used or closed before.",
        f"Forward CyberArk's notification again to get a new code, or {PORTAL}.",
    ),
    Code.CHALLENGE_LATE: Sentences(
        "Not approved: code no longer valid",
        "Your answer came after the code in it had run out, so nothing was approved.",
        f"Forward CyberArk's notification again to get a new code, or {PORTAL}.",
    ),
    Code.ON_HOLD: Sentences(
        "Not approved: approving by mail is stopped",
        "The CyberArk team has stopped approvals by mail for the time being, so nothing was approved.",
        f"Please {PORTAL}.",
    ),
    Code.NOT_PERMITTED: Sentences(
        "Not approved: not permitted in CyberArk",
        "CyberArk does not let approvald's account confirm this request (it may want the requestor's manager).",
        f"Please {PORTAL}; the CyberArk team has a copy of this mail.",
    ),
    Code.EXPIRED_WAITING: Sentences(
        "Not approved: could not be decided in time",
        "A system that is needed for the decision was away for too long, and nothing was approved.",
        f"If it is still needed, {PORTAL}, or forward the notification again.",
    ),
}
"""Endings whose sentences never change. Endings that tell nobody have none (tests/unit/mail/test_reply.py)."""
