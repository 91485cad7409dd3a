"""Somebody has the password of a confirming account: what they confirm is told to the team."""

from __future__ import annotations

from pathlib import Path

from approvald.adapters.pvwa.client import PvwaClient
from approvald.config.settings import PvwaSettings
from approvald.core.model import ConfirmingAccount
from approvald.core.ports import Accepted, Secret
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from e2e.stage import raised
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore

OFTEN = "\n[reconcile]\nevery_minutes = 0.005\n"


def thief(sandbox: Sandbox) -> PvwaClient:
    """Log on to PVWA as the confirming account, outside approvald."""
    where = sandbox.endpoints()
    settings = PvwaSettings(url=where["pvwa"], ca_file=Path(where["ca_file"]), read_timeout_seconds=5.0)
    secrets = {
        name: Secret(username=user, password=DEFAULT_PASSWORD, version="1")
        for name, user in {"level1": "svc-pam-l1", "level2": "svc-pam-l2"}.items()
    }
    return PvwaClient(settings, FakeSecretStore(secrets), FakeGuard(), FakeClock())


def test_a_confirmation_by_a_stolen_password_is_told_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """With the account and the request, over a restart too; what approvald confirms itself is told to nobody."""
    with raised(sandbox, tmp_path / "state", edit=lambda text: text + OFTEN) as stage:
        assert stage.forward(stage.request()) == "Done"
        stage.daemon.wait_for("reconcile.done", 3)
        assert stage.alarms() == []
        stolen = stage.new_request()
        client = thief(sandbox)
        assert client.confirm(f"{stolen.safe}_{stolen.number}", ConfirmingAccount.FIRST, "Approved") == Accepted()
        client.close()
        stage.until(lambda: len(stage.alarms()) == 1)
        [alarm] = stage.alarms()
        assert alarm["subject"] == "Alarm: our account confirmed a request that approvald knows nothing about"
        assert f"svc-pam-l1 confirmed {stolen.safe}_{stolen.number}" in alarm["text"]
        stage.daemon.kill()
        done = sum(1 for _ in stage.daemon.events("reconcile.done"))
        stage.daemon.start()
        stage.daemon.wait_for("reconcile.done", done + 3)
        assert len(stage.alarms()) == 1
