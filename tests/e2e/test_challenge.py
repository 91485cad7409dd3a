"""A safe that needs a code, with the daemon as a process: the code's whole life, and everybody who may not use it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import Notice, answer, forwarded
from e2e.stage import Stage, raised, restore

ILKA, MARA = "ilka.brandt@corp.example", "mara.voss@corp.example"
POLICY = "[policy]\nchallenge_minutes = {minutes}\n"
RULES = """
[[policy.rules]]
safes = ["db-*"]
mail = "challenge"
"""
CODE = re.compile(r"\[approvald ([A-Z2-9]{10})\]")


@pytest.fixture(scope="module")
def careful(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give a daemon that asks for codes, valid for a minute, for all tests of this module."""
    sandbox_process.reset()
    state = tmp_path_factory.mktemp("careful") / "state"
    policy = POLICY.format(minutes=1.0)
    with raised(
        sandbox_process, state, edit=lambda made: made.replace("[policy]\n", policy) + RULES, stderr="all"
    ) as made:
        yield made


@pytest.fixture
def house(careful: Stage) -> Iterator[Stage]:
    """Give that daemon, and undo afterwards what a test did to the world."""
    yield careful
    restore(careful.sandbox)


def asked(stage: Stage, notice: Notice) -> str:
    """Forward a notification as Ilka; return the subject of the mail that asks for the code."""
    seen = stage.see(forwarded(notice, ILKA))
    assert (seen.folder, seen.code) == ("Done", "challenge_sent")
    (mail,) = seen.replies
    assert (mail["to"], mail["cc"]) == ([ILKA], [])
    return str(mail["subject"])


def test_a_code_approves_once(house: Stage) -> None:
    """Asked, answered, confirmed; the same code again is refused, and none ever stands in the log or the output."""
    notice = house.new_request()
    subject = asked(house, notice)
    assert house.attempts_at(notice) == 0
    house.daemon.kill()
    house.daemon.start()
    seen = house.see(answer(subject, ILKA))
    assert (seen.folder, seen.code) == ("Done", "confirmed")
    assert house.votes(notice) == [("svc-pam-l1", 1)]
    again = house.see(answer(subject, ILKA))
    assert (again.folder, again.code, house.attempts_at(notice)) == ("Refused", "challenge_wrong", 1)
    (code,) = CODE.findall(subject)
    written = house.daemon.log.read_bytes() + house.daemon.output().encode()
    for file in house.daemon.state.glob("ledger.db*"):
        written += file.read_bytes()
    assert b"challenge_sent" in written
    assert code.encode() not in written
    assert code.lower().encode() not in written


def test_a_wrong_code_and_another_sender_approve_nothing(house: Stage) -> None:
    """The owner of the right code may still use it after one slip."""
    notice = house.new_request()
    subject = asked(house, notice)
    (code,) = CODE.findall(subject)
    other = code[:-1] + ("B" if code[-1] == "A" else "A")
    assert house.see(answer(subject.replace(code, other), ILKA)).code == "challenge_wrong"
    stranger = house.see(answer(subject, MARA))
    assert (stranger.folder, stranger.code) == ("Refused", "challenge_wrong")
    assert notice.safe not in stranger.replies[0]["text"]
    forged = answer(subject, ILKA).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")
    assert house.see(forged).code == "sender_unproven"
    assert house.attempts_at(notice) == 0
    assert house.see(answer(subject, ILKA)).code == "confirmed"


def test_a_late_code_approves_nothing(house: Stage) -> None:
    """What counts is when Exchange received the answer."""
    notice = house.new_request()
    subject = asked(house, notice)
    house.sandbox.turn_clock(120)
    late = house.see(answer(subject, ILKA))
    house.sandbox.turn_clock(-120)
    assert (late.folder, late.code, house.attempts_at(notice)) == ("Refused", "challenge_late", 0)
