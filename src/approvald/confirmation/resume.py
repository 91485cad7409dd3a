"""A mail that comes back with a confirmation of its own: sent before a crash, or with its answer lost.

PVWA is asked before anything else is. Whatever has changed since (a group, the mail's age), what was confirmed is told
as confirmed.
"""

from __future__ import annotations

from dataclasses import replace

from approvald.approval.endings import Ended, Ending, RequestFacts
from approvald.confirmation.confirm import confirmed_ending
from approvald.confirmation.outcomes import DONE
from approvald.confirmation.settle import Confirming, already_done, read_request
from approvald.core.model import AccessRequest, Person
from approvald.core.ports import Directory
from approvald.ledger.entries import Entry, State
from approvald.ledger.intents import Intent


def is_resumed(entry: Entry) -> bool:
    """Whether a confirmation may have been sent for this mail before."""
    return entry.state is State.CONFIRMING


def found_done(entry: Entry, directory: Directory, confirming: Confirming) -> Ended | None:
    """Return how the mail ended if its confirmation stands at PVWA or in the ledger, else None.

    Raises Unavailable where PVWA or the directory does not answer.
    """
    done = _found(entry, directory, confirming) if is_resumed(entry) else None
    if done is None:
        return None
    return Ended(ending=done, reply_to=entry.reply_to, sender=entry.sender, rung=entry.rung)


def _found(entry: Entry, directory: Directory, confirming: Confirming) -> Ending | None:
    known = confirming.confirmations.done_by_mail(entry.id)
    for intent in [known] if known is not None else confirming.confirmations.open_of_mail(entry.id):
        request = read_request(intent, confirming)
        if not isinstance(request, AccessRequest):
            if known is not None:
                return _done(intent, confirming)
            continue
        level = already_done(request, entry.id, confirming)
        if level is not None:
            return _with_facts(_done(intent, confirming), request, directory, confirming)
    return None


def _done(intent: Intent, confirming: Confirming) -> Ending:
    return Ending(
        code=DONE[intent.act],
        request_id=intent.request_id,
        level=intent.level,
        confirmer=confirming.pvwa.user_name(intent.account),
        checks=("read_back",),
    )


def _with_facts(ending: Ending, request: AccessRequest, directory: Directory, confirming: Confirming) -> Ending:
    requestor = directory.find_by_user_name(request.requestor_user_name)
    name = requestor.display_name if isinstance(requestor, Person) else ""
    facts = RequestFacts.of(request, requestor=name)
    return confirmed_ending(replace(ending, request_id=request.request_id, request=facts), request, confirming)
