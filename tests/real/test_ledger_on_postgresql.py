"""The ledger does on PostgreSQL what it does on a file: the same tests, and what only several hosts can do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from approvald.core.errors import AuthenticationFailed, LeaseLost, LedgerUnusable, System, Unavailable
from approvald.core.model import Level
from approvald.ledger import schema
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.challenges import Challenge, Challenges
from approvald.ledger.confirmations import Confirmations, IntentOpen
from approvald.ledger.database import engine_for
from approvald.ledger.halts import HaltKind, Halts
from approvald.ledger.lease import HeldLease, Lease
from approvald.ledger.letters import AlarmBook
from approvald.ledger.limits import Haste, MessageCounts, MessageKind
from approvald.ledger.logon_guard import LedgerLogonGuard
from approvald.ledger.mails import Mails
from approvald.ledger.outages import OutageBook
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from real.postgresql import Server
from unit.ledger.test_ledger import (  # noqa: F401 - collected here, with the fixture `store` of this module
    intent,
    listed,
    test_a_mail_may_not_confirm_twice_what_it_has_confirmed,
    test_a_senders_endings_are_counted_by_code_and_time,
    test_an_intent_marks_its_mail_as_confirming,
    test_another_level_request_or_creation_time_is_another_confirmation,
    test_another_mail_may_not_intend_what_is_open_or_done,
    test_instants_come_back_in_utc_to_the_microsecond,
    test_settling_touches_one_intent_only,
    test_the_same_mail_may_come_back_to_its_open_intent,
    test_waiting_counts_tries_and_remembers_when_it_began,
    test_what_stands_beside_an_intent_is_of_its_request_or_its_mail,
    test_what_was_not_done_may_be_done_by_another_mail,
    test_who_approved_is_known_by_level,
)
from unit.ledger.test_ledger_schema import next_revision

CALL = timedelta(seconds=2)


@pytest.fixture
def clock() -> FakeClock:
    """Give the clock of every program of a test."""
    return FakeClock()


@pytest.fixture
def stores(postgresql_url: str, clock: FakeClock) -> Iterator[Sequence[Store]]:
    """Give the ledgers of eight programs on eight hosts."""
    made = [Store(postgresql_url, clock) for _ in range(8)]
    with ThreadPoolExecutor(len(made)) as pool:  # each of them finds the database empty, and one makes the tables
        list(pool.map(Store.open, made))
    yield made
    for store in made:
        store.close()


@pytest.fixture
def store(stores: Sequence[Store]) -> Store:
    """Give one of them."""
    return stores[0]


def at_once(stores: Sequence[Store], act: Callable[[int, Store], object]) -> list[object]:
    """Let all programs act at the same moment; return what came of each, an error too."""

    def tried(number: int) -> object:
        try:
            return act(number, stores[number])
        except Exception as error:  # noqa: BLE001 - the error is the result
            return error

    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(tried, range(len(stores))))


def test_of_many_hosts_at_the_same_moment_one_may_confirm(stores: Sequence[Store]) -> None:
    """Whatever the leases say: the database takes one open intent for a request and level."""
    for number, store in enumerate(stores):
        Mails(store).seen(listed(f"item{number}"))
    came = at_once(stores, lambda number, store: Confirmations(store).intend(intent(f"mail{number}"), comment="x"))
    assert came.count(None) == 1
    assert all(isinstance(each, IntentOpen | Unavailable) for each in came if each is not None), came


def test_of_many_hosts_at_the_same_moment_one_may_log_on(stores: Sequence[Store]) -> None:
    """The others wait for what comes of it, and are then bound by it."""
    guards = [LedgerLogonGuard(store, System.PVWA, holder=f"host{n} process 1 (1)") for n, store in enumerate(stores)]
    came = at_once(stores, lambda number, _: guards[number].claim("svc-pam-l1", "1"))
    assert came.count(None) == 1
    assert sum(type(each) is Unavailable for each in came) == len(stores) - 1
    guards[came.index(None)].failed("svc-pam-l1", "1")
    came = at_once(stores, lambda number, _: guards[number].claim("svc-pam-l1", "1"))
    assert all(isinstance(each, AuthenticationFailed | Unavailable) for each in came), came


def test_log_ons_that_begin_and_end_at_the_same_moment_are_no_trouble(stores: Sequence[Store]) -> None:
    """Whoever asks just when another program's log-on has ended goes on, or waits for the next one."""
    guards = [LedgerLogonGuard(store, System.PVWA, holder=f"host{n} process 1 (1)") for n, store in enumerate(stores)]

    def log_on_often(number: int, _: Store) -> set[System]:
        waited_for = set()
        for _number in range(40):
            try:
                guards[number].claim("svc-pam-l1", "1")
                guards[number].not_judged("svc-pam-l1")
            except Unavailable as away:
                waited_for.add(away.system)
        return waited_for

    for came in at_once(stores, log_on_often):
        assert came <= {System.PVWA}, came  # type: ignore[operator]  # an error fails the test as well


def test_of_many_hosts_one_takes_the_lease(stores: Sequence[Store]) -> None:
    """And everybody else hears who has it."""
    leases = [Lease(store, "mail", f"host{n} process 1 (1)", longest_call=CALL) for n, store in enumerate(stores)]
    came = at_once(stores, lambda number, _: leases[number].take())
    assert came.count(None) == 1
    holder = f"host{came.index(None)} process 1 (1)"
    assert {each.holder for each in came if isinstance(each, HeldLease)} == {holder}


