"""Rates bound refusals, notices and the copies for the team, over restarts; they touch nothing that was confirmed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.config.load import load
from approvald.config.settings import RateSettings
from approvald.core.errors import System, Unavailable
from approvald.core.model import Folder, Reply
from approvald.ledger.limits import MessageCounts, MessageKind
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.house import ILKA, MARA, House
from places import SHIPPED

TEAM = "cyberark-team@corp.example"
HELD_BACK = "Further answers held back"


def opened(folder: Path, **rates: Any) -> House:
    """Give approvald on fakes with the shipped configuration, and these rates."""
    settings = load(SHIPPED)
    return House(folder, settings.model_copy(update={"rates": RateSettings(probes_an_hour=10_000, **rates)}))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald with the default rates."""
    return opened(tmp_path)


def refuse(house: House, count: int, sender: str = ILKA) -> None:
    """Let a sender forward that many mails about requests that are gone, a round each."""
    for _ in range(count):
        house.forward(house.ask("DB-PROD-01_99"), sender)
        house.pvwa.delete("DB-PROD-01_99")
        house.round()
        house.clock.turn(1)


def letters(house: House, to: str, beginning: str = "") -> list[Reply]:
    """Return what somebody was sent."""
    return [mail for mail in house.mailbox.sent if mail.to == (to,) and mail.subject.startswith(beginning)]


@pytest.mark.parametrize("restart", [True, False])
def test_twenty_refusals_an_hour_then_one_note_and_silence(house: House, *, restart: bool) -> None:
    """The 21st is told that answers are held back; every mail is filed all the same."""
    refuse(house, 18)
    if restart:
        house.crash()
    refuse(house, 7)
    house.round()

    assert len(letters(house, ILKA, "Not approved")) == 20
    assert len(letters(house, ILKA, HELD_BACK)) == 1
    assert len(house.mailbox.folder(Folder.REFUSED)) == 25


def test_a_confirmation_of_the_same_sender_is_carried_out_and_answered(house: House) -> None:
    """Rates never touch an approval."""
    refuse(house, 25)

    house.forward(house.ask("DB-PROD-01_1"))
    house.round()

    assert [attempt.request_id for attempt in house.pvwa.confirmations] == ["DB-PROD-01_1"]
    assert len(letters(house, ILKA, "Approved")) == 1


def test_confirmations_use_nothing_up(house: House) -> None:
    """A busy approver still hears every refusal."""
    for number in range(25):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.round()
    refuse(house, 1)

    assert len(letters(house, ILKA, "Approved")) == 25
    assert len(letters(house, ILKA, "Not approved")) == 1


def test_after_the_hour_answers_go_out_again(house: House) -> None:
    """The silence is for the rest of the hour; a new flood is noted once again."""
    refuse(house, 22)
    house.clock.turn(3600)
    refuse(house, 21)
    house.round()

    assert len(letters(house, ILKA, "Not approved")) == 40
    assert len(letters(house, ILKA, HELD_BACK)) == 2


def test_one_senders_flood_silences_nobody_else(house: House) -> None:
    """Each sender has a bound of their own."""
    refuse(house, 22)
    refuse(house, 1, MARA)

    assert len(letters(house, MARA, "Not approved")) == 1


def test_notices_of_waiting_mails_are_bounded_with_the_refusals(tmp_path: Path) -> None:
    """Thirty mails in an outage are not thirty notices; the decision comes later all the same."""
    house = opened(tmp_path, answers_an_hour=5)
    for number in range(8):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"), times=None)
    for _ in range(8):
        house.round()
        house.clock.turn(61)
    assert len(letters(house, ILKA, "Not decided yet")) == 5
    assert len(letters(house, ILKA, HELD_BACK)) == 1

    house.pvwa.recover()
    house.clock.turn(61)
    house.round()

    assert len(letters(house, ILKA, "Approved")) == 8


