"""PVWAs that show less than others: what was sent, and bears no comment of ours there, is told as what it was.

One human never gives both levels, and nobody reads of an approval that PVWA does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from approvald.core.errors import System, Unavailable
from approvald.core.model import AccessRequest, ConfirmingAccount, Level
from approvald.core.ports import Accepted, Declined
from approvald.ledger import tables
from approvald.ledger.halts import HaltKind
from fakes.house import MARA, RHEA, House
from fakes.pvwa import Permit
from house.test_left_open import LOST, Gateway, Killed, house, outcomes, rounds, told
from house.test_rejecting import make_house

__all__ = ["house"]
FIRST_OF_TWO = "Approved (first level)"
View = Callable[[AccessRequest], AccessRequest]


def of_this_level(record: AccessRequest) -> AccessRequest:
    """Show the confirmers of the level that the request waits for, and no others."""
    is_second = record.level is Level.SECOND
    kept = tuple(each for each in record.confirmers if (each.name == "L2_PAMapprover") is is_second)
    return replace(record, confirmers=kept)


def without_comments(record: AccessRequest) -> AccessRequest:
    """Show no comments."""
    return replace(record, confirmers=tuple(replace(each, comment="") for each in record.confirmers))


def without_names(record: AccessRequest) -> AccessRequest:
    """Show neither comments nor the members of groups."""
    return replace(record, confirmers=tuple(replace(each, comment="", members=()) for each in record.confirmers))


VIEWS = [of_this_level, without_comments, without_names]


@pytest.mark.parametrize("fault", ["taken", "lost"])
@pytest.mark.parametrize("view", VIEWS)
def test_nobody_gives_the_second_level_after_a_first_that_pvwa_does_not_show_as_ours(
    house: House, view: View, fault: str
) -> None:
    """Ilka is of both groups; PVWA went away after her first level, and shows now that somebody has given it."""
    house.directory.add_group("L2_PAMapprover", "rhea.malik", "ilka.brandt")
    house.pvwa.shown = view
    house.forward(house.ask(levels=2))
    lose(house, fault)
    rounds(house, 3)
    assert (len(house.pvwa.confirmations), outcomes(house), told(house)) == (1, ["confirmed"], [FIRST_OF_TWO])


def lose(house: House, fault: str) -> None:
    """Do a round in which the answer is lost after the effect, or what was taken cannot be read back."""
    if fault == "taken":
        house.pvwa.fail("details", Unavailable(System.PVWA, "away"), skip=1)
    else:
        house.pvwa.fail("confirm", LOST, after_effect=True)
    house.round()


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("view", VIEWS)
def test_what_was_taken_is_told_as_it_would_have_been_at_once(house: House, view: View, levels: int) -> None:
    """By PVWA's that show less than others, too."""
    house.pvwa.shown = view
    house.forward(house.ask(levels=levels))
    lose(house, "taken")
    rounds(house, 3)
    assert (outcomes(house), told(house)) == (["confirmed"], ["Approved" if levels == 1 else FIRST_OF_TWO])


@pytest.mark.parametrize("fault", ["taken", "lost"])
def test_a_vote_of_two_that_bears_no_comment_is_ours_by_its_name(house: House, fault: str) -> None:
    """The request goes on waiting, for somebody else."""
    house.pvwa.shown = without_comments
    house.forward(house.ask(needed=2, level1=("DB_PAMapprover", "FIN_PAMapprover")))
    lose(house, fault)
    rounds(house, 3)
    assert (outcomes(house), told(house)) == (["confirmed"], ["Approved (more confirmations needed)"])


def both_groups(house: House) -> None:
    """Let Ilka be of both levels, so that she could give both."""
    house.directory.add_group("L2_PAMapprover", "rhea.malik", "ilka.brandt")


def without_level(record: AccessRequest) -> AccessRequest:
    """Show the confirmers of the present level, and not which one that is."""
    return replace(of_this_level(record), level=None)


def answer_500(house: House, then: Callable[[], object] = lambda: None) -> None:
    """Let PVWA do what it is asked to, and answer with an internal error."""

    def instead(answer: Accepted | Declined) -> Accepted | Declined:
        if isinstance(answer, Declined):
            return answer
        then()
        house.pvwa.after_confirming = lambda other: other
        return Declined(status=500, code="CAWS00001E", words="internal")

    house.pvwa.after_confirming = instead


