"""Composes our mails (answers, notices and letters of our own) from what the ledger holds."""

from __future__ import annotations

from approvald.approval.endings import Code, Ending, Team, treatment
from approvald.approval.sentences import Sentences
from approvald.confirmation.challenge import Challenging
from approvald.core.model import Reply
from approvald.ledger.entries import Entry
from approvald.ledger.letters import Letter
from approvald.mail.rates import Rates
from approvald.mail.reply import ReplyRules, compose, compose_challenge, compose_letter, compose_waiting


class Correspondence:
    """Composes mails. Every method may raise Unavailable (ledger)."""

    def __init__(self, *, rules: ReplyRules, rates: Rates, challenging: Challenging) -> None:
        self._rules = rules
        self._rates = rates
        self._challenging = challenging

    def answer(self, entry: Entry) -> Reply:
        """Compose the answer to a mail that has ended. A code is made here, so that the ledger need not hold it."""
        ending = entry.ending or Ending(code=Code.UNREADABLE)
        if ending.code is Code.CHALLENGE_SENT:
            code, until = self._challenging.issue(entry.id)
            return compose_challenge(
                ending, code=code, until=until, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id,
                rules=self._rules,
            )  # fmt: skip
        copied = treatment(ending.code).team is not Team.NOTHING
        return compose(
            ending, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id, rules=self._rules,
            copy_team=copied and self._rates.may_copy(entry.id, ending.code, self._rules.team_address),
        )  # fmt: skip

    def may_notify(self, entry: Entry) -> bool:
        """Whether the sender of a waiting mail may be told that it waits."""
        return self._rates.may_notify(entry.id, entry.reply_to)

    def notice(self, entry: Entry) -> Reply:
        """Compose the notice that a mail waits."""
        return compose_waiting(
            entry.cause, ledger_id=entry.id, to=entry.reply_to, message_id=entry.message_id, rules=self._rules
        )

    def letter(self, letter: Letter) -> Reply:
        """Compose a letter that answers no mail."""
        return compose_letter(
            Sentences(letter.text.subject, letter.text.outcome, letter.text.next_step), letter.text.facts,
            marker=letter.id, to=letter.to, message_id=letter.message_id, rules=self._rules,
        )  # fmt: skip

    def answered_at(self, entry: Entry, ending: Ending, reply_to: str, note_to: str) -> str:
        """Return the address to which a mail that ends so is answered, empty where it is not.

        `note_to`: the owner of a rule that forwarded it, who is asked once a day to forward by hand.
        """
        told = reply_to if treatment(ending.code).tells_sender else ""
        if told and not self._rates.may_answer(entry.id, told, ending.code):
            told = ""
        if note_to:
            self._rates.note_rule_forward(note_to, entry.message_id)
        return told
