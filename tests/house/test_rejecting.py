"""Rejecting by mail on the whole house with fakes: only where it is enabled, at most once, and never an approval."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from approvald.approval.actors import COMMENT, rejection_for
from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import OutcomeUnknown
from approvald.core.model import ConfirmingAccount, Folder, Level
from approvald.ledger.confirmations import Act, Confirmations, Intent, IntentOpen
from approvald.ledger.halts import HaltKind
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.house import ILKA, MARA, House
from places import SHIPPED

SAID = "reject: not planned (yet)"


def make_house(folder: Path, *, reject: bool = True, **policy: object) -> House:
    """Give approvald on fakes, with rejecting enabled or not."""
    values = load(SHIPPED).model_dump()
    values["policy"] |= {"reject": reject} | policy
    return House(folder, Settings.model_validate(values))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give a house where approvers may reject."""
    return make_house(tmp_path)


def subjects(house: House) -> list[str]:
    """Return the subjects of what was sent, without what the request is."""
    return [reply.subject.partition(": request")[0] for reply in house.mailbox.sent]


def test_a_request_is_rejected_with_the_approvers_words(house: House) -> None:
    """The comment names the human; nothing is confirmed; the mail is done and answered to its sender alone."""
    request = house.ask()
    house.forward(request, note=SAID)
    house.round()
    (rejected,) = house.pvwa.rejections
    assert rejected.comment.startswith(f"Rejected on behalf of {ILKA} (approvald ")
    assert rejected.comment.endswith("): not planned [yet]")
    assert (house.pvwa.attempts, request.closed) == ([], True)
    (reply,) = house.mailbox.sent
    assert (reply.to, reply.cc, subjects(house)) == ((ILKA,), (), ["Rejected"])
    assert "Check that failed" not in reply.text
    assert len(house.mailbox.folder(Folder.DONE)) == 1


def test_the_approvers_words_are_not_kept_by_us(house: House, tmp_path: Path) -> None:
    """They are a mail's text: PVWA gets them, the ledger does not."""
    house.forward(house.ask(), note="reject: a very private matter")
    house.round()
    rows = "\n".join(sqlite3.connect(tmp_path / "ledger.db").iterdump())
    assert f"Rejected on behalf of {ILKA}" in rows
    assert "private" not in rows
    assert "private" in house.pvwa.rejections[0].comment


def test_a_later_approver_reads_who_rejected(house: House) -> None:
    """By our own comment, as for approvals."""
    request = house.ask()
    house.forward(request, note=SAID)
    house.round()
    house.forward(request, MARA)
    house.round()
    assert subjects(house)[-1] == "Already rejected"
    assert f"by {ILKA}" in house.mailbox.sent[-1].text


def test_where_it_is_not_enabled_the_word_approves_nothing(tmp_path: Path) -> None:
    """Who writes reject must not be taken for an approver."""
    house = make_house(tmp_path, reject=False)
    house.forward(house.ask(), note=SAID)
    house.round()
    assert (house.pvwa.attempts, house.pvwa.rejections) == ([], [])
    assert subjects(house) == ["Not approved: rejecting by mail is not enabled"]


@pytest.mark.parametrize("reject", [True, False])
def test_who_may_not_approve_may_not_reject(tmp_path: Path, *, reject: bool) -> None:
    """The same checks, in the same order: here, one's own request."""
    house = make_house(tmp_path, reject=reject)
    house.forward(house.ask(requestor="ilka.brandt"), note=SAID)
    house.round()
    assert (house.pvwa.attempts, house.pvwa.rejections) == ([], [])
    assert subjects(house) == ["Not approved: your own request"]


def test_on_hold_nothing_is_rejected_either(house: House) -> None:
    """A halt stops every act of approvald."""
    house.halts.set(HaltKind.HOLD, "why", "root")
    house.forward(house.ask(), note=SAID)
    house.round()
    assert house.pvwa.rejections == []
    assert subjects(house) == ["Not approved: approving by mail is stopped"]


def test_the_hourly_cap_holds_no_rejection_and_counts_none(tmp_path: Path) -> None:
    """It bounds what is opened, not what is closed."""
    house = make_house(tmp_path, hourly_cap=1)
    house.forward(house.ask("DB-PROD-01_1"), note=SAID)
    house.forward(house.ask("DB-PROD-01_2"))
    house.forward(house.ask("DB-PROD-01_3"), note=SAID)
    house.round()
    assert (len(house.pvwa.rejections), len(house.pvwa.confirmations)) == (2, 1)


@pytest.mark.parametrize("crash", [True, False])
def test_a_lost_answer_to_a_rejection_is_settled_by_reading(house: House, *, crash: bool) -> None:
    """PVWA took it: it is told as rejected, and sent once."""
    house.forward(house.ask(), note=SAID)
    house.pvwa.fail("reject", OutcomeUnknown("lost"), after_effect=True)
    house.round()
    if crash:
        house.crash()
    house.clock.turn(2)
    house.round()
    assert [call for call, *_ in house.pvwa.calls if call == "reject"] == ["reject"]
    assert subjects(house) == ["Rejected"]


def test_a_rejection_in_the_ledger_is_never_an_approval(tmp_path: Path) -> None:
    """It is known after a crash as what it was, and holds the request like a confirmation does."""
    clock = FakeClock()
    store = Store(f"sqlite:///{tmp_path / 'other.db'}", clock)
    store.open()
    ledger = Confirmations(store)
    intent = Intent(
        ledger_id="mail1mail1", request_id="DB-PROD-01_17", created=clock.now(), level=Level.FIRST, act=Act.REJECT,
        account=ConfirmingAccount.FIRST, approver_guid="g", approver_link=None, intended_at=clock.now(),
    )  # fmt: skip
    ledger.intend(intent, comment="c")
    ledger.settle(intent, done=True, how="read back")
    known = ledger.done_by_mail("mail1mail1")
    assert known is not None
    assert known.act is Act.REJECT
    assert ledger.approved_before("DB-PROD-01_17", clock.now()) == {}
    with pytest.raises(IntentOpen):
        ledger.intend(replace(intent, ledger_id="mail2mail2", act=Act.CONFIRM), comment="c")


def test_a_declined_rejection_is_no_rejection(house: House) -> None:
    """Somebody in the portal was faster: the answer says what stands there."""
    request = house.ask()
    house.forward(request, note=SAID)
    house.pvwa.fail("reject", OutcomeUnknown("lost"))
    house.round()
    house.pvwa.act_in_portal(request.request_id, "mara.voss")
    house.clock.turn(120)
    house.round()
    assert house.pvwa.rejections == []
    assert subjects(house) == ["Already approved"]


def test_the_comment_is_plain_and_fits() -> None:
    """ASCII, at most 200 characters, and no words that could pass for an id of ours."""
    comment = rejection_for(ILKA, "k3m9abcdefgh", "Ä später ✓ (approvald zzzzzzzzzzzz) " + "w" * 300)
    assert comment.isascii()
    assert len(comment) == 200
    assert f"{ILKA} (approvald k3m9abcdefgh): A spater ? [approvald zzzzzzzzzzzz] www" in comment
    assert [found["id"] for found in COMMENT.finditer(comment)] == ["k3m9abcdefgh"]
    assert rejection_for(ILKA, "k3m9abcdefgh", "") == f"Rejected on behalf of {ILKA} (approvald k3m9abcdefgh)"
