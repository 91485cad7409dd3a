"""How real PVWAs differ: honest mails get through in every profile, and none is refused wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvald.approval.decide import Confirm, Refuse, decide
from approvald.approval.endings import Code
from approvald.core.model import ApproverGroup, Confirmer, ConfirmingAccount, GroupBook, Level
from fakes.facts import BOOK, DB, FIN, ILKA, L2, RHEA, acted, facts, make_group, verified, waits_for


def confirmed(**changes: Any) -> tuple[Level, ConfirmingAccount, str]:
    """Decide, and expect a confirmation: its level, account and group."""
    decision = decide(facts(**changes))
    assert isinstance(decision, Confirm), decision
    return decision.level, decision.account, decision.group.name


def refused(**changes: Any) -> Code:
    """Decide, and expect a refusal."""
    decision = decide(facts(**changes))
    assert isinstance(decision, Refuse)
    return decision.code


SPELLINGS = ["{}", "CORP\\{}", "{}@corp.example", "corp.example\\{}", "CORP\\{}@corp.example"]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("change", [str, str.upper, str.casefold])
def test_confirmers_are_known_however_pvwa_spells_them(spelling: str, change: Any) -> None:
    """Plain, with a domain before or behind, in any case."""
    name = spelling.format(change("DB_PAMapprover"))
    assert confirmed(request=waits_for(name)) == (Level.FIRST, ConfirmingAccount.FIRST, "DB_PAMapprover")


@pytest.mark.parametrize("name", ["Oracle owners", "ORACLE OWNERS"])
def test_a_name_of_pvwas_own_is_mapped_by_the_configuration(name: str) -> None:
    """[groups.pvwa_names], and what it says counts more than the name itself."""
    names = {"oracle owners": "DB_PAMapprover"}
    assert confirmed(request=waits_for(name), pvwa_names=names)[2] == "DB_PAMapprover"
    assert (
        refused(request=waits_for("DB_PAMapprover"), pvwa_names={"db_pamapprover": "FIN_PAMapprover"})
        is Code.OTHER_TEAM
    )


def test_a_whole_name_in_the_configuration_counts_more_than_its_last_part() -> None:
    """A group of another domain with the same name can be told apart."""
    names = {"other\\db_pamapprover": "FIN_PAMapprover"}
    assert refused(request=waits_for("OTHER\\DB_PAMapprover"), pvwa_names=names) is Code.OTHER_TEAM
    assert confirmed(request=waits_for("CORP\\DB_PAMapprover"), pvwa_names=names)[2] == "DB_PAMapprover"


def test_a_configured_name_that_is_no_approver_group_maps_to_none() -> None:
    """A slip in the configuration refuses; it never falls back to guessing."""
    assert refused(pvwa_names={"db_pamapprover": "DB_PAMaprover"}) is Code.CONFIRMERS_UNMAPPED


def test_two_names_for_one_group_share_its_one_vote() -> None:
    """Where either has acted, our account's vote may be spent: the next one is given in the portal."""
    names = {"oracle owners": "DB_PAMapprover", "oracle deputies": "DB_PAMapprover"}
    request = waits_for(
        confirmers=(acted("Oracle owners", "wen.zhao"), Confirmer(name="Oracle deputies", is_group=True))
    )
    assert refused(request=request, pvwa_names=names) is Code.NEEDS_OTHER_CONFIRMER


@pytest.mark.parametrize("name", ["A@B", "X\\DB_PAMapprover@Y"])
def test_a_group_whose_name_holds_a_sign_is_itself(name: str) -> None:
    """A whole name is tried before anything is cut off it."""
    odd = make_group(name)
    book = GroupBook(first=(make_group("A"), DB, odd), second=L2)
    assert confirmed(request=waits_for(name), book=book, sender_groups=(odd,))[2] == name
    assert refused(request=waits_for(name), book=book, sender_groups=(make_group("A"), DB)) is Code.OTHER_TEAM


def test_every_backslash_belongs_to_the_domain() -> None:
    """Only what stands behind the last one names a group."""
    assert confirmed(request=waits_for("FOREST\\CORP\\DB_PAMapprover"))[2] == "DB_PAMapprover"
    assert refused(request=waits_for("DB_PAMapprover\\Owners")) is Code.CONFIRMERS_UNMAPPED


BOTH = ("DB_PAMapprover", "L2_PAMapprover")


