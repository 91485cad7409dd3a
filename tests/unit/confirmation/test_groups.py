"""The approver groups in force, and who is in them."""

from __future__ import annotations

import logging

import pytest

from approvald.confirmation.groups import ApproverGroups, GroupPins, Pin
from approvald.core.errors import LedgerAway, Unavailable, Unreadable
from fakes.clock import FakeClock
from fakes.directory import FakeDirectory, make_person
from fakes.names import FakeNames

ILKA = make_person("ilka.brandt")


class Desk:
    """A directory with one team, and the book of groups over it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.directory = FakeDirectory()
        self.directory.add(ILKA)
        self.directory.add_group("DB_PAMapprover", "ilka.brandt")
        self.directory.add_group("L2_PAMapprover", "rhea.malik")
        self.names_kept = FakeNames()
        self.told: list[str] = []
        self.start()

    def start(self) -> None:
        """Begin anew with what was remembered."""
        self.pins = GroupPins(self.names_kept)
        self.groups = ApproverGroups(
            self.directory, self.clock, refresh_seconds=900, pins=self.pins,
            tell=lambda problem: self.told.append(problem.name),
        )  # fmt: skip

    def pinned(self) -> dict[str, str]:
        """Return what is remembered, SID by name."""
        return dict(self.names_kept.recall("group_sid"))

    def names(self) -> list[str]:
        """Return the names of Ilka's groups."""
        return [group.name for group in self.groups.groups_of(ILKA)]


def test_groups_are_read_once_a_quarter_of_an_hour() -> None:
    """Membership is asked for each mail, what groups there are is not."""
    desk = Desk()
    for _ in range(3):
        assert desk.names() == ["DB_PAMapprover"]
        desk.clock.turn(299)
    assert desk.directory.questions.count("groups") == 1
    desk.clock.turn(3)
    assert desk.names() == ["DB_PAMapprover"]
    assert desk.directory.questions.count("groups") == 2


def test_membership_is_asked_afresh_for_every_mail() -> None:
    """Whoever left the group a second ago approves nothing."""
    desk = Desk()
    assert desk.names() == ["DB_PAMapprover"]
    desk.directory.groups["DB_PAMapprover"].members.clear()
    assert desk.names() == []


def test_somebody_in_no_group_gets_a_second_look() -> None:
    """A group renamed or made a minute ago is found before anybody is told "you are not an approver"."""
    desk = Desk()
    desk.groups.book()
    desk.directory.groups.clear()
    desk.directory.add_group("NET_PAMapprover", "ilka.brandt")
    assert desk.names() == ["NET_PAMapprover"]


def test_a_directory_that_is_away_is_an_outage_and_no_refusal() -> None:
    """At the first reading, at a later one, and at the question of membership."""
    desk = Desk()
    desk.directory.go_away()
    with pytest.raises(Unavailable):
        desk.groups.book()
    desk.directory.error = None
    desk.groups.book()
    desk.directory.go_away()
    with pytest.raises(Unavailable):
        desk.groups.groups_of(ILKA)
    desk.clock.turn(900)
    with pytest.raises(Unavailable):
        desk.groups.book()


def test_a_bad_group_is_told_once_and_disables_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    """A distribution list among the groups silences nobody else, and does not fill the log every quarter hour."""
    desk = Desk()
    desk.directory.add_group("MAIL_PAMapprover", "ilka.brandt", security=False)
    with caplog.at_level(logging.INFO, logger="approvald"):
        for _ in range(3):
            desk.groups.read()
    told = [record.getMessage() for record in caplog.records]
    assert told.count("group.disabled") == 1
    assert told.count("groups.read") == 1
    assert desk.names() == ["DB_PAMapprover"]


def test_a_problem_that_comes_back_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """It was solved in between."""
    desk = Desk()
    with caplog.at_level(logging.INFO, logger="approvald"):
        for security in (False, True, False):
            desk.directory.add_group("MAIL_PAMapprover", security=security)
            desk.groups.read()
    assert [record.getMessage() for record in caplog.records].count("group.disabled") == 2


