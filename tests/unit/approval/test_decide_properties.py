"""What holds for every decision, whatever the facts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from approvald.approval.actors import actors
from approvald.approval.compare import Comparison, differences
from approvald.approval.decide import Confirm, decide
from approvald.approval.endings import Code, treatment
from approvald.approval.facts import Facts
from approvald.approval.people import ApprovedBy, Human, VerifiedApprover
from approvald.approval.request import RequestState, request_state
from approvald.approval.verdicts import Verdict
from approvald.core.model import (
    AccessRequest,
    ApproverGroup,
    Confirmer,
    ConfirmingAccount,
    GroupBook,
    Level,
    NoPerson,
    Person,
    SeveralPersons,
)
from fakes.directory import make_person
from fakes.facts import BOOK, DB, ILKA, L2, MARA, NOW, OURS, RHEA, TIMO, facts, notification, verified, waits_for

# Few names, links and groups, so that the rare coincidences are common here
ACCOUNTS = ("ilka.brandt", "mara.voss", "timo.gast", "rhea.malik")
GROUP_NAMES = ("DB_PAMapprover", "FIN_PAMapprover", "L2_PAMapprover", "A@B", "A")
PVWA_NAMES = (*GROUP_NAMES, "CORP\\DB_PAMapprover", "l2_pamapprover@corp.example", "Oracle owners", "", "\\", "@")
IDS = ("abcdefgh2345", "zzzzzzzzzzzz")
NAMES = ("as_notified", "still_waits", "requestor_known", "not_own_request", "own_team", "level", "own_vote")


def people() -> st.SearchStrategy[Person]:
    """Return people of few names, guids and links."""
    return st.builds(
        lambda name, guid, link, owner: replace(make_person(name), guid=guid, link=link, owner=owner),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(["g1", "g2", "g3"]),
        st.sampled_from([None, "", "7", "8"]),
        st.sampled_from([None, None, "g1", "g4", ILKA.guid, TIMO.guid]),
    )


def groups() -> st.SearchStrategy[ApproverGroup]:
    """Return groups; two of one name with different SIDs are possible, and one SID under two levels."""
    return st.builds(
        lambda name, sid, level: ApproverGroup(name=name, dn=f"CN={name}", sid=f"S-1-5-21-{sid}", level=level),
        st.sampled_from(GROUP_NAMES),
        st.integers(1, 5),
        st.sampled_from(Level),
    )


def comments() -> st.SearchStrategy[str]:
    """Return comments of our form, forged ones too, and others."""
    ours = st.builds(
        lambda name, ledger_id: f"Approved on behalf of {name}@corp.example (approvald {ledger_id})",
        st.sampled_from(ACCOUNTS),
        st.sampled_from(IDS),
    )
    return st.just("") | ours | st.text(max_size=10)


def confirmers() -> st.SearchStrategy[Confirmer]:
    """Return confirmers of every form."""
    users = st.sampled_from([*ACCOUNTS, "svc-pam-l1", "svc-pam-l2", ""])
    return st.builds(
        Confirmer,
        name=st.sampled_from(PVWA_NAMES) | users,
        is_group=st.booleans(),
        acted_at=st.none() | st.sampled_from([NOW, NOW - timedelta(days=1)]),
        comment=comments(),
        full_name=st.text(max_size=5),
        members=st.lists(st.tuples(users, st.text(max_size=5)), max_size=3).map(tuple),
    )


def requests() -> st.SearchStrategy[AccessRequest]:
    """Return records of any form; most of them wait."""
    instants = st.none() | st.sampled_from([NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])
    return st.builds(
        waits_for,
        status=st.sampled_from([1, 1, 1, 2, 3, 4, 5, 8, 16, 32, 64, None]),
        status_title=st.sampled_from(["Waiting: 1", "Waiting: 1", "Rejected", "Expired", "Used", "-", ""]),
        invalid_reason=st.sampled_from([0, 0, 0, 4]),
        confirmations_left=st.sampled_from([None, 0, 1, 2]),
        level=st.sampled_from([None, Level.FIRST, Level.SECOND]),
        expires=instants,
        access_to=instants,
        account=st.sampled_from([waits_for().account, waits_for().account, None, "another"]),
        confirmers=st.lists(confirmers(), max_size=4).map(tuple),
    )


def comparisons() -> st.SearchStrategy[Comparison]:
    """Return every configuration of the comparison."""
    either = st.sampled_from(["refuse", "note"])
    return st.builds(Comparison, account=either, device_user=either, reason=either)


def books() -> st.SearchStrategy[GroupBook]:
    """Return books in which names and SIDs may collide."""
    return st.builds(GroupBook, first=st.lists(groups(), max_size=4).map(tuple), second=st.none() | groups())


def approvals() -> st.SearchStrategy[ApprovedBy]:
    """Return what the ledger may know of an earlier confirmation."""
    return st.builds(
        ApprovedBy,
        guid=st.sampled_from(["g1", "g2", ILKA.guid]),
        link=st.sampled_from([None, "", "7", "8"]),
        ledger_id=st.sampled_from(IDS),
    )


SENDERS = {
    person: verified(person)
    for person in (
        ILKA, replace(ILKA, link="7"), TIMO, replace(MARA, link="8"), RHEA, replace(RHEA, owner="g4"),
        replace(MARA, owner=TIMO.guid),
    )
}  # fmt: skip
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "sender": st.sampled_from([*SENDERS.values()]),
    "sender_groups": st.lists(groups() | st.sampled_from(BOOK.all()), max_size=4).map(tuple),
    "book": books(),
    "notification": st.sampled_from(
        [notification(**change) for change in ({"account": "x"}, {"reason": "x"}, {"number": "18"}, {"safe": "NET"})]
    ),
    "request": requests(),
    "requestor": people() | st.sampled_from([replace(TIMO, link="7"), replace(TIMO, guid=ILKA.guid), MARA, NoPerson(),
                                             replace(TIMO, owner="g4"), SeveralPersons(count=2)]),
    "portal_people": st.lists(people(), max_size=2).map(tuple),
    "sender_accounts": st.lists(people(), max_size=1).map(tuple),
    "link_bearers": st.dictionaries(st.sampled_from(["7", "8"]), st.integers(2, 5)),
    "approved_before": st.dictionaries(st.sampled_from(Level), approvals(), max_size=2),
    "pvwa_names": st.dictionaries(
        st.sampled_from(["oracle owners", "", "a", "corp\\db_pamapprover"]), st.sampled_from(GROUP_NAMES), max_size=2
    ),
    "comparison": comparisons(),
}  # fmt: skip


@st.composite
def situations(draw: st.DrawFn) -> Facts:
    """Return an honest mail's facts at either level, of which some are anything."""
    names = draw(st.sets(st.sampled_from(sorted(CHANGES)), max_size=5))
    level = draw(st.sampled_from(Level))
    honest: dict[str, Any] = {
        "request": waits_for("DB_PAMapprover", "L2_PAMapprover", level=level),
        "sender_groups": draw(st.sampled_from([(DB, L2), (DB,), (L2,)])),
    }
    changed = facts(**honest | {name: draw(CHANGES[name]) for name in sorted(names)})
    return replace(changed, acted=actors(changed.request, OURS))


