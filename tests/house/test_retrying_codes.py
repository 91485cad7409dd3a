"""Another try of mails about codes: a new code for a forwarded mail, the same code for its answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.ledger.challenges import ALPHABET
from approvald.ledger.halts import HaltKind
from approvald_sandbox.world.mails import answer
from fakes.house import ILKA, House
from places import SHIPPED

CODE = re.compile(rf"\[approvald ([{ALPHABET}]{{10}})\]")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with a code for every safe."""
    values = load(SHIPPED).model_dump()
    values["policy"] |= {"rules": [{"safes": ["*"], "mail": "challenge"}]}
    return House(tmp_path, Settings.model_validate(values))


def retry(house: House, item: str) -> None:
    """Have the mail that was this item tried again, a minute later."""
    house.clock.turn(60)
    asked = house.retries.ask(house.mails.entries([item])[item].id, by="root", reason="why")
    house.round()
    assert house.retries.get(asked.id).moved == 1


def reply(house: House, subject: str) -> str:
    """Answer a mail with a code, and return the item id."""
    item = house.mailbox.deliver(answer(subject, ILKA), received=house.clock.now())
    house.round()
    return item


def last_subject(house: House) -> str:
    """Return what the last mail was about."""
    return house.mailbox.sent[-1].subject.partition(": request")[0]


@pytest.mark.parametrize("first_code_first", [True, False])
def test_another_try_asks_for_another_code(house: House, *, first_code_first: bool) -> None:
    """Either code approves, once: the other one is then told that the request is approved already."""
    item = house.forward(house.ask())
    house.round()
    retry(house, item)
    asked = [mail.subject for mail in house.mailbox.sent]
    assert len({CODE.findall(subject)[0] for subject in asked}) == 2

    for subject in asked if first_code_first else reversed(asked):
        reply(house, subject)

    assert len(house.pvwa.attempts) == 1
    assert [mail.subject.partition(":")[0] for mail in house.mailbox.sent[2:]] == ["Approved", "Already approved"]


def test_an_answer_that_was_refused_is_tried_again_with_its_code(house: House) -> None:
    """The code was used by this mail and by no other."""
    house.forward(house.ask())
    house.round()
    subject = house.mailbox.sent[0].subject
    house.halts.set(HaltKind.HOLD, "why", "root")
    item = reply(house, subject)
    assert last_subject(house) == "Not approved: approving by mail is stopped"
    house.halts.end("root")

    retry(house, item)
    assert last_subject(house) == "Approved"
    retry(house, item)
    assert last_subject(house) == "Already approved"
    reply(house, subject)
    assert last_subject(house) == "Not approved: wrong code"
    assert len(house.pvwa.attempts) == 1


def test_an_answer_that_was_late_stays_late(house: House) -> None:
    """What counts is when it was received, and that does not change."""
    house.forward(house.ask())
    house.round()
    house.clock.turn(3600)
    item = reply(house, house.mailbox.sent[0].subject)
    assert last_subject(house) == "Not approved: code no longer valid"
    retry(house, item)
    assert last_subject(house).startswith("Not approved")
    assert house.pvwa.attempts == []
