"""One program acts at a time: who has lost the lease writes nothing more, and sends nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from approvald.core.errors import LeaseLost, LedgerAway, System, Unavailable
from approvald.ledger import tables
from approvald.ledger.lease import HeldLease, Lease
from approvald.ledger.mails import Mails
from approvald.ledger.process_identity import has_ended, this_program
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from unit.ledger.test_ledger import listed

CALL = timedelta(seconds=35)


class Programs:
    """Two programs that share one ledger, and its clock."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.stores = [Store(f"sqlite:///{path}", self.clock) for _ in range(2)]
        for store in self.stores:
            store.open()
        self.leases = [
            Lease(store, "mail", f"host{number} process 1 (1)", longest_call=CALL, monotonic=self.clock.monotonic)
            for number, store in enumerate(self.stores)
        ]
        self.one, self.other = self.leases


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Return two programs on one ledger."""
    made = Programs(tmp_path / "ledger.db")
    yield made
    for store in made.stores:
        store.close()


def test_one_has_it_and_the_other_hears_who(programs: Programs) -> None:
    """The second one learns the holder's name, and how long it has to wait at the most."""
    assert programs.one.take() is None
    held = programs.other.take()
    assert isinstance(held, HeldLease)
    assert held.holder == "host0 process 1 (1)"
    assert timedelta(seconds=40) < held.left <= CALL + timedelta(seconds=10)


def test_roles_do_not_know_each_other(programs: Programs) -> None:
    """Mail and chat share a ledger."""
    chat = Lease(programs.stores[1], "chat", "host1 process 1 (1)", longest_call=CALL)
    assert programs.one.take() is None
    assert chat.take() is None


def test_a_lease_that_is_given_back_is_free_at_once(programs: Programs) -> None:
    """An orderly stop costs the successor nothing."""
    programs.one.take()
    programs.one.release()
    assert programs.other.take() is None
    assert (programs.one.token, programs.other.token) == (None, 2)


def test_the_token_grows_at_every_change_of_hands(programs: Programs) -> None:
    """So that a holder of before is told from the present one."""
    for expected in (1, 2, 3):
        lease = programs.leases[expected % 2]
        assert lease.take(alone=True) is None
        assert lease.token == expected


def test_who_was_replaced_writes_nothing_more(programs: Programs) -> None:
    """Every transaction of the old holder ends before it has changed anything."""
    programs.one.take()
    programs.stores[0].fence(programs.one.fence)
    mails = Mails(programs.stores[0])
    mails.seen(listed("before"))
    programs.other.take(alone=True)

    with pytest.raises(LeaseLost, match="host1 process 1"):
        mails.seen(listed("after"))

    assert list(Mails(programs.stores[1]).entries(["before", "after"])) == ["before"]
    with pytest.raises(LeaseLost):
        programs.one.renew()


def test_nothing_is_sent_by_who_was_replaced(programs: Programs) -> None:
    """The question right before a sending sees the change of hands, however fresh the lease was."""
    programs.one.take()
    programs.one.make_certain()
    programs.other.take(alone=True)
    with pytest.raises(LeaseLost):
        programs.one.make_certain()
    programs.other.make_certain()


def test_a_call_begins_only_while_the_lease_outlasts_it(programs: Programs) -> None:
    """A lease with less left than the longest call is renewed first, which fails for who was replaced meanwhile."""
    programs.one.take()
    programs.clock.turn(11)  # of 45 seconds 34 are left
    programs.one.make_certain()
    held = programs.other.take()
    assert isinstance(held, HeldLease)
    assert held.left == programs.one.length
    programs.clock.turn(46)  # stopped for longer than the lease
    assert programs.other.take() is None
    with pytest.raises(LeaseLost):
        programs.one.make_certain()


def test_a_lease_that_has_run_out_is_renewed_where_nobody_has_taken_it(programs: Programs) -> None:
    """A host that stood still as a whole, and whose own clocks do not know, asks the ledger's clock."""
    programs.one.take()
    programs.clock.turn(3600)
    programs.one.make_certain()
    assert isinstance(programs.other.take(), HeldLease)


def test_nobody_is_sure_of_a_renewal_that_took_too_long(tmp_path: Path) -> None:
    """The time in which the ledger answers counts: who was stopped meanwhile must not send. Nobody else has it yet."""
    steps = iter([1000.0, 1012.0, 1012.0, 1090.0])
    store = Store(f"sqlite:///{tmp_path / 'ledger.db'}", FakeClock())
    store.open()
    lease = Lease(store, "mail", "host0 process 1 (1)", longest_call=CALL, monotonic=lambda: next(steps))
    lease.take()
    with pytest.raises(Unavailable, match="not renewed in time") as caught:
        lease.make_certain()
    assert (type(caught.value), caught.value.system) == (LedgerAway, System.LEDGER)
    store.close()


def test_a_token_that_a_set_back_ledger_gives_out_again_is_of_its_holder_only(programs: Programs) -> None:
    """A fail-over may lose the newest rows: then the old holder's number is given to another one."""
    programs.one.take()
    set_back = tables.leases.update().values(token=0, expires_at=datetime.fromtimestamp(0, UTC))
    with programs.stores[1].begin() as connection:
        connection.execute(set_back)
    programs.other.take()
    assert programs.one.token == programs.other.token
    programs.other.make_certain()
    for refused in (programs.one.make_certain, programs.one.renew):
        with pytest.raises(LeaseLost, match="host1 process 1"):
            refused()
    programs.one.release()
    programs.other.make_certain()


def test_a_process_of_this_host_that_is_gone_is_known_to_be(programs: Programs) -> None:
    """A daemon that is started again after a crash need not wait for its own lease; a living one is respected."""
    command = "from approvald.ledger.process_identity import this_program; print(this_program())"
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)  # noqa: S603
    gone = ended.stdout.strip()
    assert has_ended(gone)
    assert not has_ended(this_program())
    assert not has_ended(gone.replace(" [", "x [", 1)), "nobody can tell of another host"
    assert not has_ended("")

    crashed = Lease(programs.stores[0], "mail", gone, longest_call=CALL)
    assert crashed.take() is None
    assert programs.other.take() is None


def test_a_process_id_that_was_given_anew_is_not_the_old_process() -> None:
    """The time of its start tells them apart."""
    mine = this_program()
    assert f" process {os.getpid()} (" in mine
    assert has_ended(mine.rpartition("(")[0] + "(1)")
