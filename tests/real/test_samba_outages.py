"""The directory adapter before Samba domain controllers that hang, die, or do not take our account."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from approvald.core.errors import AuthenticationFailed, Unavailable
from approvald.core.model import Person
from approvald_sandbox.systems.certificates import make_certificates
from contract.directory_rules import the_person
from fakes.secrets import FakeGuard
from real.domain_changes import bad_passwords
from real.domain_controller import DomainController
from real.samba_directory import (
    CONNECT_SECONDS,
    ILKA,
    RECEIVE_SECONDS,
    SLACK_SECONDS,
    USER,
    ask,
    held_groups,
    opened,
    took,
)


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


@pytest.mark.parametrize("alone", [True, False])
def test_a_controller_that_dies_over_a_question_answers_nothing(
    own_controller: DomainController, controller: DomainController, *, alone: bool
) -> None:
    """It has taken the question and is killed before it answers: another one is asked, or it is an outage."""
    with opened(own_controller, *([] if alone else [controller])) as directory:
        book, ilka = directory.approver_groups(), the_person(directory, "ilka.brandt")
        own_controller.suspend()
        death = threading.Timer(0.3, own_controller.kill)
        death.start()
        try:
            if alone:
                with pytest.raises(Unavailable):
                    pytest.fail(f"it answered {directory.memberships(ilka, book.all())}")
            else:
                assert len(directory.memberships(ilka, book.all())) == 1
        finally:
            death.join()


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
