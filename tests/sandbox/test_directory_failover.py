"""Domain controllers that are refused, silent, slow, busy, talking nonsense or not to be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.core.errors import System, Unavailable
from approvald.core.model import Person
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind
from approvald_sandbox.systems.faults import System as SandboxSystem
from fakes.clock import FakeClock
from sandbox.directory_servers import (
    CONNECT_SECONDS,
    ILKA,
    RECEIVE_SECONDS,
    Desk,
    RunningClock,
    SilentServer,
    desk,
    refused_url,
    took,
)

SLACK_SECONDS = 1.0
DIRECTORY = SandboxSystem.DIRECTORY


@pytest.fixture(scope="module")
def other_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start a second sandbox: another domain controller with the same people."""
    with Sandbox(directory=tmp_path_factory.mktemp("other")) as started:
        yield started


@pytest.fixture
def other(other_process: Sandbox) -> Sandbox:
    """Give the second sandbox as new."""
    other_process.reset()
    return other_process


@pytest.fixture
def both(sandbox: Sandbox, other: Sandbox, tmp_path: Path) -> Desk:
    """Give a desk whose first server is the other sandbox and whose second is the usual one."""
    ca_file = tmp_path / "both.pem"
    ca_file.write_text("".join(Path(each.endpoints()["ca_file"]).read_text() for each in (other, sandbox)))
    return desk(sandbox, servers=[other.endpoints()["ldaps"], sandbox.endpoints()["ldaps"]], ca_file=ca_file)


def _finds_ilka(directory: ActiveDirectory) -> bool:
    return isinstance(directory.find_by_address(ILKA), Person)


def test_the_second_server_answers_when_the_first_refuses(sandbox: Sandbox) -> None:
    """A closed port costs nothing and nobody notices."""
    asked = desk(sandbox)
    asked.servers.insert(0, refused_url())
    with asked.open() as directory:
        assert _finds_ilka(directory)


def test_a_silent_server_is_waited_for_once(sandbox: Sandbox) -> None:
    """The one that answered last is asked first from then on, also after the cool-down."""
    clock = FakeClock(RunningClock().now())
    asked = desk(sandbox, clock=clock)
    with SilentServer() as silent:
        asked.servers.insert(0, silent.url)
        with asked.open() as directory:
            assert CONNECT_SECONDS <= took(lambda: directory.find_by_address(ILKA)) < CONNECT_SECONDS + SLACK_SECONDS
            for _ in range(3):
                clock.turn(100)
                assert took(lambda: directory.find_by_address(ILKA)) < CONNECT_SECONDS
            assert silent.connections == 1


def test_silent_servers_end_within_the_limit_for_all(sandbox: Sandbox) -> None:
    """However many servers are silent, a question ends soon after twice the limits of one."""
    with ExitStack() as stack:
        silent = [stack.enter_context(SilentServer()) for _ in range(9)]
        asked = desk(sandbox, servers=[each.url for each in silent], clock=RunningClock())
        with asked.open() as directory:

            def ask() -> None:
                with pytest.raises(Unavailable, match=silent[0].url) as raised:
                    directory.find_by_address(ILKA)
                assert raised.value.system is System.DIRECTORY

            assert took(ask) < 2 * (CONNECT_SECONDS + RECEIVE_SECONDS) + SLACK_SECONDS
        assert 1 < sum(each.connections for each in silent) < 9


@pytest.mark.parametrize("operation", ["bind", "search"])
@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.HANG, FaultKind.RESET_AFTER, FaultKind.HTML])
def test_another_server_takes_over_when_one_fails(both: Desk, other: Sandbox, kind: FaultKind, operation: str) -> None:
    """Busy, hanging, resetting or talking HTML, at the log-on or in a search: the next server answers."""
    other.put_fault(DIRECTORY, Fault(kind=kind, operation=operation))
    with both.open() as directory:
        assert took(lambda: _finds_ilka(directory)) < RECEIVE_SECONDS + CONNECT_SECONDS + SLACK_SECONDS
        assert _finds_ilka(directory)
    assert both.binds() == 1


def test_the_first_server_answers_again_when_the_second_dies(both: Desk, other: Sandbox) -> None:
    """Fail-over goes both ways, and a kept connection that was cut is no reason to fail."""
    other.put_fault(DIRECTORY, Fault(kind=FaultKind.DOWN))
    with both.open() as directory:
        assert _finds_ilka(directory)
        other.clear_faults()
        both.sandbox.put_fault(DIRECTORY, Fault(kind=FaultKind.DOWN))
        assert _finds_ilka(directory)
        assert len(directory.approver_groups().first) == 4


