"""A confirmation that nobody asked approvald for is found, one that vanished too, and honest ones raise nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvald.approval.actors import comment_for
from approvald.approval.reconcile import Known, is_shown, unexplained
from approvald.config.load import load
from approvald.confirmation.sweep import ReconcileRules, Reconciling
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.errors import System, Unavailable
from approvald.core.model import AccessRequest, Confirmer, ConfirmingAccount, Level
from approvald.ledger.confirmations import Act, Confirmations, Intent
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.pvwa import FakePvwa
from places import SHIPPED

NOW = FakeClock().now()
OURS = ("svc-pam-l1", "svc-pam-l2")
MINE = comment_for("ilka.brandt@corp.example", "mail1mail1")


def acted(comment: str = MINE, members: tuple[str, ...] = ("svc-pam-l1",), **changes: Any) -> AccessRequest:
    """Return a record on which somebody has acted."""
    confirmer = Confirmer(
        name="DB_PAMapprover",
        is_group=True,
        acted_at=NOW,
        comment=comment,
        members=tuple((each, "") for each in members),
    )
    fields: dict[str, Any] = {"request_id": "DB-PROD-01_17", "safe": "DB-PROD-01", "requestor_user_name": "jonas.keil"}
    return AccessRequest(**(fields | {"created": NOW, "confirmers": (confirmer,)} | changes))


def known(**changes: Any) -> Known:
    """Return the ledger's confirmation of it."""
    fields: dict[str, Any] = {
        "ledger_id": "mail1mail1",
        "level": Level.FIRST,
        "request_id": "db-prod-01_17",
        "created": NOW,
        "is_open": False,
    }
    return Known(**(fields | changes))


@pytest.mark.parametrize(
    ("record", "ledger"),
    [
        (acted(), known()),
        (acted(members=("CORP\\SVC-PAM-L1",)), known()),
        (acted(created=None), known()),
        (acted(), known(is_open=True, ledger_id="other")),
        (acted(comment="ok", members=("rhea.malik",)), known(ledger_id="other")),
        (acted(comment="ok", members=("svc-pam-l1", "rhea.malik")), known(ledger_id="other")),
        (acted(confirmers=(Confirmer(name="svc-pam-l1", is_group=False),)), known(ledger_id="other")),
    ],
    ids=["ours", "with a domain", "no date", "not settled", "somebody else", "perhaps somebody else", "not acted"],
)
def test_what_is_explained_raises_nothing(record: AccessRequest, ledger: Known) -> None:
    """Every honest confirmation, and everybody else's."""
    assert list(unexplained([record], OURS, [ledger])) == []


@pytest.mark.parametrize(
    ("record", "ledger"),
    [
        (acted(), []),
        (acted(comment=""), [known()]),
        (acted(comment="Approved"), [known()]),
        (acted(comment=MINE.replace("mail1", "mail2")), [known()]),
        (acted(created=NOW + timedelta(days=1)), [known()]),
        (acted(members=("svc-pam-l1", "rhea.malik")), []),
        (acted(confirmers=(Confirmer(name="svc-pam-l2", is_group=False, acted_at=NOW),)), [known()]),
    ],
    ids=["unknown", "no comment", "plain", "another id", "number used again", "claims to be ours", "the other account"],
)
def test_what_the_ledger_does_not_know_is_found(record: AccessRequest, ledger: list[Known]) -> None:
    """Whatever the comment says."""
    (found,) = unexplained([record], OURS, ledger)
    assert found.request_id == "DB-PROD-01_17"


def test_a_confirmation_is_shown_by_its_own_id() -> None:
    """A comment of another mail does not show it; a request that has got the number since says nothing."""
    assert is_shown(acted(), known())
    assert not is_shown(acted(comment=MINE.replace("mail1", "mail2")), known())
    assert is_shown(acted(comment="", created=NOW + timedelta(days=1)), known())
    assert is_shown(acted(confirmers=(), level=Level.SECOND), known())
    assert not is_shown(acted(confirmers=(), level=Level.SECOND), known(level=Level.SECOND))


