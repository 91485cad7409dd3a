"""The directory adapter before a real Active Directory domain controller: Samba's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import ldap3
import pytest

from approvald.confirmation.groups import ApproverGroups, GroupPins
from approvald.core.model import NoPerson, Person, SeveralPersons
from contract.directory_rules import DirectoryContract, Subject, the_person
from fakes.clock import FakeClock
from fakes.names import FakeNames
from real.conftest import AWKWARD_NAME, Controllers
from real.domain_changes import administrator, delete_group, group_dn, recreate_group
from real.domain_controller import DomainController
from real.samba_directory import (
    ILKA,
    held_groups,
    opened,
)


class TestContract(DirectoryContract):
    """Every rule of the port, before Samba."""

    @pytest.fixture
    def subject(self, controllers: Controllers) -> Iterator[Subject]:
        """Give the shared domain controller, and discard it after a change."""
        controller = controllers.shared()
        changes: list[str] = []

        def recreate(name: str) -> None:
            changes.append(name)
            recreate_group(controller, name)

        def delete(name: str) -> None:
            changes.append(name)
            delete_group(controller, name)

        def go_away() -> None:
            changes.append("gone")
            controller.kill()

        with ExitStack() as stack:
            yield Subject(
                open=lambda **groups: stack.enter_context(opened(controller, **groups)),
                go_away=go_away,
                recreate=recreate,
                delete=delete,
            )
        if changes:
            controllers.discard()


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_both_ways_of_encryption_lead_in(controller: DomainController, scheme: str) -> None:
    """LDAPS, and StartTLS on the plain port, where this domain controller refuses a password in the clear."""
    with opened(controller, scheme=scheme) as directory:
        assert isinstance(directory.find_by_address(ILKA), Person)
        assert held_groups(directory, "dario.conti") == {"DB_PAMapprover", "L2_PAMapprover"}


def test_names_full_of_special_characters_change_nothing(controller: DomainController) -> None:
    """Samba writes its own escapes into DNs; they come back into filters and bases unharmed."""
    with opened(controller, first_level="R&D *_PAM") as directory:
        found = directory.find_by_address("Juergen.Keil@corp.example")
        assert isinstance(found, Person)
        assert found.display_name == AWKWARD_NAME
        assert "\\," in found.dn
        assert found.addresses == {"juergen.keil@corp.example"}
        assert found.address == ""
        assert held_groups(directory, "juergen.keil") == {"R&D (x) #1_PAM"}


def test_an_owner_full_of_special_characters_is_found_both_ways(controller: DomainController) -> None:
    """From the admin account to its manager's entry, and from there by a filter that holds the DN."""
    with opened(controller) as directory:
        owner, admin = the_person(directory, "juergen.keil"), the_person(directory, "adm-juergen")
        assert admin.owner == owner.guid
        assert directory.admin_accounts_of(owner) == [admin]


@pytest.mark.parametrize("address", [f" {ILKA}", f"{ILKA} ", f"{ILKA}\0", f"{ILKA}\0x", "ilka*@corp.example"])
def test_what_the_server_would_overlook_is_not_overlooked(controller: DomainController, address: str) -> None:
    """Samba itself finds Ilka Brandt by some of these spellings; the adapter finds nobody."""
    with opened(controller) as directory:
        assert directory.find_by_address(address) == NoPerson()
        assert directory.find_by_user_name(address) == NoPerson()


def test_a_user_name_with_an_umlaut_is_not_the_one_without(controller: DomainController) -> None:
    """Found in any case, and by no look-alike."""
    with opened(controller) as directory:
        assert directory.find_by_user_name("j\u00fcrgen.keil@corp.example") == NoPerson()
        assert directory.find_by_user_name("j\u00fcergen.keil") == NoPerson()
        assert the_person(directory, "JUERGEN.KEIL@CORP.EXAMPLE").account_name == "juergen.keil"


def test_who_is_in_a_group_by_primary_group_only_is_not_counted(controller: DomainController) -> None:
    """Active Directory's in-chain rule leaves it out; so do we, until configuration says otherwise."""
    with opened(controller) as directory, opened(controller, count_primary_group=True) as counting:
        assert held_groups(directory, "priya.nair") == set()
        assert held_groups(counting, "priya.nair") == {"Net_PAMapprover"}
        assert held_groups(counting, "wen.zhao") == {"Net_PAMapprover"}
        for each in (directory, counting):
            assert held_groups(each, "jonas.keil") == {"Net_PAMapprover"}
            assert held_groups(each, "sofie.lund") == set()


def test_two_who_share_an_address_are_refused_both(controller: DomainController) -> None:
    """One mail on two accounts; and an alias that claims another's address."""
    with opened(controller) as directory:
        assert directory.find_by_address("TWIN@corp.example") == SeveralPersons(count=2)
        assert directory.find_by_address("rhea.malik@corp.example") == SeveralPersons(count=2)
        assert isinstance(directory.find_by_address("timo.gast@corp.example"), Person)


def test_a_group_made_again_is_disabled_until_it_is_accepted(own_controller: DomainController) -> None:
    """Active Directory gives it another SID; name, members and kind are the same."""
    with opened(own_controller) as directory:
        pins = GroupPins(FakeNames())
        groups = ApproverGroups(directory, FakeClock(datetime.now(UTC)), refresh_seconds=900, pins=pins)
        ilka = the_person(directory, "ilka.brandt")
        assert [group.name for group in groups.groups_of(ilka)] == ["DB_PAMapprover"]
        recreate_group(own_controller, "DB_PAMapprover")
        assert groups.groups_of(ilka) == ()
        assert "DB_PAMapprover" in {problem.name for problem in groups.book().problems}
        again = next(group for group in directory.approver_groups().first if group.name == "DB_PAMapprover")
        pins.accept(again)
        assert groups.groups_of(ilka) == (again,)


def test_a_removed_member_is_out_at_once(own_controller: DomainController) -> None:
    """Nothing of an answer is kept."""
    with opened(own_controller) as directory:
        assert held_groups(directory, "mara.voss") == {"DB_PAMapprover"}
        mara = the_person(directory, "mara.voss")
        with administrator(own_controller) as connection:
            gone = {"member": [(ldap3.MODIFY_DELETE, [mara.dn])]}
            connection.modify(group_dn(own_controller, "DBA-Team"), gone)
        assert held_groups(directory, "mara.voss") == set()


def test_a_group_that_moves_and_is_renamed_keeps_its_members(own_controller: DomainController) -> None:
    """It is pinned by its SID: between two looks at all groups a new DN refuses nobody."""
    with opened(own_controller) as directory:
        book, ilka = directory.approver_groups(), the_person(directory, "ilka.brandt")
        with administrator(own_controller) as connection:
            old = group_dn(own_controller, "DB_PAMapprover")
            connection.modify_dn(old, "CN=Data\\, renamed", new_superior=f"OU=People,OU=PAM,{own_controller.base_dn}")
        assert len(directory.memberships(ilka, book.all())) == 1
