"""Safes that need a code: bound to person, request and level, valid for minutes, used once, closed after wrong ones."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.model import Folder, ListedMail, Mail
from approvald.ledger.challenges import ALPHABET
from approvald.ledger.halts import HaltKind
from approvald.mail.intake import CodeMail, classify
from approvald.mail.rules import intake_rules
from approvald_sandbox.world.mails import answer, out_of_office
from fakes.clock import FakeClock
from fakes.house import ILKA, MARA, RHEA, House
from fakes.pvwa_requests import FakeRequest
from places import SHIPPED

CODE = re.compile(rf"\[approvald ([{ALPHABET}]{{10}})\]")
WRONG, LATE = "Not approved: wrong code", "Not approved: code no longer valid"
ASKED = "Not approved yet: answer this mail to approve"


def settings(**policy: Any) -> Settings:
    """Return the shipped configuration with a code for every safe whose name begins with DB."""
    values = load(SHIPPED).model_dump()
    rules = [{"safes": ["db-*"], "mail": "challenge"}, {"safes": ["*"], "mail": "allow"}]
    values["policy"] |= {"rules": rules} | policy
    return Settings.model_validate(values)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give such a house."""
    return House(tmp_path, settings())


def subjects(house: House) -> list[str]:
    """Return the subjects of what was sent, without what the request is."""
    return [reply.subject.partition(": request")[0] for reply in house.mailbox.sent]


def asked(house: House, request: FakeRequest | None = None, sender: str = ILKA) -> str:
    """Forward a notification; return the subject of the mail that asks for the code."""
    house.forward(request or house.ask(), sender)
    house.round()
    assert subjects(house)[-1] == ASKED
    return house.mailbox.sent[-1].subject


def reply(house: House, subject: str, sender: str = ILKA, **how: Any) -> str:
    """Answer such a mail; return the subject of what was sent back."""
    house.mailbox.deliver(answer(subject, sender, **how), received=house.clock.now())
    house.round()
    return subjects(house)[-1]


def other_code(subject: str) -> str:
    """Return the subject with another code."""
    code = CODE.findall(subject)[0]
    return subject.replace(code, code[:-1] + ALPHABET[ALPHABET.index(code[-1]) - 1])


def test_an_approval_is_asked_for_and_carried_out_on_the_answer(house: House) -> None:
    """The first mail confirms nothing and is answered with PVWA's facts; the second one confirms, once."""
    request = house.ask(reason="Kernel patch in the agreed window")
    subject = asked(house, request)
    assert house.pvwa.attempts == []
    assert len(house.mailbox.folder(Folder.DONE)) == 1
    (mail,) = house.mailbox.sent
    assert (mail.to, mail.cc, len(CODE.findall(subject))) == ((ILKA,), (), 1)
    assert all(fact in mail.text for fact in (request.account, "Jonas Keil", "Kernel patch in the agreed window"))
    assert "Check that failed" not in mail.text

    assert reply(house, subject) == "Approved"
    (confirmed,) = house.pvwa.confirmations
    assert confirmed.comment.startswith(f"Approved on behalf of {ILKA} (approvald ")


def test_a_code_is_used_once(house: House) -> None:
    """Another answer with it is no approval of anything, not even of a request made anew under the same number."""
    subject = asked(house)
    reply(house, subject)
    assert reply(house, subject) == WRONG
    house.pvwa.delete("DB-PROD-01_17")
    house.clock.turn(1)
    house.ask()
    assert reply(house, subject) == WRONG
    assert len(house.pvwa.confirmations) == 1


def test_other_safes_need_no_code(house: House) -> None:
    """The rule of the safe says so."""
    house.forward(house.ask("FIN-01_17"))
    house.round()
    assert subjects(house) == ["Approved"]


def test_a_right_code_from_somebody_else_approves_nothing(house: House) -> None:
    """Though they might approve the request themselves; after three, the code is closed for its owner too."""
    subject = asked(house)
    for _ in range(3):
        assert reply(house, subject, MARA) == WRONG
    assert reply(house, subject) == WRONG
    assert house.pvwa.attempts == []


def test_a_strangers_try_takes_nothing_from_the_owner_and_tells_nothing(house: House) -> None:
    """The answer names neither safe nor request; the code is still its owner's."""
    subject = asked(house)
    assert reply(house, subject, RHEA) == WRONG
    assert "DB-PROD-01" not in house.mailbox.sent[-1].text
    assert reply(house, subject) == "Approved"