@settings(max_examples=800)
@given(situations())
def test_a_confirmation_rests_on_every_check_at_once(given_facts: Facts) -> None:
    """`decide` never raises, and says Confirm only where every rule of the house holds."""
    decision = decide(given_facts)
    event(decision.code.value)
    if not isinstance(decision, Confirm):
        assert decision.code is not Code.CONFIRMED
        assert decision.ending.request_id == given_facts.notification.request_id
        return
    sender, requestor, group = given_facts.sender.person, given_facts.requestor, decision.group
    assert isinstance(requestor, Person)
    assert sender.guid != requestor.guid
    assert (group.sid, group.level) in {(each.sid, each.level) for each in given_facts.sender_groups}
    assert group in given_facts.book.all()
    assert group in {given_facts.group_of(row.name) for row in given_facts.request.confirmers}
    assert decision.account == ConfirmingAccount(group.level)
    assert given_facts.request.level in {None, decision.level}
    assert given_facts.request.level is not Level.SECOND or group.level is Level.SECOND
    assert decision.level not in given_facts.approved_before
    assert sender.guid not in {before.guid for before in given_facts.approved_before.values()}
    assert request_state(given_facts.request, given_facts.now) is RequestState.WAITING
    assert differences(given_facts.notification, given_facts.request, requestor, given_facts.comparison) == ()
    assert isinstance(decision.sender, VerifiedApprover)
    assert decision.request is given_facts.request


