"""The directory adapter before a real Active Directory domain controller: Samba's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ldap3
import pytest

from approvald.adapters.active_directory import ActiveDirectory
from approvald.errors import AuthenticationFailed, System, Unavailable
from approvald.model import NoPerson, Person, SeveralPersons
from approvald.ports import Directory, Secret
from approvald.settings import DirectorySettings, GroupSettings
from approvald_sandbox.certificates import make_certificates
from contract.directory_rules import PEOPLE_SETTINGS, DirectoryContract, Subject, the_person
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore
from real.conftest import AWKWARD_NAME, Controllers
from real.domain_changes import administrator, bad_passwords, delete_group, group_dn, recreate_group
from real.domain_controller import DomainController

USER = "svc-directory@corp.example"
ILKA = "ilka.brandt@corp.example"
CONNECT_SECONDS, RECEIVE_SECONDS = 1.0, 2.0
SLACK_SECONDS = 2.0


@contextmanager
def opened(
    *controllers: DomainController,
    password: str | None = None,
    guard: FakeGuard | None = None,
    scheme: str = "ldaps",
    ca_file: Path | None = None,
    **groups: Any,
) -> Iterator[ActiveDirectory]:
    """Open an adapter on these domain controllers, as a site would."""
    first = controllers[0]
    secret = Secret(username=USER, password=password or first.password, version="1")
    directory = ActiveDirectory(
        DirectorySettings(
            servers=[getattr(each, scheme) for each in controllers],
            start_tls=scheme == "ldap",
            base_dn=first.base_dn,
            ca_file=ca_file or first.ca_file,
            connect_timeout_seconds=CONNECT_SECONDS,
            receive_timeout_seconds=RECEIVE_SECONDS,
        ),
        groups=GroupSettings(**({"base_dn": first.groups_dn, "second_level": "L2_PAMapprover"} | groups)),
        people=PEOPLE_SETTINGS,
        secrets=FakeSecretStore({"directory": secret}),
        guard=guard or FakeGuard(),
        clock=FakeClock(datetime.now(UTC)),
    )
    try:
        yield directory
    finally:
        directory.close()


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


def held_groups(directory: Directory, account_name: str) -> set[str]:
    """Return the names of the approver groups that somebody is in."""
    book = directory.approver_groups()
    held = directory.memberships(the_person(directory, account_name), book.all())
    return {group.name for group in book.all() if group.sid in held}


def ask(directory: Directory) -> None:
    """Ask who Ilka Brandt is, when no answer is to be had. Fails when there is one."""
    with pytest.raises(Unavailable) as raised:
        directory.find_by_address(ILKA)
    assert raised.value.system is System.DIRECTORY


def took(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


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


def test_a_suspended_controller_is_waited_for_no_longer_than_agreed(own_controller: DomainController) -> None:
    """It takes connections and answers nothing: unavailable in time, cold or in the middle of a conversation."""
    limit = 2 * (CONNECT_SECONDS + RECEIVE_SECONDS) + SLACK_SECONDS
    with opened(own_controller) as warm, opened(own_controller) as cold:
        assert isinstance(warm.find_by_address(ILKA), Person)
        own_controller.suspend()
        assert took(lambda: ask(warm)) < limit
        assert took(lambda: ask(cold)) < limit
        own_controller.resume()
        assert isinstance(warm.find_by_address(ILKA), Person)


def test_another_controller_takes_over_from_a_suspended_one(
    own_controller: DomainController, controller: DomainController
) -> None:
    """The question is answered, and the next one without delay."""
    with opened(own_controller, controller) as directory:
        assert held_groups(directory, "ilka.brandt") == {"DB_PAMapprover"}
        own_controller.suspend()
        limit = CONNECT_SECONDS + RECEIVE_SECONDS + SLACK_SECONDS
        assert took(lambda: held_groups(directory, "ilka.brandt")) < limit
        assert held_groups(directory, "ilka.brandt") == {"DB_PAMapprover"}
        assert took(lambda: directory.find_by_address(ILKA)) < CONNECT_SECONDS


def test_another_controller_takes_over_from_a_dead_one(
    own_controller: DomainController, controller: DomainController
) -> None:
    """Killed between two questions about one person: the second is answered by the other."""
    with opened(own_controller, controller) as directory:
        book, ilka = directory.approver_groups(), the_person(directory, "ilka.brandt")
        own_controller.kill()
        assert len(directory.memberships(ilka, book.all())) == 1


def test_a_dead_controller_alone_is_an_outage(own_controller: DomainController) -> None:
    """Never 'nobody'."""
    with opened(own_controller) as directory:
        assert isinstance(directory.find_by_address(ILKA), Person)
        own_controller.kill()
        ask(directory)


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_a_controller_of_another_ca_is_not_believed(controller: DomainController, tmp_path: Path, scheme: str) -> None:
    """No password goes to it: the account is not even tried."""
    guard = FakeGuard()
    stranger = make_certificates(tmp_path).ca
    with (
        opened(controller, scheme=scheme, ca_file=stranger, guard=guard) as directory,
        pytest.raises(Unavailable, match="certificate verify failed"),
    ):
        directory.find_by_address(ILKA)
    assert guard.tries == []


def test_a_wrong_password_is_counted_once(own_controller: DomainController) -> None:
    """However often we are asked; the domain controller's own count says so."""
    with opened(own_controller, password="Planted-wrong-1") as directory:
        for _ in range(7):
            with pytest.raises(AuthenticationFailed):
                directory.find_by_address(ILKA)
    assert bad_passwords(own_controller) == 1


def test_a_locked_account_is_said_to_be_locked(own_controller: DomainController) -> None:
    """Five wrong passwords of somebody else lock it; our right one is tried once and the operator reads why."""
    for _ in range(5):
        with opened(own_controller, password="Planted-wrong-1") as directory, pytest.raises(AuthenticationFailed):
            directory.find_by_address(ILKA)
    guard = FakeGuard()
    with opened(own_controller, guard=guard) as directory:
        with pytest.raises(AuthenticationFailed, match="the account is locked"):
            directory.find_by_address(ILKA)
        with pytest.raises(AuthenticationFailed):
            directory.find_by_address(ILKA)
    assert guard.failures == [(USER, "1")]


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
