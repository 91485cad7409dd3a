"""The directory account's password: never tried once too often, and an operator reads what is wrong with it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.core.errors import ApprovaldError, AuthenticationFailed, System, Unavailable
from approvald.core.model import Person
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind
from approvald_sandbox.systems.faults import System as SandboxSystem
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore
from sandbox.directory_servers import CONNECT_SECONDS, ILKA, RECEIVE_SECONDS, USER, Desk, desk, secret

DIRECTORY = SandboxSystem.DIRECTORY
WRONG = "Planted-wrong-1"


def _fails(directory: ActiveDirectory) -> AuthenticationFailed:
    with pytest.raises(AuthenticationFailed) as raised:
        directory.find_by_address(ILKA)
    return raised.value


def _with_wrong_password(sandbox: Sandbox) -> Desk:
    return desk(sandbox, store=FakeSecretStore({"directory": secret(WRONG)}))


def test_a_wrong_password_is_tried_once(sandbox: Sandbox) -> None:
    """However often somebody asks, and whatever they ask: one failed log-on for one version of the password."""
    asked = _with_wrong_password(sandbox)
    with asked.open() as directory:
        for _ in range(3):
            _fails(directory)
        with pytest.raises(AuthenticationFailed):
            directory.approver_groups()
    assert asked.failed_binds() == 1
    assert asked.guard.failures == [(USER, "1")]


def test_a_refused_logon_is_not_carried_to_the_next_server(sandbox: Sandbox) -> None:
    """Another domain controller would count it too."""
    asked = _with_wrong_password(sandbox)
    asked.servers.append(asked.servers[0].replace("localhost", "127.0.0.1"))
    with asked.open() as directory:
        _fails(directory)
    assert asked.failed_binds() == 1


def test_the_error_says_what_is_wrong_and_what_to_do(sandbox: Sandbox) -> None:
    """Account, Active Directory's reason, the next try; and never the password."""
    asked = _with_wrong_password(sandbox)
    with asked.open() as directory:
        error = _fails(directory)
    assert (error.system, error.account) == (System.DIRECTORY, USER)
    assert error.next_try == datetime(2026, 11, 20, 12, 15, tzinfo=UTC)
    assert "data 52e" in str(error)
    assert "secret store" in str(error)
    assert "2026-11-20 12:15 UTC" in str(error)
    assert WRONG not in repr(error) + str(error)


def test_a_locked_account_costs_one_logon(sandbox: Sandbox) -> None:
    """Five wrong passwords of somebody else lock it; our right one is then refused, once, and the error says locked."""
    for version in range(5):
        with desk(sandbox, store=FakeSecretStore({"directory": secret(WRONG, str(version))})).open() as directory:
            _fails(directory)
    asked = desk(sandbox)
    assert asked.failed_binds() == 5
    with asked.open() as directory:
        assert "the account is locked (LDAP 49, data 775)" in str(_fails(directory))
        _fails(directory)
    assert asked.failed_binds() == 6


def test_a_disabled_account_is_named_as_such(sandbox: Sandbox) -> None:
    """The sub-code becomes a sentence."""
    sandbox.change_person("svc-directory", disabled=True)
    with desk(sandbox).open() as directory:
        assert "the account is disabled" in str(_fails(directory))


def test_an_unknown_account_is_named_as_such(sandbox: Sandbox) -> None:
    """A user name of nobody is told from a wrong password."""
    asked = desk(sandbox, store=FakeSecretStore({"directory": secret(username="nobody@corp.example")}))
    with asked.open() as directory:
        assert "there is no such account" in str(_fails(directory))


@pytest.mark.parametrize("given", [secret(""), secret(username="")])
def test_half_a_secret_is_never_sent(sandbox: Sandbox, given: object) -> None:
    """Without a password Active Directory lets anybody in as nobody, who then finds nobody."""
    asked = desk(sandbox, store=FakeSecretStore({"directory": given}))  # type: ignore[dict-item]  # it is a Secret
    with asked.open() as directory:
        assert "Nothing was sent" in str(_fails(directory))
    assert asked.binds() == 0
    assert asked.guard.failures == []


def test_a_rotated_password_is_fetched_and_used(sandbox: Sandbox) -> None:
    """The old one is refused once, then the store is read past its cache and the question is answered."""
    clock = FakeClock(datetime.now(UTC))
    asked = desk(sandbox, clock=clock)
    with asked.open() as directory:
        directory.find_by_address(ILKA)
        sandbox.change_password("svc-directory", "Rotated-Passw0rd!", places=["directory"])
        asked.store.put("directory", secret("Rotated-Passw0rd!", "2"))
        clock.turn(60)
        assert isinstance(directory.find_by_address(ILKA), Person)
        clock.turn(60)
        assert isinstance(directory.find_by_address(ILKA), Person)
    assert asked.failed_binds() == 1
    assert asked.guard.successes == [(USER, "1"), (USER, "2")]


def test_a_mended_password_is_used_though_the_guard_bars_the_old_one(sandbox: Sandbox) -> None:
    """The barred version costs no further log-on; the new one is found by reading past the cache."""
    asked = _with_wrong_password(sandbox)
    with asked.open() as directory:
        _fails(directory)
        asked.store.put("directory", secret(version="2"))
        assert isinstance(directory.find_by_address(ILKA), Person)
    assert asked.failed_binds() == 1
    assert asked.guard.tries == [(USER, "1"), (USER, "2")]


