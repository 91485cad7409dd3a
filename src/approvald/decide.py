"""Facts -> Confirm or Refuse. Pure: no clock, no network, no configuration file.

There is one `return Confirm(...)` in this file, at its end. Everything before it refuses; nothing here can be switched
off. The order is design.md section 3: group, PVWA, policy. Each refusal names its check by its `Code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from approvald.compare import Comparison, differences
from approvald.endings import Code, Ending, RequestFacts
from approvald.model import AccessRequest, ApproverGroup, GroupBook, Level, Notification, Person, PersonLookup
from approvald.sender import VerifiedSender
from approvald.standing import CLOSED, Actor, acted_through_us, last_actor, standing


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything the decision depends on, fetched before it is made.

    `now`: aware UTC. `sender_groups`: the approver groups the sender is in. `acted`: who acted on the record, earliest
    first. `approved_before`: objectGUIDs of the humans on whose behalf we confirmed this request, by level.
    `pvwa_names`: [groups.pvwa_names], case folded.
    """

    now: datetime
    sender: VerifiedSender
    sender_groups: tuple[ApproverGroup, ...]
    book: GroupBook
    notification: Notification
    request: AccessRequest
    requestor: PersonLookup
    acted: tuple[Actor, ...] = ()
    approved_before: Mapping[Level, str] = field(default_factory=dict)
    pvwa_names: Mapping[str, str] = field(default_factory=dict)
    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """Confirm this request at `level` with the confirming account of `account`, because of `group`."""

    request: AccessRequest
    level: Level
    account: Level
    group: ApproverGroup
    sender: VerifiedSender
    facts: RequestFacts
    checks: tuple[str, ...]

    @property
    def code(self) -> Code:
        """How the mail ends if PVWA agrees."""
        return Code.CONFIRMED


@dataclass(frozen=True, kw_only=True)
class Refuse:
    """Refuse, ending so. The request stays open in CyberArk."""

    ending: Ending

    @property
    def code(self) -> Code:
        """The check that refused."""
        return self.ending.code


def decide(facts: Facts) -> Confirm | Refuse:
    """Say whether this sender may approve this request, and with which account."""
    passed: list[str] = []
    for name, check in _CHECKS:
        if (ending := check(facts)) is not None:
            return Refuse(ending=_finish(ending, facts, tuple(passed)))
        passed.append(name)
    choice = _choose(facts)
    if isinstance(choice, Ending):
        return Refuse(ending=_finish(choice, facts, tuple(passed)))
    level, group = choice
    if facts.approved_before.get(level) is not None or _vote_given(facts, group):
        return Refuse(ending=_finish(_needs_other(facts), facts, tuple(passed)))
    return Confirm(
        request=facts.request,
        level=level,
        account=group.level,
        group=group,
        sender=facts.sender,
        facts=_tellable(facts),
        checks=(*passed, "level", "vote"),
    )


# ------------------------------------------------------------------------------------------------- the checks, in order


def _as_notified(facts: Facts) -> Ending | None:
    changed = differences(facts.notification, facts.request, facts.requestor, facts.comparison)
    if not changed:
        return None
    return Ending(code=Code.ALTERED, names=changed, why=f"What differs from CyberArk's record: {', '.join(changed)}.")


def _still_waits(facts: Facts) -> Ending | None:
    code = CLOSED.get(standing(facts.request, facts.now))
    if code is None:
        return None
    return Ending(code=code, words=facts.request.status_title, **last_actor(facts.acted, code))


def _requestor_known(facts: Facts) -> Ending | None:
    return None if isinstance(facts.requestor, Person) else Ending(code=Code.REQUESTOR_UNKNOWN)


def _not_own_request(facts: Facts) -> Ending | None:
    if isinstance(facts.requestor, Person) and not same_person(facts.sender.person, facts.requestor):
        return None
    return Ending(code=Code.OWN_REQUEST)


def same_person(one: Person, other: Person) -> bool:
    """Whether two directory objects are one human: the same object, or joined by the link attribute."""
    return one.guid == other.guid or (one.link is not None and one.link == other.link)


