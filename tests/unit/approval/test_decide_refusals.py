"""Each row of the table of endings that `decide` covers, and what its sender may be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvald.approval.actors import actors
from approvald.approval.decide import Confirm, Refuse, decide
from approvald.approval.endings import Code, Ending, RequestFacts
from approvald.approval.facts import Facts
from approvald.approval.people import ApprovedBy
from approvald.core.model import Confirmer, ConfirmingAccount, GroupBook, Level, NoPerson, SeveralPersons
from fakes.directory import make_person
from fakes.facts import (
    BOOK,
    DB,
    FIN,
    ILKA,
    L2,
    MARA,
    NOW,
    OURS,
    RHEA,
    TIMO,
    acted,
    facts,
    make_group,
    notification,
    verified,
    waits_for,
)

PAST = NOW - timedelta(days=1)
FACTS = RequestFacts(
    safe="DB-PROD-01", number="17", account="Operating System-UnixSSH-db7.corp.example-root", requestor="Timo Gast",
    level=1, reason="Kernel patch in the agreed window",
)  # fmt: skip
SPENT = acted("DB_PAMapprover", "wen.zhao", at=PAST)
CLOSED = {"status": 2, "status_title": "Confirmed: the request was confirmed", "confirmers": (SPENT,)}
OPEN_L2 = Confirmer(name="L2_PAMapprover", is_group=True, action=2)
AT_LEVEL_2 = waits_for(level=Level.SECOND, confirmers=(SPENT, OPEN_L2))


def refusal(given: Facts) -> Ending:
    """Decide, and expect a refusal."""
    decision = decide(replace(given, acted=actors(given.request, OURS)))
    assert isinstance(decision, Refuse)
    assert decision.code is decision.ending.code
    return decision.ending


def test_an_honest_first_level_mail_is_confirmed() -> None:
    """With the account of the group, at the record's level, and with every check passed."""
    decision = decide(facts())
    assert isinstance(decision, Confirm)
    assert (decision.level, decision.account, decision.group) == (Level.FIRST, ConfirmingAccount.FIRST, DB)
    assert (decision.code, decision.facts) == (Code.CONFIRMED, FACTS)
    assert decision.passed == (
        "as_notified", "still_waits", "requestor_known", "not_own_request", "own_team", "level", "own_vote",
    )  # fmt: skip


ROWS: list[tuple[Code, dict[str, Any]]] = [
    (Code.ALTERED, {"notification": notification(requestor="wen.zhao@corp.example")}),
    (Code.ALTERED, {"notification": notification(account="another")}),
    (Code.ALTERED, {"notification": notification(device_user="oracle")}),
    (Code.ALTERED, {"notification": notification(reason="another")}),
    (Code.ALREADY_CONFIRMED, {"request": waits_for(**CLOSED)}),
    (Code.ALREADY_REJECTED, {"request": waits_for(**CLOSED | {"status_title": "Rejected: the request was rejected"})}),
    (Code.REQUEST_GONE, {"request": waits_for(status=32, status_title="Deleted")}),
    (Code.EXPIRED, {"request": waits_for(status=4, status_title="Expired: the request has expired")}),
    (Code.WINDOW_OVER, {"request": waits_for(status=1, invalid_reason=4, access_to=PAST,
                                             status_title="Invalid: the requested time has passed")}),
    (Code.REQUESTOR_UNKNOWN, {"requestor": NoPerson()}),
    (Code.REQUESTOR_UNKNOWN, {"requestor": SeveralPersons(count=2)}),
    (Code.WRONG_LEVEL, {"sender": verified(RHEA), "sender_groups": (L2,),
                        "request": waits_for("DB_PAMapprover", "L2_PAMapprover")}),
    (Code.WRONG_LEVEL, {"request": AT_LEVEL_2}),
    (Code.SAME_PERSON_TWICE, {"sender_groups": (DB, L2), "request": AT_LEVEL_2,
                              "approved_before": {Level.FIRST: ApprovedBy(guid=ILKA.guid, link=None, ledger_id="x")}}),
    (Code.NEEDS_OTHER_CONFIRMER, {"request": waits_for(confirmers=(SPENT,), confirmations_left=1)}),
    (Code.NEEDS_OTHER_CONFIRMER,
     {"approved_before": {Level.FIRST: ApprovedBy(guid=MARA.guid, link=None, ledger_id="x")}}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "change"), ROWS)
