"""The one place where the real things are plugged in. Each adapter is one line here.

Adapters are imported inside `build`, so that commands which ask no server start fast.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from approvald.audit.trail import Trail
from approvald.config.settings import Settings
from approvald.confirmation.sweep import Reconciling
from approvald.core.clock import Patience, SystemClock
from approvald.core.errors import System, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock, Pvwa, SecretStore
from approvald.doctor.questions import Systems
from approvald.health.breaker import Breaker
from approvald.health.breakers import BreakableDirectory, BreakableMailbox, BreakablePvwa, BreakableSecretStore
from approvald.health.outages import Outages
from approvald.health.uptime import Pulse
from approvald.ledger.halts import Halts
from approvald.ledger.lease import Lease
from approvald.ledger.logon_guard import LedgerLogonGuard
from approvald.ledger.mails import Mails
from approvald.ledger.process_identity import this_program
from approvald.ledger.store import Store, store_for
from approvald.mail.ledger_away import LedgerAlarm
from approvald.mail.reader.process import Reader
from approvald.mail.reader.worker import Task
from approvald.mail.reply import ReplyRules
from approvald.service import mail_service
from approvald.service.daemon import Daemon
from approvald.service.instance import MAIL, OnlyInstance
from approvald.service.mail_service import Made, Parts
from approvald.service.signals import Signals
from approvald.service.standby import Duty, make_usable
from approvald.service.watching import Watching

if TYPE_CHECKING:
    from approvald.adapters.active_directory.directory import ActiveDirectory
    from approvald.adapters.exchange.mailbox import ExchangeMailbox
    from approvald.adapters.pvwa.client import PvwaClient

_LOG: Final = logging.getLogger(__name__)
_SETTLE_MARGIN_SECONDS: Final = 5.0


@contextmanager
def duty(settings: Settings, signals: Signals, begun: Callable[[], None], clock: Clock | None = None) -> Iterator[Duty]:
    """Make what works in the role of this configuration, or stands by. Asks no server.

    `begun` is called whenever the work begins.
    """
    with ExitStack() as stack:
        lock = OnlyInstance(settings.ledger.file, MAIL)
        stack.callback(lock.close)
        store = store_for(settings.ledger, clock or SystemClock())
        stack.callback(store.close)
        lease = Lease(store, MAIL, this_program(), longest_call=timedelta(seconds=settings.longest_call_seconds()))
        pulse = Pulse(store.clock)
        yield Duty(
            lease=lease, signals=signals, patience=_patience(settings), pulse=pulse,
            prepare=partial(make_usable, store, lock), begun=begun, alone=not store.is_shared,
            work=partial(build, settings, signals, lease, pulse, store.clock),
        )  # fmt: skip


@contextmanager
def build(settings: Settings, signals: Signals, lease: Lease, pulse: Pulse, clock: Clock) -> Iterator[Daemon]:
    """Make the daemon of this configuration, which holds the lease; at the end everything is closed. Asks no server.

    Raises Unavailable (System.LEDGER) when the ledger cannot be used.
    """
    with ExitStack() as stack:
        store = store_for(settings.ledger, clock)
        stack.callback(store.close)
        store.fence(lease.fence)
        settle = timedelta(seconds=settings.mailbox.read_timeout_seconds + _SETTLE_MARGIN_SECONDS)
        kept = _scratch(clock, stack) if settings.daemon.mode == "shadow" else store
        watching = Watching.from_settings(settings, kept, Mails(kept), settle=settle)
        trail = Trail.from_settings(settings, store, tell_cut=watching.audit_cut, tell_failed=watching.anchor_failed)
        stack.enter_context(trail.kept(this_program(), lease.token))
        patience = _patience(settings)
        outages = Outages.kept_in(store, alarms=watching.alarms, tell_after=patience.tell_after)
        breaker = partial(Breaker, clock=clock, patience=patience, health=outages, beat=pulse.beat)
        secrets = BreakableSecretStore(_secrets(settings, store, stack), breaker(System.SECRET_STORE))
        directory = BreakableDirectory(_directory(settings, secrets, store, stack), breaker(System.DIRECTORY))
        adapter = _pvwa(settings, secrets, store, stack, permit=trail.before_acting(lease.certain))
        pvwa = BreakablePvwa(adapter, breaker(System.PVWA))
        mailbox = BreakableMailbox(
            _mailbox(settings, secrets, store, stack, permit=lease.certain), breaker(System.EXCHANGE)
        )
        _tell_halt(Halts(store))
        reader = stack.enter_context(Reader(Task.from_settings(settings)))
        parts = Parts(
            settings=settings, store=store, kept=kept, watching=watching, read=reader.read,
            mailbox=mailbox, directory=directory, pvwa=pvwa, outages=outages,
        )  # fmt: skip
        yield _daemon(
            settings, parts, reader=reader, signals=signals, pause=partial(pulse.rest, signals.wait),
            rest=partial(_watch, outages, mail_service.reconciling(parts), trail, breaker(System.AUDIT)),
        )  # fmt: skip


def _scratch(clock: Clock, stack: ExitStack) -> Store:
    """Return a ledger in memory for what shadow mode writes on a mail's way: nothing of it may count later."""
    event(_LOG, Event.SHADOW_MODE, logging.WARNING, state="shadow")
    scratch = Store("sqlite://", clock)
    stack.callback(scratch.close)
    scratch.open()
    return scratch