@pytest.mark.parametrize("view", VIEWS)
def test_an_error_after_the_effect_gives_nobody_a_second_level(house: House, view: View) -> None:
    """A 500 says nothing of the cause, wherever the comment does not stand."""
    both_groups(house)
    house.pvwa.shown = view
    request = house.ask(levels=2)
    answer_500(house)
    for _ in range(2):
        house.forward(request)
        rounds(house, 3)
    assert (len(house.pvwa.confirmations), outcomes(house)) == (1, ["confirmed"])


def test_an_error_out_of_sight_is_neither_done_nor_undone(house: House) -> None:
    """PVWA shows everything, but not to our accounts at that moment."""
    request = house.ask()

    def out_of_sight() -> None:
        request.forbidden_to = frozenset(Level)

    answer_500(house, out_of_sight)
    house.forward(request)
    rounds(house, 2)
    assert (outcomes(house), told(house)) == (["open"], [])
    request.forbidden_to = frozenset()
    rounds(house, 2)
    assert (outcomes(house), told(house)) == (["confirmed"], ["Approved"])


@pytest.mark.parametrize("fault", ["taken", "lost"])
def test_an_act_at_the_next_level_explains_none_at_this_one(house: House, fault: str) -> None:
    """PVWA lists the second level by now, where somebody has voted in the portal."""
    both_groups(house)
    house.pvwa.shown = of_this_level
    request = house.ask(levels=2)
    house.forward(request)
    lose(house, fault)
    house.pvwa.act_in_portal(request.request_id, "rhea.malik")
    rounds(house, 3)
    assert (len(house.pvwa.confirmations), outcomes(house)) == (1, ["confirmed"])


def test_a_level_that_is_not_shown_is_known_by_its_confirmers(house: House) -> None:
    """All of them are others now, so that the first level was given."""
    both_groups(house)
    house.pvwa.shown = without_level
    request = house.ask(levels=2)
    for _ in range(2):
        house.forward(request)
        lose(house, "lost")
        rounds(house, 3)
    assert (len(house.pvwa.confirmations), outcomes(house)) == (1, ["confirmed"])


@pytest.mark.parametrize("is_late", [False, True])
def test_somebody_elses_rejection_is_no_approval(house: House, *, is_late: bool) -> None:
    """PVWA says who rejected as little as who confirmed, but it says which."""
    house.pvwa.shown = without_names
    request = house.ask()

    def reject() -> None:
        house.pvwa.act_in_portal(request.request_id, "mara.voss", "rejected")

    Gateway(house, meanwhile=(lambda: None) if is_late else reject)
    house.forward(request)
    house.round()
    if is_late:
        reject()
    rounds(house, 3)
    assert (outcomes(house), told(house)) == (["not_done"], ["Already rejected"])


def test_somebody_elses_confirmation_is_no_rejection(tmp_path: Path) -> None:
    """A level that was given is no sign of a rejection."""
    house = make_house(tmp_path)
    house.pvwa.shown = of_this_level
    request = house.ask(levels=2)
    house.pvwa.fail("reject", LOST)
    house.forward(request, note="reject: no")
    house.round()
    house.clock.turn(1800)
    house.pvwa.act_in_portal(request.request_id, "mara.voss")
    rounds(house, 3)
    assert outcomes(house) == ["not_done"]


@pytest.mark.parametrize("fault", ["taken", "lost"])
def test_the_first_levels_act_is_not_the_seconds(house: House, fault: str) -> None:
    """A minute ago another mail gave the first level, with the other account; the second never came to PVWA."""
    house.pvwa.shown = without_comments
    request = house.ask(levels=2)
    house.forward(request, MARA)
    house.round()
    house.clock.turn(60)
    if fault == "lost":
        house.pvwa.fail("confirm", LOST)
    else:
        Gateway(house)
    house.forward(request, RHEA)
    house.round()
    house.pvwa.before_confirming = lambda _: None
    rounds(house, 4)
    assert outcomes(house).count("confirmed") == len(house.pvwa.confirmations)


