"""Tells what a mail is and who sent it: what Exchange vouches for, joined with one enabled person of the directory."""

from __future__ import annotations

from typing import assert_never

from approvald.approval.endings import Code, Ended, Ending
from approvald.approval.people import VerifiedApprover
from approvald.confirmation.groups import ApproverGroups
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.errors import Unavailable, Unreadable
from approvald.core.model import Mail, Person
from approvald.core.ports import Directory
from approvald.mail import headers
from approvald.mail.intake import Intake, IntakeRules, RuleForward, classify, is_request_subject
from approvald.mail.sender import (
    OnBehalf,
    ProvenAddress,
    SenderRules,
    Unproven,
    WrongRoute,
    prove,
    verify,
)


class Doorkeeper:
    """Tells which mails are ours to read, and asks the directory for the people behind them."""

    def __init__(self, intake: IntakeRules, rules: SenderRules, directory: Directory, groups: ApproverGroups) -> None:
        self._intake = intake
        self._rules = rules
        self._directory = directory
        self._groups = groups

    def classify(self, mail: Mail) -> Intake:
        """Return what kind of mail it is, whoever sent it."""
        return classify(mail, self._intake)

    def identify(self, mail: Mail) -> VerifiedApprover | Ended:
        """Return the sender, or how the mail ends. Raises Unavailable where the directory is away."""
        proof = prove(mail, self._rules)
        if isinstance(proof, Unproven):
            alarm = Alarm(
                kind=AlarmKind.SENDER_UNPROVEN, why=proof.why, name=self._claimed_approver(mail), facts=proof.values
            )
            return Ended(ending=Ending(code=Code.SENDER_UNPROVEN, why=proof.why), alarms=(alarm,))
        lookup = self._directory.find_by_address(proof.address)
        # Exchange vouches for this mailbox; where the directory knows one person, its own address is answered.
        address = lookup.address if isinstance(lookup, Person) and lookup.address else proof.address
        match proof:
            case WrongRoute():
                code = Code.SENDER_ROUTE
            case OnBehalf():
                code = Code.ON_BEHALF
            case ProvenAddress():
                verified = verify(proof, lookup)
                if isinstance(verified, VerifiedApprover):
                    return verified
                code = verified.code
            case _:
                assert_never(proof)
        return Ended(ending=Ending(code=code), reply_to=address, sender=proof.address)

    def vouched_for(self, mail: Mail) -> str:
        """Return the address of the mailbox that Exchange vouches for, or an empty text. Asks nobody."""
        proof = prove(mail, self._rules)
        return "" if isinstance(proof, Unproven) else proof.address

    def owner_of_rule(self, mail: Mail, kind: Intake) -> str:
        """Return the address of the proven person whose rule forwarded a notification, or an empty text."""
        if not isinstance(kind, RuleForward) or not is_request_subject(mail.headers, self._intake):
            return ""
        proof = prove(mail, self._rules)
        if not isinstance(proof, ProvenAddress):
            return ""
        try:
            verified = verify(proof, self._directory.find_by_address(proof.address))
        except (Unavailable, Unreadable):
            return ""  # no such mail waits for the directory: a note is a courtesy
        return verified.person.address or verified.address if isinstance(verified, VerifiedApprover) else ""

    def _claimed_approver(self, mail: Mail) -> str:
        """Return the address in From where it is an approver's, so that wrong rules are noticed; else an empty text."""
        author = headers.only(mail.headers, "From")
        claimed = headers.address(author) if author is not None else None
        try:
            person = self._directory.find_by_address(claimed) if claimed else None
            if isinstance(person, Person) and self._directory.memberships(person, self._groups.book().all()):
                return claimed or ""
        except (Unavailable, Unreadable):
            pass  # the mail is put away as it is: nothing of it may wait for the directory
        return ""
