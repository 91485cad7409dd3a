"""Facts -> Confirm or Refuse. Pure: no clock, no network, no configuration file.

There is one `return Confirm(...)` in this file, at its end. Everything before it refuses; nothing here can be switched
off. The order is design.md section 3: group, PVWA, policy. Each refusal names its check by its `Code`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from approvald.approval.actors import last_actor, may_be
from approvald.approval.compare import differences
from approvald.approval.endings import Code, Ending, RequestFacts
from approvald.approval.facts import Facts, held
from approvald.approval.people import VerifiedApprover
from approvald.approval.request import CLOSED, request_state
from approvald.core.model import AccessRequest, ApproverGroup, ConfirmingAccount, Level, Person


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """Confirm this request at `level` with the confirming account of `account`, because of `group`."""

    request: AccessRequest
    level: Level
    account: ConfirmingAccount
    group: ApproverGroup
    sender: VerifiedApprover
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
    if (ending := _own_vote(facts, level, group)) is not None:
        return Refuse(ending=_finish(ending, facts, (*passed, "level")))
    return Confirm(
        request=facts.request,
        level=level,
        account=ConfirmingAccount(group.level),
        group=group,
        sender=facts.sender,
        facts=_tellable(facts),
        checks=(*passed, "level", "own_vote"),
    )


# ------------------------------------------------------------------------------------------------- the checks, in order


def _as_notified(facts: Facts) -> Ending | None:
    changed = differences(facts.notification, facts.request, facts.requestor, facts.comparison)
    if not changed:
        return None
    return Ending(code=Code.ALTERED, names=changed, why=f"What differs from CyberArk's record: {', '.join(changed)}.")


def _still_waits(facts: Facts) -> Ending | None:
    code = CLOSED.get(request_state(facts.request, facts.now))
    if code is None:
        return None
    return Ending(code=code, words=facts.request.status_title, **last_actor(facts.actors(), code))


def _requestor_known(facts: Facts) -> Ending | None:
    return None if isinstance(facts.requestor, Person) else Ending(code=Code.REQUESTOR_UNKNOWN)


def _not_own_request(facts: Facts) -> Ending | None:
    if isinstance(facts.requestor, Person) and not facts.is_sender(facts.requestor):
        return None
    return Ending(code=Code.OWN_REQUEST)


def _own_team(facts: Facts) -> Ending | None:
    """Bind the approver to the request: one of the sender's groups must be a confirmer of *this* request."""
    listed = facts.confirmers()
    if not listed:
        names = tuple(confirmer.name for confirmer in facts.request.confirmers)
        return Ending(code=Code.CONFIRMERS_UNMAPPED, names=names)
    if held(listed, facts.sender_groups):
        return None
    levels = {group.level for group in facts.sender_groups}
    only = {group.level for group in listed}
    current = facts.request.level
    # PVWA may list the confirmers of the current level only: then the other level's approvers are early or late.
    if levels and current is not None and only == {current} and current not in levels:
        return Ending(code=Code.WRONG_LEVEL, level=current, **last_actor(facts.actors(), Code.WRONG_LEVEL))
    return Ending(code=Code.OTHER_TEAM)


_CHECKS = (
    ("as_notified", _as_notified),
    ("still_waits", _still_waits),
    ("requestor_known", _requestor_known),
    ("not_own_request", _not_own_request),
    ("own_team", _own_team),
)


# ------------------------------------------------------------------------------------------------------- level and team


def _choose(facts: Facts) -> tuple[Level, ApproverGroup] | Ending:
    """Choose level and group; the confirming account follows the group. PVWA itself judges the level once more."""
    listed = facts.confirmers()
    mine = held(listed, facts.sender_groups)
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
        return Ending(code=Code.WRONG_LEVEL, level=level, **last_actor(facts.actors(), Code.WRONG_LEVEL))
    return (level or usable[0].level), next((g for g in usable if not _vote_given(facts, g)), usable[0])


# ------------------------------------------------------------------------------------------ four eyes and one vote each

_TWICE: Final = "You have already approved this request, and it needs two different people."
_BY_REQUESTOR: Final = (
    "The requestor also approved this request, with another account. They must make a new request, and leave "
    "its approval to others."
)
_MAYBE_TWICE: Final = (
    "You may already have approved this request: CyberArk shows that your group has acted, but not who."
)


def _own_vote(facts: Facts, level: Level, group: ApproverGroup) -> Ending | None:
    """See that this human has not acted on the request before, by mail or in the portal, and that a vote is left."""
    if facts.approved_before.get(level) is not None:
        return _needs_other(facts)
    humans = facts.gave_before()
    if any(facts.is_sender(human) for human in humans):
        return Ending(code=Code.SAME_PERSON_TWICE, why=_TWICE)
    if isinstance(facts.requestor, Person) and any(facts.same(facts.requestor, human) for human in humans):
        return Ending(code=Code.SAME_PERSON_TWICE, why=_BY_REQUESTOR)
    suspects = [actor for actor in facts.actors() if any(may_be(actor, account) for account in facts.accounts())]
    if suspects:
        certain = any(len(actor.user_names) <= 1 for actor in suspects)
        return Ending(code=Code.SAME_PERSON_TWICE, why=_TWICE if certain else _MAYBE_TWICE)
    return _needs_other(facts) if _vote_given(facts, group) else None


def _vote_given(facts: Facts, group: ApproverGroup) -> bool:
    """Whether the group has spent its one vote: CyberArk counts a group once (pvwa-rest 4)."""
    return any(facts.group_of(row.name) == group for row in facts.request.confirmers if row.acted_at)


def _needs_other(facts: Facts) -> Ending:
    who = last_actor(facts.actors(), Code.NEEDS_OTHER_CONFIRMER)
    return Ending(code=Code.NEEDS_OTHER_CONFIRMER, confirmations_left=facts.request.confirmations_left, **who)


# --------------------------------------------------------------------------------------------------- what may be told


def _tellable(facts: Facts) -> RequestFacts:
    name = facts.requestor.display_name if isinstance(facts.requestor, Person) else ""
    return RequestFacts.from_record(facts.request, requestor=name)


def _finish(ending: Ending, facts: Facts, passed: tuple[str, ...]) -> Ending:
    """Add PVWA's facts where the sender may read them: a mapped confirmer of this request, or its requestor.

    Anybody else learns the check's name and the number that stood in their own mail, and nothing more. The names of
    confirmers that nobody could map stay in the ending for the operator; no sentence shows them.
    """
    own = isinstance(facts.requestor, Person) and facts.is_sender(facts.requestor)
    known = replace(ending, request_id=facts.notification.request_id, checks=passed)
    if own or held(facts.confirmers(), facts.sender_groups):
        return replace(known, request=_tellable(facts))
    names = known.names if known.code is Code.CONFIRMERS_UNMAPPED else ()
    return replace(known, who="", when=None, words="", why="", names=names, confirmations_left=None)