def test_a_mapped_confirmer_is_refused_and_reads_pvwas_facts(code: Code, change: dict[str, Any]) -> None:
    """One fact that is not right is enough, and the check says its own name."""
    ending = refusal(facts(**change))
    assert ending.code is code
    assert ending.request_id == "DB-PROD-01_17"
    assert ending.request is not None
    assert ending.request.account == FACTS.account


@pytest.mark.parametrize(("code", "change"), [row for row in ROWS if "sender_groups" not in row[1]])
@pytest.mark.parametrize("groups", [(), (FIN,), (make_group("NET_PAMapprover"),)])
def test_a_stranger_reads_nothing_of_pvwas_facts(code: Code, change: dict[str, Any], groups: Any) -> None:
    """Another team's approver learns the check's name and the number of their own mail, and cannot probe a record."""
    ending = refusal(facts(**change | {"sender_groups": groups}))
    own_checks = {Code.WRONG_LEVEL, Code.SAME_PERSON_TWICE, Code.NEEDS_OTHER_CONFIRMER}
    assert ending.code is (Code.OTHER_TEAM if code in own_checks else code)
    assert ending == Ending(code=ending.code, request_id="DB-PROD-01_17", checks=ending.checks)


def test_what_differs_is_named_without_its_value() -> None:
    """Field names only: PVWA's values are not told to whoever altered a mail."""
    ending = refusal(facts(notification=notification(requestor="wen.zhao@corp.example", reason="x")))
    assert ending.names == ("requestor", "reason")
    assert "wen.zhao" not in ending.why
    assert "timo.gast" not in ending.why


@pytest.mark.parametrize("groups", [(DB,), (FIN,), (DB, L2)])
@pytest.mark.parametrize(
    "sender", [TIMO, replace(TIMO, guid="another"), make_person("adm-timo", guid="another", link="7")]
)
def test_nobody_approves_their_own_request(groups: Any, sender: Any) -> None:
    """The same object, or another account joined by the link attribute, whatever groups it is in."""
    requestor = replace(TIMO, link="7")
    sender = replace(sender, link="7")
    ending = refusal(facts(sender=verified(sender), sender_groups=groups, requestor=requestor))
    assert ending.code is Code.OWN_REQUEST
    assert ending.request == FACTS


def test_people_without_a_link_are_not_joined() -> None:
    """Two empty attributes are not one human."""
    assert isinstance(decide(facts(sender=verified(replace(ILKA, link=None)), requestor=TIMO)), Confirm)


def test_an_approver_of_another_team_is_refused() -> None:
    """One of the sender's groups must be a confirmer of this very request."""
    ending = refusal(facts(sender_groups=(FIN,)))
    assert ending == Ending(code=Code.OTHER_TEAM, request_id="DB-PROD-01_17", checks=ending.checks)


@pytest.mark.parametrize(
    "names", [("Oracle owners",), ("DB_PAMapprover2",), ("CN=DB_PAMapprover",), ("",), ("\\", "@", "@corp.example")]
)
def test_confirmers_that_nobody_can_map_refuse_and_are_named_for_the_operator(names: tuple[str, ...]) -> None:
    """Unknown is not allowed; the names are for the alarm, and the sender reads none of PVWA's facts."""
    ending = refusal(facts(request=waits_for(*names)))
    assert (ending.code, ending.names, ending.request) == (Code.CONFIRMERS_UNMAPPED, names, None)


def test_a_request_without_confirmers_is_refused() -> None:
    """Nobody named is nobody allowed."""
    assert refusal(facts(request=waits_for(confirmers=()))).code is Code.CONFIRMERS_UNMAPPED


def test_two_groups_of_one_name_are_none() -> None:
    """A name must mean exactly one pinned SID."""
    twin = replace(DB, sid="S-1-5-21-9-9-9-9", dn="CN=x")
    book = GroupBook(first=(DB, twin), second=L2)
    assert refusal(facts(book=book, sender_groups=(DB, twin))).code is Code.CONFIRMERS_UNMAPPED


def test_a_group_made_again_with_another_sid_is_another_group() -> None:
    """Membership in the old object proves nothing for the new one."""
    again = replace(DB, sid="S-1-5-21-9-9-9-9")
    assert refusal(facts(book=GroupBook(first=(again,), second=L2))).code is Code.OTHER_TEAM


