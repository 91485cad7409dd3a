"""What every PVWA does for approvald: the fake in memory, and the REST adapter before the sandbox's PVWA."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from approvald.core.errors import OutcomeUnknown, Unavailable
from approvald.core.model import AccessRequest, ConfirmingAccount, Level
from approvald.core.ports import Absent, Accepted, Declined, Forbidden
from approvald_sandbox.control.client import Sandbox
from contract.pvwa_subjects import (
    COMMENT,
    FIRST,
    KEY,
    NUMBER,
    OTHER_TEAM,
    SAFE,
    SECOND,
    SECOND_GROUP,
    TEAM,
    Subject,
    fake_pvwa,
    rest_pvwa,
)


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start one sandbox for all tests here."""
    with Sandbox(directory=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(params=["fake", "rest"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Give each PVWA in turn."""
    made = fake_pvwa() if request.param == "fake" else rest_pvwa(request.getfixturevalue("sandbox_process"))
    yield made
    made.pvwa.close()


def test_a_waiting_request_is_read_as_it_stands(subject: Subject) -> None:
    """Who asked for what, which level waits, who may confirm, and that nobody has acted."""
    subject.ask(window_ends_in=3600)
    got = subject.record()
    assert (got.request_id, got.safe, got.number) == (KEY, SAFE, NUMBER)
    assert (got.requestor_user_name, got.requestor_full_name) == ("timo.gast", "Timo Gast")
    assert got.user_reason == "Kernel patch in the agreed window"
    assert got.requestor_reason.endswith(got.user_reason)
    assert got.account == "Operating System-UnixSSH-db7.corp.example-root"
    assert got.device_user == "root"
    assert (got.status, got.level, got.confirmations_left, got.invalid_reason) == (1, Level.FIRST, 1, 0)
    assert got.created is not None
    assert got.expires is not None
    assert got.created < got.expires
    assert got.access_from is None
    assert got.access_to is not None
    assert [(row.name, row.is_group, row.acted_at, row.comment) for row in got.confirmers] == [(TEAM, True, None, "")]


def test_a_confirmation_is_seen_in_the_record(subject: Subject) -> None:
    """Our comment, our account and the time stand on the group whose vote it was."""
    subject.ask()
    before = datetime.now(UTC) - timedelta(seconds=2)
    assert subject.pvwa.confirm(KEY, FIRST, COMMENT) == Accepted()
    got = subject.record()
    row = got.confirmers[0]
    assert (row.name, row.comment) == (TEAM, COMMENT)
    assert [user for user, _ in row.members] == [subject.pvwa.user_name(FIRST)]
    assert row.acted_at is not None
    assert before <= row.acted_at <= datetime.now(UTC)
    assert got.confirmations_left == 0
    assert got.status != 1
    assert subject.taken() == [(KEY, FIRST, COMMENT)]


def test_nothing_is_confirmed_twice(subject: Subject) -> None:
    """The second attempt is declined and leaves no trace."""
    subject.ask()
    subject.pvwa.confirm(KEY, FIRST, "one")
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, "two"), Declined)
    assert subject.taken() == [(KEY, FIRST, "one")]
    assert subject.record().confirmers[0].comment == "one"


def test_two_levels_are_two_confirmations(subject: Subject) -> None:
    """After the first the request waits for the second, and each account can give its own only."""
    subject.ask(levels=2)
    assert isinstance(subject.pvwa.confirm(KEY, SECOND, "early"), Declined)
    assert subject.pvwa.confirm(KEY, FIRST, "one") == Accepted()
    between = subject.record(SECOND)
    assert (between.level, between.confirmations_left, between.status) == (Level.SECOND, 1, 1)
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, "again"), Declined)
    assert subject.pvwa.confirm(KEY, SECOND, "two") == Accepted()
    assert [row.comment for row in subject.record().confirmers] == ["one", "two"]
    assert subject.taken() == [(KEY, FIRST, "one"), (KEY, SECOND, "two")]


def test_our_account_gives_one_of_two_votes(subject: Subject) -> None:
    """Where two confirmers are needed, one of our accounts cannot finish a level."""
    subject.ask(needed=2, level1=(TEAM, OTHER_TEAM))
    assert subject.record().confirmations_left == 2
    assert subject.pvwa.confirm(KEY, FIRST, "one") == Accepted()
    assert subject.record().confirmations_left == 1
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, "two"), Declined)
    assert subject.record().status == 1
    assert subject.taken() == [(KEY, FIRST, "one")]


def test_a_person_in_the_portal_spends_the_groups_vote(subject: Subject) -> None:
    """Who it was stands in the record; ours is declined."""
    subject.ask()
    subject.confirm_in_portal()
    row = subject.record().confirmers[0]
    assert row.acted_at is not None
    assert row.members == (("ilka.brandt", "Ilka Brandt"),)
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, COMMENT), Declined)
    assert subject.taken() == []


def test_a_rejection_closes_the_request(subject: Subject) -> None:
    """And differs from a confirmation by its action."""
    subject.ask(levels=2)
    subject.reject_in_portal()
    got = subject.record()
    assert got.confirmers[0].acted_at is not None
    assert got.confirmers[0].action not in {1, 2}
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, COMMENT), Declined)
    assert subject.taken() == []


def test_our_rejection_is_seen_in_the_record(subject: Subject) -> None:
    """Our comment stands there, the request is closed, and nothing counts as a confirmation."""
    subject.ask()
    assert subject.pvwa.reject(KEY, FIRST, COMMENT) == Accepted()
    row = subject.record().confirmers[0]
    assert (row.name, row.comment) == (TEAM, COMMENT)
    assert row.acted_at is not None
    assert row.action not in {1, 2}
    assert isinstance(subject.pvwa.reject(KEY, FIRST, "again"), Declined)
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, "one"), Declined)
    assert subject.taken() == []


def test_who_is_no_confirmer_cannot_reject(subject: Subject) -> None:
    """The other level's account closes nothing."""
    subject.ask()
    assert isinstance(subject.pvwa.reject(KEY, SECOND, COMMENT), Declined)
    assert subject.record().status == 1


def test_an_expired_request_is_readable_and_declined(subject: Subject) -> None:
    """It does not wait any more, and says since when."""
    subject.ask(expires_in=-60)
    got = subject.record()
    assert got.expires is not None
    assert got.expires < datetime.now(UTC)
    assert got.status != 1
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, COMMENT), Declined)


def test_a_request_whose_window_is_over_is_declined(subject: Subject) -> None:
    """It cannot be confirmed for a time that has passed."""
    subject.ask(window_ends_in=-60)
    assert subject.record().access_to is not None
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, COMMENT), Declined)
    assert subject.taken() == []


