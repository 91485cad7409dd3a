"""A program that hangs for good keeps no standby waiting, and one that works keeps its lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from approvald.core.clock import Patience
from approvald.health.uptime import Pulse
from approvald.ledger import tables
from approvald.ledger.lease import Lease
from approvald.ledger.store import Store
from approvald.service.daemon import Daemon
from approvald.service.signals import Signals
from approvald.service.standby import Standby
from fakes.clock import FakeClock


@contextmanager
def work() -> Iterator[Daemon]:
    """Do nothing."""
    yield cast("Daemon", None)


@pytest.mark.parametrize("does", ["hangs", "works", "rests"])
def test_a_lease_is_renewed_while_the_work_gets_on(tmp_path: Path, does: str) -> None:
    """Ten minutes without a call outside are longer than anything that is meant to be, but for a pause."""
    clock = FakeClock()
    store = Store(f"sqlite:///{tmp_path / 'ledger.db'}", clock)
    lease = Lease(store, "mail", "host0 process 1 (1)", longest_call=timedelta(seconds=0))
    pulse = Pulse(clock)
    standby = Standby(
        lease=lease, signals=Signals(), patience=Patience(tell_after=timedelta(minutes=5), chance=lambda: 0.0),
        pulse=pulse, prepare=store.open, work=work, alone=False,
    )  # fmt: skip
    with standby.once():
        if does == "rests":
            pulse.pause(lambda seconds: _outlast(store, clock, seconds), 900)
        else:
            clock.turn(601)
            if does == "works":
                pulse.beat()
            _until_held(store, 3 if does == "hangs" else 20)
        assert _is_held(store) is not (does == "hangs")
        assert pulse.is_gone() is (does == "hangs")
    store.close()


def _outlast(store: Store, clock: FakeClock, seconds: float) -> None:
    clock.turn(seconds)
    _until_held(store, 20)


def _until_held(store: Store, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not _is_held(store) and time.monotonic() < until:
        time.sleep(0.05)


def _is_held(store: Store) -> bool:
    with store.look() as connection:
        expires_at = connection.execute(sa.select(tables.leases.c.expires_at)).scalar_one()
    return bool(expires_at > store.clock.now())
