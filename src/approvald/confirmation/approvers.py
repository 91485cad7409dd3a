"""Whether the sender is an approver, and for which groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from approvald.approval.endings import Code, Ending
from approvald.approval.people import VerifiedSender
from approvald.confirmation.groups import ApproverGroups
from approvald.confirmation.people import People
from approvald.core.model import ApproverGroup, GroupBook, Person

_OTHER_ACCOUNT: Final = (
    "Mail counts for its own account only. Approve in the CyberArk portal (PVWA) with the other one."
)
_SEVERAL: Final = "Mail can count for one other account only. Approve in the CyberArk portal (PVWA) with one of them."


@dataclass(frozen=True)
class Approver:
    """A proven sender, and the approver groups that count for them: never none.

    `accounts`: other accounts of theirs through which they act.
    """

    sender: VerifiedSender
    groups: tuple[ApproverGroup, ...]
    accounts: tuple[Person, ...] = ()


class Approvers:
    """Asks for the groups of senders. `by_linked_account`: an enabled account of the same human lends its groups."""

    def __init__(self, groups: ApproverGroups, people: People, *, by_linked_account: bool) -> None:
        self._groups = groups
        self._people = people
        self._by_linked_account = by_linked_account

    def book(self) -> GroupBook:
        """Return the groups in force. Raises Unavailable where the directory is away and nothing fresh is known."""
        return self._groups.book()

    def read_again(self) -> bool:
        """Read the groups afresh; return whether that changed them. Raises Unavailable where the directory is away."""
        before = self._groups.book()
        return self._groups.read() != before

    def of(self, sender: VerifiedSender) -> Approver | Ending:
        """Return the approver, or how the mail ends. Raises Unavailable where the directory is away."""
        own = self._groups.of(sender.person)
        if own and not self._by_linked_account:
            return Approver(sender, own)
        lenders = [
            (account, groups)
            for account in self._people.other_accounts(sender.person)
            if not (account.disabled or account.expired) and (groups := self._groups.member_of(account))
        ]
        if self._by_linked_account and len(lenders) == 1:
            account, lent = lenders[0]
            return Approver(sender, tuple(dict.fromkeys((*own, *lent))), (account,))
        if own:
            return Approver(sender, own)
        names = tuple(account.account_name for account, _ in lenders)
        why = "" if not names else _SEVERAL if self._by_linked_account else _OTHER_ACCOUNT
        return Ending(code=Code.NOT_AN_APPROVER, names=names, why=why)
