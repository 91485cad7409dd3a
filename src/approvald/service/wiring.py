"""The one place where the real systems are plugged in: each adapter is one line of `outside`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.adapters.exchange.mailbox import ExchangeMailbox
from approvald.adapters.pvwa.client import PvwaClient
from approvald.adapters.secrets.files import CredentialFiles
from approvald.adapters.secrets.hashicorp_vault.store import HashicorpVault
from approvald.adapters.secrets.sources import SecretSources
from approvald.config.settings import Settings
from approvald.core.clock import SystemClock
from approvald.core.errors import System
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock, Outside, SecretStore
from approvald.doctor.questions import Systems
from approvald.health.breaker import Breakers
from approvald.health.health import Health, patience_of
from approvald.health.uptime import Pulse
from approvald.ledger.halts import Halts
from approvald.ledger.lease import Lease
from approvald.ledger.logon_guard import LedgerLogonGuard
from approvald.ledger.process_identity import this_program
from approvald.ledger.store import Store, store_for
from approvald.mail.reader.process import Reader
from approvald.mail.rules import reading_task
from approvald.service.daemon import Daemon
from approvald.service.instance import MAIL, OnlyInstance
from approvald.service.mail_service import build, build_shadow
from approvald.service.signals import Signals
from approvald.service.standby import Standby, make_usable

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Adapters(Outside):
    """The real systems, which answer the doctor's questions, too."""

    mailbox: ExchangeMailbox
    directory: ActiveDirectory
    pvwa: PvwaClient
    reader: Reader


@contextmanager
def outside(
    settings: Settings, store: Store, permit: Callable[[], None] | None = None, breakers: Breakers | None = None
) -> Iterator[Adapters]:
    """Open the systems of this configuration, and close them at the end. Asks none of them.

    `permit` is asked right before anything is sent; without it nothing asks whether this program may act. The secret
    store stands behind its breaker here, because adapters ask it; the other ports are put behind theirs by `build`.
    """
    with ExitStack() as stack:
        key, vault = store.version_key(), settings.secrets.hashicorp_vault
        guard = partial(LedgerLogonGuard, store, longest_call=timedelta(seconds=settings.longest_call_seconds()))
        sources = SecretSources(
            settings.secrets,
            files=CredentialFiles(version_key=key, environment=os.environ),
            hashicorp_vault=HashicorpVault(vault, guard=guard(System.SECRET_STORE), clock=store.clock, version_key=key)
            if vault
            else None,
        )
        stack.callback(sources.close)
        secrets = breakers.behind(System.SECRET_STORE, SecretStore, sources) if breakers else sources
        directory = ActiveDirectory(
            settings.directory, groups=settings.groups, people=settings.people, secrets=secrets,
            guard=guard(System.DIRECTORY), clock=store.clock,
        )  # fmt: skip
        stack.callback(directory.close)
        pvwa = PvwaClient(settings.pvwa, secrets, guard(System.PVWA), store.clock, permit=permit)
        stack.callback(pvwa.close)
        largest = settings.parse.limits.fetch_bytes
        mailbox = ExchangeMailbox(settings.mailbox, largest, secrets, guard(System.EXCHANGE), store, permit=permit)
        stack.callback(mailbox.close)
        reader = stack.enter_context(Reader(reading_task(settings)))
        yield Adapters(
            mailbox=mailbox, directory=directory, pvwa=pvwa, secrets=secrets, clock=store.clock, reader=reader
        )


@contextmanager
def standby(
    settings: Settings, signals: Signals, begun: Callable[[], None], clock: Clock | None = None
) -> Iterator[Standby]:
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
        yield Standby(
            lease=lease, signals=signals, patience=patience_of(settings), pulse=pulse,
            prepare=partial(make_usable, store, lock), alone=not store.is_shared,
            work=partial(daemon, settings, signals, lease, pulse, begun),
        )  # fmt: skip


@contextmanager
def daemon(
    settings: Settings, signals: Signals, lease: Lease, pulse: Pulse, begun: Callable[[], None]
) -> Iterator[Daemon]:
    """Make the daemon of this configuration, which holds the lease; at the end everything is closed. Asks no server.

    Raises LedgerAway when the ledger cannot be used.
    """
    with ExitStack() as stack:
        store = store_for(settings.ledger, pulse.clock)
        stack.callback(store.close)
        store.fence(lease.fence)
        scratch = _scratch(store.clock, stack) if settings.daemon.mode == "shadow" else None
        health = Health(settings, store, alarms_in=scratch, beat=pulse.beat)
        systems = stack.enter_context(outside(settings, store, lease.make_certain, health.breakers))
        if scratch is None:
            service = build(settings, store, systems, health)
        else:
            service = build_shadow(settings, store, systems, health, scratch)
        stack.enter_context(service.audit_trail.of_program(this_program(), lease.token))
        _tell_halt(Halts(store))
        begun()
        yield Daemon(
            service, signals=signals, patience=health.patience, poll_seconds=settings.daemon.poll_seconds,
            pause=partial(pulse.pause, signals.wait),
        )  # fmt: skip


@contextmanager
def asked_by_doctor(settings: Settings, clock: Clock | None = None) -> Iterator[Systems]:
    """Open the systems under the log-on guards of the daemon's ledger, which may be in use. Asks none of them.

    Raises LedgerAway when the ledger cannot be opened.
    """
    store = store_for(settings.ledger, clock or SystemClock())
    try:
        store.join()
        store.remember("doctor", "asked", store.clock.now().isoformat())  # whether the ledger can be written
        with outside(settings, store) as real:
            yield Systems.looked_at(
                clock=real.clock, secrets=real.secrets, mailbox=real.mailbox, directory=real.directory, pvwa=real.pvwa
            )
    finally:
        store.close()


def _scratch(clock: Clock, stack: ExitStack) -> Store:
    """Return a ledger in memory for what shadow mode writes on a mail's way: nothing of it may count later."""
    event(_LOG, Event.SHADOW_MODE, logging.WARNING, state="shadow")
    scratch = Store("sqlite://", clock)
    stack.callback(scratch.close)
    scratch.open()
    return scratch


def _tell_halt(halts: Halts) -> None:
    halt = halts.in_force()
    if halt is not None:
        event(_LOG, Event.HALT_IN_FORCE, logging.WARNING, state=halt.kind.value, why=halt.reason, operator=halt.set_by)
