"""The real adapters, made by the program's own wiring, send nothing once the lease is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.clock import SystemClock
from approvald.core.errors import LeaseLost
from approvald.core.model import ConfirmingAccount, Reply
from approvald.ledger.lease import Lease
from approvald.ledger.store import Store
from approvald.service.instance import MAIL
from approvald.service.wiring import outside
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_toml import approvald_toml

REPLY = Reply(
    marker="some.marker", to=("ilka.brandt@corp.example",), cc=(), subject="Approved", text="Approved",
    html="<p>Approved",
    in_reply_to="",
)  # fmt: skip


def test_neither_a_mail_nor_a_confirmation_leaves(sandbox: Sandbox, tmp_path: Path) -> None:
    """Both are asked for while the lease is held, too, and then they leave."""
    configuration = tmp_path / "approvald.toml"
    configuration.write_text(approvald_toml(sandbox.endpoints(), tmp_path), encoding="utf-8")
    configuration.chmod(0o600)
    settings = load(configuration)
    ledger = Store(f"sqlite:///{tmp_path / 'lease.db'}", SystemClock())
    ledger.open()
    mine, other = (Lease(ledger, MAIL, name, longest_call=timedelta(seconds=35)) for name in ("mine", "another"))
    mine.take()
    sandbox.change_request("DB-PROD-01", "2001", requestor="jonas.keil@corp.example")
    with outside(settings, ledger, mine.make_certain) as systems:
        assert systems.mailbox.send([REPLY]) == [None]
        other.take(alone=True)
        with pytest.raises(LeaseLost):
            systems.mailbox.send([REPLY])
        with pytest.raises(LeaseLost):
            systems.pvwa.confirm("DB-PROD-01_2001", ConfirmingAccount.FIRST, "on behalf of nobody")
    ledger.close()
    assert len(sandbox.sent()) == 1
    assert sandbox.confirm_attempts() == []
