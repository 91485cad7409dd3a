"""Fetches what a decision depends on besides PVWA's record: the people who acted, and what we did before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from approvald.approval.actors import Actor, actors
from approvald.approval.compare import Comparison
from approvald.approval.endings import Code, Ending
from approvald.approval.facts import Facts
from approvald.approval.people import LINK_JOINS_AT_MOST, Human, VerifiedApprover, links_to_count
from approvald.confirmation.groups import ApproverGroups
from approvald.confirmation.settle import Confirming
from approvald.core.model import (
    AccessRequest,
    ApproverGroup,
    ConfirmingAccount,
    GroupBook,
    Notification,
    Person,
    PersonLookup,
)
from approvald.core.ports import Directory

_OTHER_ACCOUNT: Final = (
    "A mail counts only for the account that sent it. Approve in the CyberArk portal (PVWA) with the other one."
)
_SEVERAL: Final = "A mail can count for only one other account. Approve in the CyberArk portal (PVWA) with one of them."


@dataclass(frozen=True, kw_only=True)
class Gather:
    """Where facts come from. `pvwa_names` is case folded."""

    people: People
    approvers: Approvers
    confirming: Confirming
    comparison: Comparison
    pvwa_names: Mapping[str, str]

    def accounts(self, approver: Approver) -> tuple[ConfirmingAccount, ...]:
        """Return the accounts to ask PVWA with: the one whose group the sender is in first."""
        mine = {ConfirmingAccount(group.level) for group in approver.groups}
        return tuple(sorted(self.confirming.accounts, key=lambda account: account not in mine))

    def requestor(self, request: AccessRequest) -> PersonLookup:
        """Return who asked for access, by PVWA's record."""
        return self.people.by_user_name(request.requestor_user_name)

    def facts(
        self, approver: Approver, reading: Notification, request: AccessRequest, requestor: PersonLookup
    ) -> Facts:
        """Return the facts. Raises Unavailable (directory or ledger)."""
        acted = actors(request, self.confirming.our_names())
        portal_people = self.people.behind(acted)
        approved_before = self.confirming.confirmations.approved_before(request.request_id, request.created)
        accounts = self.people.accounts_that_matter(approver.sender.person, approver.accounts, acted)
        requestors = [requestor] if isinstance(requestor, Person) else []
        before: tuple[Human, ...] = (*approved_before.values(), *portal_people)
        return Facts(
            now=self.confirming.clock.now(),
            sender=approver.sender,
            sender_groups=approver.groups,
            sender_accounts=accounts,
            book=self.approvers.book(),
            notification=reading,
            request=request,
            requestor=requestor,
            acted=acted,
            portal_people=portal_people,
            link_bearers=self.people.link_bearers(
                (approver.sender.person, *accounts, *requestors), (*requestors, *before)
            ),
            approved_before=approved_before,
            pvwa_names=self.pvwa_names,
            comparison=self.comparison,
        )


class People:
    """Asks the directory for people. Every method raises Unavailable where the directory is away.

    `tell` is called with a link value that more people bear than one human has accounts, and with their number.
    """

    def __init__(self, directory: Directory, *, tell: Callable[[str, int], None]) -> None:
        self._directory = directory
        self._tell = tell

    def by_user_name(self, user_name: str) -> PersonLookup:
        """Return the person behind a CyberArk user name."""
        return self._directory.find_by_user_name(user_name)

    def behind(self, acted: Iterable[Actor]) -> tuple[Person, ...]:
        """Return the people who acted, where the record names one user or one address that the directory knows."""
        found = [lookup for actor in acted if (lookup := self._who(actor)) is not None]
        return tuple(person for person in found if isinstance(person, Person))

    def other_accounts(self, person: Person) -> tuple[Person, ...]:
        """Return this human's other accounts, disabled ones too: by link, and admin accounts whose manager they are."""
        linked = self._bearers(person.link) if person.link else ()
        found = [*(linked if len(linked) <= LINK_JOINS_AT_MOST else ()), *self._directory.admin_accounts_of(person)]
        return tuple({account.guid: account for account in found if account.guid != person.guid}.values())

    def accounts_that_matter(
        self, person: Person, used: Sequence[Person], acted: Iterable[Actor]
    ) -> tuple[Person, ...]:
        """Return the other accounts that the sender uses, or all where PVWA names many users, one of whom acted."""
        if all(len(actor.user_names) <= 1 for actor in acted):
            return tuple(used)
        return tuple({account.guid: account for account in (*used, *self.other_accounts(person))}.values())

    def link_bearers(self, some: Sequence[Human], others: Sequence[Human]) -> Mapping[str, int]:
        """Count those who bear a link that would join one of `some` and one of `others`; asks nothing if none would.

        The attribute has no index in Active Directory: a search for it is slow.
        """
        return {link: len(self._bearers(link)) for link in links_to_count(some, others)}

    def _bearers(self, link: str) -> Sequence[Person]:
        found = self._directory.people_with_link(link)
        if len(found) > LINK_JOINS_AT_MOST:
            self._tell(link, len(found))
        return found

    def _who(self, actor: Actor) -> PersonLookup | None:
        if actor.address is not None:
            return self._directory.find_by_address(actor.address)
        if len(actor.user_names) == 1:
            return self._directory.find_by_user_name(next(iter(actor.user_names)))
        return None


@dataclass(frozen=True)
class Approver:
    """A proven sender, and the approver groups that count for them: never none.

    `accounts`: other accounts of theirs through which they act.
    """

    sender: VerifiedApprover
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

    def groups_of(self, sender: VerifiedApprover) -> Approver | Ending:
        """Return the approver, or how the mail ends. Raises Unavailable where the directory is away."""
        own = self._groups.groups_of(sender.person)
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
