"""Who is handed the reading half of a port cannot act, whatever the adapter behind it can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from approvald.core.model import ConfirmingAccount
from approvald.core.ports import Mailbox, Pvwa, ReadingMailbox, ReadingPvwa, only
from fakes.clock import FakeClock
from fakes.mailbox import FakeMailbox
from fakes.pvwa import FakePvwa

ACTS_OF_MAILBOX = ("send", "send_unasked", "file", "restore")
ACTS_OF_PVWA = ("confirm", "reject")


@pytest.mark.parametrize("act", ACTS_OF_MAILBOX)
def test_a_reading_mailbox_has_no_hands(act: str) -> None:
    """Not by another name either: nothing of the adapter but the questions is there."""
    looked_at = only(ReadingMailbox, FakeMailbox())
    assert not hasattr(looked_at, act)
    assert set(vars(looked_at)) == {"list_inbox", "fetch", "sent_markers", "list_folder"}
    assert hasattr(only(Mailbox, FakeMailbox()), act)


@pytest.mark.parametrize("act", ACTS_OF_PVWA)
def test_a_reading_pvwa_has_no_hands(act: str) -> None:
    """As for the mailbox."""
    looked_at = only(ReadingPvwa, FakePvwa(FakeClock()))
    assert not hasattr(looked_at, act)
    assert set(vars(looked_at)) == {"details", "lists", "incoming", "user_name", "log_off_idle"}
    assert hasattr(only(Pvwa, FakePvwa(FakeClock())), act)


def test_only_questions_are_asked_inside() -> None:
    """What asks no system passes by whatever stands around the questions."""
    entered = []

    @contextmanager
    def around() -> Iterator[None]:
        entered.append("in")
        yield

    pvwa = only(ReadingPvwa, FakePvwa(FakeClock()), around)
    assert pvwa.user_name(ConfirmingAccount.FIRST) == "svc-pam-l1"
    assert entered == []
    pvwa.incoming(ConfirmingAccount.FIRST)
    assert entered == ["in"]
