"""The facts that a decision depends on, all of them fetched before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from approvald.approval.actors import Actor, bare, believed
from approvald.approval.compare import Comparison
from approvald.approval.people import ApprovedBy, Human, VerifiedApprover, same_person
from approvald.core.model import AccessRequest, ApproverGroup, GroupBook, Level, Notification, Person, PersonLookup


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything the decision depends on, fetched before it is made.

    `now`: aware UTC. `sender_groups`: the approver groups that count for the sender. `sender_accounts`: their other
    accounts, where these matter. `acted`: who acted on the record, earliest first; `portal_people`: the people behind
    the names and addresses that the record gives for them, where the directory knows them. `link_bearers`: how many
    people bear a link, for links that would join two of these people.
    `approved_before`: the humans on whose behalf we confirmed this request, by level, as the ledger knows them.
    `pvwa_names`: [groups.pvwa_names], case folded.
    """

    now: datetime
    sender: VerifiedApprover
    sender_groups: tuple[ApproverGroup, ...]
    book: GroupBook
    notification: Notification
    request: AccessRequest
    requestor: PersonLookup
    acted: tuple[Actor, ...] = ()
    portal_people: tuple[Person, ...]
    sender_accounts: tuple[Person, ...] = ()
    link_bearers: Mapping[str, int] = field(default_factory=dict)
    approved_before: Mapping[Level, ApprovedBy] = field(default_factory=dict)
    pvwa_names: Mapping[str, str] = field(default_factory=dict)
    comparison: Comparison

    def actors(self) -> tuple[Actor, ...]:
        """Return who acted, with the comments that the ledger knows to be ours."""
        return believed(self.acted, {approved.ledger_id for approved in self.approved_before.values()})

    def gave_before(self) -> tuple[Human, ...]:
        """Return the humans who have acted on the request, by mail or in the portal, as far as they are known."""
        return (*self.approved_before.values(), *self.portal_people)

    def is_sender(self, human: Human) -> bool:
        """Whether this account, and one of the sender's, are one human's."""
        return any(self.same(account, human) for account in self.accounts())

    def accounts(self) -> tuple[Person, ...]:
        """Return the sender's accounts, as far as they matter."""
        return (self.sender.person, *self.sender_accounts)

    def same(self, one: Human, other: Human) -> bool:
        """Whether two accounts are one human's."""
        return same_person(one, other, self.link_bearers)

    def group_of(self, confirmer_name: str) -> ApproverGroup | None:
        """Return the approver group that PVWA means by this name."""
        return group_of(confirmer_name, self.book, self.pvwa_names)

    def confirmers(self) -> frozenset[ApproverGroup]:
        """Return the approver groups that PVWA's record names as confirmers."""
        found = (self.group_of(confirmer.name) for confirmer in self.request.confirmers)
        return frozenset(group for group in found if group is not None)


def group_of(confirmer_name: str, book: GroupBook, pvwa_names: Mapping[str, str]) -> ApproverGroup | None:
    r"""Return the one approver group that PVWA means by a name: by [groups.pvwa_names], else by the name itself.

    `DOMAIN\x` and `x@domain` are x, unless a group has that whole name. A name that two groups have means neither.
    `pvwa_names`: its keys are case folded.
    """
    whole = confirmer_name.casefold()
    short = bare(confirmer_name)
    configured = pvwa_names.get(whole, pvwa_names.get(short))
    for name in (whole, short) if configured is None else (configured.casefold(),):
        hits = {group for group in book.all() if group.name.casefold() == name}
        if hits:
            return hits.pop() if len(hits) == 1 else None
    return None


def groups_in_common(
    listed: Iterable[ApproverGroup], sender_groups: Iterable[ApproverGroup]
) -> Sequence[ApproverGroup]:
    """Return those of the listed groups that the sender is in, by SID, because a group may just have been moved."""
    mine = {(group.sid, group.level) for group in sender_groups}
    return sorted((group for group in listed if (group.sid, group.level) in mine), key=lambda group: group.name)
