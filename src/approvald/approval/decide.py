"""Decides on facts: Confirm or Refuse. Pure: no clock, no network, no configuration file.

There is one `return Confirm(...)` in this file, at its end. Everything before it refuses; nothing here can be switched
off. The order is design.md section 3: group, PVWA, policy. Each check answers with what it looked at and, where it
refuses, with the ending; each refusal names its check by its `Code`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from approvald.approval.actors import last_actor, may_be
from approvald.approval.compare import differences, noted
from approvald.approval.endings import Code, Ending, RequestFacts
from approvald.approval.facts import Facts, groups_in_common
from approvald.approval.people import VerifiedApprover
from approvald.approval.request import CLOSED, request_state
from approvald.approval.sentences import BY_REQUESTOR
from approvald.approval.verdicts import Check, judge, listed, passed, person_in_words
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
    checks: tuple[Check, ...]

    @property
    def code(self) -> Code:
        """How the mail ends if PVWA agrees."""
        return Code.CONFIRMED

    @property
    def passed(self) -> tuple[str, ...]:
        """The names of the checks that were passed here."""
        return passed(self.checks)


@dataclass(frozen=True, kw_only=True)
class Refuse:
    """Refuse, with this ending. The request stays open in CyberArk."""

    ending: Ending
    checks: tuple[Check, ...]

    @property
    def code(self) -> Code:
        """The check that refused."""
        return self.ending.code


def decide(facts: Facts) -> Confirm | Refuse:
    """Say whether this sender may approve this request, and with which account."""
    usable = _usable(facts)
    unspent = [group for group in usable if not _vote_given(facts, group)]
    checks, ending = judge(
        (
            ("as_notified", lambda: _as_notified(facts)),
            ("still_waits", lambda: _still_waits(facts)),
            ("requestor_known", lambda: _requestor_known(facts)),
            ("not_own_request", lambda: _not_own_request(facts)),
            ("own_team", lambda: _own_team(facts)),
            ("level", lambda: _level(facts, usable)),
            ("own_vote", lambda: _own_vote(facts, usable, unspent)),
        )
    )
    if ending is not None:
        return Refuse(ending=_finish(ending, facts, checks), checks=checks)
    group = unspent[0]
    return Confirm(
        request=facts.request,
        level=facts.request.level or group.level,
        account=ConfirmingAccount(group.level),
        group=group,
        sender=facts.sender,
        facts=_tellable(facts),
        checks=checks,
    )


# ------------------------------------------------------------------------------------------------- the checks, in order


def _as_notified(facts: Facts) -> tuple[str, Ending | None]:
    changed = differences(facts.notification, facts.request, facts.requestor, facts.comparison)
    tolerated = [name for name in noted(facts.notification, facts.request) if name not in changed]
    subject = f"differs: {listed(changed)}" if changed else "as in PVWA's record"
    if tolerated:
        subject += f"; differs and is only noted: {listed(tolerated)}"
    if not changed:
        return subject, None
    why = f"What differs from CyberArk's record: {', '.join(changed)}."
    return subject, Ending(code=Code.ALTERED, names=changed, why=why)


def _still_waits(facts: Facts) -> tuple[str, Ending | None]:
    where = request_state(facts.request, facts.now)
    subject = f"{where.name.casefold()} (PVWA: {facts.request.status} {facts.request.status_title})"
    code = CLOSED.get(where)
    if code is None:
        return subject, None
    return subject, Ending(code=code, words=facts.request.status_title, **last_actor(facts.actors(), code))


def _requestor_known(facts: Facts) -> tuple[str, Ending | None]:
    if isinstance(facts.requestor, Person):
        return person_in_words(facts.requestor), None
    return type(facts.requestor).__name__, Ending(code=Code.REQUESTOR_UNKNOWN)


def _not_own_request(facts: Facts) -> tuple[str, Ending | None]:
    if isinstance(facts.requestor, Person) and not facts.is_sender(facts.requestor):
        return "sender and requestor are two people", None
    return "the sender is the requestor", Ending(code=Code.OWN_REQUEST)


def _own_team(facts: Facts) -> tuple[str, Ending | None]:
    """Bind the approver to the request: one of the sender's groups must be a confirmer of *this* request."""
    confirmers = facts.confirmers()
    mine = groups_in_common(confirmers, facts.sender_groups)
    names = sorted(group.name for group in confirmers)
    subject = f"confirmers {listed(names)}; the sender's: {listed(group.name for group in mine)}"
    if mine:
        return subject, None
    if not confirmers:
        unmapped = tuple(confirmer.name for confirmer in facts.request.confirmers)
        return subject, Ending(code=Code.CONFIRMERS_UNMAPPED, names=unmapped)
    levels = {group.level for group in facts.sender_groups}
    only = {group.level for group in confirmers}
    current = facts.request.level
    # PVWA may list the confirmers of the current level only: then the other level's approvers are early or late.
    if levels and current is not None and only == {current} and current not in levels:
        return subject, Ending(code=Code.WRONG_LEVEL, level=current, **last_actor(facts.actors(), Code.WRONG_LEVEL))
    return subject, Ending(code=Code.OTHER_TEAM)