def test_a_holder_in_the_middle_of_a_transaction_keeps_the_lease_until_its_end(stores: Sequence[Store]) -> None:
    """So that nothing is written under a token that somebody else has passed."""
    old = Lease(stores[0], "mail", "host0 process 1 (1)", longest_call=CALL)
    new = Lease(stores[1], "mail", "host1 process 1 (1)", longest_call=CALL)
    old.take()
    stores[0].fence(old.fence)
    with ThreadPoolExecutor(1) as pool:
        with stores[0].begin():
            taking = pool.submit(new.take, alone=True)
            with pytest.raises(TimeoutError):
                taking.result(timeout=0.5)
        assert taking.result(timeout=10) is None
    with pytest.raises(LeaseLost):
        Mails(stores[0]).seen(listed())


def test_the_audit_trail_has_one_chain_over_all_hosts(stores: Sequence[Store]) -> None:
    """Gapless, whoever writes."""

    def add_five(number: int, store: Store) -> None:
        for _ in range(5):
            AuditRows(store).add(AuditKind.ENDING, {"n": number})

    came = at_once(stores, add_five)
    assert not [each for each in came if isinstance(each, Exception)], came
    rows = AuditRows(stores[0]).rows_after(0, 100)
    assert [row.seq for row in rows] == list(range(1, 41))
    assert all(later.prev == earlier.hash for earlier, later in pairwise(rows))
    assert AuditRows(stores[1]).head() == (40, rows[-1].hash)


def test_every_other_table_works(store: Store, clock: FakeClock) -> None:
    """Each statement of the ledger is one that PostgreSQL understands."""
    mails = Mails(store)
    entry = mails.seen(listed())
    mails.decided(entry.id, {"code": "confirmed"}, request_id="DB-PROD-01_17")
    assert Halts(store).set(HaltKind.HOLD, "r", "me") is None
    assert Halts(store).end("me") is not None
    assert Haste(store).count(entry.id, "g1", fast=True) == (1, True)
    assert MessageCounts(store).count(entry.id, MessageKind.REFUSAL, "a@b.c", an_hour=1) == (True, True)
    challenges = Challenges(store)
    asked = Challenge(ledger_id=entry.id, request_id="X_1", created=None, level=Level.FIRST, approver_guid="g1")
    challenges.open(asked)
    challenges.open(asked)
    code, _ = challenges.issue(entry.id, valid_for=timedelta(minutes=10))
    assert challenges.of_code(code) is not None
    assert challenges.take(asked, "other")
    book = OutageBook(store)
    outages = [book.failed(System.PVWA, "away", account=each) for each in ("", "svc-pam-l1", "")]
    assert [each.failures for each in outages] == [1, 1, 2]
    book.told(outages[0])
    book.wake(System.PVWA)
    book.over(outages[1])
    assert [(each.account, each.is_told) for each in book.lasting().values()] == [("", True)]
    AlarmBook(store).to_letters("team@corp.example", pause=timedelta(hours=1))
    assert mails.unfiled()
    assert not mails.is_copy(entry)
    clock.turn(1)


def test_hosts_of_a_later_version_migrate_the_ledger_once(
    stores: Sequence[Store], postgresql_url: str, tmp_path: Path
) -> None:
    """All at the same moment: a mail of before is there afterwards, and hosts of the old version are refused."""
    Mails(stores[0]).seen(listed())
    later = next_revision(tmp_path)
    engines = [engine_for(postgresql_url) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(lambda engine: schema.migrate(engine, **later), engines))
    with engines[0].connect() as connection:
        row = connection.execute(sa.text("SELECT item_id, added FROM mails")).one()
    assert (row.item_id, row.added) == (listed().item_id, None)
    for engine in engines:
        engine.dispose()
    with pytest.raises(LedgerUnusable, match="newer approvald"):
        stores[1].open()


def test_a_server_that_was_stopped_is_used_again(postgresql_server: Server, store: Store) -> None:
    """Meanwhile every question says that the ledger is away."""
    mails = Mails(store)
    mails.seen(listed())
    postgresql_server.stop("immediate")
    try:
        with pytest.raises(Unavailable) as caught:
            mails.seen(listed("other"))
        assert caught.value.system is System.LEDGER
    finally:
        postgresql_server.start()
    assert mails.seen(listed("other")).item_id == "other"


def test_renewing_from_two_threads_beside_a_standby_holds_nobody_up(stores: Sequence[Store]) -> None:
    """The renewing thread, the question before a sending, the work and whoever asks for the lease never deadlock."""
    lease = Lease(stores[0], "mail", "host0 process 1 (1)", longest_call=CALL)
    other = Lease(stores[1], "mail", "host1 process 1 (1)", longest_call=CALL)
    lease.take()
    stores[2].fence(lease.fence)
    acts: Sequence[Callable[[int], object]] = (
        lambda _: lease.renew(),
        lambda _: lease.renew(),
        lambda number: stores[2].remember("kind", "name", str(number)),
        lambda _: other.take(),
    )

    def often(act: Callable[[int], object]) -> None:
        for number in range(50):
            act(number)

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(often, acts, timeout=60))
    lease.make_certain()
