"""An outage is not a refusal: whatever is away, however it fails, mails wait, and are decided and answered once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import forwarded
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from e2e.stage import Stage, quick_to_settle, raised, restore
from e2e.waiting import KINDS, NEEDED, assert_confirmed_once, failures

ILKA = "ilka.brandt@corp.example"
CONFIRM = "IncomingRequests.Confirm"


def forgetful(text: str) -> str:
    """Change the configuration so that passwords are fetched whenever they are needed."""
    return quick_to_settle(text).replace("\nmount =", "\ncache_seconds = 0.01\nmount =")


@pytest.fixture(scope="module")
def impatient(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give a daemon with time limits of a second, for all tests of this module that need no start of their own."""
    sandbox_process.reset()
    with raised(sandbox_process, tmp_path_factory.mktemp("impatient") / "state", edit=forgetful, timeout=1.0) as made:
        yield made


@pytest.fixture
def hasty(impatient: Stage) -> Iterator[Stage]:
    """Give the module's daemon in a world where all is well."""
    yield impatient
    restore(impatient.sandbox)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("system", NEEDED, ids=str)
def test_a_system_goes_away_and_comes_back(hasty: Stage, system: System, kind: FaultKind) -> None:
    """The mail waits in the Inbox, nobody is told anything, and afterwards it is confirmed and answered once."""
    notice = hasty.new_request()
    hasty.sandbox.end_pvwa_sessions()  # so that a secret is needed, too
    before, sent, failed = hasty.filed(), len(hasty.replies()), failures(hasty, system)
    hasty.sandbox.put_fault(system, Fault(kind=kind))

    hasty.sandbox.deliver(forwarded(notice, ILKA))
    hasty.until(lambda: failures(hasty, system) > failed)

    assert hasty.filed() == before
    assert (hasty.attempts_at(notice), len(hasty.replies())) == (0, sent)
    hasty.sandbox.clear_faults()
    assert hasty.wait_until_filed(before) == "Done"
    assert_confirmed_once(hasty, notice, sent)


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (Fault(kind=FaultKind.RESET_AFTER, operation=f"{CONFIRM} ", times=1), 1),
        (Fault(kind=FaultKind.RESET_BEFORE, operation=f"{CONFIRM} ", times=1), 2),
        (Fault(kind=FaultKind.SLOW, seconds=1.5, operation=f"{CONFIRM} ", times=1), 1),
        (Fault(kind=FaultKind.STATUS, status=502, operation=f"{CONFIRM} ", times=1), 2),
        (Fault(kind=FaultKind.HTML, operation=f"{CONFIRM} ", times=1), 2),
    ],
    ids=["reset after", "reset before", "answer too late", "gateway", "web page"],
)
def test_the_answer_to_a_confirm_is_lost(hasty: Stage, fault: Fault, attempts: int) -> None:
    """PVWA is read before anything is sent again: one vote, told as confirmed."""
    notice = hasty.new_request()
    before, sent = hasty.filed(), len(hasty.replies())
    hasty.sandbox.put_fault(System.PVWA, fault)

    hasty.sandbox.deliver(forwarded(notice, ILKA))

    assert hasty.wait_until_filed(before) == "Done"
    assert hasty.codes()[-1] == "confirmed"
    assert_confirmed_once(hasty, notice, sent, attempts)


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.RESET_BEFORE], ids=str)
def test_the_answer_to_a_reply_is_lost(hasty: Stage, kind: FaultKind) -> None:
    """Sent Items are looked at before a reply is sent again: the approver gets one."""
    notice = hasty.new_request()
    before, sent = hasty.filed(), len(hasty.replies())
    hasty.sandbox.put_fault(System.EXCHANGE, Fault(kind=kind, operation="CreateItem", times=1))

    hasty.sandbox.deliver(forwarded(notice, ILKA))

    assert hasty.wait_until_filed(before) == "Done"
    assert_confirmed_once(hasty, notice, sent)


@pytest.mark.parametrize("account", ["svc-pam-l1", "svc-directory", "svc-mail"])
def test_a_wrong_password_is_tried_once_and_healed_without_a_restart(hasty: Stage, account: str) -> None:
    """No service account is locked by us; the right password in the secret store is noticed by itself."""
    system = {"svc-pam-l1": System.PVWA, "svc-directory": System.DIRECTORY, "svc-mail": System.EXCHANGE}[account]
    notice = hasty.new_request()
    before, sent, failed = hasty.filed(), len(hasty.replies()), failures(hasty, system)

    def refused() -> int:
        return int(hasty.sandbox.stats()["failed_logons"][system.value].get(account, 0))

    refusals = refused()
    hasty.sandbox.change_password(account, "Another-Passw0rd!", ["directory"])
    hasty.sandbox.end_pvwa_sessions()
    hasty.sandbox.put_fault(system, Fault(kind=FaultKind.DOWN))  # cuts what is logged on
    hasty.sandbox.clear_faults()
    hasty.sandbox.deliver(forwarded(notice, ILKA))
    hasty.until(lambda: refused() == refusals + 1 and failures(hasty, system) >= failed + 2)

    assert refused() == refusals + 1
    assert hasty.filed() == before
    hasty.sandbox.change_password(account, "Another-Passw0rd!", ["vault"])
    assert hasty.wait_until_filed(before) == "Done"
    assert refused() == refusals + 1
    assert_confirmed_once(hasty, notice, sent)
    hasty.sandbox.change_password(account, DEFAULT_PASSWORD)
