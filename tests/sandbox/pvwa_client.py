"""The real PVWA client before the sandbox's PVWA, with a secret store, a guard and a clock to look into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from approvald.adapters.pvwa.client import PvwaClient
from approvald.config.settings import PvwaSettings
from approvald.core.model import AccessRequest, ConfirmingAccount
from approvald.core.ports import Secret
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore

L1, L2 = "svc-pam-l1", "svc-pam-l2"
KEY: Final = "DB-PROD-01_17"
GONE: Final = "DB-PROD-01_18"
COMMENT: Final = "Approved on behalf of ilka.brandt@corp.example (approvald 7)"
FIRST, SECOND = ConfirmingAccount.FIRST, ConfirmingAccount.SECOND


def secret(username: str, version: str = "1", password: str = DEFAULT_PASSWORD) -> Secret:
    """Return a secret of the world's own password."""
    return Secret(username=username, password=password, version=version)


@dataclass
class Desk:
    """The client, what it is given, and the sandbox it talks to."""

    sandbox: Sandbox
    client: PvwaClient
    secrets: FakeSecretStore
    guard: FakeGuard
    clock: FakeClock

    def routes(self) -> list[str]:
        """Return the calls that PVWA saw, in order."""
        return [entry["route"].removeprefix("IncomingRequests.") for entry in self.sandbox.journal()]

    def fault(self, kind: FaultKind, operation: str = "", *, times: int | None = 1, **more: Any) -> None:
        """Put a fault into the PVWA."""
        self.sandbox.put_fault(System.PVWA, Fault(kind=kind, operation=operation, times=times, **more))

    def record(self, account: ConfirmingAccount = FIRST, key: str = KEY) -> AccessRequest:
        """Read a request that is there."""
        got = self.client.details(key, account)
        assert isinstance(got, AccessRequest)
        return got

    def failed_logons(self) -> dict[str, int]:
        """Return the refused log-ons that PVWA counted, by account."""
        counted: dict[str, int] = self.sandbox.stats()["failed_logons"]["pvwa"]
        return counted


@contextmanager
def desk(sandbox: Sandbox, **options: Any) -> Iterator[Desk]:
    """Open a client on the sandbox's PVWA; options are those of [pvwa]. Request 17 waits, for two levels."""
    sandbox.change_request("DB-PROD-01", "17", requestor="timo.gast@corp.example", levels=2)
    where = sandbox.endpoints()
    given: dict[str, Any] = {"url": where["pvwa"], "ca_file": Path(where["ca_file"]), "read_timeout_seconds": 5.0}
    given |= options
    secrets = FakeSecretStore({"level1": secret(L1), "level2": secret(L2)})
    guard, clock = FakeGuard(), FakeClock()
    client = PvwaClient(PvwaSettings(**given), secrets, guard, clock)
    try:
        yield Desk(sandbox=sandbox, client=client, secrets=secrets, guard=guard, clock=clock)
    finally:
        client.close()
