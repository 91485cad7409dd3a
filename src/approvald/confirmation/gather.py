"""Fetches what a decision depends on, besides PVWA's record: who acted, who they are, and what we did before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from approvald.approval.compare import Comparison
from approvald.approval.facts import Facts
from approvald.approval.people import Human
from approvald.approval.request import actors
from approvald.confirmation.approvers import Approver, Approvers
from approvald.confirmation.people import People
from approvald.confirmation.settle import Confirming
from approvald.core.model import AccessRequest, Level, Notification, Person, PersonLookup


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """Where facts come from. `pvwa_names` is case folded."""

    people: People
    approvers: Approvers
    confirming: Confirming
    comparison: Comparison
    pvwa_names: Mapping[str, str]

    def accounts(self, approver: Approver) -> tuple[Level, ...]:
        """Return the accounts to ask PVWA with: the one whose group the sender is in first."""
        mine = {group.level for group in approver.groups}
        return tuple(sorted(self.confirming.accounts, key=lambda account: account not in mine))

    def facts(
        self, approver: Approver, reading: Notification, request: AccessRequest, requestor: PersonLookup
    ) -> Facts:
        """Return them. Raises Unavailable (directory or ledger)."""
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