def _own_team(facts: Facts) -> Ending | None:
    """Bind the approver to the request: one of the sender's groups must be a confirmer of *this* request."""
    listed = mapped_confirmers(facts)
    if not listed:
        names = tuple(confirmer.name for confirmer in facts.request.confirmers)
        return Ending(code=Code.CONFIRMERS_UNMAPPED, names=names)
    if listed & set(facts.sender_groups):
        return None
    levels = {group.level for group in facts.sender_groups}
    only = {group.level for group in listed}
    # PVWA may list the confirmers of the current level only: then the other level's approvers are early or late.
    if facts.request.level is not None and only == {facts.request.level} and facts.request.level not in levels:
        code = Code.WRONG_LEVEL
        return Ending(code=code, level=facts.request.level, **last_actor(facts.acted, code))
    return Ending(code=Code.OTHER_TEAM)


def _other_human(facts: Facts) -> Ending | None:
    """Four eyes: nobody gives both levels of a request."""
    if facts.sender.person.guid in facts.approved_before.values() or acted_through_us(facts.acted, facts.sender.person):
        return Ending(code=Code.SAME_PERSON_TWICE)
    return None


_CHECKS = (
    ("as_notified", _as_notified),
    ("still_waits", _still_waits),
    ("requestor_known", _requestor_known),
    ("not_own_request", _not_own_request),
    ("own_team", _own_team),
    ("other_human", _other_human),
)


# ------------------------------------------------------------------------------------------------------- level and team


def mapped_confirmers(facts: Facts) -> frozenset[ApproverGroup]:
    """Return the approver groups that PVWA's record names as confirmers, by sAMAccountName and never by CN."""
    by_name: dict[str, set[ApproverGroup]] = {}
    for group in facts.book.all():
        by_name.setdefault(group.name.casefold(), set()).add(group)
    found: set[ApproverGroup] = set()
    for confirmer in facts.request.confirmers:
        hits = by_name.get(directory_name(confirmer.name, facts.pvwa_names), set())
        if len(hits) == 1:
            found |= hits
    return frozenset(found)


def directory_name(confirmer_name: str, pvwa_names: Mapping[str, str]) -> str:
    r"""Return the case-folded sAMAccountName for PVWA's name of a group: `DOMAIN\x` and `x@domain` are x."""
    whole = confirmer_name.casefold()
    bare = whole.rpartition("\\")[2].partition("@")[0]
    return pvwa_names.get(whole, pvwa_names.get(bare, bare)).casefold()


def _choose(facts: Facts) -> tuple[Level, ApproverGroup] | Ending:
    """Choose level and group; the confirming account follows the group. PVWA itself judges the level once more."""
    listed = mapped_confirmers(facts)
    mine = sorted(listed & set(facts.sender_groups), key=lambda group: group.name)
    team = [group for group in mine if group.level is Level.FIRST]
    second = [group for group in mine if group.level is Level.SECOND]
    team_listed = any(group.level is Level.FIRST for group in listed)
    level = facts.request.level
    if level is Level.SECOND:
        usable = second
    elif team:
        usable = team
    else:
        # One level whose only confirmer is the second-level group: then it counts at level 1 as well.
        usable = second if level is None or not team_listed else []
    if not usable:
        return Ending(code=Code.WRONG_LEVEL, level=level, **last_actor(facts.acted, Code.WRONG_LEVEL))
    return (level or usable[0].level), next((g for g in usable if not _vote_given(facts, g)), usable[0])


def _vote_given(facts: Facts, group: ApproverGroup) -> bool:
    """Whether the group has spent its one vote: CyberArk counts a group once (pvwa-rest 4)."""
    name = group.name.casefold()
    return any(c.acted_at for c in facts.request.confirmers if directory_name(c.name, facts.pvwa_names) == name)


def _needs_other(facts: Facts) -> Ending:
    code = Code.NEEDS_OTHER_CONFIRMER
    return Ending(code=code, confirmations_left=facts.request.confirmations_left, **last_actor(facts.acted, code))


# --------------------------------------------------------------------------------------------------- what may be told


def _tellable(facts: Facts) -> RequestFacts:
    name = facts.requestor.display_name if isinstance(facts.requestor, Person) else ""
    return RequestFacts.of(facts.request, requestor=name)


def _finish(ending: Ending, facts: Facts, passed: tuple[str, ...]) -> Ending:
    """Add PVWA's facts where the sender may read them: a mapped confirmer of this request, or its requestor.

    Anybody else learns the check's name and the number that stood in their own mail, and nothing more.
    """
    mine = bool(mapped_confirmers(facts) & set(facts.sender_groups))
    own = isinstance(facts.requestor, Person) and same_person(facts.sender.person, facts.requestor)
    known = replace(ending, request_id=facts.notification.request_id, checks=passed)
    if mine or own:
        return replace(known, request=_tellable(facts))
    return replace(known, who="", when=None, words="")
