"""People, not addresses: admin accounts, links and line managers over the real protocols."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvald_sandbox.world.mails import forwarded
from e2e.stage import Seen, Stage

ILKA, MARA, TIMO = "ilka.brandt@corp.example", "mara.voss@corp.example", "timo.gast@corp.example"
ADMIN = "adm-jonas@corp.example"


@pytest.fixture
def people(house: Stage) -> Iterator[Stage]:
    """Give the module's daemon, and afterwards take out the accounts that tests here add."""
    yield house
    for sam in ("adm-jonas", "adm-timo", *(f"filler.{number}" for number in range(3))):
        house.sandbox.change_person(sam, delete=True)


def see(stage: Stage, sender: str, requestor: str) -> Seen:
    """Let somebody ask, and somebody approve."""
    return stage.see(forwarded(stage.new_request(requestor=requestor), sender))


def test_an_admin_accounts_request_is_approved_by_somebody_else(people: Stage) -> None:
    """Also by the line manager of its owner; not by its owner."""
    people.sandbox.change_person("jonas.keil", manager="ilka.brandt")
    people.sandbox.change_person("adm-jonas", kind="admin", manager="jonas.keil")
    assert see(people, ILKA, ADMIN).code == "confirmed"
    assert see(people, MARA, ADMIN).code == "confirmed"
    people.sandbox.change_group("DB_PAMapprover", members=["jonas.keil"])
    seen = see(people, "jonas.keil@corp.example", ADMIN)
    assert (seen.code, seen.folder) == ("own_request", "Refused")


def test_ones_own_request_is_not_approved_from_the_admin_account(people: Stage) -> None:
    """An admin account with a mailbox that is an approver, and its owner who asked."""
    people.sandbox.change_person("adm-jonas", kind="admin", manager="jonas.keil")
    people.sandbox.change_group("DB_PAMapprover", members=["adm-jonas"])
    assert see(people, ADMIN, "jonas.keil@corp.example").code == "own_request"
    assert see(people, ADMIN, MARA).code == "confirmed"


def test_a_line_manager_of_that_name_joins_nobody(people: Stage) -> None:
    """The manager of an everyday account approves its requests."""
    people.sandbox.change_person("jonas.keil", manager="ilka.brandt")
    assert see(people, ILKA, "jonas.keil@corp.example").code == "confirmed"


def test_two_accounts_with_one_link_are_one_human(people: Stage) -> None:
    """Three are as well; five are a filler value, which stops nobody and alarms."""
    for sam in ("ilka.brandt", "jonas.keil"):
        people.sandbox.change_person(sam, employee_id="0000")
    assert see(people, ILKA, "jonas.keil@corp.example").code == "own_request"
    for number in range(3):
        people.sandbox.change_person(f"filler.{number}", employee_id="0000")
    assert see(people, ILKA, "jonas.keil@corp.example").code == "confirmed"
    people.until(lambda: any("too many accounts" in alarm["subject"] for alarm in people.alarms()))
    for sam in ("ilka.brandt", "jonas.keil"):
        people.sandbox.change_person(sam, employee_id=None)


def test_whose_other_account_is_an_approver_is_told_which(people: Stage) -> None:
    """Mail counts for its own account."""
    people.sandbox.change_person("adm-timo", kind="admin", manager="timo.gast", mail=None, proxy_addresses=[])
    people.sandbox.change_group("DB_PAMapprover", members=["ilka.brandt", "adm-timo"])
    seen = see(people, TIMO, "jonas.keil@corp.example")
    assert seen.code == "not_an_approver"
    assert "adm-timo is in one" in seen.replies[0]["text"]