def test_what_was_never_sent_is_never_ours(house: House) -> None:
    """A hold came between the intent and the sending; hours later somebody gives the level in the portal."""
    house.pvwa.shown = of_this_level
    request = house.ask(levels=2)

    def hold(_permit: Permit) -> None:
        house.halts.set(HaltKind.HOLD, "why", "root")

    house.pvwa.before_confirming = hold
    house.forward(request)
    house.round()
    assert (house.pvwa.attempts, outcomes(house)) == ([], ["not_done"])
    assert told(house) == ["Not approved"]


def test_a_request_whose_creation_is_shown_no_more_is_the_same(house: House) -> None:
    """Who gave its first level is not forgotten."""
    both_groups(house)
    house.pvwa.shown = without_comments
    request = house.ask(levels=2)
    house.forward(request)
    rounds(house, 1)
    house.pvwa.shown = lambda record: replace(without_comments(record), created=None)
    house.forward(request)
    rounds(house, 3)
    assert (len(house.pvwa.confirmations), outcomes(house)) == (1, ["confirmed"])


@pytest.mark.parametrize("fault", ["lost", "500"])
def test_a_lost_vote_of_two_gives_nobody_a_second_level(house: House, fault: str) -> None:
    """The record shows that somebody of the group has voted, and another group's vote ends the level."""
    both_groups(house)
    house.pvwa.shown = without_names
    request = house.ask(levels=2, needed=2, level1=("DB_PAMapprover", "FIN_PAMapprover"))
    house.forward(request)
    if fault == "500":
        answer_500(house)
        house.round()
    else:
        lose(house, fault)
    rounds(house, 3)
    house.pvwa.act_in_portal(request.request_id, "lea.fontaine")
    house.forward(request)
    rounds(house, 3)
    assert [each.account for each in house.pvwa.confirmations] == [ConfirmingAccount.FIRST]


@pytest.mark.parametrize("fault", ["lost", "taken"])
@pytest.mark.parametrize("view", VIEWS)
def test_an_intent_of_an_older_version_gives_nobody_a_second_level(house: House, view: View, fault: str) -> None:
    """It was open when approvald was brought to this version, which then keeps what was shown before."""
    both_groups(house)
    house.pvwa.shown = view
    request = house.ask(levels=2)
    house.forward(request)
    lose(house, fault)
    with house.store.begin() as connection:
        connection.execute(tables.confirmations.update().values(shown_before=None))
    rounds(house, 3)
    house.forward(request)
    rounds(house, 3)
    assert (len(house.pvwa.confirmations), outcomes(house)) == (1, ["confirmed"])


@pytest.mark.parametrize("fault", ["lost", "taken"])
@pytest.mark.parametrize("levels", [1, 2])
def test_a_later_rejection_does_not_undo_an_act_of_ours(house: House, levels: int, fault: str) -> None:
    """PVWA names our account for it; the sender hears of both."""
    house.pvwa.shown = without_comments
    request = house.ask(levels=levels, needed=3 - levels, level1=("DB_PAMapprover", "FIN_PAMapprover"))
    house.forward(request)
    lose(house, fault)
    house.pvwa.act_in_portal(request.request_id, "rhea.malik", "rejected")
    rounds(house, 3)
    assert outcomes(house) == ["confirmed"]


def end_before_sending(house: House) -> None:
    """Do a round in which the program ends between the intent and the sending, and start it again."""

    def end(_permit: Permit) -> None:
        raise Killed

    house.pvwa.before_confirming = end
    with pytest.raises(Killed):
        house.round()
    house.crash()
    house.pvwa.before_confirming = lambda _: None


def test_what_was_never_sent_waits_for_no_right_to_look(house: House) -> None:
    """No account may see the request: its mail is told as any other."""
    request = house.ask()
    house.forward(request)
    end_before_sending(house)
    request.forbidden_to = frozenset(Level)
    rounds(house, 2)
    assert (outcomes(house), told(house)) == (["not_done"], ["Not approved"])


def test_what_was_never_sent_has_given_no_level(house: House) -> None:
    """Somebody gave it in the portal before the program was started again, and PVWA does not say who."""
    house.pvwa.shown = of_this_level
    request = house.ask(levels=2)
    house.forward(request)
    end_before_sending(house)
    house.pvwa.act_in_portal(request.request_id, "mara.voss")
    rounds(house, 2)
    assert (outcomes(house), house.pvwa.attempts) == (["not_done"], [])