# ---------------------------------------------------------------------------------------------------------- pinned SIDs


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("name", ["DB_PAMapprover", "L2_PAMapprover"])
def test_a_group_made_again_counts_no_more_until_it_is_accepted(name: str, *, restarted: bool) -> None:
    """Whoever may make groups could make themselves approvers; the name alone is not the group."""
    desk = Desk()
    desk.directory.groups["L2_PAMapprover"].members.append("ilka.brandt")
    assert desk.names() == ["DB_PAMapprover", "L2_PAMapprover"]
    desk.directory.groups[name].generation += 1
    if restarted:
        desk.start()
    else:
        desk.clock.turn(900)
    assert desk.names() == [other for other in ("DB_PAMapprover", "L2_PAMapprover") if other != name]
    assert desk.told == [name]
    (problem,) = desk.groups.book().problems
    assert f'approvald groups accept "{name}"' in problem.why

    now = desk.directory.approver_groups()
    (group,) = (each for each in now.all() if each.name == name)
    assert desk.pins.look(now)[group] is Pin.CHANGED
    assert desk.pins.accept(group) not in {"", group.sid}
    assert desk.pins.look(now)[group] is Pin.HELD
    desk.clock.turn(900)
    assert desk.names() == ["DB_PAMapprover", "L2_PAMapprover"]
    assert desk.groups.book().problems == ()


def test_the_first_look_pins_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Each group once, by its name in any case; the log names the SID."""
    desk = Desk()
    with caplog.at_level(logging.INFO, logger="approvald"):
        desk.groups.read()
        desk.start()
        desk.groups.read()
    assert [record.getMessage() for record in caplog.records].count("group.pinned") == 2
    assert set(desk.pinned()) == {"db_pamapprover", "l2_pamapprover"}
    assert set(desk.pinned().values()) == {group.sid for group in desk.directory.groups.values()}


def test_a_changed_group_that_is_its_old_self_again_counts_again() -> None:
    """The administrator took the false one out and restored the true one."""
    desk = Desk()
    desk.groups.read()
    desk.directory.groups["DB_PAMapprover"].generation = 1
    assert desk.groups.read().first == ()
    desk.directory.groups["DB_PAMapprover"].generation = 0
    assert desk.names() == ["DB_PAMapprover"]


def test_looking_pins_nothing() -> None:
    """What an operator lists before the daemon has run is pinned by the daemon."""
    desk = Desk()
    assert set(desk.pins.look(desk.directory.approver_groups()).values()) == {Pin.NEW}
    assert desk.pinned() == {}


# ----------------------------------------------------------------------------------------------- while no mail comes


def test_groups_are_read_without_a_mail() -> None:
    """At the start and when a refresh has passed: a bad group is told before somebody needs it."""
    desk = Desk()
    desk.directory.add_group("MAIL_PAMapprover", security=False)
    for _ in range(120):
        desk.groups.keep_fresh()
        desk.clock.turn(15)
    assert desk.directory.questions.count("groups") == 2
    assert desk.told == ["MAIL_PAMapprover"]


def test_a_directory_that_is_away_fails_no_poll() -> None:
    """It is asked again when a refresh has passed."""
    desk = Desk()
    desk.directory.go_away()
    for _ in range(120):
        desk.groups.keep_fresh()
        desk.clock.turn(15)
    assert desk.directory.questions.count("groups") == 2
    desk.directory.error = None
    desk.groups.keep_fresh()
    assert desk.names() == ["DB_PAMapprover"]


def test_a_mail_does_not_wait_for_the_next_refresh_of_a_directory_that_was_away() -> None:
    """It asks by itself."""
    desk = Desk()
    desk.directory.go_away()
    desk.groups.keep_fresh()
    desk.directory.error = None
    assert desk.names() == ["DB_PAMapprover"]


def test_an_answer_of_no_known_form_fails_no_poll() -> None:
    """Mails that need the groups wait; others are handled."""
    desk = Desk()
    desk.directory.error = Unreadable("strange")
    desk.groups.keep_fresh()
    with pytest.raises(Unreadable):
        desk.groups.book()


def test_a_ledger_that_is_away_is_the_polls_to_tell() -> None:
    """Nothing works without it."""
    desk = Desk()
    desk.directory.error = LedgerAway("the ledger is away")
    with pytest.raises(Unavailable):
        desk.groups.keep_fresh()
