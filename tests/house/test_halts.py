"""Hold refuses, pause lets wait; both before the next confirmation and over restarts, and no sender reads why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.model import ConfirmingAccount, Folder, Level
from approvald.core.ports import Accepted, Declined
from approvald.ledger.confirmations import Confirmations, Intent
from approvald.ledger.halts import Halted, HaltKind, Halts
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.house import ILKA, House
from fakes.pvwa import FakePvwa, Permit
from places import SHIPPED


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


class Interrupted(FakePvwa):
    """A PVWA that answers the first confirmations with an error of its own, and at which somebody acts meanwhile."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)
    errors = 0

    def user_name(self, account: ConfirmingAccount) -> str:
        """Return the account's name; this is asked right before the intent is written."""
        if self.errors == 0:
            self.meanwhile()
        return super().user_name(account)

    def confirm(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Permit = None
    ) -> Accepted | Declined:
        """Fail as a PVWA with a passing trouble does."""
        if not self.errors:
            return super().confirm(request_id, account, comment, permit=permit)
        self.errors -= 1
        self.calls.append(("confirm", request_id, account))
        self.meanwhile()
        return Declined(status=500, code="CAWS00001E", words="An error occurred.")


def interrupted(house: House) -> Interrupted:
    """Put such a PVWA into the house."""
    house.pvwa = pvwa = Interrupted(house.clock)
    house.crash()
    return pvwa


def subjects(house: House) -> list[str]:
    """Return the subjects of what was sent, without what the request is."""
    return [reply.subject.partition(": request")[0] for reply in house.mailbox.sent]


def test_on_hold_nothing_is_confirmed_and_everybody_is_answered(house: House) -> None:
    """Over a restart too; the reason is the team's and stands in no answer. Resumed, the next mail is confirmed."""
    house.halts.set(HaltKind.HOLD, "a mailbox of an approver is in strange hands", "root")
    house.forward(house.ask("DB-PROD-01_17"))
    house.round()
    house.crash()
    house.forward(house.ask("DB-PROD-01_18"))
    house.round()
    assert house.pvwa.attempts == []
    assert subjects(house) == ["Not approved: approving by mail is stopped"] * 2
    assert all("strange" not in reply.text for reply in house.mailbox.sent)
    assert len(house.mailbox.folder(Folder.REFUSED)) == 2

    house.halts.end("root")
    house.forward(house.ask("DB-PROD-01_19"))
    house.round()
    assert [each.request_id for each in house.pvwa.confirmations] == ["DB-PROD-01_19"]


def test_on_hold_a_refusal_keeps_its_own_name(house: House) -> None:
    """A mail that would be refused anyway is refused for what is wrong with it."""
    house.halts.set(HaltKind.HOLD, "why", "root")
    house.forward(house.ask(requestor="ilka.brandt"))
    house.round()
    assert subjects(house) == ["Not approved: your own request"]


def test_in_a_pause_mails_wait_and_their_senders_are_told_once(house: House) -> None:
    """PVWA is left alone meanwhile; afterwards the mail is decided, though days have passed."""
    house.halts.set(HaltKind.PAUSE, "PVWA gets a new version", "root")
    house.forward(house.ask())
    house.round()
    assert (house.pvwa.calls, subjects(house)) == ([], [])
    house.crash()
    for _ in range(80 * 3):
        house.clock.turn(1200)
        house.round()
    assert house.pvwa.calls == []
    assert [(reply.to, "maintenance" in reply.text) for reply in house.mailbox.sent] == [((ILKA,), True)]
    assert "new version" not in house.mailbox.sent[0].text

    house.halts.end("root")
    house.clock.turn(300)
    house.round()
    assert len(house.pvwa.confirmations) == 1


def test_only_the_pause_itself_is_taken_off_a_mails_age(house: House) -> None:
    """The time before it and after it counts: 40 and 33 hours are more than 72."""
    house.forward(house.ask())
    wait_hours(house, 40)
    house.halts.set(HaltKind.PAUSE, "why", "root")
    wait_hours(house, 30)
    house.halts.end("root")
    wait_hours(house, 33)

    house.round()

    assert house.pvwa.attempts == []
    assert subjects(house) == ["Not approved: mail too old"]


