"""What is in the ledger's file is there after a crash, and no request is confirmed twice at one level."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from approvald.approval.endings import Code, Ending
from approvald.approval.people import ApprovedBy
from approvald.core.errors import System, Unavailable
from approvald.core.model import ConfirmingAccount, Level, ListedMail
from approvald.ledger import tables
from approvald.ledger.confirmations import Confirmations, Intent, IntentOpen
from approvald.ledger.entries import State
from approvald.ledger.mails import Mails
from approvald.ledger.store import Store
from fakes.clock import FakeClock

CLOCK = FakeClock()
NOW = CLOCK.now()
CREATED = NOW - timedelta(hours=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger is."""
    return tmp_path / "ledger.db"


def opened(path: Path, clock: FakeClock = CLOCK) -> Store:
    """Open the ledger, as a start of approvald does."""
    store = Store(f"sqlite:///{path}", clock)
    store.open()
    return store


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Return an open ledger."""
    made = opened(path)
    yield made
    made.close()


def listed(item_id: str = "item1") -> ListedMail:
    """Return an item of the Inbox."""
    return ListedMail(item_id=item_id, item_class="IPM.Note", size=4711, received=NOW)


def intent(ledger_id: str = "mail1mail1", level: Level = Level.FIRST, created: datetime | None = CREATED) -> Intent:
    """Return an intent to confirm one request."""
    return Intent(
        ledger_id=ledger_id, request_id="db-prod-01_17", created=created, level=level, account=ConfirmingAccount(level),
        approver_guid="g1", approver_link="7", intended_at=NOW,
    )  # fmt: skip


# ------------------------------------------------------------------------------ mails


def test_a_mail_keeps_its_id_over_listings_and_starts(store: Store, path: Path) -> None:
    """The id stands in PVWA's comment, so it must be the same after a crash."""
    first = Mails(store).seen(listed())
    store.close()
    again = opened(path)
    assert Mails(again).seen(listed()) == first
    assert Mails(again).seen(listed("item2")).id != first.id
    again.close()
    assert (first.state, first.received) == (State.SEEN, NOW)
    assert len(first.id) == 12


def test_each_step_is_there_after_a_crash(store: Store, path: Path) -> None:
    """seen, decided, outcome, replying, replied, filed: what was written is where a new start goes on."""
    mails = Mails(store)
    entry = mails.seen(listed())
    ending = Ending(code=Code.EXPIRED, request_id="DB-PROD-01_17", why="ü")
    steps: list[tuple[State, Callable[[], None]]] = [
        (State.DECIDED, lambda: mails.decided(entry.id, {"code": "confirmed"}, request_id="DB-PROD-01_17")),
        (State.OUTCOME, lambda: mails.ended(entry.id, ending, reply_to="ilka.brandt@corp.example")),
        (State.REPLYING, lambda: mails.replying([entry.id])),
        (State.REPLIED, lambda: mails.replied([entry.id])),
        (State.FILED, lambda: mails.filed({entry.id: "filed1"})),
    ]
    found = entry
    for state, step in steps:
        step()
        after = opened(path)
        found = Mails(after).entries(["item1"])["item1"]
        after.close()
        assert found.state is state
    assert (found.ending, found.reply_to, found.replying_since) == (ending, "ilka.brandt@corp.example", NOW)


def test_an_intent_marks_its_mail_as_confirming(store: Store) -> None:
    """Also when the mail comes back to its own open intent."""
    mails, entry = Mails(store), Mails(store).seen(listed())
    for _ in range(2):
        mails.decided(entry.id, {"code": "confirmed"}, request_id="DB-PROD-01_17")
        Confirmations(store).intend(intent(entry.id), comment="")
        assert mails.seen(listed()).state is State.CONFIRMING


def test_waiting_counts_tries_and_remembers_when_it_began(store: Store) -> None:
    """The sender is told after a time, counted from the first failure."""
    mails = Mails(store)
    entry = mails.seen(listed())
    first = mails.waits(entry.id, cause="PVWA is away", system="pvwa", retry_at=NOW + timedelta(seconds=1))
    second = mails.waits(entry.id, cause="x" * 1000, system="pvwa", retry_at=NOW + timedelta(seconds=9))
    assert (first.tries, first.waiting_since, first.retry_at) == (1, NOW, NOW + timedelta(seconds=1))
    assert (second.tries, second.waiting_since, second.retry_at) == (2, NOW, NOW + timedelta(seconds=9))
    assert [each.id for each in mails.unfiled()] == [entry.id]
    mails.sender_proven(entry.id, "ilka.brandt@corp.example", "Internal/04")
    mails.told_waiting(entry.id)
    assert mails.seen(listed()).told_waiting
    mails.filed({entry.id: "filed1"})
    assert mails.unfiled() == []


