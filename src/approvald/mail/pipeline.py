"""ONE MAIL FROM INTAKE TO ITS ENDING. Read this first; it is the only file that knows the order.

    intake -> sender -> group -> parse -> age -> PVWA -> plausibility -> decide -> policy -> confirm

Facts are fetched on the way; what they mean is said by pure functions. Nothing is confirmed before `decide` has said
Confirm, that is written down, policy permits it and `confirm` has written the intent down. Unavailable and MustWait let
the mail wait.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from approvald.approval.compare import Comparison
from approvald.approval.decide import Confirm, Refuse, decide
from approvald.approval.endings import Code, Ended, Ending
from approvald.approval.facts import Facts
from approvald.approval.findings import decision_event, findings
from approvald.approval.people import VerifiedSender
from approvald.config.fingerprint import Stamp
from approvald.confirmation.challenge import Challenging, as_recorded
from approvald.confirmation.confirm import CarryOut, found_done, is_resumed
from approvald.confirmation.gather import Approver, Approvers, Fetching, People
from approvald.confirmation.permission import Asked, Permission
from approvald.confirmation.settle import Confirming, find_request, give_up
from approvald.core.clock import Stopwatch
from approvald.core.errors import Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.model import Mail, NotARequest, Notification, Reading
from approvald.core.ports import Directory
from approvald.health.uptime import Uptime
from approvald.ledger.challenges import Challenge
from approvald.ledger.entries import Entry
from approvald.ledger.halts import Halted
from approvald.ledger.mails import Mails
from approvald.mail.early_endings import no_approval, silent, told, unread
from approvald.mail.identify import Senders
from approvald.mail.intake import (
    Automatic,
    CodeMail,
    IntakeRules,
    RuleForward,
    UnreadableMail,
    classify,
    is_request_subject,
)
from approvald.mail.plausibility import Plausibility
from approvald.mail.provenance import mail_facts

_LOG: Final = logging.getLogger(__name__)
_MAY_MISS_A_GROUP: Final = frozenset({Code.OTHER_TEAM, Code.CONFIRMERS_UNMAPPED})


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The parts of the configuration that the way of a mail depends on. `pvwa_names` is case folded."""

    intake: IntakeRules
    comparison: Comparison
    pvwa_names: Mapping[str, str]
    max_age: timedelta
    stamp: Stamp


