"""What policy refuses or lets wait after `decide` has said yes; on the whole house with fakes behind the ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import System, Unavailable
from approvald.core.model import Folder
from fakes.house import ILKA, MARA, TIMO, House
from places import SHIPPED


def settings(*rules: dict[str, Any], **policy: Any) -> Settings:
    """Return the shipped configuration with another policy."""
    values = load(SHIPPED).model_dump()
    values["policy"] |= policy | ({"rules": list(rules)} if rules else {})
    return Settings.model_validate(values)


def said(house: House) -> list[str]:
    """Return the subjects of what was sent."""
    return [reply.subject for reply in house.mailbox.sent]


def test_a_barred_safe_is_not_confirmed_and_the_answer_says_where(tmp_path: Path) -> None:
    """By PVWA's own name of the safe; the request stays open."""
    house = House(tmp_path, settings({"safes": ["db-*"], "mail": "deny"}, {"safes": ["*"], "mail": "allow"}))
    house.forward(house.ask("DB-PROD-01_17"))

    house.round()

    assert house.pvwa.attempts == []
    assert said(house) == ["Not approved: safe barred from mail: request 17, safe DB-PROD-01"]
    assert "portal (PVWA)" in house.mailbox.sent[0].text
    assert len(house.mailbox.folder(Folder.REFUSED)) == 1


def test_who_may_not_approve_learns_nothing_of_the_policy(tmp_path: Path) -> None:
    """Their own refusal comes first, whatever the safe's rule says."""
    house = House(tmp_path, settings({"safes": ["*"], "mail": "deny"}))
    house.directory.add_group("FIN_PAMapprover", "timo.gast")
    house.forward(house.ask("DB-PROD-01_17"), TIMO)

    house.round()

    assert said(house) == ["Not approved: another team's request: request 17"]


def test_outside_the_allowed_hours_nothing_is_confirmed(tmp_path: Path) -> None:
    """The answer names the hours; within them the same approver may."""
    house = House(tmp_path, settings({"safes": ["*"], "mail": "allow", "hours": "Mon-Sun 07:00-08:00"}))
    while house.clock.now().hour != 6:
        house.clock.turn(3600)
    house.forward(house.ask("DB-PROD-01_17"))
    house.round()
    assert house.pvwa.attempts == []
    assert "(Mon-Sun 07:00-08:00 UTC)" in house.mailbox.sent[0].text

    house.clock.turn(3600)
    house.forward(house.ask("DB-PROD-01_18"))
    house.round()
    assert len(house.pvwa.confirmations) == 1


@pytest.mark.parametrize(("outage", "subject"), [(False, "mail too old"), (True, "could not be decided in time")])
def test_a_rules_maximum_age_refuses(tmp_path: Path, *, outage: bool, subject: str) -> None:
    """And does not blame the approver where a system was away."""
    house = House(tmp_path, settings({"safes": ["*"], "mail": "allow", "max_age_hours": 0.5}))
    house.service.uptime.mark_alive()
    house.forward(house.ask("DB-PROD-01_17"))
    if outage:
        house.pvwa.fail("details", Unavailable(System.PVWA, "away"))
        house.round()
    for _ in range(31):  # approvald is up, and looks at nothing
        house.clock.turn(60)
        house.service.uptime.mark_alive()

    house.round()

    assert house.pvwa.attempts == []
    assert subject in said(house)[-1]


def test_the_hourly_cap_makes_mails_wait_and_refuses_none(tmp_path: Path) -> None:
    """Over a restart too; another approver is not held; the waiting sender is told once, and confirmed later."""
    house = House(tmp_path, settings(hourly_cap=2))
    for number in (1, 2, 3):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.forward(house.ask("DB-PROD-01_4"), MARA)
    house.round()
    assert sorted(each.request_id for each in house.pvwa.confirmations) == [
        "DB-PROD-01_1", "DB-PROD-01_2", "DB-PROD-01_4",
    ]  # fmt: skip

    house.crash()
    for _ in range(50):
        house.clock.turn(60)
        house.round()
    assert len(house.pvwa.confirmations) == 3
    notices = [reply for reply in house.mailbox.sent if reply.subject == "Not decided yet"]
    assert [(notice.to, "per hour" in notice.text) for notice in notices] == [((ILKA,), True)]

    for _ in range(26):
        house.clock.turn(60)
        house.round()
    assert len(house.pvwa.confirmations) == 4
    assert said(house)[-1].startswith("Approved")


def test_a_refused_mail_is_refused_at_the_cap_as_well(tmp_path: Path) -> None:
    """The cap holds confirmations only: a mail that would be refused need not wait for its answer."""
    house = House(tmp_path, settings(hourly_cap=1))
    house.forward(house.ask("DB-PROD-01_1"))
    house.round()
    house.forward(house.ask("DB-PROD-01_2", requestor="ilka.brandt"))
    house.round()
    assert "your own request" in said(house)[-1]
