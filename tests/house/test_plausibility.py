"""Approvers who forward faster than people do: counted, alarmed, barred where a site wants it, released by name."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.config.load import load
from approvald.config.settings import PlausibilitySettings, Settings
from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.model import Folder
from approvald.ledger.limits import Haste
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.house import ILKA, MARA, House
from places import SHIPPED

TEAM = ("cyberark-team@corp.example",)


def opened(folder: Path, **plausibility: Any) -> House:
    """Give approvald on fakes with the shipped configuration, and these settings of [plausibility]."""
    settings: Settings = load(SHIPPED)
    return House(folder, settings.model_copy(update={"plausibility": PlausibilitySettings(**plausibility)}))


def forward(house: House, number: int, seconds: float, sender: str = ILKA) -> None:
    """Let a request be made and forwarded so many seconds later, and handle the mail."""
    house.forward(house.ask(f"DB-PROD-01_{number}", created=house.clock.now() - timedelta(seconds=seconds)), sender)
    house.round()
    house.clock.turn(1)


def subjects(house: House) -> list[str]:
    """Return the subjects of the mails to the team alone."""
    return [mail.subject for mail in house.mailbox.sent if mail.to == TEAM]


def test_three_fast_ones_in_a_row_are_told_and_still_confirmed(tmp_path: Path) -> None:
    """Speed alone refuses nobody; the team hears of it, with the approver's address."""
    house = opened(tmp_path)
    for number in range(2):
        forward(house, number, 2)
    assert subjects(house) == []

    forward(house, 3, 2)

    assert subjects(house) == ["Alarm: an approver forwards faster than people do"]
    assert ILKA in next(mail.text for mail in house.mailbox.sent if mail.to == TEAM)
    assert len(house.pvwa.confirmations) == 3


def test_a_slow_one_between_begins_the_count_anew(tmp_path: Path) -> None:
    """In a row means in a row, for each approver apart; ten seconds are slow enough."""
    house = opened(tmp_path)
    for number, seconds in enumerate((2, 2, 10, 2, 2)):
        forward(house, number, seconds)
    for number in range(10, 12):
        forward(house, number, 2, MARA)

    assert subjects(house) == []


def test_a_mail_received_before_its_request_is_a_matter_of_clocks(tmp_path: Path) -> None:
    """It counts for nobody's haste, and the team is told once that two clocks differ."""
    house = opened(tmp_path, bar_after=1)
    for number in range(4):
        forward(house, number, -30)

    assert subjects(house) == ["Alarm: the clocks of Exchange and CyberArk differ"]
    assert len(house.pvwa.confirmations) == 4


def test_switched_off_it_counts_nothing(tmp_path: Path) -> None:
    """min_seconds 0 means that no mail is fast."""
    house = opened(tmp_path, min_seconds=0.0)
    for number in range(5):
        forward(house, number, 0)

    assert subjects(house) == []


def test_a_mail_that_waits_counts_once(tmp_path: Path) -> None:
    """Handled many times while a system is away, a fast mail is one fast mail."""
    house = opened(tmp_path, bar_after=2)
    house.pvwa.fail("confirm", Unavailable(System.PVWA, "away"), times=5)
    forward(house, 1, 2)
    for _ in range(8):
        house.clock.turn(61)
        house.round()

    assert subjects(house) == []
    assert len(house.pvwa.confirmations) == 1


@pytest.mark.parametrize("crash", [True, False])
def test_where_a_site_wants_it_the_approver_is_barred(tmp_path: Path, *, crash: bool) -> None:
    """The third fast mail is refused, and so are slow ones after it; another approver is not touched."""
    house = opened(tmp_path, bar_after=3)
    for number in range(3):
        forward(house, number, 2)
    if crash:
        house.crash()
    forward(house, 4, 300)
    forward(house, 5, 300, MARA)

    assert [attempt.request_id for attempt in house.pvwa.confirmations] == [f"DB-PROD-01_{n}" for n in (0, 1, 5)]
    refused = [mail for mail in house.mailbox.sent if "barred from approving" in mail.subject]
    assert [(mail.to, mail.cc) for mail in refused] == [((ILKA,), TEAM)] * 2
    assert len(house.mailbox.folder(Folder.REFUSED)) == 2
    assert "Alarm: an approver was barred" in subjects(house)


