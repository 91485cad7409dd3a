"""The Exchange adapter when Exchange does not work: what it says, and what it never does."""

from __future__ import annotations

import logging
from typing import Final, Literal

import pytest

from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.model import Folder
from approvald.core.ports import NotDone
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind
from approvald_sandbox.systems.faults import System as Pretended
from sandbox.exchange_client import SECRET_LINE, adapter, mail, operations, reply

READ_SECONDS: Final = 0.4
FAULTS: Final = {
    "down": Fault(kind=FaultKind.DOWN),
    "slow": Fault(kind=FaultKind.SLOW, seconds=1.5),
    "hang": Fault(kind=FaultKind.HANG),
    "reset_before": Fault(kind=FaultKind.RESET_BEFORE),
    "reset_after": Fault(kind=FaultKind.RESET_AFTER),
    "forbidden": Fault(kind=FaultKind.STATUS, status=403),
    "not_found": Fault(kind=FaultKind.STATUS, status=404),
    "too_many": Fault(kind=FaultKind.STATUS, status=429, retry_after=20),
    "broken": Fault(kind=FaultKind.STATUS, status=500),
    "bad_gateway": Fault(kind=FaultKind.STATUS, status=502),
    "no_server": Fault(kind=FaultKind.STATUS, status=503),
    "no_server_for": Fault(kind=FaultKind.STATUS, status=503, retry_after=30),
    "soap_busy": Fault(kind=FaultKind.STATUS, status=503, seconds=7),
    "late_gateway": Fault(kind=FaultKind.STATUS, status=504),
    "page": Fault(kind=FaultKind.HTML),
    "wrong_certificate": Fault(kind=FaultKind.WRONG_CERTIFICATE),
}
RETRY_AFTER: Final = {"too_many": 20.0, "no_server_for": 30.0, "soap_busy": 7.0}
CERTAINLY_NOT_SENT: Final = {
    "down",
    "forbidden",
    "not_found",
    "too_many",
    "no_server_for",
    "soap_busy",
    "wrong_certificate",
}


@pytest.mark.parametrize("authentication", ["basic", "ntlm"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_unavailable_and_passes(
    sandbox: Sandbox, name: str, authentication: Literal["basic", "ntlm"]
) -> None:
    """Whatever goes wrong the mails wait; afterwards the same object works, and nothing was asked twice meanwhile."""
    mailbox = adapter(sandbox, authentication=authentication, read_seconds=READ_SECONDS)
    sandbox.deliver(mail())
    listed = mailbox.list_inbox(1)
    sandbox.put_fault(Pretended.EXCHANGE, FAULTS[name])
    before = len(operations(sandbox))
    with pytest.raises(Unavailable) as caught:
        mailbox.list_inbox(1)
    assert caught.value.system is System.EXCHANGE
    assert caught.value.retry_after_seconds == RETRY_AFTER.get(name)
    assert len(operations(sandbox)) <= before + 1
    sandbox.clear_faults()
    assert list(mailbox.list_inbox(1)) == list(listed)
    mailbox.close()


@pytest.mark.parametrize("name", FAULTS)
def test_a_reply_is_certainly_not_sent_or_its_outcome_unknown(sandbox: Sandbox, name: str) -> None:
    """Only where Exchange certainly did nothing may a reply be sent again without looking."""
    mailbox = adapter(sandbox, read_seconds=READ_SECONDS)
    mailbox.list_inbox(1)
    sandbox.put_fault(Pretended.EXCHANGE, FAULTS[name])
    with pytest.raises((Unavailable, OutcomeUnknown)) as caught:
        mailbox.send([reply(f"{name}-a"), reply(f"{name}-b")])
    assert isinstance(caught.value, Unavailable) is (name in CERTAINLY_NOT_SENT)
    sandbox.clear_faults()
    mailbox.close()
    if name in CERTAINLY_NOT_SENT:
        # By its own marker: a slow request of the test before may end up in this mailbox late.
        assert [
            sent for sent in sandbox.sent() if sent["headers"].get("X-Approvald") in {f"{name}-a", f"{name}-b"}
        ] == []


def test_a_lost_answer_to_a_move_is_harmless(sandbox: Sandbox) -> None:
    """The mails have moved; asked again Exchange does not know them, and that says so."""
    mailbox = adapter(sandbox)
    for number in (1, 2):
        sandbox.deliver(mail(number))
    first, second = (each.item_id for each in mailbox.list_inbox(2))
    mailbox.file([first], Folder.DONE)
    sandbox.put_fault(Pretended.EXCHANGE, Fault(kind=FaultKind.RESET_AFTER, times=1, operation="MoveItem"))
    with pytest.raises(Unavailable):
        mailbox.file([second], Folder.DONE)
    (again,) = mailbox.file([second], Folder.DONE)
    assert isinstance(again, NotDone)
    assert again.gone
    assert len(sandbox.mailbox()["Inbox/Done"]) == 2
    mailbox.close()


def test_a_broken_exchange_is_not_asked_mail_by_mail_for_ever(sandbox: Sandbox) -> None:
    """A fetch that fails is tried item by item, but a server that gives nothing at all is left alone soon."""
    mailbox = adapter(sandbox)
    for number in range(30):
        sandbox.deliver(mail(number))
    listed = mailbox.list_inbox(30)
    sandbox.put_fault(Pretended.EXCHANGE, FAULTS["broken"])
    with pytest.raises(Unavailable):
        mailbox.fetch(listed)
    assert operations(sandbox).count("GetItem") <= 5
    mailbox.close()


def test_an_untrusted_certificate_is_named_with_its_remedy(sandbox: Sandbox) -> None:
    """Nothing is sent to a server that is not proven, and the operator reads what to do."""
    mailbox = adapter(sandbox)
    sandbox.put_fault(Pretended.EXCHANGE, FAULTS["wrong_certificate"])
    with pytest.raises(Unavailable, match=r"mailbox\.ca_file"):
        mailbox.list_inbox(1)
    assert operations(sandbox) == []
    sandbox.clear_faults()
    mailbox.close()


@pytest.mark.parametrize("name", FAULTS)
def test_no_mail_reaches_a_log_or_an_error(sandbox: Sandbox, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The library writes requests and answers into its debug log and its errors; here none comes through."""
    mailbox = adapter(sandbox, read_seconds=READ_SECONDS)
    sandbox.deliver(mail())
    with caplog.at_level(logging.DEBUG):
        listed = mailbox.list_inbox(1)
        mailbox.fetch(listed)
        sandbox.put_fault(Pretended.EXCHANGE, FAULTS[name])
        for act in (lambda: mailbox.fetch(listed), lambda: mailbox.send([reply()])):
            with pytest.raises((Unavailable, OutcomeUnknown)) as caught:
                act()
            logging.getLogger("test").error("failed", exc_info=caught.value)
    sandbox.clear_faults()
    mailbox.close()
    assert SECRET_LINE not in caplog.text
    assert "Confirmed: request 15" not in caplog.text
    assert "<?xml" not in caplog.text
    assert "Please try again later" not in caplog.text