@pytest.mark.parametrize(("level", "names"), [(1, BOTH), (1, BOTH[:1]), (None, BOTH[:1])])
def test_the_first_level_lists_all_confirmers_or_its_own(level: int | None, names: tuple[str, ...]) -> None:
    """A team approver is confirmed at level 1 either way, and where PVWA does not say the level."""
    request = waits_for(*names, level=Level(level) if level else None)
    assert confirmed(request=request) == (Level.FIRST, ConfirmingAccount.FIRST, "DB_PAMapprover")


@pytest.mark.parametrize(("level", "names"), [(2, BOTH), (2, BOTH[1:]), (None, BOTH[1:]), (None, BOTH)])
def test_the_second_level_lists_all_confirmers_or_its_own(level: int | None, names: tuple[str, ...]) -> None:
    """Where PVWA does not say the level, the account follows the group and PVWA judges."""
    request = waits_for(*names, level=Level(level) if level else None)
    found = confirmed(sender=verified(RHEA), sender_groups=(L2,), request=request)
    assert found == (Level.SECOND, ConfirmingAccount.SECOND, "L2_PAMapprover")


@pytest.mark.parametrize("names", [BOTH, BOTH[:1]])
def test_a_blind_second_level_account_makes_an_early_mail_wait_its_turn(names: tuple[str, ...]) -> None:
    """The first account's record says level 1: the second-level approver is early, and nothing worse."""
    assert refused(sender=verified(RHEA), sender_groups=(L2,), request=waits_for(*names)) is Code.WRONG_LEVEL


def test_a_single_level_of_the_second_level_group_alone_is_theirs() -> None:
    """It counts at level 1 where no team is listed, with the second-level account."""
    request = waits_for("L2_PAMapprover")
    found = confirmed(sender=verified(RHEA), sender_groups=(L2,), request=request)
    assert found == (Level.FIRST, ConfirmingAccount.SECOND, "L2_PAMapprover")
    assert refused(sender_groups=(DB,), request=request) is Code.OTHER_TEAM


@pytest.mark.parametrize(("level", "expected"), [(1, DB), (2, L2), (None, DB)])
def test_whoever_is_in_both_groups_acts_for_the_one_whose_turn_it_is(
    level: int | None, expected: ApproverGroup
) -> None:
    """The record's level decides; without one the team comes first."""
    request = waits_for(*BOTH, level=Level(level) if level else None)
    found = confirmed(sender_groups=(L2, DB), request=request)
    assert found == (expected.level, ConfirmingAccount(expected.level), expected.name)


@pytest.mark.parametrize("spent", ["DB_PAMapprover", "CORP\\DB_PAMapprover"])
def test_of_two_teams_the_one_whose_vote_is_left_acts(spent: str) -> None:
    """Two confirmers are needed, one team has acted in the portal, and the sender is in both."""
    request = waits_for(
        confirmers=(acted(spent, "wen.zhao"), Confirmer(name="FIN_PAMapprover", is_group=True)), confirmations_left=1
    )
    assert confirmed(sender_groups=(DB, FIN), request=request)[2] == "FIN_PAMapprover"
    assert refused(sender_groups=(DB,), request=request) is Code.NEEDS_OTHER_CONFIRMER


@pytest.mark.parametrize("status", [0, 2, 3, 5, 7, 64, 128, 4096, -1])
def test_a_number_that_nobody_documented_refuses_nobody(status: int) -> None:
    """The record reads as waiting."""
    assert confirmed(request=waits_for(status=status))[0] is Level.FIRST


def test_a_window_that_is_over_by_our_clock_alone_is_left_to_pvwa() -> None:
    """Two clocks differ; the one that counts is PVWA's."""
    request = waits_for()
    late = replace(request, access_to=request.created, expires=request.created)
    assert confirmed(request=late)[0] is Level.FIRST


def test_unknown_facts_of_the_record_refuse_nobody() -> None:
    """A PVWA may leave out whatever approvald does not need."""
    bare = waits_for(created=None, expires=None, confirmations_left=None, second_level_left=None, status_title="")
    assert confirmed(request=bare)[2] == "DB_PAMapprover"


def test_users_among_the_confirmers_disturb_nobody() -> None:
    """A safe may name people beside groups."""
    request = waits_for(confirmers=(Confirmer(name="wen.zhao", is_group=False), *waits_for().confirmers))
    assert confirmed(request=request, sender=verified(ILKA), book=BOOK)[2] == "DB_PAMapprover"
