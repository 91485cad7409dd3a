"""A wrong password for an hour: daemons that follow one another, and the doctor, lock no account of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import Unavailable
from approvald.doctor.examination import examine
from approvald.service import wiring
from approvald.service.daemon import Daemon
from approvald.service.signals import Signals
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.world.mails import Notice, forwarded
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.clock import FakeClock

pytestmark = pytest.mark.long(minutes=1)

ACCOUNTS: Final = ("svc-mail", "svc-directory", "svc-pam-l1", "svc-pam-l2")
POLL_SECONDS: Final = 15
HOUR: Final = 3600
HANDED_OVER_AT: Final = (1200, 2400)
DOCTOR_EVERY: Final = 300


class Hour:
    """An hour of simulated time: the real program, asked to poll by the clock of the test, on PostgreSQL."""

    def __init__(self, settings: Settings, sandbox: Sandbox) -> None:
        self.settings = settings
        self.sandbox = sandbox
        self.clock = FakeClock()
        self._stack = ExitStack()
        self._daemon: Daemon | None = None

    def hand_over(self) -> None:
        """Let another daemon work, which knows nothing but what stands in the ledger."""
        self._stack.close()
        standby = self._stack.enter_context(wiring.standby(self.settings, Signals(), lambda: None, self.clock))
        self._daemon = self._stack.enter_context(standby.once())

    def poll(self) -> None:
        """Poll once, whatever is away."""
        assert self._daemon is not None
        with suppress(Unavailable):
            self._daemon.run_once()

    def doctor(self) -> None:
        """Run the doctor's checks."""
        systems = partial(wiring.asked_by_doctor, self.settings, self.clock)
        examine(self.settings, now=self.clock.now(), file_problems=(), open_systems=systems)

    def pass_by(self) -> None:
        """Let the hour pass."""
        for second in range(0, HOUR, POLL_SECONDS):
            if second in HANDED_OVER_AT:
                self.hand_over()
            self.poll()
            if second % DOCTOR_EVERY == 0:
                self.doctor()
            self.clock.turn(POLL_SECONDS)
            self.sandbox.turn_clock(POLL_SECONDS)

    def refused(self) -> dict[str, int]:
        """Return how many log-ons each system has refused, by system and account."""
        failed = self.sandbox.stats()["failed_logons"]
        return {f"{system} {account}": int(count) for system, by in failed.items() for account, count in by.items()}

    def close(self) -> None:
        """End the daemon."""
        self._stack.close()


@pytest.fixture
def hour(sandbox: Sandbox, tmp_path: Path, postgresql_url: str) -> Iterator[Hour]:
    """Give a site where all is well."""
    text = re.sub(r'\[ledger\]\nfile = "[^"]*"', f'[ledger]\nurl = "{postgresql_url}"',
                  approvald_toml(sandbox.endpoints(), tmp_path, timeout=5.0))  # fmt: skip
    (tmp_path / "approvald.toml").write_text(text, encoding="utf-8")
    made = Hour(load(tmp_path / "approvald.toml"), sandbox)
    made.hand_over()
    made.poll()
    yield made
    made.close()


def passwords(hour: Hour) -> Callable[[], None]:
    """Put wrong passwords into the secret store. Returns what puts the right ones back."""

    def change(password: str) -> None:
        for account in ACCOUNTS:
            hour.sandbox.change_password(account, password, ["vault"])

    change("Wrong-Passw0rd!")
    return partial(change, DEFAULT_PASSWORD)


def secret_id(hour: Hour) -> Callable[[], None]:
    """Put a wrong secret-id into its file. Returns what puts the right one back."""
    vault = hour.settings.secrets.hashicorp_vault
    assert vault is not None
    right = vault.secret_id_file.read_text(encoding="utf-8")
    vault.secret_id_file.write_text("00000000-0000-0000-0000-000000000000\n", encoding="utf-8")
    return partial(vault.secret_id_file.write_text, right, encoding="utf-8")  # type: ignore[return-value]  # its count


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("spoil", "tried"),
    [
        (passwords, {"exchange svc-mail", "directory svc-directory", "pvwa svc-pam-l1", "pvwa svc-pam-l2"}),
        (secret_id, {"vault approle"}),
    ],
)
def test_at_most_two_refused_log_ons_an_hour(
    hour: Hour, spoil: Callable[[Hour], Callable[[], None]], tried: set[str]
) -> None:
    """At each system, over three daemons and the doctor; the right password works at the next poll."""
    notice = Notice(requestor="jonas.keil@corp.example", safe="DB-PROD-01", number="1101")
    hour.sandbox.change_request("DB-PROD-01", "1101", requestor="jonas.keil@corp.example")
    mend = spoil(hour)
    try:
        hour.hand_over()
        hour.sandbox.end_pvwa_sessions()
        hour.sandbox.deliver(forwarded(notice, "ilka.brandt@corp.example"))
        hour.pass_by()
        refused = {account: count for account, count in hour.refused().items() if count}
        print(refused)  # noqa: T201 - the figures
        assert set(refused) == tried
        assert max(refused.values()) <= 2
    finally:
        mend()
    for _ in range(8):
        hour.clock.turn(POLL_SECONDS)
        hour.poll()
    assert len(hour.sandbox.confirmations()) == 1
    assert {account: count for account, count in hour.refused().items() if count} == refused