class Desk:
    """A sweep every quarter of an hour."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.store = Store(f"sqlite:///{path}", self.clock)
        self.store.open()
        self.pvwa = FakePvwa(self.clock)
        self.confirmations = Confirmations(self.store)
        self.alarms: list[Alarm] = []
        self.restart()

    def restart(self) -> None:
        """Start the program again."""
        self.reconciling = Reconciling(
            pvwa=self.pvwa, accounts=tuple(ConfirmingAccount), confirmations=self.confirmations,
            names=self.store,
            clock=self.clock, rules=ReconcileRules(every=timedelta(minutes=15), span=timedelta(days=7)),
            tell=self.alarms.append,
        )  # fmt: skip

    def hour(self) -> None:
        """Let an hour pass."""
        for _ in range(60):
            self.clock.turn(60)
            self.reconciling.housekeep()

    def confirm(self, number: int, *, written_down: bool = True) -> None:
        """Confirm a request as approvald does, or as somebody does who has the account's password."""
        request = self.pvwa.ask(f"DB-PROD-01_{number}", "jonas.keil")
        mail = f"mail{number}mail{number}"
        intent = Intent(
            ledger_id=mail, request_id=f"DB-PROD-01_{number}", created=request.created, level=Level.FIRST,
            account=ConfirmingAccount.FIRST, approver_guid="g1", approver_link=None, intended_at=self.clock.now(),
            act=Act.CONFIRM,
        )  # fmt: skip
        comment = comment_for("ilka.brandt@corp.example", mail)
        if written_down:
            self.confirmations.intend(intent, comment=comment)
        self.pvwa.confirm(f"DB-PROD-01_{number}", ConfirmingAccount.FIRST, comment)
        if written_down:
            self.confirmations.settle(intent, done=True, how="accepted")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Give a site where all is well."""
    made = Desk(tmp_path / "ledger.db")
    yield made
    made.store.close()


def test_honest_confirmations_raise_nothing(desk: Desk) -> None:
    """However often the sweep comes."""
    for number in range(11, 15):
        desk.confirm(number)
    desk.hour()
    assert desk.alarms == []


def test_a_stolen_password_is_told_once(desk: Desk) -> None:
    """Over sweeps and restarts, with account, request and time."""
    desk.confirm(11)
    desk.hour()
    desk.confirm(12, written_down=False)
    desk.hour()
    desk.restart()
    desk.hour()
    (alarm,) = desk.alarms
    assert alarm.kind is AlarmKind.UNEXPLAINED_CONFIRMATION
    assert "svc-pam-l1 confirmed DB-PROD-01_12" in alarm.why


def test_what_was_done_before_approvald_is_not_its_business(desk: Desk) -> None:
    """The scripts that it replaces used the same accounts."""
    desk.confirm(11, written_down=False)
    desk.clock.turn(3600)
    desk.restart()
    desk.hour()
    assert desk.alarms == []


def test_a_confirmation_that_vanished_is_told_at_the_second_sweep(desk: Desk) -> None:
    """Not at the first: PVWA's nodes may disagree for a while. One that PVWA keeps no longer says nothing."""
    desk.confirm(11)
    desk.confirm(12)
    desk.pvwa.requests["DB-PROD-01_11"].acts.clear()
    desk.pvwa.delete("DB-PROD-01_12")
    desk.clock.turn(16 * 60)
    desk.reconciling.housekeep()
    assert desk.alarms == []
    desk.hour()
    assert [alarm.kind for alarm in desk.alarms] == [AlarmKind.CONFIRMATION_NOT_SHOWN]
    assert desk.alarms[0].name == "db-prod-01_11"


def test_a_pvwa_that_is_away_is_asked_again_at_the_next_time(desk: Desk) -> None:
    """And disturbs nothing."""
    desk.confirm(11)
    desk.pvwa.fail("incoming", Unavailable(System.PVWA, "away"))
    desk.hour()
    assert desk.alarms == []


def test_the_shipped_configuration_sweeps() -> None:
    """Nobody has to switch it on."""
    shipped = load(SHIPPED)
    assert shipped.reconcile.every_minutes == 15


def test_a_sweep_that_breaks_off_forgets_nothing(desk: Desk) -> None:
    """What it had read, and not compared yet, is read again by the next one."""
    desk.hour()
    desk.clock.turn(60)
    desk.confirm(12, written_down=False)
    desk.confirm(11)
    desk.pvwa.fail("details", Unavailable(System.PVWA, "away"), skip=1)
    for _ in range(5):
        desk.hour()
    assert [alarm.kind for alarm in desk.alarms] == [AlarmKind.UNEXPLAINED_CONFIRMATION]


def test_what_an_open_intent_hides_is_looked_at_again(desk: Desk) -> None:
    """Somebody used the password while our own confirmation was not settled; it comes to nothing."""
    desk.hour()
    desk.clock.turn(60)
    request = desk.pvwa.ask("DB-PROD-01_12", "jonas.keil")
    intent = Intent(
        ledger_id="mail1mail1", request_id="DB-PROD-01_12", created=request.created, level=Level.FIRST,
        account=ConfirmingAccount.FIRST, approver_guid="guid", approver_link=None, intended_at=desk.clock.now(),
        act=Act.CONFIRM,
    )  # fmt: skip
    desk.confirmations.intend(intent, comment=MINE)
    desk.pvwa.confirm("DB-PROD-01_12", ConfirmingAccount.FIRST, "by hand")
    desk.hour()
    assert desk.alarms == []
    desk.confirmations.settle(intent, done=False, how="not_at_pvwa")
    desk.hour()
    assert [alarm.kind for alarm in desk.alarms] == [AlarmKind.UNEXPLAINED_CONFIRMATION]