def test_a_confirmation_already_sent_is_told_as_such_to_a_barred_approver(tmp_path: Path) -> None:
    """Barred after the answer to the confirmation was lost: what PVWA has taken is not called refused."""
    house = opened(tmp_path, bar_after=1)
    house.forward(house.ask())
    house.pvwa.fail("confirm", OutcomeUnknown("lost"), after_effect=True)
    house.round()
    forward(house, 1, 2)
    assert house.mailbox.sent[0].subject.startswith("Not approved: you are barred")
    house.clock.turn(61)
    house.round()

    assert len([mail for mail in house.mailbox.sent if mail.subject.startswith("Approved")]) == 1


@given(st.lists(st.booleans(), max_size=12))
def test_the_run_is_that_of_the_last_mails(fast: list[bool]) -> None:
    """Whatever came before, the count is the number of fast mails since the last slow one."""
    store = Store("sqlite://", FakeClock())
    store.open()
    haste = Haste(store)

    counts = [haste.count(f"mail-{number}", "guid", fast=each) for number, each in enumerate(fast)]
    again = [haste.count(f"mail-{number}", "guid", fast=not each)[1] for number, each in enumerate(fast)]
    store.close()

    run, expected = 0, []
    for each in fast:
        run = run + 1 if each else 0
        expected.append((run, True))
    assert counts == expected
    assert not any(again)


def _release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    text = SHIPPED.read_text(encoding="utf-8")
    file = folder / "approvald.toml"
    file.write_text(
        text.replace('# file = "/var/lib/approvald/ledger.db"', f'file = "{folder / "ledger.db"}"').replace(
            '# file = "/var/log/approvald/approvald.log"', f'file = "{folder / "approvald.log"}"'
        ),
        encoding="utf-8",
    )
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "approvald", "approver", "release", "--config", str(file), *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_barred_approver_is_released_by_name_and_with_a_reason(tmp_path: Path) -> None:
    """The next mail counts again, and the count begins anew; the log says who and why."""
    house = opened(tmp_path, bar_after=2)
    for number in range(2):
        forward(house, number, 2)

    done = _release(tmp_path, "Ilka.Brandt@corp.example", "--reason", "She was at her desk")
    assert (done.returncode, done.stdout) == (0, f"{ILKA} may approve by mail again.\n")
    forward(house, 3, 2)

    assert [attempt.request_id for attempt in house.pvwa.confirmations] == ["DB-PROD-01_0", "DB-PROD-01_3"]
    log = (tmp_path / "approvald.log").read_text(encoding="utf-8")
    assert "approver.released" in log
    assert "She was at her desk" in log


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((MARA, "--reason", "x"), 1, f"{MARA} is not barred; barred are: {ILKA} (since 2026-11-20"),
        ((ILKA,), 64, "--reason"),
        ((ILKA, "--reason", " "), 64, "--reason is empty"),
    ],
)
def test_a_release_that_cannot_be_says_why(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Nothing is released by accident, or without a reason."""
    house = opened(tmp_path, bar_after=1)
    forward(house, 1, 2)

    done = _release(tmp_path, *arguments)

    assert done.returncode == code
    assert said in done.stderr


def test_a_release_without_a_ledger_says_so(tmp_path: Path) -> None:
    """A wrong configuration makes no new ledger."""
    done = _release(tmp_path, ILKA, "--reason", "x")

    assert done.returncode == 1
    assert "there is no ledger" in done.stderr
    assert not (tmp_path / "ledger.db").exists()
