"""People, not addresses: whose accounts are one human's, on the whole house."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.model import Person
from fakes.directory import make_person
from fakes.house import ILKA, MARA, RHEA, House
from fakes.pvwa_requests import FakeRequest
from places import ROOT

SHIPPED = load(ROOT / "config" / "approvald.toml")


def settings(**people: Any) -> Settings:
    """Return the shipped configuration with these values in [people]."""
    return SHIPPED.model_copy(update={"people": SHIPPED.people.model_copy(update=people)})


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, SHIPPED)


def change(house: House, account_name: str, **fields: Any) -> Person:
    """Change one of the people there; returns how they are now."""
    person = next(each for each in house.directory.people if each.account_name == account_name)
    house.directory.people.remove(person)
    return house.directory.add(replace(person, **fields))


def admin_of(house: House, account_name: str, name: str = "adm-ilka", **fields: Any) -> Person:
    """Add an admin account whose manager is this person."""
    owner = next(each for each in house.directory.people if each.account_name == account_name)
    return house.directory.add(make_person(name, manager_dn=owner.dn, **fields))


def ends(house: House, request: FakeRequest, sender: str = ILKA) -> str:
    """Forward it, and return the subject of the answer."""
    house.forward(request, sender)
    house.round()
    answer = next(mail for mail in reversed(house.mailbox.sent) if mail.to == (sender,))
    return answer.subject


def code(house: House) -> str:
    """Return how the latest answer says it ended."""
    return house.mailbox.sent[-1].html


# ------------------------------------------------------------------------------------------- who is the requestor


def test_a_line_manager_may_approve(house: House) -> None:
    """Jonas' manager is Ilka, who approves his request as every day."""
    ilka = next(each for each in house.directory.people if each.account_name == "ilka.brandt")
    change(house, "jonas.keil", manager_dn=ilka.dn)
    assert ends(house, house.ask()).startswith("Approved")
    assert len(house.pvwa.confirmations) == 1


def test_a_line_manager_may_approve_for_an_admin_account_of_their_report(house: House) -> None:
    """adm-jonas belongs to Jonas, whose own manager is Ilka: one step and no further."""
    ilka = next(each for each in house.directory.people if each.account_name == "ilka.brandt")
    change(house, "jonas.keil", manager_dn=ilka.dn)
    admin_of(house, "jonas.keil", "adm-jonas")
    assert ends(house, house.ask(requestor="adm-jonas")).startswith("Approved")


def test_the_request_of_ones_admin_account_is_ones_own(house: House) -> None:
    """Nobody approves what their other account asked for."""
    admin_of(house, "ilka.brandt")
    assert ends(house, house.ask(requestor="adm-ilka")).startswith("Not approved: your own request")
    assert house.pvwa.attempts == []


def test_without_patterns_of_admin_accounts_a_manager_joins_nobody(house: House) -> None:
    """An empty people.admin_accounts switches it off."""
    house.directory.admin_accounts = ()
    admin_of(house, "ilka.brandt")
    assert ends(house, house.ask(requestor="adm-ilka")).startswith("Approved")


def test_an_admin_account_without_its_pattern_is_not_joined_by_its_manager(house: House) -> None:
    """A report whose name only resembles an admin account is somebody else."""
    admin_of(house, "ilka.brandt", "badm-jonas")
    assert ends(house, house.ask(requestor="badm-jonas")).startswith("Approved")


# ------------------------------------------------------------------------------------------------------- the link


def linked(house: House, count: int, link: str = "1007") -> None:
    """Let Ilka, Jonas and others, `count` in all, bear one link value."""
    for name in ("ilka.brandt", "jonas.keil"):
        change(house, name, link=link)
    for number in range(count - 2):
        house.directory.add(make_person(f"other.{number}", link=link))


@pytest.mark.parametrize("count", [2, 3])
def test_a_link_of_few_joins(house: House, count: int) -> None:
    """Two or three accounts of one human."""
    linked(house, count)
    assert ends(house, house.ask()).startswith("Not approved: your own request")
    assert house.alarms() == []


@pytest.mark.parametrize("count", [4, 9, 30])
def test_a_link_of_many_joins_nobody_and_alarms(house: House, count: int) -> None:
    """A filler value stops no honest approver; the team hears which value it is."""
    linked(house, count, link="0000")
    assert ends(house, house.ask()).startswith("Approved")
    (alarm,) = house.alarms("too many accounts share a value")
    assert "0000" in alarm.text
    assert f"{min(count, 10)} or more" in alarm.text


def test_links_are_counted_only_where_one_would_join_two(house: House) -> None:
    """The attribute has no index: an ordinary mail costs no search for it."""
    change(house, "ilka.brandt", link="1007")
    change(house, "jonas.keil", link="1008")
    assert ends(house, house.ask()).startswith("Approved")
    assert [asked for asked in house.directory.questions if asked.startswith(("link", "admin"))] == []


# ----------------------------------------------------------------------------------------------- three different people


def test_one_human_does_not_give_both_levels_with_two_mailboxes(house: House) -> None:
    """Level 1 by the admin account's mail, level 2 by the everyday one's, and the other way round."""
    admin_of(house, "rhea.malik", "adm-rhea")
    house.directory.add_group("DB_PAMapprover", "adm-rhea", "ilka.brandt")
    house.directory.add_group("L2_PAMapprover", "rhea.malik", "adm-rhea")
    request = house.ask(levels=2)
    assert ends(house, request, "adm-rhea@corp.example").startswith("Approved (first level)")
    assert ends(house, request, RHEA).startswith("Not approved: a second person")
    assert len(house.pvwa.confirmations) == 1