def test_a_deleted_request_is_nowhere(subject: Subject) -> None:
    """Neither by itself nor in a list, for either account."""
    subject.ask(levels=2)
    assert subject.pvwa.lists(KEY, FIRST)
    assert subject.pvwa.lists(KEY, SECOND)
    subject.delete()
    for account in ConfirmingAccount:
        assert isinstance(subject.pvwa.details(KEY, account), Absent)
        assert not subject.pvwa.lists(KEY, account)
        assert isinstance(subject.pvwa.confirm(KEY, account, COMMENT), Declined)


def test_the_second_level_group_may_be_the_only_confirmer(subject: Subject) -> None:
    """Then level 1 is the second-level account's, and the other one is told that it may not look."""
    subject.ask(level1=(SECOND_GROUP,))
    assert isinstance(subject.pvwa.details(KEY, FIRST), Forbidden)
    assert not subject.pvwa.lists(KEY, FIRST)
    assert isinstance(subject.pvwa.confirm(KEY, FIRST, COMMENT), Declined)
    assert subject.record(SECOND).level is Level.FIRST
    assert subject.pvwa.confirm(KEY, SECOND, COMMENT) == Accepted()


def test_a_blind_second_level_account_sees_a_request_from_level_two_on(subject: Subject) -> None:
    """Before that it looks as if there were none."""
    subject.make_blind()
    subject.ask(levels=2)
    assert isinstance(subject.pvwa.details(KEY, SECOND), Absent)
    assert not subject.pvwa.lists(KEY, SECOND)
    subject.pvwa.confirm(KEY, FIRST, "one")
    assert subject.record(SECOND).level is Level.SECOND


def test_a_lost_answer_is_neither_yes_nor_no(subject: Subject) -> None:
    """The record tells afterwards that it counted."""
    subject.ask()
    subject.lose_answer()
    with pytest.raises(OutcomeUnknown):
        subject.pvwa.confirm(KEY, FIRST, COMMENT)
    assert subject.record().confirmers[0].comment == COMMENT
    assert subject.taken() == [(KEY, FIRST, COMMENT)]


def test_a_pvwa_that_is_away_is_unavailable(subject: Subject) -> None:
    """For each call, and nothing was done."""
    subject.ask()
    subject.go_away()
    with pytest.raises(Unavailable):
        subject.pvwa.details(KEY, FIRST)
    with pytest.raises(Unavailable):
        subject.pvwa.lists(KEY, FIRST)
    with pytest.raises(Unavailable):
        subject.pvwa.confirm(KEY, FIRST, COMMENT)
    assert subject.taken() == []


def test_request_ids_are_found_in_any_case(subject: Subject) -> None:
    """The Vault does not tell upper case from lower case; the record has its own spelling."""
    subject.ask()
    got = subject.pvwa.details(KEY.lower(), FIRST)
    assert isinstance(got, AccessRequest)
    assert got.request_id == KEY
    assert subject.pvwa.lists(KEY.lower(), FIRST)


def test_resting_and_closing_never_fail(subject: Subject) -> None:
    """Also when there is nothing to log off, and twice."""
    subject.pvwa.log_off_idle()
    subject.pvwa.close()
    subject.pvwa.close()


def test_the_list_names_what_waits_and_what_was_handled(subject: Subject) -> None:
    """Before and after a confirmation."""
    subject.ask()
    assert list(subject.pvwa.incoming(FIRST)) == [KEY]
    assert subject.pvwa.confirm(KEY, FIRST, COMMENT) == Accepted()
    assert list(subject.pvwa.incoming(FIRST)) == [KEY]
