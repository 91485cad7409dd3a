"""The two PVWAs that the contract is held against, and what a test can do to the Vault behind each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from approvald.adapters.pvwa.client import PvwaClient
from approvald.config.settings import PvwaSettings
from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.model import AccessRequest, ConfirmingAccount
from approvald.core.ports import Accepted, Pvwa, Secret
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind
from approvald_sandbox.systems.faults import System as SandboxSystem
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.clock import FakeClock
from fakes.pvwa import FakePvwa
from fakes.secrets import FakeGuard, FakeSecretStore

FIRST, SECOND = ConfirmingAccount.FIRST, ConfirmingAccount.SECOND
KEY = "DB-PROD-01_17"
SAFE, NUMBER = "DB-PROD-01", "17"
TEAM, OTHER_TEAM, SECOND_GROUP = "DB_PAMapprover", "SAP_PAMapprover", "L2_PAMapprover"
COMMENT = "Approved on behalf of ilka.brandt@corp.example (approvald 7)"


class ClosablePvwa(Pvwa, Protocol):
    """The port, and the end of it."""

    def close(self) -> None:
        """Log off everything. Never raises."""


@dataclass
class Subject:
    """A PVWA under test, and what a test can do to the Vault behind it."""

    pvwa: ClosablePvwa
    ask: Callable[..., None]
    """Keyword arguments: levels, needed, level1 (group names), expires_in and window_ends_in (seconds)."""
    confirm_in_portal: Callable[[], None]
    """As Ilka Brandt, without a comment."""
    reject_in_portal: Callable[[], None]
    delete: Callable[[], None]
    make_blind: Callable[[], None]
    """The second-level account does not see what waits for level 1."""
    lose_answer: Callable[[], None]
    """The next confirmation is carried out and its answer lost."""
    go_away: Callable[[], None]
    taken: Callable[[], list[tuple[str, ConfirmingAccount, str]]]
    """Confirmations of our accounts that counted: request id, account, comment."""

    def record(self, account: ConfirmingAccount = FIRST) -> AccessRequest:
        """Read the request, which must be visible."""
        got = self.pvwa.details(KEY, account)
        assert isinstance(got, AccessRequest)
        return got


def fake_pvwa() -> Subject:
    """Return the fake in memory."""
    clock = FakeClock(datetime.now(UTC))
    fake = FakePvwa(clock)

    def ask(
        *,
        levels: int = 1,
        needed: int = 1,
        level1: tuple[str, ...] = (TEAM,),
        expires_in: float = 86400,
        window_ends_in: float | None = None,
    ) -> None:
        request = fake.ask(KEY, "timo.gast")
        request.levels, request.needed, request.level1 = levels, needed, level1
        request.expires = clock.now() + timedelta(seconds=expires_in)
        if window_ends_in is not None:
            request.access_to = clock.now() + timedelta(seconds=window_ends_in)

    def make_blind() -> None:
        fake.blind = True

    def go_away() -> None:
        for call in ("details", "lists", "confirm", "reject"):
            fake.fail(call, Unavailable(System.PVWA, "PVWA cannot be reached."), times=None)

    return Subject(
        pvwa=fake,
        ask=ask,
        confirm_in_portal=lambda: fake.act_in_portal(KEY, "ilka.brandt"),
        reject_in_portal=lambda: fake.act_in_portal(KEY, "ilka.brandt", "rejected"),
        delete=lambda: fake.delete(KEY),
        make_blind=make_blind,
        lose_answer=lambda: fake.fail("confirm", OutcomeUnknown("The answer was lost."), after_effect=True),
        go_away=go_away,
        taken=lambda: [(each.request_id, each.account, each.comment) for each in fake.confirmations],
    )


def _client(sandbox: Sandbox, first: str) -> PvwaClient:
    where = sandbox.endpoints()
    accounts = {"level1": first, "level2": "svc-pam-l2"}
    return PvwaClient(
        PvwaSettings(url=where["pvwa"], ca_file=Path(where["ca_file"]), read_timeout_seconds=5.0),
        FakeSecretStore(
            {name: Secret(username=user, password=DEFAULT_PASSWORD, version="1") for name, user in accounts.items()}
        ),
        FakeGuard(),
        FakeClock(),
    )


def rest_pvwa(sandbox: Sandbox) -> Subject:
    """Return the adapter before the sandbox, which begins anew."""
    sandbox.reset()
    change = {"requestor": "timo.gast@corp.example"}

    def ask(
        *,
        levels: int = 1,
        needed: int = 1,
        level1: tuple[str, ...] = (TEAM,),
        expires_in: float = 86400,
        window_ends_in: float | None = None,
    ) -> None:
        sandbox.change_safe(SAFE, level1=level1)
        fields: dict[str, Any] = {"levels": levels, "confirmers_needed": needed, "expires": expires_in}
        sandbox.change_request(SAFE, NUMBER, access_to=window_ends_in, **change, **fields)

    def confirm_in_portal() -> None:
        human = _client(sandbox, "ilka.brandt")
        assert human.confirm(KEY, FIRST, "") == Accepted()
        human.close()

    def taken() -> list[tuple[str, ConfirmingAccount, str]]:
        accounts = {"svc-pam-l1": FIRST, "svc-pam-l2": SECOND}
        return [
            (each["key"], accounts[each["user"]], each["reason"])
            for each in sandbox.confirmations()
            if each["user"] in accounts
        ]

    by = {"user": "ilka.brandt", "full_name": "Ilka Brandt"}
    return Subject(
        pvwa=_client(sandbox, "svc-pam-l1"),
        ask=ask,
        confirm_in_portal=confirm_in_portal,
        reject_in_portal=lambda: sandbox.change_request(SAFE, NUMBER, status="rejected", rejected_by=by),
        delete=lambda: sandbox.change_request(SAFE, NUMBER, delete=True),
        make_blind=lambda: sandbox.change_profile(level2_blind_to_level1=True),
        lose_answer=lambda: sandbox.put_fault(
            SandboxSystem.PVWA, Fault(kind=FaultKind.RESET_AFTER, times=1, operation="Confirm")
        ),
        go_away=lambda: sandbox.put_fault(SandboxSystem.PVWA, Fault(kind=FaultKind.DOWN)),
        taken=taken,
    )