@pytest.mark.parametrize(
    "kind", [FaultKind.STATUS, FaultKind.HANG, FaultKind.RESET_BEFORE, FaultKind.HTML, FaultKind.DOWN]
)
def test_no_server_means_unavailable_and_never_nobody(sandbox: Sandbox, kind: FaultKind) -> None:
    """Also in the middle of a conversation; and the first question after the outage is answered at once."""
    asked = desk(sandbox)
    with asked.open() as directory:
        person, book = directory.find_by_address(ILKA), directory.approver_groups()
        assert isinstance(person, Person)
        sandbox.put_fault(DIRECTORY, Fault(kind=kind))
        for question in (lambda: directory.find_by_address(ILKA), lambda: directory.memberships(person, book.all())):
            with pytest.raises(Unavailable) as raised:
                question()
            assert raised.value.system is System.DIRECTORY
        sandbox.clear_faults()
        assert len(directory.memberships(person, book.all())) == 1


def test_a_burst_of_questions_is_one_logon(sandbox: Sandbox) -> None:
    """The connection is kept for the next question, and not for ever."""
    clock = FakeClock(RunningClock().now())
    asked = desk(sandbox, clock=clock)
    with asked.open() as directory:
        for _ in range(5):
            assert _finds_ilka(directory)
            clock.turn(1)
        assert asked.binds() == 1
        clock.turn(11)
        assert _finds_ilka(directory)
        assert asked.binds() == 2


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_the_password_travels_under_tls_only(sandbox: Sandbox, scheme: str) -> None:
    """Over LDAPS, or after StartTLS and not before."""
    asked = desk(sandbox, scheme)
    with asked.open() as directory:
        assert _finds_ilka(directory)
    operations = asked.operations()
    assert operations[: operations.index("bind")] == (["starttls"] if scheme == "ldap" else [])


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
def test_a_server_of_another_ca_never_sees_the_password(sandbox: Sandbox, scheme: str) -> None:
    """The message says that it is the certificate."""
    sandbox.put_fault(DIRECTORY, Fault(kind=FaultKind.WRONG_CERTIFICATE))
    asked = desk(sandbox, scheme)
    with asked.open() as directory, pytest.raises(Unavailable, match="certificate verify failed"):
        directory.find_by_address(ILKA)
    assert asked.binds() == 0


def test_the_systems_cas_do_not_know_a_private_one(sandbox: Sandbox) -> None:
    """Without ca_file the system's list counts, and nothing is taken unverified."""
    asked = desk(sandbox, ca_file=None)
    with asked.open() as directory, pytest.raises(Unavailable, match="certificate verify failed"):
        directory.find_by_address(ILKA)
    assert asked.binds() == 0


def test_a_certificate_must_carry_the_configured_name(sandbox: Sandbox) -> None:
    """The right CA is not enough."""
    asked = desk(sandbox)
    asked.servers[:] = [asked.servers[0].replace("localhost", "127.1")]
    with asked.open() as directory, pytest.raises(Unavailable, match=r"not valid for '127\.1'"):
        directory.find_by_address(ILKA)
    assert asked.binds() == 0


def test_a_server_may_be_named_by_its_address(sandbox: Sandbox) -> None:
    """An IP address that stands in the certificate is as good as a name."""
    asked = desk(sandbox)
    asked.servers[:] = [asked.servers[0].replace("localhost", "127.0.0.1")]
    with asked.open() as directory:
        assert _finds_ilka(directory)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_of_no_use_is_named(sandbox: Sandbox, tmp_path: Path, content: str | None) -> None:
    """Missing or not PEM: the error names the file and the option."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    asked = desk(sandbox, ca_file=ca_file)
    with asked.open() as directory, pytest.raises(Unavailable, match=r"ca\.pem.*directory\.ca_file"):
        directory.find_by_address(ILKA)


def test_a_name_without_address_is_a_server_that_is_down(sandbox: Sandbox) -> None:
    """A typing error in one of two names costs nothing; the message of an outage names it."""
    asked = desk(sandbox)
    asked.servers.insert(0, "ldaps://dc9..corp.example")
    with asked.open() as directory:
        assert _finds_ilka(directory)
        sandbox.put_fault(DIRECTORY, Fault(kind=FaultKind.DOWN))
        with pytest.raises(Unavailable, match=r"dc9\.\.corp\.example"):
            directory.find_by_address(ILKA)


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.HANG, FaultKind.RESET_BEFORE, FaultKind.HTML])
def test_a_refused_starttls_ends_it(sandbox: Sandbox, kind: FaultKind) -> None:
    """Without TLS nothing goes on in the clear."""
    sandbox.put_fault(DIRECTORY, Fault(kind=kind, operation="starttls"))
    asked = desk(sandbox, "ldap")
    with asked.open() as directory, pytest.raises(Unavailable):
        directory.find_by_address(ILKA)
    assert set(asked.operations()) == {"starttls"}
