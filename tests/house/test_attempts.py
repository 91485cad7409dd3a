"""Which items are one mail by the ledger: further attempts at it, copies of it, and neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.approval.endings import Code, Ending
from approvald.core.model import ListedMail
from approvald.ledger.entries import Entry, State
from approvald.ledger.mails import Mails
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.house import ILKA, MARA

NOW = FakeClock().now()


@pytest.fixture
def clock() -> FakeClock:
    """Give the ledger's clock."""
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    """Return an open ledger."""
    made = Store(f"sqlite:///{tmp_path / 'ledger.db'}", clock)
    made.open()
    yield made
    made.close()


def identified(mails: Mails, item_id: str, message_id: str = "<1@x>", sender: str = ILKA, *, later: int = 0) -> Entry:
    """See an item of the Inbox, received so many seconds later, that says this of itself."""
    received = NOW + timedelta(seconds=later)
    listed = ListedMail(item_id=item_id, item_class="IPM.Note", size=4711, received=received)
    entry = replace(mails.seen(listed), message_id=message_id, sender=sender)
    mails.identified(entry)
    return entry


def test_a_mail_answered_before_is_known_by_message_id_and_sender(store: Store) -> None:
    """Only another item with both, that has its answer: a stranger's copy of a Message-ID silences nobody."""
    mails = Mails(store)
    first, second = identified(mails, "item1"), identified(mails, "item2", later=1)
    assert not mails.is_copy(second)
    mails.sender_proven(first.id, ILKA, "Internal/04")
    assert not mails.is_copy(second)
    mails.ended(first.id, Ending(code=Code.CONFIRMED), reply_to=ILKA)
    assert mails.is_copy(second)
    assert not mails.is_copy(first)
    assert not mails.is_copy(identified(mails, "item3", "<2@x>"))
    assert not mails.is_copy(identified(mails, "item4", sender=MARA))
    assert not mails.is_copy(identified(mails, "item5", ""))
    assert not mails.is_copy(identified(mails, "item6", ""))


def test_a_mail_that_told_nobody_makes_no_copy(store: Store) -> None:
    """A mail whose sender was not proven cannot be used to swallow the real one."""
    mails = Mails(store)
    first, second = identified(mails, "item1"), identified(mails, "item2")
    mails.ended(first.id, Ending(code=Code.SENDER_UNPROVEN), reply_to="")
    assert not mails.is_copy(second)


def test_of_two_items_of_one_mail_at_once_one_is_a_copy(store: Store, clock: FakeClock) -> None:
    """While the first of them is on its way, answered or not, and also when it has been filed meanwhile."""
    mails = Mails(store)
    first, second = identified(mails, "item1"), identified(mails, "item2")
    mails.sender_proven(first.id, ILKA, "Internal/04")
    assert mails.is_copy(second)
    mails.ended(first.id, Ending(code=Code.EXPIRED), reply_to=ILKA)
    clock.turn(1)
    mails.filed({first.id: "filed1"})
    assert mails.is_copy(second)
    assert mails.is_copy(replace(second, attempt_of=first.id))
    mails.ended(second.id, Ending(code=Code.DUPLICATE), reply_to="")
    assert not mails.is_copy(first)


def test_a_further_attempt_is_no_copy_of_what_was_answered(store: Store) -> None:
    """Neither of the attempt before it, nor of the same mail as it was sent again at another time."""
    mails = Mails(store)
    for number in (1, 2):
        entry = identified(mails, f"item{number}", later=number)
        mails.ended(entry.id, Ending(code=Code.EXPIRED), reply_to=ILKA)
        mails.filed({entry.id: f"filed{number}"})
    back = identified(mails, "item3", later=1)
    assert [each.filed_item_id for each in mails.filed_before(back)] == ["filed1"]
    assert mails.is_copy(back)
    assert not mails.is_copy(replace(back, attempt_of=mails.filed_before(back)[0].id))


def test_only_what_was_filed_can_be_tried_again(store: Store) -> None:
    """By Message-ID, From and time of receipt together; the first attempt stands for the mail."""
    mails = Mails(store)
    first = identified(mails, "item1")
    assert mails.filed_before(identified(mails, "item2")) == []
    mails.filed({first.id: ""})
    for number, other in enumerate([{"message_id": "<2@x>"}, {"message_id": ""}, {"sender": MARA}, {"later": 1}]):
        assert mails.filed_before(identified(mails, f"other{number}", **other)) == []  # type: ignore[arg-type]  # mixed
    (found,) = mails.filed_before(identified(mails, "item3"))
    assert (found.id, found.first_attempt, found.state) == (first.id, first.id, State.FILED)
    again = replace(identified(mails, "item4"), attempt_of=first.id)
    mails.identified(again)
    assert mails.entries(["item4"])["item4"].first_attempt == first.id


def test_further_attempts_at_a_mail_count_once(store: Store) -> None:
    """An operator who has a refused mail tried again makes nobody a prober."""
    mails = Mails(store)
    first = identified(mails, "item1")
    again = replace(identified(mails, "item2"), attempt_of=first.id)
    mails.identified(again)
    for entry in (first, again):
        mails.ended(entry.id, Ending(code=Code.ALTERED), reply_to="")
    hour = timedelta(hours=1)
    assert mails.ended_by(ILKA, [Code.ALTERED], within=hour, besides="") == 1
    assert mails.ended_by(ILKA, [Code.ALTERED], within=hour, besides=again.first_attempt) == 0
