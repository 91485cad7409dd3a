"""ONE MAIL FROM INTAKE TO ITS ENDING. Read this first; it is the only file that knows the order.

    intake -> sender -> group -> parse -> approve

What an approver wants is carried out by `confirmation/approve.py`, which knows no mails. Unavailable and MustWait let
the mail wait.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from approvald.approval.endings import Code, Ended, Ending
from approvald.approval.people import VerifiedApprover
from approvald.confirmation.approve import Answer, Approve, Wish
from approvald.confirmation.gather import Approver, Approvers
from approvald.core.clock import Stopwatch
from approvald.core.errors import Unavailable
from approvald.core.model import Mail, NotARequest, Notification, Reading
from approvald.ledger.entries import Entry, State
from approvald.ledger.mails import Mails
from approvald.mail.early_endings import answered_to, no_approval, silent, unread
from approvald.mail.identify import Doorkeeper
from approvald.mail.intake import Automatic, CodeMail, Intake, RuleForward, UnreadableMail
from approvald.mail.plausibility import Plausibility
from approvald.mail.provenance import mail_facts


class Pipeline:
    """Takes one mail from intake to its ending. `read`: what a mail says; `age`: how old one is by its receipt."""

    def __init__(
        self, *, doorkeeper: Doorkeeper, approvers: Approvers, approve: Approve, plausibility: Plausibility,
        mails: Mails, read: Callable[[bytes], Reading], age: Callable[[datetime], timedelta],
    ) -> None:  # fmt: skip
        self._doorkeeper = doorkeeper
        self._approvers = approvers
        self._approve = approve
        self._plausibility = plausibility
        self._mails = mails
        self._read = read
        self._age = age

    def handle(self, mail: Mail, entry: Entry, watch: Stopwatch) -> Ended:
        """Take the mail its whole way. Raises Unavailable or MustWait where it must wait.

        A mail that may have been confirmed before a crash is first settled by what PVWA shows.
        """
        if is_resumed(entry):
            with watch.step("resume"):
                done = self._found_done(entry)
            if done is not None:
                return done
        ended = self._way(mail, entry, watch)
        if is_resumed(entry) and ended.ending.code is not Code.CONFIRMED:
            self._approve.give_up(entry.id)
        return ended

    def settle(self, entry: Entry) -> Ended | None:
        """Return how a mail that is no longer there has ended, if PVWA shows its confirmation.

        Raises Unavailable while nobody can tell.
        """
        if not is_resumed(entry):
            return None
        done = self._found_done(entry)
        if done is None:
            self._approve.give_up(entry.id)
        return done

    def _found_done(self, entry: Entry) -> Ended | None:
        done = self._approve.found_done(entry.id)
        if done is None:
            return None
        return Ended(ending=done, reply_to=entry.reply_to, sender=entry.sender, proof=entry.proof)

    def _way(self, mail: Mail, entry: Entry, watch: Stopwatch) -> Ended:
        with watch.step("intake"):
            if self._mails.is_copy(entry):
                return Ended(ending=Ending(code=Code.DUPLICATE))
            kind = self._doorkeeper.classify(mail)
        if isinstance(kind, Automatic | RuleForward | NotARequest):
            return Ended(ending=silent(kind), note_to=self._doorkeeper.owner_of_rule(mail, kind))
        with watch.step("sender"):
            sender = self._sender(mail, entry)
        if isinstance(sender, Ended):
            return sender
        if isinstance(kind, UnreadableMail):
            return answered_to(sender, Ending(code=Code.UNREADABLE, why=kind.why))
        self._mails.sender_proven(entry.id, sender.person.address or sender.address, sender.proof)
        with watch.step("group"):
            approver = self._approvers.groups_of(sender)
        if isinstance(approver, Ending):
            return answered_to(sender, approver)
        with watch.step("parse"):
            said = self._said(mail, entry, kind)
        if isinstance(said, Ending):
            return answered_to(sender, said)
        return answered_to(sender, self._wished(mail, entry, approver, said, watch))

    def _sender(self, mail: Mail, entry: Entry) -> VerifiedApprover | Ended:
        try:
            return self._doorkeeper.identify(mail)
        except Unavailable:
            # Who it is in the directory nobody can say now; Exchange vouches for the mailbox, which may be told.
            if not entry.reply_to:
                self._mails.sender_proven(entry.id, self._doorkeeper.vouched_for(mail), "")
            raise

    def _said(self, mail: Mail, entry: Entry, kind: Intake) -> Notification | Answer | Ending:
        """Return what the approver was shown, or the code they answer with, or how a mail ends that says neither."""
        if isinstance(kind, CodeMail):
            refused = no_approval(self._read(mail.mime)) if mail.mime else Ending(code=Code.UNREADABLE)
            return refused or Answer(code=kind.code, answer_id=entry.first_attempt)
        reading = self._read(mail.mime or b"")
        return reading if isinstance(reading, Notification) else unread(reading)

    def _wished(
        self, mail: Mail, entry: Entry, approver: Approver, said: Notification | Answer, watch: Stopwatch
    ) -> Ending:
        """Have the wish carried out, and count how fast it came. Only approvers come this far."""
        received = mail.listed.received
        wish = Wish(
            ledger_id=entry.id,
            approver=approver,
            said=said,
            rejection=said.rejection if isinstance(said, Notification) else None,
            received=received,
            age=self._age(received),
            has_waited=entry.waiting_since is not None,
            source={"mail": mail_facts(mail)},
        )
        outcome = self._approve.approve(wish, watch)
        if outcome.request is not None:
            self._plausibility.count(entry.first_attempt, approver.sender, outcome.request, received)
        return outcome.ending


def is_resumed(entry: Entry) -> bool:
    """Whether a confirmation may have been sent for this mail before."""
    return entry.state is State.CONFIRMING