def test_a_senders_endings_are_counted_by_code_and_time(store: Store) -> None:
    """Three refusals of a kind in an hour are an alarm; the mail in hand and other senders do not count."""
    mails = Mails(store)
    for number, (sender, code) in enumerate(
        [("a@x", Code.ALTERED), ("a@x", Code.OTHER_TEAM), ("a@x", Code.EXPIRED), ("b@x", Code.ALTERED)]
    ):
        entry = replace(mails.seen(listed(f"item{number}")), message_id="<1@x>", sender=sender)
        mails.identified(entry)
        mails.ended(entry.id, Ending(code=code), reply_to="")
    now = mails.seen(listed("item9")).id
    hour = timedelta(hours=1)
    assert mails.ended_by("a@x", [Code.ALTERED, Code.OTHER_TEAM], within=hour, besides=now) == 2
    assert mails.ended_by("a@x", [Code.ALTERED], within=hour, besides=mails.seen(listed("item0")).id) == 0
    assert mails.ended_by("a@x", [Code.ALTERED], within=timedelta(), besides=now) == 0


# ------------------------------------------------------------------------------ confirmations


def test_an_intent_is_there_after_a_crash(store: Store, path: Path) -> None:
    """It is written before the confirmation is sent, with everything that recovery needs."""
    Confirmations(store).intend(intent(), comment="c")
    store.close()
    again = opened(path)
    ledger = Confirmations(again)
    assert ledger.open_of_mail("mail1mail1") == [intent()]
    assert ledger.open_beside(replace(intent("other"), request_id="DB-PROD-01_17")) == [intent()]
    assert ledger.approved_before("DB-PROD-01_17", CREATED) == {}
    again.close()


def test_the_same_mail_may_come_back_to_its_open_intent(store: Store) -> None:
    """It is one row, dated anew."""
    ledger = Confirmations(store)
    ledger.intend(intent(), comment="")
    later = replace(intent(), intended_at=NOW + timedelta(minutes=1))
    ledger.intend(later, comment="")
    assert ledger.open_of_mail("mail1mail1") == [later]


@pytest.mark.parametrize("confirmed", [False, True])
def test_another_mail_may_not_intend_what_is_open_or_done(store: Store, *, confirmed: bool) -> None:
    """At most one confirmation per request and level; the safe's spelling makes no other request."""
    ledger = Confirmations(store)
    ledger.intend(intent(), comment="")
    if confirmed:
        ledger.settle(intent(), done=True, how="read back")
    with pytest.raises(IntentOpen) as caught:
        ledger.intend(replace(intent("mail2mail2"), request_id="DB-PROD-01_17"), comment="")
    assert caught.value.intent == intent()
    assert ledger.open_of_mail("mail2mail2") == []


def test_a_mail_may_not_confirm_twice_what_it_has_confirmed(store: Store) -> None:
    """Not even the same mail."""
    ledger = Confirmations(store)
    ledger.intend(intent(), comment="")
    ledger.settle(intent(), done=True, how="read back")
    with pytest.raises(IntentOpen):
        ledger.intend(intent(), comment="")
    assert ledger.done_by_mail("mail1mail1") == intent()


@pytest.mark.parametrize(
    "other",
    [intent("mail2mail2", level=Level.SECOND), intent("mail2mail2", created=NOW), intent("mail2mail2", created=None),
     replace(intent("mail2mail2"), request_id="db-prod-01_18")],
)  # fmt: skip
def test_another_level_request_or_creation_time_is_another_confirmation(store: Store, other: Intent) -> None:
    """A number that is used again, forty days later, is a new request."""
    ledger = Confirmations(store)
    ledger.intend(intent(), comment="")
    ledger.settle(intent(), done=True, how="read back")
    ledger.intend(other, comment="")
    assert ledger.open_of_mail("mail2mail2") == [other]
    assert ledger.done_by_mail("mail2mail2") is None


