"""The approver groups in force, and who is in them."""

from __future__ import annotations

import logging

import pytest

from approvald.errors import Unavailable
from approvald.groups import ApproverGroups
from fakes.clock import FakeClock
from fakes.directory import FakeDirectory, make_person

ILKA = make_person("ilka.brandt")


class Desk:
    """A directory with one team, and the book of groups over it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.directory = FakeDirectory()
        self.directory.add(ILKA)
        self.directory.add_group("DB_PAMapprover", "ilka.brandt")
        self.directory.add_group("L2_PAMapprover", "rhea.malik")
        self.groups = ApproverGroups(self.directory, self.clock, refresh_seconds=900)

    def names(self) -> list[str]:
        """Return the names of Ilka's groups."""
        return [group.name for group in self.groups.of(ILKA)]


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
        desk.groups.of(ILKA)
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
