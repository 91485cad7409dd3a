"""The texts of each ending for its sender: a subject, one sentence on the outcome, one on what to do next. Pure.

Written for a tired reader on a phone. They never repeat the words of the mail, and show values of PVWA only where the
ending may reveal them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from approvald.approval.endings import Code, Ending
from approvald.core.model import Level

_AGAIN: Final = "Forward CyberArk's notification again as it came, without changing it."
_OTHER: Final = "Ask another approver of this team to forward it, or ask the requestor whether it is still needed."
BY_REQUESTOR: Final = "The requestor also approved this request, with another account."
_NEW_REQUEST: Final = (
    "If access is still needed, the requestor must make a new request and leave its approval to others."
)
PORTAL: Final = "approve or reject it in the CyberArk portal (PVWA)"


def sentences(ending: Ending, when: str) -> Sentences:
    """Return the sentences for an ending. `when` is its instant as the reader should see it, or empty."""
    made = _BY_CODE.get(ending.code)
    if made is not None:
        return made(ending, when)
    return FIXED[ending.code]


def _confirmed(ending: Ending, when: str) -> Sentences:
    del when
    level = "second" if ending.level is Level.SECOND else "first"
    done = f"Your approval is recorded in CyberArk: the request is confirmed at the {level} level."
    if ending.words:
        return Sentences(
            "Approved, but since closed", done, "CyberArk has since closed the request; look it up in the portal."
        )
    if ending.second_level_waits:
        return Sentences(
            "Approved (first level)", done, "A second-level approver must now approve it; they are notified."
        )
    if ending.confirmations_left:
        left = ending.confirmations_left
        more = f"CyberArk needs {left} more {'confirmation' if left == 1 else 'confirmations'}, from another confirmer."
        return Sentences("Approved (more confirmations needed)", done, more)
    if ending.confirmations_left is None:
        return Sentences(
            "Approved", done, "Look the request up in the portal: CyberArk could not be asked whether it needs more."
        )
    return Sentences("Approved", done, "Nothing more is needed; the requestor can use the account.")


def _acted_before(verb: str) -> Callable[[Ending, str], Sentences]:
    def made(ending: Ending, when: str) -> Sentences:
        who = f" by {ending.who}" if ending.who else ""
        at = f" on {when}" if when else ""
        return Sentences(
            f"Already {verb}",
            f"This request was already {verb}{who}{at}; your mail changed nothing.",
            "There is nothing you need to do.",
        )

    return made


def _not_an_approver(ending: Ending, when: str) -> Sentences:
    del when
    subject = "Not approved: you are not an approver"
    outcome = "You are in none of the approver groups, so your mail cannot approve a request."
    if ending.names:
        verb = "is in one" if len(ending.names) == 1 else "are in some"
        outcome = (
            f"The account that sent your mail is in none of the approver groups; {', '.join(ending.names)} {verb}."
        )
    step = ending.why or "Nothing was changed. If you should be an approver, ask the CyberArk team (in copy)."
    return Sentences(subject, outcome, step)


def _incomplete(ending: Ending, when: str) -> Sentences:
    del when
    wanted = {"requestor": "the requestor's e-mail address", "safe": "the safe", "number": "the request id"}
    missing = [wanted.get(name, name) for name in ending.names] or ["a required line"]
    verb = "is" if len(missing) == 1 else "are"
    outcome = f"Your mail could not be used: {', '.join(missing)} {verb} missing or unusable."
    step = ending.why or _AGAIN
    return Sentences("Not approved: details missing", outcome, step)


def _altered(ending: Ending, when: str) -> Sentences:
    del when
    what = f" ({', '.join(ending.names)})" if ending.names else ""
    return Sentences(
        "Not approved: mail differs from CyberArk",
        f"Your mail differs from what CyberArk has recorded{what}, so nothing was approved.",
        f"Look closely at the request before you {PORTAL}.",
    )


def _wrong_level(ending: Ending, when: str) -> Sentences:
    if ending.level is Level.SECOND:
        before = f" The first level was approved by {ending.who}{f' on {when}' if when else ''}." if ending.who else ""
        return Sentences(
            "Not approved: waits for the second level",
            f"This request is waiting for a second-level approver, but you approve at the first level.{before}",
            "There is nothing for you to do now.",
        )
    return Sentences(
        "Not approved: waits for the first level",
        "This request is waiting for a first-level approver, but you approve at the second level.",
        "Forward the mail again once the first level has been approved.",
    )


def _needs_other(ending: Ending, when: str) -> Sentences:
    who = f" The last one came from {ending.who}{f' on {when}' if when else ''}." if ending.who else ""
    return Sentences(
        "Not approved: another confirmer is needed",
        f"No further vote can be given by mail; CyberArk needs one more, from another confirmer.{who}",
        "The next confirmation must be given in the CyberArk portal (PVWA).",
    )


def _gone(ending: Ending, when: str) -> Sentences:
    del ending, when
    return Sentences(
        "Not approved: no such request",
        "CyberArk does not know this request: the requestor has deleted it, or the mail was changed.",
        "If access is still needed, the requestor must make a new request.",
    )


def _same_person_twice(ending: Ending, when: str) -> Sentences:
    del when
    outcome = ending.why or "You have already approved this request, and it needs two different people."
    step = _NEW_REQUEST if outcome == BY_REQUESTOR else _OTHER
    return Sentences("Not approved: a second person is needed", outcome, step)


def _unreadable(ending: Ending, when: str) -> Sentences:
    del when
    return Sentences(
        "Not approved: mail not readable",
        "Your mail could not be read safely, so nothing was approved.",
        ending.why or f"{_AGAIN} Send nothing else with it.",
    )


def _ambiguous(ending: Ending, when: str) -> Sentences:
    del when
    return Sentences(
        "Not approved: mail is ambiguous",
        "Your mail can be understood in more than one way, so nothing was approved.",
        ending.why or "Forward one notification per mail, without older mails below it.",
    )


def _challenge_sent(ending: Ending, when: str) -> Sentences:
    del ending
    until = f", until {when}" if when else ""
    return Sentences(
        "Not approved yet: answer this mail to approve",
        "Approvals for this safe need a second mail from you. Below is what CyberArk has recorded about the request.",
        f"Read it; to approve, answer this mail from your own mailbox with its subject unchanged{until}. "
        "If you do not want to approve it, do nothing.",
    )


def _out_of_hours(ending: Ending, when: str) -> Sentences:
    del when
    hours = f" ({ending.why})" if ending.why else ""
    return Sentences(
        "Not approved: outside the allowed hours",
        f"Requests for this safe may be approved by mail only within certain hours{hours}, and it is outside them now.",
        f"Forward the notification again within these hours; if it cannot wait, {PORTAL}.",
    )


def _refused_by_pvwa(ending: Ending, when: str) -> Sentences:
    del when
    said = f" It says: {ending.words.rstrip('.')}." if ending.words else ""
    return Sentences(
        "Not approved: CyberArk declined",
        f"CyberArk did not accept what was sent on your behalf, and the request is still waiting.{said}",
        f"Please {PORTAL}; the CyberArk team has a copy of this mail.",
    )


_BY_CODE: Final[Mapping[Code, Callable[[Ending, str], Sentences]]] = {
    Code.CONFIRMED: _confirmed,
    Code.ALREADY_CONFIRMED: _acted_before("approved"),
    Code.ALREADY_REJECTED: _acted_before("rejected"),
    Code.NOT_AN_APPROVER: _not_an_approver,
    Code.INCOMPLETE: _incomplete,
    Code.ALTERED: _altered,
    Code.WRONG_LEVEL: _wrong_level,
    Code.NEEDS_OTHER_CONFIRMER: _needs_other,
    Code.REQUEST_GONE: _gone,
    Code.OUT_OF_HOURS: _out_of_hours,
    Code.CHALLENGE_SENT: _challenge_sent,
    Code.PVWA_REFUSED: _refused_by_pvwa,
    Code.SAME_PERSON_TWICE: _same_person_twice,
    Code.UNREADABLE: _unreadable,
    Code.AMBIGUOUS: _ambiguous,
}


@dataclass(frozen=True)
class Sentences:
    """The three texts of one ending."""

    subject: str
    outcome: str
    next_step: str


FIXED: Final[Mapping[Code, Sentences]] = {
    Code.SENDER_ROUTE: Sentences(
        "Not approved: sent another way",
        "Your mail was not sent by Outlook, Outlook on the web or a phone's Exchange account, so it does not prove who "
        "sent it.",
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
        "More than one object in the directory has your mail address, so it does not prove who you are.",
        f"The CyberArk team (in copy) must have this corrected; until then, {PORTAL}.",
    ),
    Code.SENDER_DISABLED: Sentences(
        "Not approved: account disabled",
        "Your account in the directory is disabled or has expired.",
        "Another approver of the team must approve the request.",
    ),
    Code.SHARED_MAILBOX: Sentences(
        "Not approved: shared mailbox",
        "Your mail came from a shared mailbox, which does not prove who sent it.",
        "Forward the notification from your own mailbox.",
    ),
    Code.LINKED_MAILBOX_UNSUPPORTED: Sentences(
        "Not approved: linked mailbox",
        "Your mailbox belongs to an account in another directory, which cannot be checked here.",
        f"Please {PORTAL}.",
    ),
    Code.STALE: Sentences(
        "Not approved: mail too old",
        "Your mail is older than is allowed here, so nothing was approved.",
        "If the request is still waiting in CyberArk, forward the notification again.",
    ),
    Code.NOT_VISIBLE: Sentences(
        "Not approved: request not visible",
        "CyberArk does not show this request to approvald's accounts, so it could not be checked.",
        f"Please {PORTAL}; the CyberArk team has been told.",
    ),
    Code.EXPIRED: Sentences(
        "Not approved: request expired",
        "The request expired in CyberArk before it was approved.",
        "If access is still needed, the requestor must make a new request.",
    ),
    Code.WINDOW_OVER: Sentences(
        "Not approved: access window over",
        "The period for which access was requested is over.",
        "If access is still needed, the requestor must make a new request.",
    ),
    Code.REQUESTOR_UNKNOWN: Sentences(
        "Not approved: requestor unknown",
        "The requestor that CyberArk names does not match exactly one person in the directory.",
        f"Please {PORTAL}; the CyberArk team (in copy) can add the requestor under [people.map].",
    ),
    Code.OWN_REQUEST: Sentences(
        "Not approved: your own request",
        "This is your own request, and nobody may approve their own.",
        "Another approver of the team must approve it.",
    ),
    Code.OTHER_TEAM: Sentences(
        "Not approved: another team's request",
        "None of your approver groups is a confirmer of this request.",
        "An approver of the team that owns the safe must approve it.",
    ),
    Code.CONFIRMERS_UNMAPPED: Sentences(
        "Not approved: confirmers not known",
        "None of the confirmers that CyberArk names for this request is an approver group that approvald knows.",
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
        "The request has been rejected in CyberArk, as you asked, with your words as the reason.",
        "Nothing more is needed. If access is still wanted, the requestor must make a new request.",
    ),
    Code.CHALLENGE_WRONG: Sentences(
        "Not approved: wrong code",
        "The code in the subject of your mail was not sent to you for this, or has already been used or cancelled.",
        f"Forward CyberArk's notification again to get a new code, or {PORTAL}.",
    ),
    Code.CHALLENGE_LATE: Sentences(
        "Not approved: code no longer valid",
        "Your answer came after its code had expired, so nothing was approved.",
        f"Forward CyberArk's notification again to get a new code, or {PORTAL}.",
    ),
    Code.ON_HOLD: Sentences(
        "Not approved: approving by mail is stopped",
        "The CyberArk team has stopped approvals by mail for the time being, so nothing was approved.",
        f"Please {PORTAL}.",
    ),
    Code.NOT_PERMITTED: Sentences(
        "Not approved: not permitted in CyberArk",
        "CyberArk does not let approvald's account confirm this request (it may require the requestor's manager).",
        f"Please {PORTAL}; the CyberArk team has a copy of this mail.",
    ),
    Code.EXPIRED_WAITING: Sentences(
        "Not approved: could not be decided in time",
        "A system needed for the decision was unavailable for too long, so nothing was approved.",
        f"If access is still needed, {PORTAL}, or forward the notification again.",
    ),
}
"""Endings whose sentences never vary. Endings that nobody is told about have none (tests/unit/mail/test_reply.py)."""