def test_what_was_not_done_may_be_done_by_another_mail(store: Store) -> None:
    """PVWA has shown that the first one never happened; any number of times."""
    ledger = Confirmations(store)
    for ledger_id in ("mail1mail1", "mail2mail2", "mail1mail1"):
        ledger.intend(intent(ledger_id), comment="")
        ledger.settle(intent(ledger_id), done=False, how="read back")
    ledger.intend(intent("mail3mail3"), comment="")
    assert [each.ledger_id for each in ledger.open_beside(intent("other"))] == ["mail3mail3"]


def test_what_stands_beside_an_intent_is_of_its_request_or_its_mail(store: Store) -> None:
    """At either level and of any mail; nothing of other requests and other mails."""
    ledger = Confirmations(store)
    older = replace(intent(level=Level.SECOND), intended_at=NOW - timedelta(minutes=1))
    reused = replace(intent("mail2mail2", created=NOW), intended_at=NOW + timedelta(minutes=1))
    for each in (intent(), older, reused):
        ledger.intend(each, comment="")
    assert ledger.open_beside(intent("mail2mail2")) == [older, intent(), reused]
    assert ledger.open_beside(intent("mail3mail3")) == [older, intent()]


def test_who_approved_is_known_by_level(store: Store) -> None:
    """Only what PVWA has confirmed; people are kept apart with it."""
    ledger = Confirmations(store)
    second = replace(intent("mail2mail2", level=Level.SECOND), approver_guid="g2", approver_link=None)
    for each in (intent(), second):
        ledger.intend(each, comment="")
    ledger.settle(intent(), done=True, how="read back")
    first = ApprovedBy(guid="g1", link="7", ledger_id="mail1mail1")
    assert ledger.approved_before("DB-prod-01_17", CREATED) == {Level.FIRST: first}
    ledger.settle(second, done=True, how="read back")
    assert ledger.approved_before("db-prod-01_17", CREATED) == {
        Level.FIRST: first, Level.SECOND: ApprovedBy(guid="g2", link=None, ledger_id="mail2mail2"),
    }  # fmt: skip
    assert ledger.approved_before("db-prod-01_17", NOW) == {}


def test_settling_touches_one_intent_only(store: Store) -> None:
    """Neither another level of the same mail, nor what is settled already."""
    ledger = Confirmations(store)
    first, second = intent(), intent(level=Level.SECOND)
    ledger.intend(first, comment="")
    ledger.intend(second, comment="")
    ledger.settle(second, done=False, how="read back")
    assert ledger.open_of_mail("mail1mail1") == [first]
    ledger.settle(first, done=True, how="read back")
    ledger.settle(first, done=False, how="read back")
    assert ledger.done_by_mail("mail1mail1") == first


def test_the_database_itself_holds_the_guarantee(store: Store) -> None:
    """A second open or confirmed row cannot be written, whatever a program forgets to ask first."""
    Confirmations(store).intend(intent(), comment="")
    values = {
        "ledger_id": "mail2mail2", "request_id": "db-prod-01_17", "created": int(CREATED.timestamp()), "level": 1,
        "account": 1, "approver_guid": "g", "intended_at": NOW,
    }  # fmt: skip
    for outcome in (tables.OPEN, tables.CONFIRMED):
        with pytest.raises(Unavailable), store.begin() as connection:
            connection.execute(tables.confirmations.insert().values(outcome=outcome, **values))
    with store.begin() as connection:
        connection.execute(tables.confirmations.insert().values(outcome=tables.NOT_DONE, **values))


def test_of_many_workers_at_the_same_moment_one_may_confirm(path: Path, store: Store) -> None:
    """Each has its own connection to the file, as two processes would; the others wait."""
    gate = threading.Barrier(6)
    won: list[str] = []

    def work(number: int) -> None:
        mine = opened(path)
        gate.wait()
        try:
            Confirmations(mine).intend(intent(f"mail{number}mail{number}"), comment="")
            won.append(f"mail{number}mail{number}")
        except (IntentOpen, Unavailable):
            pass
        finally:
            mine.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert len(won) == 1
    assert [each.ledger_id for each in Confirmations(store).open_beside(intent("other"))] == won