@contextmanager
def build_doctor(settings: Settings, clock: Clock | None = None) -> Iterator[Systems]:
    """Make what the doctor asks, under the log-on guards of the daemon's ledger, which may be in use. Asks no server.

    Raises Unavailable (System.LEDGER) when the ledger cannot be opened.
    """
    with ExitStack() as stack:
        store = store_for(settings.ledger, clock or SystemClock())
        stack.callback(store.close)
        store.join()
        store.remember("doctor", "asked", store.clock.now().isoformat())  # whether the ledger can be written
        secrets = _secrets(settings, store, stack)
        yield Systems(
            clock=store.clock,
            secrets=secrets,
            mailbox=_mailbox(settings, secrets, store, stack),
            directory=_directory(settings, secrets, store, stack),
            pvwa=_pvwa(settings, secrets, store, stack),
        )


def _secrets(settings: Settings, store: Store, stack: ExitStack) -> SecretStore:
    from approvald.adapters.secrets.files import CredentialFiles  # noqa: PLC0415 - see the top
    from approvald.adapters.secrets.hashicorp_vault.store import HashicorpVault  # noqa: PLC0415 - see the top
    from approvald.adapters.secrets.sources import SecretSources  # noqa: PLC0415 - see the top

    key = store.version_key()
    vault = settings.secrets.hashicorp_vault
    guard = _guard(settings, store, System.SECRET_STORE)
    secrets = SecretSources(
        settings.secrets,
        files=CredentialFiles(version_key=key, environment=os.environ),
        hashicorp_vault=HashicorpVault(vault, guard=guard, clock=store.clock, version_key=key) if vault else None,
    )
    stack.callback(secrets.close)
    return secrets


def _guard(settings: Settings, store: Store, system: System) -> LedgerLogonGuard:
    return LedgerLogonGuard(store, system, longest_call=timedelta(seconds=settings.longest_call_seconds()))


def _directory(settings: Settings, secrets: SecretStore, store: Store, stack: ExitStack) -> ActiveDirectory:
    from approvald.adapters.active_directory.directory import ActiveDirectory  # noqa: PLC0415 - see the top

    directory = ActiveDirectory(
        settings.directory, groups=settings.groups, people=settings.people, secrets=secrets,
        guard=_guard(settings, store, System.DIRECTORY), clock=store.clock,
    )  # fmt: skip
    stack.callback(directory.close)
    return directory


def _pvwa(
    settings: Settings, secrets: SecretStore, store: Store, stack: ExitStack, permit: Callable[[], None] | None = None
) -> PvwaClient:
    from approvald.adapters.pvwa.client import PvwaClient  # noqa: PLC0415 - see the top

    pvwa = PvwaClient(settings.pvwa, secrets, _guard(settings, store, System.PVWA), store.clock, permit=permit)
    stack.callback(pvwa.close)
    return pvwa


def _mailbox(
    settings: Settings, secrets: SecretStore, store: Store, stack: ExitStack, permit: Callable[[], None] | None = None
) -> ExchangeMailbox:
    from approvald.adapters.exchange.mailbox import ExchangeMailbox  # noqa: PLC0415 - see the top

    guard = _guard(settings, store, System.EXCHANGE)
    largest = settings.parse.limits.fetch_bytes
    mailbox = ExchangeMailbox(settings.mailbox, largest, secrets, guard, store, permit=permit)
    stack.callback(mailbox.close)
    return mailbox


def _daemon(
    settings: Settings, parts: Parts, *, signals: Signals, pause: Callable[[float], None], rest: Callable[[], None],
    reader: Reader,
) -> Daemon:  # fmt: skip
    patience = _patience(settings)
    made = mail_service.shadow(parts, patience) if parts.is_shadow else mail_service.live(parts, patience)
    alarm = LedgerAlarm(
        mailbox=parts.mailbox, rules=ReplyRules.from_settings(settings), clock=parts.store.clock,
        tell_after=patience.tell_after,
    )  # fmt: skip
    return Daemon(
        mailroom=made.room,
        clock=parts.store.clock,
        patience=patience,
        poll_seconds=settings.daemon.poll_seconds,
        beat=made.beat,
        rest=partial(_rest, reader, parts.pvwa, made, rest),
        reload=made.groups.read,
        signals=signals,
        pause=pause,
        failed=_only_log if parts.is_shadow else alarm.failed,
        recovered=alarm.recovered,
    )


def _only_log(away: Unavailable) -> None:
    """Tell nobody: shadow mode sends nothing, and the poll's own line is in the log."""


def _patience(settings: Settings) -> Patience:
    return Patience(tell_after=timedelta(minutes=settings.daemon.tell_after_minutes), chance=random.random)


def _tell_halt(halts: Halts) -> None:
    halt = halts.in_force()
    if halt is not None:
        event(_LOG, Event.HALT_IN_FORCE, logging.WARNING, state=halt.kind.value, why=halt.reason, operator=halt.set_by)


def _rest(reader: Reader, pvwa: Pvwa, made: Made, watch: Callable[[], None]) -> None:
    reader.rest()
    pvwa.rest()
    made.groups.keep_fresh()
    made.rest()
    watch()


def _watch(outages: Outages, reconciling: Reconciling, trail: Trail, breaker: Breaker) -> None:
    outages.rest()
    reconciling.rest()
    with breaker.call():
        trail.rest()
