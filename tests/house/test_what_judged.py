"""The audit trail shows the checks that judged: their verdicts, and what they looked at, on the whole house."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import System, Unavailable
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.halts import HaltKind
from approvald_sandbox.world.mails import answer
from fakes.house import ILKA, MARA, House
from places import SHIPPED

ALL = (
    "sender", "group", "as_notified", "still_waits", "requestor_known", "not_own_request", "own_team", "level",
    "own_vote", "policy", "not_halted", "challenge", "hourly_cap",
)  # fmt: skip


def make_house(folder: Path, **policy: Any) -> House:
    """Give approvald on fakes with this policy."""
    values = load(SHIPPED).model_dump()
    values["policy"] |= policy
    return House(folder, Settings.model_validate(values))


def checks(house: House, request_id: str = "DB-PROD-01_17") -> dict[str, tuple[str, str]]:
    """Return verdict and value of each check of the newest decision about a request, by the checks' names."""
    lines = AuditRows(house.store).lines_about(request_ids=[request_id], kind=AuditKind.DECISION)
    said: Any = lines[-1].event
    return {each["check"]: (each["verdict"], each["value"]) for each in said["checks"]}


def assert_refused_by(said: dict[str, tuple[str, str]], name: str, value: str) -> None:
    """See that this check refused on that value, after all before it passed, and that none behind it was asked."""
    names = [*said]
    at = names.index(name)
    assert said[name] == ("refused", value)
    assert {said[each][0] for each in names[:at]} == {"passed"}
    assert {said[each] for each in names[at + 1 :]} <= {("not reached", "not looked at")}


def test_a_confirmation_shows_every_check_as_passed(tmp_path: Path) -> None:
    """In the order in which they are asked."""
    house = make_house(tmp_path)
    house.forward(house.ask())
    house.round()
    assert len(house.pvwa.confirmations) == 1
    said = checks(house)
    assert tuple(said) == ALL
    assert {verdict for verdict, _ in said.values()} == {"passed"}
    assert said["hourly_cap"] == ("passed", "0 of 60 within the hour")


def test_a_refusal_is_shown_at_the_check_that_refused(tmp_path: Path) -> None:
    """What permits a confirmation now is not asked at all."""
    house = make_house(tmp_path)
    house.forward(house.ask(requestor="nobody.known"))
    house.round()
    said = checks(house)
    assert_refused_by(said, "requestor_known", "NoPerson")
    assert tuple(said) == ALL[:9]


def test_rejecting_that_is_not_enabled_is_refused_by_the_policy(tmp_path: Path) -> None:
    """The check that refuses a rejection is the one that shows it."""
    house = make_house(tmp_path)
    house.forward(house.ask(), note="reject: no")
    house.round()
    assert_refused_by(checks(house), "policy", "reject_disabled")


def test_a_rejection_needs_no_code_and_does_not_count(tmp_path: Path) -> None:
    """Both checks pass, and say why."""
    house = make_house(tmp_path, reject=True, hourly_cap=1, rules=[{"safes": ["*"], "mail": "challenge"}])
    house.forward(house.ask(), note="reject: no")
    house.round()
    assert len(house.pvwa.rejections) == 1
    said = checks(house)
    assert said["challenge"] == ("passed", "a rejection needs no code")
    assert said["hourly_cap"] == ("passed", "a rejection does not count")


def test_a_hold_is_shown_as_what_refused(tmp_path: Path) -> None:
    """And nothing is asked behind it: no code is sent, nothing is counted."""
    house = make_house(tmp_path)
    house.halts.set(HaltKind.HOLD, "why", "root")
    house.forward(house.ask())
    house.round()
    assert_refused_by(checks(house), "not_halted", "hold")


def test_the_code_is_asked_for_then_answered(tmp_path: Path) -> None:
    """The first mail is refused by the check of the code, the answer passes it."""
    house = make_house(tmp_path, rules=[{"safes": ["*"], "mail": "challenge"}])
    house.forward(house.ask())
    house.round()
    assert_refused_by(checks(house), "challenge", "a code is asked for first")
    house.mailbox.deliver(answer(house.mailbox.sent[-1].subject, ILKA), received=house.clock.now())
    house.round()
    assert len(house.pvwa.confirmations) == 1
    assert checks(house)["challenge"] == ("passed", "the code was answered")


def test_a_code_for_another_request_is_refused_where_it_is_shown(tmp_path: Path) -> None:
    """Deleted and made anew under the same number, the request is another one."""
    house = make_house(tmp_path, rules=[{"safes": ["*"], "mail": "challenge"}])
    request = house.ask()
    house.forward(request)
    house.round()
    house.pvwa.delete(request.request_id)
    house.ask().created = house.clock.now()
    house.mailbox.deliver(answer(house.mailbox.sent[-1].subject, ILKA), received=house.clock.now())
    house.round()
    assert house.pvwa.attempts == []
    assert_refused_by(checks(house), "challenge", "the code was asked for something else")


def test_the_hourly_cap_is_shown_as_what_the_mail_waits_for(tmp_path: Path) -> None:
    """With the number that it counted."""
    house = make_house(tmp_path, hourly_cap=1)
    for number in (1, 2):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.round()
    (confirmed,) = house.pvwa.confirmations
    waiting = {"DB-PROD-01_1": "DB-PROD-01_2"}.get(confirmed.request_id, "DB-PROD-01_1")
    assert_refused_by(checks(house, waiting), "hourly_cap", "1 of 1 within the hour")


def test_a_mail_refused_for_its_age_after_an_outage_shows_the_same_words_as_its_ending(tmp_path: Path) -> None:
    """Not "stale", which would blame the sender."""
    house = make_house(tmp_path, rules=[{"safes": ["*"], "mail": "allow", "max_age_hours": 0.5}])
    house.service.uptime.mark_alive()
    house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"))
    house.round()
    for _ in range(31):
        house.clock.turn(60)
        house.service.uptime.mark_alive()
    house.round()
    assert_refused_by(checks(house), "policy", "expired_waiting")


def test_what_the_ledger_knows_of_an_earlier_vote_is_shown(tmp_path: Path) -> None:
    """It judges like an act on PVWA's record, so the check names it, too."""
    house = make_house(tmp_path)
    request = house.ask(needed=2)
    house.forward(request)
    house.round()
    house.forward(request, MARA)
    house.round()
    verdict, value = checks(house)["own_vote"]
    assert verdict == "refused"
    assert re.search(r", level 1 confirmed by mail [a-z0-9]{12}$", value)