@given(situations())
def test_the_checks_are_those_that_judged(given_facts: Facts) -> None:
    """Passed ones, then the one that refused, then those that nobody asked; all passed where it confirms."""
    decision = decide(given_facts)
    assert [check.name for check in decision.checks] == [*NAMES]
    verdicts = [check.verdict for check in decision.checks]
    if isinstance(decision, Confirm):
        assert verdicts == [Verdict.PASSED] * len(NAMES)
        return
    at = len(decision.ending.checks)
    assert decision.ending.checks == NAMES[:at]
    behind = [Verdict.NOT_REACHED] * (len(NAMES) - at - 1)
    assert verdicts == [*[Verdict.PASSED] * at, Verdict.REFUSED, *behind]


def marks(human: Human, bearers: Mapping[str, int]) -> set[str]:
    """Return what an account shares with the others of its human, by the words of the design."""
    link = human.link if human.link and bearers.get(human.link, 0) <= 3 else None
    return {mark for mark in (human.guid, human.owner, link and f"link {link}") if mark}


@settings(max_examples=1500)
@given(situations())
def test_requestor_and_approvers_are_different_humans(given_facts: Facts) -> None:
    """Whoever confirms, whoever confirmed before (by mail or in the portal) and whoever asked share no account."""
    if not isinstance(decide(given_facts), Confirm):
        return
    assert isinstance(given_facts.requestor, Person)
    bearers = given_facts.link_bearers
    sender = {mark for each in given_facts.accounts() for mark in marks(each, bearers)}
    requestor = marks(given_facts.requestor, bearers)
    before = [marks(each, bearers) for each in given_facts.gave_before()]
    event(f"{len(before)} before")
    assert sender.isdisjoint(requestor)
    assert all(sender.isdisjoint(each) and requestor.isdisjoint(each) for each in before)


@settings(max_examples=300)
@given(situations(), people())
def test_another_account_or_approver_never_opens_a_door(given_facts: Facts, more: Person) -> None:
    """Knowing more of the sender's accounts, or of who acted, never turns a refusal into a confirmation."""
    if isinstance(decide(given_facts), Confirm):
        return
    accounts, portal = (*given_facts.sender_accounts, more), (*given_facts.portal_people, more)
    assert not isinstance(decide(replace(given_facts, sender_accounts=accounts)), Confirm)
    assert not isinstance(decide(replace(given_facts, portal_people=portal)), Confirm)


@settings(max_examples=300)
@given(situations(), groups())
def test_a_group_that_the_record_does_not_name_never_opens_a_door(given_facts: Facts, more: ApproverGroup) -> None:
    """Being in further groups of other teams never turns a refusal into a confirmation."""
    named = {given_facts.group_of(row.name) for row in given_facts.request.confirmers}
    assume((more.sid, more.level) not in {(each.sid, each.level) for each in named if each is not None})
    before = decide(given_facts)
    after = decide(replace(given_facts, sender_groups=(*given_facts.sender_groups, more)))
    assert isinstance(before, Confirm) == isinstance(after, Confirm)


@given(situations())
def test_no_setting_of_the_comparison_confirms_another_persons_or_another_request(given_facts: Facts) -> None:
    """A difference of safe, number or requestor refuses in every configuration."""
    decision = decide(
        replace(given_facts, notification=replace(given_facts.notification, requestor="lea.fontaine@x.y"))
    )
    assert not isinstance(decision, Confirm)


@given(situations())
def test_only_confirmers_and_the_requestor_read_pvwas_facts(given_facts: Facts) -> None:
    """Anybody else gets a code and the number of their own mail."""
    decision = decide(given_facts)
    if isinstance(decision, Confirm):
        return
    ending = decision.ending
    named = {given_facts.group_of(row.name) for row in given_facts.request.confirmers} - {None}
    held = {(each.sid, each.level) for each in given_facts.sender_groups}
    mine = any((each.sid, each.level) in held for each in named if each is not None)
    own = isinstance(given_facts.requestor, Person) and given_facts.is_sender(given_facts.requestor)
    assert (ending.request is not None) == (mine or own)
    if not (mine or own):
        assert (ending.who, ending.when, ending.words, ending.why, ending.confirmations_left) == (
            "",
            None,
            "",
            "",
            None,
        )
        assert ending.names == () or ending.code is Code.CONFIRMERS_UNMAPPED
    assert treatment(ending.code).tells_sender


@given(situations())
def test_a_decision_depends_on_its_facts_alone(given_facts: Facts) -> None:
    """The same facts make the same decision, in any order of groups."""
    turned = replace(
        given_facts,
        sender_groups=given_facts.sender_groups[::-1],
        book=replace(given_facts.book, first=given_facts.book.first[::-1]),
    )
    assert decide(given_facts).code is decide(given_facts).code
    assert decide(given_facts).code is decide(turned).code
