"""Which accounts are one human."""

from __future__ import annotations

from dataclasses import replace

import pytest

from approvald.approval.people import ApprovedBy, links_to_count, same_person
from fakes.directory import make_person

ID = "k3m9abcdefgh"
ILKA = make_person("ilka.brandt", link="7")
ADMIN = make_person("adm-ilka", owner=ILKA.guid)
MARA = make_person("mara.voss")


@pytest.mark.parametrize(
    ("guid", "link", "same"),
    [
        (ILKA.guid, None, True),
        (ILKA.guid, "8", True),
        ("another", "7", True),
        ("another", "8", False),
        ("another", None, False),
        ("another", "", False),
    ],
)
def test_one_human_is_one_object_or_joined_by_the_link(guid: str, link: str | None, *, same: bool) -> None:
    """An empty link joins nobody."""
    assert same_person(ILKA, ApprovedBy(guid=guid, link=link, ledger_id=ID), {}) is same


def test_two_people_without_a_link_are_two_people() -> None:
    """Nothing is not the same as nothing."""
    assert not same_person(replace(ILKA, link=None), MARA, {})
    assert not same_person(make_person("a", link=""), make_person("b", link=""), {})


def test_an_admin_account_is_its_owner() -> None:
    """Both ways round, and two admin accounts of one owner are one human as well."""
    other = make_person("admin-ilka", owner=ILKA.guid)
    for one, two in ((ILKA, ADMIN), (ADMIN, ILKA), (ADMIN, other)):
        assert same_person(one, two, {})
    assert not same_person(ADMIN, MARA, {})
    assert not same_person(ADMIN, make_person("adm-mara", owner=MARA.guid), {})
    assert (ADMIN.human, ILKA.human) == (ILKA.guid, ILKA.guid)


def test_a_line_manager_is_another_human() -> None:
    """Only `owner` joins; whoever is named as manager of an everyday account does not."""
    assert not same_person(replace(MARA, manager_dn=ILKA.dn), ILKA, {})


@pytest.mark.parametrize(("bearers", "same"), [({}, True), ({"7": 2}, True), ({"7": 3}, True), ({"7": 4}, False)])
def test_a_link_that_many_bear_joins_nobody(bearers: dict[str, int], *, same: bool) -> None:
    """Three are one human's accounts, four are a filler; one that nobody counted joins."""
    assert same_person(ILKA, make_person("test-ilka", link="7"), bearers) is same
    assert same_person(ILKA, ILKA, bearers)
    assert same_person(replace(ADMIN, link="7"), ILKA, bearers)


def test_only_links_that_would_join_two_are_counted() -> None:
    """Who is known to be one human by more than the link needs no slow search, nor do different links."""
    twin = make_person("test-ilka", link="7")
    assert links_to_count([ILKA], [twin, MARA]) == {"7"}
    assert links_to_count([ILKA], [ILKA, ADMIN, replace(ADMIN, link="7"), MARA]) == frozenset()
    assert links_to_count([MARA], [replace(MARA, guid="x"), twin]) == frozenset()