def test_who_confirmed_by_mail_is_known_to_a_ledger_that_has_lost_it(house: House, tmp_path: Path) -> None:
    """PVWA's record names the human in our comment, and the directory knows their other accounts."""
    change(house, "rhea.malik", link="1007")
    house.directory.add(make_person("test.rhea", link="1007"))
    house.directory.add_group("DB_PAMapprover", "test.rhea")
    request = house.ask(levels=2)
    assert ends(house, request, "test.rhea@corp.example").startswith("Approved (first level)")
    (tmp_path / "anew").mkdir()
    other = House(tmp_path / "anew", SHIPPED)
    other.pvwa, other.directory, other.mailbox = house.pvwa, house.directory, house.mailbox
    other.crash()
    assert ends(other, request, RHEA).startswith("Not approved: a second person")


def test_the_requestor_does_not_give_a_level_with_another_account(house: House) -> None:
    """Jonas asks, adm-jonas gives level 1 in the portal: level 2 by an honest mail would leave two people of three."""
    admin_of(house, "jonas.keil", "adm-jonas")
    request = house.ask(levels=2)
    house.pvwa.act_in_portal(request.request_id, "adm-jonas")
    assert ends(house, request, RHEA).startswith("Not approved: a second person is needed")
    assert "The requestor also approved this request" in code(house)
    assert house.pvwa.attempts == []


@pytest.mark.parametrize(("other", "approved"), [("adm-rhea", False), ("adm-mara", True)])
def test_of_many_who_may_have_acted_none_may_be_an_account_of_the_senders(
    house: House, other: str, *, approved: bool
) -> None:
    """PVWA lists all members of the group that acted, and does not say who it was."""
    admin_of(house, "rhea.malik" if other == "adm-rhea" else "mara.voss", other)
    request = house.ask(levels=2)
    house.pvwa.act_in_portal(request.request_id, "ilka.brandt")
    shown = request.shown(house.clock.now())
    row = shown.confirmers[0]
    members = (*row.members, (other, other))
    request.record = replace(shown, confirmers=(replace(row, members=members), *shown.confirmers[1:]))
    house.forward(request, RHEA)
    house.round()
    assert bool(house.pvwa.attempts) is approved
    assert approved or "same_person_twice" in code(house)


# ------------------------------------------------------------------------------------------- approver by linked account


def lender(house: House, **fields: Any) -> Person:
    """Let Timo, who is no approver, have an admin account that is one."""
    account = admin_of(house, "timo.gast", "adm-timo", address="", addresses=frozenset(), **fields)
    house.directory.add_group("DB_PAMapprover", "ilka.brandt", "adm-timo")
    return account


TIMO = "timo.gast@corp.example"


def test_whose_other_account_is_an_approver_is_told_which(house: House) -> None:
    """By default mail counts for its own account."""
    lender(house)
    assert ends(house, house.ask(), TIMO).startswith("Not approved: you are not an approver")
    assert "adm-timo is in one" in house.mailbox.sent[-1].text
    assert house.pvwa.attempts == []


def test_a_linked_account_lends_its_groups_where_the_site_says_so(tmp_path: Path) -> None:
    """The mail of Timo counts for the groups of adm-timo; the comment names Timo."""
    house = House(tmp_path, settings(approver_by_linked_account=True))
    lender(house)
    assert ends(house, house.ask(), TIMO).startswith("Approved")
    assert TIMO in house.pvwa.confirmations[0].comment


@pytest.mark.parametrize("fields", [{"disabled": True}, {"expired": True}])
@pytest.mark.parametrize("lends", [True, False])
def test_a_dead_account_lends_nothing(tmp_path: Path, fields: dict[str, bool], *, lends: bool) -> None:
    """Nor is it named."""
    house = House(tmp_path, settings(approver_by_linked_account=lends))
    lender(house, **fields)
    assert ends(house, house.ask(), TIMO).startswith("Not approved: you are not an approver")
    assert "adm-timo" not in house.mailbox.sent[-1].text


def test_of_several_linked_approvers_none_lends(tmp_path: Path) -> None:
    """Exactly one, or nobody knows for whom the mail should count."""
    house = House(tmp_path, settings(approver_by_linked_account=True))
    lender(house)
    admin_of(house, "timo.gast", "admin-timo")
    house.directory.add_group("NET_PAMapprover", "admin-timo")
    assert ends(house, house.ask(), TIMO).startswith("Not approved: you are not an approver")
    assert house.pvwa.attempts == []


def test_a_link_of_many_lends_nothing(tmp_path: Path) -> None:
    """A filler value in the link attribute makes nobody an approver."""
    house = House(tmp_path, settings(approver_by_linked_account=True))
    for name in ("timo.gast", "ilka.brandt", "mara.voss", "jonas.keil"):
        change(house, name, link="0000")
    assert ends(house, house.ask(), TIMO).startswith("Not approved: you are not an approver")
    assert house.alarms("too many accounts share a value")


def test_who_acts_through_another_account_approves_nothing_of_that_accounts_human(tmp_path: Path) -> None:
    """adm-timo is managed by Timo and bears Jonas' link: a slip in the directory confirms nothing for Jonas."""
    house = House(tmp_path, settings(approver_by_linked_account=True))
    lender(house, link="1007")
    change(house, "jonas.keil", link="1007")
    assert ends(house, house.ask(), TIMO).startswith("Not approved: your own request")


def test_an_approver_of_their_own_needs_no_other_account(tmp_path: Path) -> None:
    """Own groups count beside lent ones, with and without another account."""
    house = House(tmp_path, settings(approver_by_linked_account=True))
    assert ends(house, house.ask(), MARA).startswith("Approved")
    lender(house)
    house.directory.add_group("NET_PAMapprover", "timo.gast")
    assert ends(house, house.ask("DB-PROD-01_18"), TIMO).startswith("Approved")