def test_wrong_codes_are_counted_and_close_the_right_one(house: House) -> None:
    """Two may be mistyped; after the third only a new code helps."""
    subject = asked(house)
    for _ in range(2):
        assert reply(house, other_code(subject)) == WRONG
    again = asked(house, house.ask("DB-PROD-01_18"))
    assert reply(house, other_code(subject)) == WRONG
    assert reply(house, subject) == WRONG
    assert house.pvwa.attempts == []
    assert reply(house, again) == "Approved"


def test_a_late_answer_approves_nothing(house: House) -> None:
    """Ten minutes by default, to the second; and it does not come back to life when the clock is set back."""
    subject = asked(house)
    house.clock.turn(601)
    assert reply(house, subject) == LATE
    house.clock.turn(-300)
    assert reply(house, subject) == WRONG
    assert house.pvwa.attempts == []


def test_an_outage_makes_no_answer_late(house: House) -> None:
    """What counts is when Exchange received it."""
    subject = asked(house)
    house.clock.turn(599)
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"), times=None)
    house.mailbox.deliver(answer(subject, ILKA), received=house.clock.now())
    house.round()
    house.crash()
    house.clock.turn(3600)
    house.pvwa.recover()
    house.round()
    assert subjects(house)[-1] == "Approved"


def test_a_code_is_for_one_level(house: House) -> None:
    """Given at the first level, it is none for the second, though its owner is in both groups."""
    house.directory.add_group("L2_PAMapprover", "rhea.malik", "ilka.brandt")
    request = house.ask(levels=2)
    subject = asked(house, request)
    house.pvwa.act_in_portal(request.request_id, "mara.voss")
    assert reply(house, subject) == WRONG
    assert house.pvwa.attempts == []


def test_the_request_must_be_the_one_that_was_asked_about(house: House) -> None:
    """Deleted and made anew under the same number, it is another one."""
    subject = asked(house)
    house.pvwa.delete("DB-PROD-01_17")
    house.ask().created += timedelta(minutes=1)
    assert reply(house, subject) == WRONG
    assert house.pvwa.attempts == []


def test_the_decision_is_made_afresh_on_the_answer(house: House) -> None:
    """Somebody was faster, or the approver is none any more: the code changes nothing of that."""
    subject = asked(house)
    house.pvwa.act_in_portal("DB-PROD-01_17", "mara.voss")
    assert reply(house, subject) == "Already approved"
    subject = asked(house, house.ask("DB-PROD-01_18"))
    house.directory.add_group("DB_PAMapprover", "mara.voss")
    assert reply(house, subject).startswith("Not approved: ")
    assert house.pvwa.attempts == []


def test_the_answer_needs_the_full_proof_of_its_sender(house: House) -> None:
    """A forged one is quarantined and neither answered nor counted; an automatic one is ignored."""
    subject = asked(house)
    forged = answer(subject, ILKA).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")
    for raw in [forged] * 4:
        house.mailbox.deliver(raw, received=house.clock.now())
    away = out_of_office(ILKA).replace(b"Password access request", CODE.findall(subject)[0].encode())
    house.mailbox.deliver(away, received=house.clock.now())
    house.round()
    assert len(house.mailbox.folder(Folder.QUARANTINE)) >= 1
    assert house.pvwa.attempts == []
    assert reply(house, subject) == "Approved"


def test_a_hold_a_pause_and_the_cap_hold_answers_too(tmp_path: Path) -> None:
    """On hold the answer is refused; in a pause and at the cap it waits and the code stays its own."""
    house = House(tmp_path, settings(hourly_cap=1))
    first = asked(house)
    second = asked(house, house.ask("DB-PROD-01_18"))
    third = asked(house, house.ask("DB-PROD-01_19"))
    house.halts.set(HaltKind.HOLD, "why", "root")
    assert reply(house, third) == "Not approved: approving by mail is stopped"
    house.halts.end("root")
    assert reply(house, first) == "Approved"
    house.halts.set(HaltKind.PAUSE, "why", "root")
    reply(house, second)
    house.halts.end("root")
    house.clock.turn(61)
    house.round()
    assert len(house.pvwa.confirmations) == 1
    house.clock.turn(3600)
    house.round()
    assert [each.request_id for each in house.pvwa.confirmations] == ["DB-PROD-01_17", "DB-PROD-01_18"]


def test_a_rejection_needs_no_code(tmp_path: Path) -> None:
    """It opens nothing."""
    house = House(tmp_path, settings(reject=True))
    house.forward(house.ask(), note="reject: no")
    house.round()
    assert (len(house.pvwa.rejections), subjects(house)) == (1, ["Rejected"])