# ------------------------------------------------------------------------------ the file


def test_facts_are_remembered_by_kind_and_name(store: Store, path: Path) -> None:
    """The last value counts, and survives a start."""
    store.remember("folders", "done", "1")
    store.remember("folders", "done", "2")
    store.remember("uptime", "done", "3")
    store.close()
    again = opened(path)
    assert again.recall("folders") == {"done": "2"}
    assert again.recall("nothing") == {}
    again.close()


def test_a_ledger_has_one_key_of_its_own(store: Store, path: Path, tmp_path: Path) -> None:
    """Programs that share it tell versions of secrets alike, and no two ledgers do."""
    again, other = opened(path), opened(tmp_path / "other.db")
    assert store.version_key() == again.version_key()
    assert len(store.version_key()) == 32
    assert other.version_key() != store.version_key()
    again.close()
    other.close()


def test_instants_come_back_in_utc_to_the_microsecond(store: Store) -> None:
    """Whatever the zone they were written in."""
    received = datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC)
    assert Mails(store).seen(replace(listed(), received=received)).received == received


def test_a_ledger_that_cannot_be_used_confirms_nothing(path: Path) -> None:
    """No place for one is an outage of the ledger and nothing else."""
    store = Store(f"sqlite:///{path / 'no' / 'such' / 'folder'}", CLOCK)
    with pytest.raises(Unavailable) as caught:
        store.open()
    assert caught.value.system is System.LEDGER
    with pytest.raises(Unavailable):
        Confirmations(store).intend(intent(), comment="")
    store.close()


@pytest.mark.parametrize(
    ("trouble", "what", "remedy"),
    [
        ("PRAGMA max_page_count = 1", "no room left on its disk", "Make room"),
        ("PRAGMA query_only = ON", "may not be written", "check that its disk"),
    ],
    ids=["full", "read-only"],
)
def test_a_ledger_that_cannot_be_written_says_what_somebody_does(
    store: Store, trouble: str, what: str, remedy: str
) -> None:
    """By what the database itself says of it."""
    with pytest.raises(Unavailable, match=f"{what}.*nothing is confirmed.*{remedy}"):
        _write_under(store, trouble)


def _write_under(store: Store, trouble: str) -> None:
    with store.begin() as connection:
        connection.exec_driver_sql(trouble)
        for number in range(1000):
            connection.execute(tables.names.insert().values(kind="x", name=str(number), value="x" * 5000))


def test_a_ledger_that_is_damaged_meanwhile_says_so(tmp_path: Path) -> None:
    """A file that turns into something else is not taken for an empty one."""
    store = Store(f"sqlite:///{tmp_path / 'ledger.db'}", CLOCK)
    store.open()
    store.close()
    (tmp_path / "ledger.db").write_bytes(b"This is no database. " * 1000)
    with pytest.raises(Unavailable, match=r"is damaged .*restore it"):
        Mails(store).entries(["item1"])
    store.close()


def test_a_row_of_another_version_is_an_outage_that_says_so(store: Store) -> None:
    """Never half an ending, and never a crash without words."""
    mails = Mails(store)
    entry = mails.seen(listed())
    mails.ended(entry.id, Ending(code=Code.EXPIRED), reply_to="")
    with store.begin() as connection:
        connection.execute(tables.mails.update().values(ending='{"code": "from_the_future"}'))
    with pytest.raises(Unavailable, match="ledger"):
        mails.entries(["item1"])


def test_a_commit_is_on_the_disk(store: Store) -> None:
    """WAL and full synchronisation: a power cut forgets nothing that was acted on."""
    with store.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(None, 0o600, "is not there"), (b"\xff\xfe", 0o600, "not UTF-8"), (b"secret", 0o644, "chmod o=")],
)
def test_a_password_file_of_the_ledger_is_held_to_the_rules_of_secrets(
    tmp_path: Path, content: bytes | None, mode: int, words: str
) -> None:
    """What is wrong with it is an outage of the ledger in words, never a crash; nothing is asked without it."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    store = Store("postgresql+psycopg://approvald@localhost:1/approvald", CLOCK, password_file=file)
    with pytest.raises(Unavailable, match=words) as caught:
        store.open()
    assert caught.value.system is System.LEDGER
    store.close()