def test_a_group_that_has_changed_its_level_is_looked_at_afresh() -> None:
    """The configuration was reloaded between the two look-ups: being in it at the other level proves nothing."""
    promoted = replace(DB, level=Level.SECOND)
    request = waits_for(level=None)
    book = GroupBook(first=(FIN,), second=promoted)
    assert refusal(facts(book=book, request=request)).code is Code.OTHER_TEAM
    assert isinstance(decide(facts(book=book, request=request, sender_groups=(promoted,))), Confirm)


def test_a_group_moved_in_the_directory_is_the_same_group() -> None:
    """The book may have been read again since the sender's groups were."""
    moved = replace(DB, dn="CN=DB_PAMapprover,OU=New,DC=corp,DC=example", name="db_pamapprover")
    assert isinstance(decide(facts(book=GroupBook(first=(moved,), second=L2))), Confirm)


def test_the_other_levels_approver_learns_which_level_it_waits_for() -> None:
    """Where PVWA lists only the current level, an early or late approver is no stranger to be told "another team"."""
    early = refusal(facts(sender=verified(RHEA), sender_groups=(L2,)))
    assert (early.code, early.level) == (Code.WRONG_LEVEL, Level.FIRST)
    late = refusal(facts(request=waits_for("L2_PAMapprover", level=Level.SECOND)))
    assert (late.code, late.level) == (Code.WRONG_LEVEL, Level.SECOND)
    assert late.request is None


def test_who_and_when_are_told_to_the_team() -> None:
    """A mapped confirmer reads who gave the vote, and when."""
    ending = refusal(facts(request=AT_LEVEL_2))
    assert (ending.who, ending.when) == ("Wen Zhao (wen.zhao)", PAST.isoformat())


# ------------------------------------------------------------------------------ four eyes


def at_level_2(row: Confirmer, **changes: Any) -> Facts:
    """Return the facts of Ilka Brandt's second-level mail, after `row` was given at the first."""
    request = waits_for(level=Level.SECOND, confirmers=(row, OPEN_L2))
    values: dict[str, Any] = {"sender_groups": (DB, L2), "request": request, "acted": actors(request, OURS)}
    return facts(**values | changes)


def by_us(address: str, ledger_id: str = "abcdefgh2345") -> str:
    """Return a comment of our form."""
    return f"Approved on behalf of {address} (approvald {ledger_id})"


@pytest.mark.parametrize(
    "row",
    [
        acted("DB_PAMapprover", "svc-pam-l1", comment=by_us("ilka.brandt@corp.example")),
        acted("DB_PAMapprover", "ilka.brandt"),
        acted("DB_PAMapprover", "CORP\\Ilka.Brandt"),
        acted("DB_PAMapprover", "ilka.brandt@corp.example"),
        acted("ilka.brandt", is_group=False),
        # she forges a colleague's name in the portal
        acted("DB_PAMapprover", "ilka.brandt", comment=by_us("mara.voss@corp.example")),
        acted("DB_PAMapprover", "ilka.brandt", "mara.voss", "svc-pam-l1", comment=by_us("mara.voss@corp.example")),
        acted("DB_PAMapprover", "ilka.brandt", "mara.voss", "svc-pam-l1"),
    ],
)
def test_nobody_gives_both_levels_by_mail_and_portal(row: Confirmer) -> None:
    """Four eyes, wherever the first level was given; a human whom PVWA's record cannot clear is refused."""
    assert refusal(at_level_2(row)).code is Code.SAME_PERSON_TWICE


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (acted("DB_PAMapprover", "ilka.brandt"), "You have already approved"),
        (acted("DB_PAMapprover", "ilka.brandt", "mara.voss"), "You may already have approved"),
    ],
)
def test_a_doubt_is_told_as_a_doubt(row: Confirmer, why: str) -> None:
    """Nobody is accused of an approval that a colleague may have given."""
    assert why in refusal(at_level_2(row)).why


@pytest.mark.parametrize(
    "row",
    [
        acted("DB_PAMapprover", "svc-pam-l1", comment=by_us("mara.voss@corp.example")),
        acted("DB_PAMapprover", "mara.voss"),
        acted("DB_PAMapprover", "mara.voss", comment=by_us("ilka.brandt@corp.example")),
        acted("DB_PAMapprover", "mara.voss", "svc-pam-l1", comment=by_us("ilka.brandt@corp.example")),
        acted("DB_PAMapprover"),
        acted("DB_PAMapprover", "svc-pam-l1", comment="typed by an administrator"),
    ],
)
def test_a_colleague_at_the_first_level_is_another_human(row: Confirmer) -> None:
    """Nor can a colleague lock somebody out by a forged comment."""
    decision = decide(at_level_2(row))
    assert isinstance(decision, Confirm)
    assert (decision.level, decision.account, decision.group) == (
        Level.SECOND,
        ConfirmingAccount.SECOND,
        L2,
    )