def test_a_second_level_approver_is_asked_as_well(house: House) -> None:
    """Each level has a code of its own."""
    request = house.ask(levels=2)
    reply(house, asked(house, request))
    assert reply(house, asked(house, request, RHEA), RHEA) == "Approved"
    assert len(house.pvwa.confirmations) == 2


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_lost_sending_is_looked_for_before_a_new_code_is_sent(house: House, *, was_sent: bool) -> None:
    """Where it was sent, its code holds; where it was not, a new one is made, and there is one mail."""
    house.forward(house.ask())
    if was_sent:
        house.mailbox.lose_answers = 1
        house.round()
    else:
        house.mailbox.away_after = "fetch"
        with pytest.raises(Unavailable):
            house.round()
        house.mailbox.away_after = ""
    house.crash()
    house.clock.turn(60)
    house.round()
    assert subjects(house) == [ASKED]
    assert reply(house, house.mailbox.sent[0].subject) == "Approved"


def test_a_confirmation_on_a_code_is_settled_like_any_other(house: House) -> None:
    """A lost answer of PVWA is read back under the answering mail."""
    subject = asked(house)
    house.pvwa.fail("confirm", OutcomeUnknown("lost"), after_effect=True)
    house.mailbox.deliver(answer(subject, ILKA), received=house.clock.now())
    house.round()
    house.crash()
    house.clock.turn(2)
    house.round()
    assert (len(house.pvwa.attempts), subjects(house)[-1]) == (1, "Approved")


def test_no_code_is_in_the_ledger(house: House, tmp_path: Path) -> None:
    """Nor in any form that could be sent back."""
    code = CODE.findall(asked(house))[0]
    rows = "\n".join(sqlite3.connect(tmp_path / "ledger.db").iterdump())
    assert "challenges" in rows
    assert code not in rows


# -------------------------------------------------------------------------------------------------------------- intake

RULES = intake_rules(load(SHIPPED))


def kind(*subjects: str) -> object:
    """Say what intake makes of a mail with these Subject fields."""
    listed = ListedMail(item_id="1", item_class="IPM.Note", size=1, received=FakeClock().now())
    fields = tuple(("Subject", subject) for subject in subjects)
    return classify(Mail(listed=listed, message_id="<1@x>", headers=(("From", ILKA), *fields), mime=b"x"), RULES)


@pytest.mark.parametrize(
    "subject",
    ["RE: Not approved yet: x [approvald ABCDEFGH23]", "[approvald abcdefgh23]", "AW: [Approvald  AbCdEfGh23] x",
     "[approvald ABCDEFGH23] Notification: Password access request",
     "=?utf-8?q?RE=3A_=5Bapprovald_ABCDEFGH23=5D?="],
)  # fmt: skip
def test_a_code_in_the_subject_is_found(subject: str) -> None:
    """Whatever stands around it, and before the subject rule is asked."""
    found = kind(subject)
    assert isinstance(found, CodeMail)
    assert found.code == "ABCDEFGH23"
    assert "ABCDEFGH23" not in repr(found)


@pytest.mark.parametrize(
    "subjects",
    [("[approvald ABC]",), ("[approvald ABCDEFGH23",), ("approvald ABCDEFGH23",), ("[approvald ABCD EFGH23]",),
     ("[approvald ABCDEFGH23] [approvald ABCDEFGH24]",), ("[approvald ABCDEFGH23]", "[approvald ABCDEFGH23]"),
     ("x\r\n [approvald ABCDEFGH23]".replace("\r\n ", "\x00"),), ()],
)  # fmt: skip
def test_what_is_not_one_code_in_one_subject_is_none(subjects: tuple[str, ...]) -> None:
    """Two codes, two subjects, another form, or behind a character that cuts a subject."""
    assert not isinstance(kind(*subjects), CodeMail)


@pytest.mark.parametrize("note", ["reject", "Reject: this is not mine", "REJECT, please", "reject!"])
@pytest.mark.parametrize("enabled", [False, True])
def test_an_answer_that_rejects_approves_nothing(tmp_path: Path, note: str, *, enabled: bool) -> None:
    """Whoever answers with the word has not approved, enabled or not; the code stays good for an answer without it."""
    house = House(tmp_path, settings(reject=enabled))
    subject = asked(house)

    assert reply(house, subject, note=note) == "Not approved: mail is ambiguous"
    assert (house.pvwa.attempts, house.pvwa.rejections) == ([], [])

    assert reply(house, subject, note="Yes, I do not reject it.").startswith("Approved")


def test_an_answer_that_cannot_be_read_approves_nothing(house: House) -> None:
    """What stands in it may be a no."""
    subject = asked(house)
    raw = answer(subject, ILKA).replace(b'charset="utf-8"', b'charset="x-unknown"')

    house.mailbox.deliver(raw, received=house.clock.now())
    house.round()

    assert subjects(house)[-1] == "Not approved: mail not readable"
    assert house.pvwa.attempts == []
