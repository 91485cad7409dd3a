"""The whole house on fakes: real pipeline, mailroom, outbox and ledger; fakes behind the ports."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from approvald.approval.compare import Comparison
from approvald.approval.policy import Policy
from approvald.config.fingerprint import Stamp
from approvald.config.settings import Settings
from approvald.confirmation.challenge import Challenging
from approvald.confirmation.gather import Approvers, People
from approvald.confirmation.groups import ApproverGroups, GroupPins
from approvald.confirmation.permission import Permission
from approvald.confirmation.settle import Confirming
from approvald.core.clock import Patience
from approvald.core.errors import System, Unavailable
from approvald.core.model import Level, Reply
from approvald.health.uptime import Uptime
from approvald.ledger.confirmations import Confirmations
from approvald.ledger.halts import Halts
from approvald.ledger.mails import Mails
from approvald.ledger.retries import Retries
from approvald.ledger.store import Store
from approvald.mail.identify import Senders
from approvald.mail.inbox import Mailroom, Round
from approvald.mail.intake import IntakeRules, SenderRules
from approvald.mail.outbox import Outbox
from approvald.mail.parse.read import read
from approvald.mail.parse.rules import ParseRules
from approvald.mail.pipeline import Pipeline, Rules
from approvald.mail.reply import ReplyRules
from approvald.mail.retry import Retrying
from approvald.service.watching import Watching
from approvald_sandbox.world.mails import Notice, forwarded
from fakes.clock import FakeClock
from fakes.directory import FakeDirectory, make_person
from fakes.mailbox import FakeMailbox
from fakes.pvwa import FakePvwa
from fakes.pvwa_requests import FakeRequest

ILKA, MARA, RHEA, TIMO = (f"{name}@corp.example" for name in ("ilka.brandt", "mara.voss", "rhea.malik", "timo.gast"))
TEAM = "cyberark-team@corp.example"
SETTLE = timedelta(seconds=35)


class House:
    """approvald on fakes. `crash` throws the running parts away and builds them anew on the same ledger."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.clock = FakeClock()
        self.mailbox = FakeMailbox(fetch_bytes=settings.parse.limits.fetch_bytes)
        self.pvwa = FakePvwa(self.clock)
        people = ["ilka.brandt", "mara.voss", "rhea.malik", "timo.gast", "jonas.keil"]
        self.directory = FakeDirectory(people=[make_person(name) for name in people])
        self.directory.add_group("DB_PAMapprover", "ilka.brandt", "mara.voss")
        self.directory.add_group("L2_PAMapprover", "rhea.malik")
        self.known_away = {system.value for system in System}
        """Systems whose outage is told of by its own alarm, if mails wait for them."""
        self._settings = settings
        self._url = f"sqlite:///{folder / 'ledger.db'}"
        self.crash()

    def crash(self) -> None:
        """Build everything that lives in the process anew; ledger and outside stay as they are."""
        self.store = store = Store(self._url, self.clock)
        store.open()
        self.mails = Mails(store)
        self.watching = Watching.from_settings(self._settings, store, self.mails, settle=SETTLE)
        self.halts = Halts(store)
        self.retries = Retries(store)
        self.uptime = Uptime(store, self.clock, poll_seconds=15, keep=timedelta(hours=144), paused=self.halts.pauses)
        self.mailroom = self._mailroom(store)

    def round(self, stopping: bool = False) -> Round:  # noqa: FBT001, FBT002 - a test's short hand
        """Poll once."""
        self.uptime.beat()
        return self.mailroom.round(lambda: stopping)

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

    def _mailroom(self, store: Store) -> Mailroom:
        settings, clock = self._settings, self.clock
        patience = Patience(tell_after=timedelta(minutes=5), chance=lambda: 0.0)
        groups = ApproverGroups(
            self.directory, clock, refresh_seconds=900, pins=GroupPins(store), tell=self.watching.group_disabled
        )
        confirmations = Confirmations(store)
        challenging = Challenging.from_settings(settings, store)
        people = People(self.directory, tell=self.watching.link_shared)
        self.pipeline = pipeline = Pipeline(
            rules=Rules(
                intake=IntakeRules.from_settings(settings),
                comparison=Comparison(),
                pvwa_names={},
                max_age=timedelta(hours=72),
                stamp=Stamp.of(settings),
            ),
            read=partial(read, rules=ParseRules.from_settings(settings)),
            directory=self.directory,
            people=people,
            approvers=Approvers(groups, people, by_linked_account=settings.people.approver_by_linked_account),
            mails=self.mails,
            uptime=self.uptime,
            confirming=Confirming(
                pvwa=self.pvwa,
                confirmations=confirmations,
                clock=clock,
                accounts=(Level.FIRST, Level.SECOND),
                age=self.uptime.age,
            ),
            senders=Senders(SenderRules.from_settings(settings), self.directory, groups),
            plausibility=self.watching.plausibility,
            permission=Permission(
                policy=Policy.from_settings(settings),
                halts=self.halts,
                confirmations=confirmations,
                challenging=challenging,
                clock=clock,
            ),
            challenging=challenging,
        )
        rules = ReplyRules(team_name="CyberArk team", team_address=TEAM, zone=ZoneInfo("UTC"))
        outbox = Outbox(
            mailbox=self.mailbox,
            mails=self.mails,
            letters=self.watching.letters,
            alarms=self.watching.alarms,
            rates=self.watching.rates,
            clock=clock,
            patience=patience,
            rules=rules,
            settle=SETTLE,
            challenging=challenging,
        )
        return Mailroom(
            mailbox=self.mailbox,
            pipeline=pipeline,
            mails=self.mails,
            clock=clock,
            patience=patience,
            outbox=outbox,
            alarms=self.watching.alarms,
            rates=self.watching.rates,
            retrying=Retrying(
                mailbox=self.mailbox,
                mails=self.mails,
                retries=self.retries,
                age=self.uptime.age,
                max_age=timedelta(hours=72),
            ),
            fetch_bytes=settings.parse.limits.fetch_bytes,
            is_known_away=self.known_away.__contains__,
        )


def forged(sender: str = ILKA, note: str = "") -> bytes:
    """Return a forwarded notification whose sender Exchange does not vouch for."""
    notice = Notice(requestor="jonas.keil@corp.example", safe="DB-PROD-01", number="17")
    return forwarded(notice, sender, note=note).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")