class Pipeline:
    """Takes one mail from intake to its ending."""

    def __init__(
        self,
        *,
        rules: Rules,
        read: Callable[[bytes], Reading],
        directory: Directory,
        people: People,
        approvers: Approvers,
        mails: Mails,
        uptime: Uptime,
        confirming: Confirming,
        senders: Senders,
        plausibility: Plausibility,
        permission: Permission,
        challenging: Challenging,
        act: CarryOut,
    ) -> None:
        self._act = act
        self._fetching = Fetching(
            people=people, approvers=approvers, confirming=confirming, comparison=rules.comparison,
            pvwa_names=rules.pvwa_names,
        )  # fmt: skip
        self._rules = rules
        self._read = read
        self._directory = directory
        self._approvers = approvers
        self._mails = mails
        self._uptime = uptime
        self._confirming = confirming
        self._senders = senders
        self._plausibility = plausibility
        self._permission = permission
        self._challenging = challenging

    def handle(self, mail: Mail, entry: Entry, watch: Stopwatch) -> Ended:
        """Take the mail its whole way. Raises Unavailable or MustWait where it must wait.

        A mail that may have been confirmed before a crash is first settled by what PVWA shows.
        """
        if is_resumed(entry):
            with watch.step("resume"):
                done = found_done(entry, self._directory, self._confirming)
            if done is not None:
                return done
        ended = self._way(mail, entry, watch)
        if is_resumed(entry) and ended.ending.code is not Code.CONFIRMED:
            give_up(entry.id, self._confirming)
        return ended

    def settle(self, entry: Entry) -> Ended | None:
        """Return how a mail that is not there any more has ended, if PVWA shows its confirmation.

        Raises Unavailable while nobody can tell.
        """
        done = found_done(entry, self._directory, self._confirming)
        if done is None and is_resumed(entry):
            give_up(entry.id, self._confirming)
        return done

    def _way(self, mail: Mail, entry: Entry, watch: Stopwatch) -> Ended:
        with watch.step("intake"):
            if self._mails.is_copy(entry):
                return Ended(ending=Ending(code=Code.DUPLICATE))
            kind = classify(mail, self._rules.intake)
        if isinstance(kind, Automatic | RuleForward | NotARequest):
            return Ended(ending=silent(kind), note_to=self._owner_of_rule(kind, mail))

        with watch.step("sender"):
            sender = self._sender(mail, entry)
        if isinstance(sender, Ended):
            return sender
        if isinstance(kind, UnreadableMail):
            return told(sender, Ending(code=Code.UNREADABLE, why=kind.why))

        self._mails.may_be_told(entry.id, sender.person.address or sender.address, sender.rung)
        with watch.step("group"):
            approver = self._approvers.of(sender)
        if isinstance(approver, Ending):
            return told(sender, approver)
        if isinstance(kind, CodeMail):
            with watch.step("parse"):
                refused = no_approval(self._read(mail.mime or b"")) if mail.mime else Ending(code=Code.UNREADABLE)
            if refused is not None:
                return told(sender, refused)
            asked = self._challenging.answer(kind.code, sender, entry.first_attempt, mail.listed.received)
            ending = asked if isinstance(asked, Ending) else self._request(mail, entry, watch, approver, asked)
            return told(sender, ending)

        with watch.step("parse"):
            reading = self._read(mail.mime or b"")
        if not isinstance(reading, Notification):
            return told(sender, unread(reading))
        return told(sender, self._request(mail, entry, watch, approver, reading))

    def _sender(self, mail: Mail, entry: Entry) -> VerifiedSender | Ended:
        try:
            return self._senders.identify(mail)
        except Unavailable:
            # Who it is in the directory nobody can say now; Exchange vouches for the mailbox, which may be told.
            if not entry.reply_to:
                self._mails.may_be_told(entry.id, self._senders.vouched_for(mail), "")
            raise

    def _request(
        self, mail: Mail, entry: Entry, watch: Stopwatch, approver: Approver, pointer: Notification | Challenge
    ) -> Ending:
        """Hold what the mail points to against PVWA's record, decide, and confirm. Only approvers come this far."""
        self._permission.wait_while_paused()
        if self._uptime.age(mail.listed.received) > self._rules.max_age:
            code = Code.STALE if entry.waiting_since is None else Code.EXPIRED_WAITING
            return Ending(code=code, request_id=pointer.request_id)

        with watch.step("pvwa"):
            request = find_request(self._confirming.pvwa, pointer.request_id, self._fetching.accounts(approver))
        if isinstance(request, Ending):
            return request

        with watch.step("requestor"):
            requestor = self._directory.find_by_user_name(request.requestor_user_name)
        barred = self._plausibility.judge(
            entry.first_attempt, approver.sender, request_id=request.request_id, created=request.created,
            received=mail.listed.received,
        )  # fmt: skip
        if barred is not None:
            return barred
        reading = pointer if isinstance(pointer, Notification) else as_recorded(request, requestor)
        facts = self._fetching.facts(approver, reading, request, requestor)
        decision = decide(facts)
        if decision.code in _MAY_MISS_A_GROUP and self._approvers.read_again():
            # A group made since the last reading: the sender is judged once more, by the groups as they are now
            again = self._approvers.of(approver.sender)
            if isinstance(again, Ending):
                return again
            facts = self._fetching.facts(again, reading, request, requestor)
            decision = decide(facts)
        asked = Asked(
            ledger_id=entry.id, age=self._uptime.age(mail.listed.received), has_waited=entry.waiting_since is not None,
            rejects=reading.rejection is not None, challenge=pointer if isinstance(pointer, Challenge) else None,
        )  # fmt: skip
        self._write_down(facts, decision, asked, mail)
        event(_LOG, Event.MAIL_DECIDED, logging.INFO, code=decision.code.value, request_id=request.request_id)
        if not isinstance(decision, Confirm):
            return decision.ending
        ended = self._permission.judge(decision, asked)
        if ended is not None:
            return ended
        with watch.step("confirm"):
            try:
                return self._act(decision, entry.id, self._confirming, rejection=reading.rejection)
            except Halted as halted:
                ending = self._permission.halted(halted.halt, decision)
        give_up(entry.id, self._confirming)
        return ending

    def _write_down(self, facts: Facts, decision: Confirm | Refuse, asked: Asked, mail: Mail) -> None:
        """Write the decision down with every check and its value, before anything is done about it."""
        policy = self._permission.findings(decision, asked) if isinstance(decision, Confirm) else ()
        self._mails.decided(
            asked.ledger_id,
            {
                **decision_event(facts, decision, (*findings(facts, decision), *policy)),
                "mail": mail_facts(mail),
                "asks_for": "reject" if asked.rejects else "confirm",
                **self._rules.stamp.marks(),
            },
            request_id=facts.request.request_id,
        )

    def _owner_of_rule(self, kind: Automatic | RuleForward | NotARequest, mail: Mail) -> str:
        """Return who is asked to forward by hand, where a rule has forwarded a notification."""
        if not isinstance(kind, RuleForward) or not is_request_subject(mail.headers, self._rules.intake):
            return ""
        return self._senders.owner_of_rule(mail)
