"""Endings of mails that are decided without PVWA, and how an ending is told to a proven sender. Pure."""

from __future__ import annotations

from typing import Final, assert_never

from approvald.approval.endings import Code, Ended, Ending
from approvald.approval.people import VerifiedApprover
from approvald.core.model import Ambiguous, Incomplete, NotARequest, Notification
from approvald.mail.intake import Automatic, RuleForward
from approvald.mail.parse.agree import REJECT


def answered_to(sender: VerifiedApprover, ending: Ending) -> Ended:
    """Tell an ending to its proven sender, at the address that the directory knows."""
    reply_to = sender.person.address or sender.address
    return Ended(ending=ending, reply_to=reply_to, sender=sender.address, proof=sender.proof)


def silent(kind: Automatic | RuleForward | NotARequest) -> Ending:
    """Return the ending of a mail that gets no answer."""
    match kind:
        case Automatic():
            code = Code.AUTOMATIC
        case RuleForward():
            code = Code.RULE_FORWARD
        case NotARequest():
            code = Code.NOT_A_REQUEST
        case _:
            assert_never(kind)
    return Ending(code=code, why=kind.why)


def unread(reading: Incomplete | Ambiguous | NotARequest) -> Ending:
    """Return the ending of a mail that the parser could not take, in words of our own."""
    match reading:
        case Incomplete(unreadable=True):
            return Ending(code=Code.UNREADABLE, why=reading.why)
        case Incomplete():
            return Ending(code=Code.INCOMPLETE, why=reading.why, names=reading.missing)
        case Ambiguous():
            return Ending(code=Code.AMBIGUOUS, why=reading.why, names=reading.fields)
        case NotARequest():
            return Ending(code=Code.INCOMPLETE, why=reading.why)


_NO_APPROVAL: Final = (
    "Your answer begins with the word reject, so it approves nothing. To reject the request, do so in PVWA or, if "
    "enabled here, forward CyberArk's notification with that word before it. To approve, answer again without it."
)


def no_approval(answer: Notification | Incomplete | Ambiguous | NotARequest) -> Ending | None:
    """Return the ending of an answer with a code if it cannot be read or its first line rejects, else None.

    What else stands in an answer does not matter: the code says what is approved.
    """
    if isinstance(answer, Incomplete) and answer.unreadable:
        return unread(answer)
    rejects = (
        answer.rejection is not None
        if isinstance(answer, Notification)
        else (isinstance(answer, Incomplete | Ambiguous) and answer.rejects)
    )
    return Ending(code=Code.AMBIGUOUS, why=_NO_APPROVAL, names=(REJECT,)) if rejects else None