# ------------------------------------------------------------------------------------------------------- level and team


def _usable(facts: Facts) -> Sequence[ApproverGroup]:
    """Return the sender's groups, all of one level, that may give what the request waits for.

    The confirming account follows the group. PVWA itself judges the level once more.
    """
    confirmers = facts.confirmers()
    mine = groups_in_common(confirmers, facts.sender_groups)
    team = [group for group in mine if group.level is Level.FIRST]
    second = [group for group in mine if group.level is Level.SECOND]
    if facts.request.level is Level.SECOND:
        return second
    if team:
        return team
    # One level whose only confirmer is the second-level group: then it counts at level 1 as well.
    team_listed = any(group.level is Level.FIRST for group in confirmers)
    return second if facts.request.level is None or not team_listed else []


def _level(facts: Facts, usable: Sequence[ApproverGroup]) -> tuple[str, Ending | None]:
    level = facts.request.level
    subject = f"PVWA waits for level {level}" if level else "PVWA names no level"
    if usable:
        return subject, None
    return subject, Ending(code=Code.WRONG_LEVEL, level=level, **last_actor(facts.actors(), Code.WRONG_LEVEL))


# ------------------------------------------------------------------------------------------ four eyes and one vote each

_TWICE: Final = "You have already approved this request, and it needs two different people."
_MAYBE_TWICE: Final = (
    "You may already have approved this request: CyberArk shows that your group has acted, but not who."
)


def _own_vote(
    facts: Facts, usable: Sequence[ApproverGroup], unspent: Sequence[ApproverGroup]
) -> tuple[str, Ending | None]:
    """See that this human has not acted on the request before, by mail or in the portal, and that a vote is left."""
    acted = facts.actors()
    by_mail = sorted(facts.approved_before.items())
    before = [f"{actor.words} at {actor.at.isoformat()}" for actor in acted]
    before += [f"level {level} confirmed by mail {approved.ledger_id}" for level, approved in by_mail]
    subject = listed(before) if before else "nobody has acted before"
    if (facts.request.level or usable[0].level) in facts.approved_before:
        return subject, _needs_other(facts)
    humans = facts.gave_before()
    if any(facts.is_sender(human) for human in humans):
        return subject, Ending(code=Code.SAME_PERSON_TWICE, why=_TWICE)
    if isinstance(facts.requestor, Person) and any(facts.same(facts.requestor, human) for human in humans):
        return subject, Ending(code=Code.SAME_PERSON_TWICE, why=BY_REQUESTOR)
    suspects = [actor for actor in acted if any(may_be(actor, account) for account in facts.accounts())]
    if suspects:
        certain = any(len(actor.user_names) <= 1 for actor in suspects)
        return subject, Ending(code=Code.SAME_PERSON_TWICE, why=_TWICE if certain else _MAYBE_TWICE)
    return subject, None if unspent else _needs_other(facts)


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


def _finish(ending: Ending, facts: Facts, checks: tuple[Check, ...]) -> Ending:
    """Add PVWA's facts where the sender may read them: a mapped confirmer of this request, or its requestor.

    Anybody else learns the check's name and the number that stood in their own mail, and nothing more. The names of
    confirmers that nobody could map stay in the ending for the operator; no sentence shows them.
    """
    own = isinstance(facts.requestor, Person) and facts.is_sender(facts.requestor)
    known = replace(ending, request_id=facts.notification.request_id, checks=passed(checks))
    if own or groups_in_common(facts.confirmers(), facts.sender_groups):
        return replace(known, request=_tellable(facts))
    names = known.names if known.code is Code.CONFIRMERS_UNMAPPED else ()
    return replace(known, who="", when=None, words="", why="", names=names, confirmations_left=None)