def test_copies_over_the_bound_become_a_digest(tmp_path: Path) -> None:
    """The senders are answered; the team reads counts by code, once an hour."""
    house = opened(tmp_path, team_copies_an_hour=3)
    refuse(house, 6)
    house.forward(house.ask("DB-PROD-01_5", requestor="mara.voss"), MARA)
    house.round()
    house.clock.turn(3600)
    house.round()

    answers = letters(house, ILKA) + letters(house, MARA)
    assert len(answers) == 7
    assert [mail.cc for mail in answers].count((TEAM,)) == 3
    digests = letters(house, TEAM, "Digest")
    assert len(digests) == 2
    assert "How often: request_gone: 1" in digests[0].text
    assert "How often: request_gone: 2, own_request: 1" in digests[1].text


def test_refusals_that_nobody_is_answered_stand_in_the_digest(tmp_path: Path) -> None:
    """What is held back from its sender is not hidden from the team."""
    house = opened(tmp_path, answers_an_hour=2)
    refuse(house, 3)
    house.round()

    assert "How often: request_gone: 1" in letters(house, TEAM, "Digest")[0].text


_STEPS = st.lists(
    st.tuples(st.sampled_from(["a@x.example", "b@x.example"]), st.sampled_from(MessageKind), st.integers(0, 2000)),
    max_size=40,
)


@given(_STEPS, st.integers(1, 4))
def test_in_no_hour_is_more_sent_than_the_bound(steps: list[tuple[str, MessageKind, int]], bound: int) -> None:
    """Whatever comes when: within any hour at most so many refusals and notices to one address, and copies apart."""
    clock = FakeClock()
    store = Store("sqlite://", clock)
    store.open()
    answers = MessageCounts(store)
    sent: list[tuple[str, bool, datetime]] = []
    for number, (address, kind, seconds) in enumerate(steps):
        clock.turn(seconds)
        may, new = answers.count(f"mail-{number}", kind, address, an_hour=bound)
        assert (may, new) == (answers.count(f"mail-{number}", kind, address, an_hour=bound)[0], True)
        recent = [at for who, copy, at in sent if (who, copy) == (address, kind is MessageKind.TEAM_COPY)]
        recent = [at for at in recent if clock.now() - at < timedelta(hours=1)]
        assert may == (len(recent) < bound)
        if may:
            sent.append((address, kind is MessageKind.TEAM_COPY, clock.now()))
    store.close()


@pytest.mark.parametrize("crash", [True, False])
def test_a_rules_owner_is_asked_once_a_day_to_forward_by_hand(house: House, *, crash: bool) -> None:
    """A rule approves nothing, and its owner hears so, once a day, over a restart too."""
    for _ in range(5):
        _by_rule(house)
        house.round()
        house.clock.turn(3 * 3600)
        if crash:
            house.crash()
    house.clock.turn(10 * 3600)
    _by_rule(house)
    house.round()

    assert [mail.subject for mail in letters(house, ILKA)] == ["Not approved: forwarded by a rule"] * 2
    assert "by hand" in letters(house, ILKA)[0].text
    assert house.pvwa.attempts == []


def _by_rule(house: House, old: bytes = b"", new: bytes = b"") -> None:
    house.forward(house.ask())
    (item,) = house.mailbox.take_inbox()
    marked = item.replace(b"\nTo: ", b"\nX-MS-Exchange-Inbox-Rules-Loop: x\nTo: ", 1)
    house.mailbox.deliver(marked.replace(old, new), received=house.clock.now())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"AuthAs: Internal", b"AuthAs: Anonymous"),
        (b"AuthMechanism: 04", b"AuthMechanism: 07"),
        (b"Password access request\n", b"Something else\n"),
        (b"ilka.brandt@corp.example>", b"ghost@corp.example>"),
    ],
    ids=["unproven", "another route", "another subject", "nobody"],
)
def test_nobody_else_hears_of_a_rule(house: House, old: bytes, new: bytes) -> None:
    """Unproven senders, unknown ones and mails about other things get no note."""
    _by_rule(house, old, new)

    house.round()

    assert house.mailbox.sent == []
    assert len(house.mailbox.folder(Folder.IGNORED)) == 1


def test_a_note_waits_for_no_directory(house: House) -> None:
    """With the directory away the mail is put away and nobody is told."""
    _by_rule(house)
    house.directory.error = Unavailable(System.DIRECTORY, "away")

    house.round()

    assert house.mailbox.sent == []
    assert len(house.mailbox.folder(Folder.IGNORED)) == 1