def test_what_the_ledger_sent_is_believed_where_pvwa_lists_the_whole_group() -> None:
    """PVWA may list all members of the group; the ledger knows that the comment is ours, and for whom."""
    row = acted("DB_PAMapprover", "ilka.brandt", "mara.voss", "svc-pam-l1", comment=by_us("mara.voss@corp.example"))
    before = {Level.FIRST: ApprovedBy(guid=MARA.guid, link=None, ledger_id="abcdefgh2345")}
    assert isinstance(decide(at_level_2(row, approved_before=before)), Confirm)


def test_linked_accounts_are_one_human_in_ledger_and_portal() -> None:
    """Alice and adm-alice are one pair of eyes."""
    sender = verified(replace(ILKA, link="7"))
    before = {Level.FIRST: ApprovedBy(guid="another", link="7", ledger_id="abcdefgh2345")}
    row = acted("DB_PAMapprover", "adm-ilka")
    assert refusal(at_level_2(row, sender=sender, approved_before=before)).code is Code.SAME_PERSON_TWICE
    portal = (make_person("adm-ilka", link="7"),)
    assert refusal(at_level_2(row, sender=sender, portal_people=portal)).code is Code.SAME_PERSON_TWICE
    assert isinstance(decide(at_level_2(row, sender=sender)), Confirm)


def test_the_requestors_other_account_is_no_second_person() -> None:
    """Level 1 by an account of the requestor's, by mail or in the portal, leaves two people where three must be."""
    why = "The requestor also approved this request, with another account."
    row = acted("DB_PAMapprover", "adm-timo")
    by_mail = {Level.FIRST: ApprovedBy(guid=TIMO.guid, link=None, ledger_id="abcdefgh2345")}
    for change in ({"portal_people": (make_person("adm-timo", owner=TIMO.guid),)}, {"approved_before": by_mail}):
        ending = refusal(at_level_2(row, **change))
        assert (ending.code, ending.why) == (Code.SAME_PERSON_TWICE, why)
    assert isinstance(decide(at_level_2(row, portal_people=(make_person("adm-mara", owner=MARA.guid),))), Confirm)


def test_an_account_of_the_senders_among_those_of_whom_one_acted_is_a_doubt() -> None:
    """Whichever of their accounts it is, the first known or another."""
    row = acted("DB_PAMapprover", "adm-ilka", "mara.voss")
    accounts = (make_person("test-ilka"), make_person("adm-ilka"))
    ending = refusal(at_level_2(row, sender_accounts=accounts))
    assert ending.code is Code.SAME_PERSON_TWICE
    assert "You may already have approved" in ending.why
    assert isinstance(decide(at_level_2(row, sender_accounts=accounts[:1])), Confirm)


def test_the_same_mail_twice_is_not_called_the_other_level() -> None:
    """Two confirmers are needed at one level, and the tired approver forwards again."""
    before = {Level.FIRST: ApprovedBy(guid=ILKA.guid, link=None, ledger_id="abcdefgh2345")}
    request = waits_for(
        confirmers=(acted("DB_PAMapprover", "svc-pam-l1", comment=by_us("ilka.brandt@corp.example")),),
        confirmations_left=1,
    )
    ending = refusal(facts(request=request, approved_before=before))
    assert (ending.code, ending.confirmations_left) == (Code.NEEDS_OTHER_CONFIRMER, 1)
    assert ending.who == "ilka.brandt@corp.example"


def test_a_first_level_approver_who_forwards_again_hears_that_the_second_level_is_next() -> None:
    """Not that they have tried to give both."""
    before = {Level.FIRST: ApprovedBy(guid=ILKA.guid, link=None, ledger_id="abcdefgh2345")}
    assert refusal(facts(request=AT_LEVEL_2, approved_before=before)).code is Code.WRONG_LEVEL


def test_book_and_people_of_these_tests_are_distinct() -> None:
    """Otherwise a refusal here could have another cause than its test says."""
    assert len({person.guid for person in (ILKA, MARA, RHEA, TIMO)}) == 4
    assert len({group.sid for group in BOOK.all()}) == 3
