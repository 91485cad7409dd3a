"""The whole house on fakes, built by the program's own wiring: fakes stand behind the ports alone."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from approvald.config.settings import Settings
from approvald.core.errors import Unavailable
from approvald.core.model import Reading, Reply
from approvald.core.ports import Outside
from approvald.health.health import Health
from approvald.ledger.halts import Halts
from approvald.ledger.lease import Lease
from approvald.ledger.mails import Mails
from approvald.ledger.retries import Retries
from approvald.ledger.store import Store
from approvald.mail.inbox import Round
from approvald.mail.parse.read import read
from approvald.mail.parse.rules import ParseRules
from approvald.mail.rules import parse_rules
from approvald.service.instance import MAIL
from approvald.service.mail_service import build, build_shadow
from approvald_sandbox.world.mails import Notice, forwarded
from fakes.clock import FakeClock
from fakes.directory import FakeDirectory, make_person
from fakes.mailbox import FakeMailbox
from fakes.pvwa import FakePvwa
from fakes.pvwa_requests import FakeRequest
from fakes.secrets import FakeSecretStore

ILKA, MARA, RHEA, TIMO = (f"{name}@corp.example" for name in ("ilka.brandt", "mara.voss", "rhea.malik", "timo.gast"))
TEAM = "cyberark-team@corp.example"


class ReaderHere:
    """The port MailReader, in this process."""

    def __init__(self, rules: ParseRules) -> None:
        self._rules = rules

    def read(self, mime: bytes) -> Reading:
        """Read the mail."""
        return read(mime, self._rules)

    def end_if_idle(self) -> None:
        """Nothing is used up."""


class House:
    """approvald on fakes. `crash` throws the running parts away and builds them anew on the same ledger.

    `shadow`: it only decides, and writes that down.
    """

    def __init__(self, folder: Path, settings: Settings, *, shadow: bool = False) -> None:
        self._is_shadow = shadow
        self.clock = FakeClock()
        self.mailbox = FakeMailbox(fetch_bytes=settings.parse.limits.fetch_bytes)
        self.pvwa = FakePvwa(self.clock)
        people = ["ilka.brandt", "mara.voss", "rhea.malik", "timo.gast", "jonas.keil"]
        self.directory = FakeDirectory(people=[make_person(name) for name in people])
        self.directory.add_group("DB_PAMapprover", "ilka.brandt", "mara.voss")
        self.directory.add_group("L2_PAMapprover", "rhea.malik")
        self.settings = settings.model_copy(
            update={
                "audit": settings.audit.model_copy(update={"file": folder / "audit.jsonl"}),
                "team": settings.team.model_copy(update={"address": TEAM}),
                "reply": settings.reply.model_copy(update={"time_zone": "UTC"}),
            }
        )
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self._lives = count(1)
        self.crash()

    def crash(self) -> None:
        """Build everything that lives in the process anew; ledger and outside stay as they are."""
        settings, clock = self.settings, self.clock
        self.lease = Lease(
            Store(self.url, clock), MAIL, f"house {next(self._lives)}",
            longest_call=timedelta(seconds=settings.longest_call_seconds()),
        )  # fmt: skip
        self.store = store = Store(self.url, clock)
        store.open()
        self.lease.take(alone=True)
        store.fence(self.lease.fence)
        self.mailbox.permit = self.pvwa.permit = self.lease.make_certain
        outside = Outside(
            mailbox=self.mailbox, directory=self.directory, pvwa=self.pvwa, secrets=FakeSecretStore({}), clock=clock,
            reader=ReaderHere(parse_rules(settings)),
        )  # fmt: skip
        scratch = Store("sqlite://", clock) if self._is_shadow else None
        if scratch is not None:
            scratch.open()
        self.health = Health(settings, store, alarms_in=scratch, chance=lambda: 0.0)
        if scratch is not None:
            self.service = build_shadow(settings, store, outside, self.health, scratch)
        else:
            self.service = build(settings, store, outside, self.health)
        self.mails, self.halts, self.retries = Mails(store), Halts(store), Retries(store)

    def round(self, stopping: bool = False) -> Round:  # noqa: FBT001, FBT002 - a test's short hand
        """Poll once."""
        return self.service.round(lambda: stopping)

    def round_that_fails(self) -> None:
        """Poll once while a system is away that no round can do without."""
        with contextlib.suppress(Unavailable):
            self.round()
            message = "the round did not fail"
            raise AssertionError(message)

    def ask(self, request_id: str = "DB-PROD-01_17", requestor: str = "jonas.keil", **fields: Any) -> FakeRequest:
        """Let somebody ask for access, so long ago that a person can have read it."""
        request = self.pvwa.ask(request_id, requestor)
        request.created -= timedelta(minutes=4)
        for name, value in fields.items():
            setattr(request, name, value)
        return request

    def forward(self, request: FakeRequest, sender: str = ILKA, **how: Any) -> str:
        """Deliver a forwarded notification of the request. Returns the item id."""
        shown = request.shown(self.clock.now())
        notice = Notice(
            requestor=f"{request.requestor}@corp.example",
            safe=shown.safe,
            number=shown.number,
            account=shown.account or "",
            device_user=shown.device_user or "",
            reason=shown.user_reason,
        )
        return self.mailbox.deliver(forwarded(notice, sender, **how), received=self.clock.now())

    def alarms(self, subject: str = "") -> list[Reply]:
        """Return the mails that went to the team alone, those with these words in their subjects."""
        return [mail for mail in self.mailbox.sent if mail.to == (TEAM,) and subject in mail.subject]


def forged(sender: str = ILKA, note: str = "") -> bytes:
    """Return a forwarded notification whose sender Exchange does not vouch for."""
    notice = Notice(requestor="jonas.keil@corp.example", safe="DB-PROD-01", number="17")
    return forwarded(notice, sender, note=note).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")