def test_a_proven_password_is_not_asked_of_the_guard_again(sandbox: Sandbox) -> None:
    """The guard is for what has not worked yet; it hears of the first success only."""
    clock = FakeClock(datetime.now(UTC))
    asked = desk(sandbox, clock=clock)
    with asked.open() as directory:
        for _ in range(3):
            directory.find_by_address(ILKA)
            clock.turn(60)
    assert asked.binds() == 3
    assert asked.guard.tries == asked.guard.successes == [(USER, "1")]


def test_a_password_proven_once_that_fails_is_unproven(sandbox: Sandbox) -> None:
    """After one refusal it is the guard's again: one failed log-on, not one a question."""
    clock = FakeClock(datetime.now(UTC))
    asked = desk(sandbox, clock=clock)
    with asked.open() as directory:
        directory.find_by_address(ILKA)
        sandbox.change_password("svc-directory", "Rotated-Passw0rd!", places=["directory"])
        for _ in range(3):
            clock.turn(60)
            _fails(directory)
    assert asked.failed_binds() == 1


def test_many_threads_fail_once(sandbox: Sandbox) -> None:
    """Log-ons are made one after the other, so that a wrong password is refused once and not once a thread."""
    asked = _with_wrong_password(sandbox)
    errors: list[ApprovaldError] = []

    def ask(directory: ActiveDirectory) -> None:
        try:
            directory.find_by_address(ILKA)
        except ApprovaldError as error:
            errors.append(error)

    with asked.open() as directory:
        threads = [threading.Thread(target=ask, args=(directory,)) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
    assert [type(error) for error in errors] == [AuthenticationFailed] * 6
    assert asked.failed_binds() == 1


def test_a_logon_that_hangs_holds_nobody_for_long(sandbox: Sandbox) -> None:
    """Waiting for one another's log-on has its limit too."""
    sandbox.put_fault(DIRECTORY, Fault(kind=FaultKind.HANG, operation="bind"))
    seconds: list[float] = []
    with desk(sandbox).open() as directory:

        def ask() -> None:
            began = time.monotonic()
            with suppress(Unavailable):
                directory.find_by_address(ILKA)
            seconds.append(time.monotonic() - began)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
    assert len(seconds) == 8
    assert max(seconds) < 2 * (CONNECT_SECONDS + RECEIVE_SECONDS) + RECEIVE_SECONDS + 1


def test_threads_are_served_side_by_side(sandbox: Sandbox) -> None:
    """Each gets a connection of its own, and its own answer."""
    found: dict[str, object] = {}
    names = ["ilka.brandt", "mara.voss", "dario.conti", "wen.zhao", "sofie.lund", "rhea.malik"]
    asked = desk(sandbox)
    with asked.open() as directory:

        def ask(name: str) -> None:
            for _ in range(10):
                found[name] = directory.find_by_address(f"{name}@corp.example")

        threads = [threading.Thread(target=ask, args=(name,)) for name in names]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
    assert {name: getattr(person, "account_name", None) for name, person in found.items()} == {n: n for n in names}
    assert asked.binds() <= len(names) + 10


def test_a_secret_store_that_is_away_is_the_one_named(sandbox: Sandbox) -> None:
    """The directory is not blamed, and not asked."""
    asked = desk(sandbox)
    asked.store.away = True
    with asked.open() as directory, pytest.raises(Unavailable) as raised:
        directory.find_by_address(ILKA)
    assert raised.value.system is System.SECRET_STORE
    assert asked.binds() == 0


def test_opening_the_adapter_does_nothing(sandbox: Sandbox) -> None:
    """No secret is read and no server asked before the first question."""
    guard = FakeGuard()
    asked = desk(sandbox, guard=guard)
    with asked.open():
        assert asked.store.reads == []
    assert asked.operations() == []


def test_a_password_is_sent_as_it_is(sandbox: Sandbox) -> None:
    """Characters that text preparation would fold arrive unchanged."""
    password = "Sch\u00f6n-\u00aa\u00a0\u2168-\U0001f511"
    sandbox.change_password("svc-directory", password, places=["directory"])
    asked = desk(sandbox, store=FakeSecretStore({"directory": secret(password)}))
    with asked.open() as directory:
        assert isinstance(directory.find_by_address(ILKA), Person)


def test_who_has_logged_on_before_heeds_what_others_were_refused(sandbox: Sandbox) -> None:
    """The password was changed, and doctor or the other host has met that: a dropped connection is not bound again."""
    asked = desk(sandbox)
    with asked.open() as directory:
        assert isinstance(directory.find_by_address(ILKA), Person)
        sandbox.change_password("svc-directory", "second-password", ["directory"])
        asked.guard.failed(USER, "1")
        before = asked.failed_binds()
        sandbox.put_fault(DIRECTORY, Fault(kind=FaultKind.DOWN))
        with pytest.raises(Unavailable):
            directory.find_by_address(ILKA)
        sandbox.clear_faults()
        _fails(directory)
    assert asked.failed_binds() == before