def wait_hours(house: House, hours: int) -> None:
    """Let approvald be up and look at nothing."""
    for _ in range(hours * 60):
        house.clock.turn(60)
        house.service.uptime.mark_alive()


@pytest.mark.parametrize(("kind", "filed"), [(HaltKind.HOLD, 1), (HaltKind.PAUSE, 0)])
def test_a_halt_while_a_mail_is_decided_stops_that_mail(house: House, kind: HaltKind, filed: int) -> None:
    """It is read right before the intent is written, not at the start of a round."""
    pvwa = interrupted(house)
    pvwa.meanwhile = lambda: house.halts.set(kind, "why", "root")
    house.forward(house.ask())
    house.round()
    assert pvwa.attempts == []
    assert len(house.mailbox.folder(Folder.REFUSED)) == filed


def test_a_hold_while_pvwa_declines_stops_the_second_try(house: House) -> None:
    """What was sent is settled by reading PVWA once it is certain, and the mail refused."""
    pvwa = interrupted(house)
    pvwa.errors = 1
    pvwa.meanwhile = lambda: house.halts.set(HaltKind.HOLD, "why", "root")
    house.forward(house.ask())
    house.round()
    house.clock.turn(120)
    house.round()
    assert [call for call, *_ in pvwa.calls if call == "confirm"] == ["confirm"]
    assert subjects(house) == ["Not approved: approving by mail is stopped"]


# ----------------------------------------------------------------------------------------------------------- the ledger


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Give a ledger."""
    made = Store(f"sqlite:///{tmp_path / 'other.db'}", FakeClock())
    made.open()
    return made


def test_an_intent_is_not_written_while_halted(tmp_path: Path, store: Store) -> None:
    """Whoever halts in another process: once that has returned, no intent follows, and none is left behind."""
    other = Store(f"sqlite:///{tmp_path / 'other.db'}", FakeClock())
    Halts(other).set(HaltKind.HOLD, "why", "root")
    intent = Intent(
        ledger_id="mail1mail1", request_id="DB-PROD-01_17", created=store.clock.now(), level=Level.FIRST,
        account=ConfirmingAccount.FIRST, approver_guid="g", approver_link=None, intended_at=store.clock.now(),
    )  # fmt: skip
    ledger = Confirmations(store)
    with pytest.raises(Halted) as caught:
        ledger.intend(intent, comment="c")
    assert (caught.value.halt.kind, caught.value.halt.set_by) == (HaltKind.HOLD, "root")
    assert ledger.open_of_mail("mail1mail1") == []
    Halts(other).end("root")
    ledger.intend(intent, comment="c")
    assert len(ledger.open_of_mail("mail1mail1")) == 1


def test_a_hold_takes_the_place_of_a_pause_and_not_the_other_way_round(store: Store) -> None:
    """The stricter one stays; the same one again keeps its first reason and time."""
    halts = Halts(store)
    assert halts.in_force() is None
    assert halts.set(HaltKind.PAUSE, "maintenance", "lea") is None
    assert halts.set(HaltKind.HOLD, "attack", "root") is None
    kept = halts.set(HaltKind.PAUSE, "maintenance", "lea")
    assert kept is not None
    assert (kept.kind, kept.reason, kept.set_by, kept.set_at) == (HaltKind.HOLD, "attack", "root", store.clock.now())
    assert halts.set(HaltKind.HOLD, "again", "lea") == kept
    assert halts.end("root") == kept
    assert halts.in_force() is None
    assert halts.end("root") is None


def test_the_ledger_knows_from_when_to_when_it_was_paused(tmp_path: Path) -> None:
    """A hold is no pause: mails are answered in it."""
    clock = FakeClock()
    store = Store(f"sqlite:///{tmp_path / 'spans.db'}", clock)
    store.open()
    halts, start = Halts(store), clock.now()
    halts.set(HaltKind.PAUSE, "one", "root")
    clock.turn(60)
    halts.set(HaltKind.HOLD, "two", "root")
    clock.turn(60)
    halts.end("root")
    halts.set(HaltKind.PAUSE, "three", "root")
    clock.turn(60)
    minute = timedelta(minutes=1)
    assert halts.pauses() == [(start, start + minute), (start + 2 * minute, start + 3 * minute)]
