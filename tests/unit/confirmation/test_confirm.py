"""Nothing is confirmed twice, nothing is told as confirmed that is not, and a lost answer is its own outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvald.approval.actors import actors
from approvald.approval.decide import Confirm, decide
from approvald.approval.endings import Code, Ending
from approvald.confirmation.confirm import carry_out, confirmed_ending
from approvald.confirmation.settle import Confirming, already_done, give_up
from approvald.core.errors import MustWait, OutcomeUnknown, System, Unavailable, Unreadable
from approvald.core.model import AccessRequest, ConfirmingAccount, GroupBook, Level, Person
from approvald.core.ports import Absent, Accepted, Declined, Forbidden
from approvald.ledger.confirmations import Confirmations, Intent
from approvald.ledger.halts import Halted, HaltKind, Halts
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from fakes.facts import BOOK, DB, FIN, ILKA, L2, MARA, RHEA, TIMO, facts, notification, verified
from fakes.pvwa import ConfirmAttempt, FakePvwa, Permit
from fakes.pvwa_requests import FakeRequest

REQUEST = "DB-PROD-01_17"
LOST = OutcomeUnknown("the answer was lost")
AWAY = Unavailable(System.PVWA, "PVWA is away")


class Desk:
    """One PVWA and one ledger, and mails that are decided and carried out as the pipeline does it."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.down = timedelta()
        self.pvwa = FakePvwa(self.clock)
        self.path = path
        self.request: FakeRequest = self.pvwa.ask(REQUEST)
        self.store = self._store()
        self.tools = self._tools()

    def restart(self) -> None:
        """Crash, and come back to the same file and the same PVWA."""
        self.store.close()
        self.store = self._store()
        self.tools = self._tools()

    def put(self, pvwa: FakePvwa) -> None:
        """Put this PVWA in the other one's place, with the same request."""
        self.pvwa = pvwa
        pvwa.add(self.request)
        self.restart()

    def handle(self, person: Person = ILKA, ledger_id: str = "mail1mail1", groups: Any = (DB,)) -> Ending | Code:
        """Take one mail from PVWA's record to its ending; a code where `decide` refuses."""
        request = self.pvwa.details(REQUEST, ConfirmingAccount.FIRST)
        assert isinstance(request, AccessRequest)
        level = already_done(request, ledger_id, self.tools)
        if level is not None:
            return confirmed_ending(Ending(code=Code.CONFIRMED, level=level), request, self.tools)
        ledger = self.tools.confirmations
        decision = decide(
            facts(
                sender=verified(person),
                sender_groups=groups,
                request=request,
                notification=notification(account=None, device_user=None, reason=None),
                requestor=TIMO,
                acted=actors(request, self.tools.our_names()),
                approved_before=ledger.approved_before(request.request_id, request.created),
                now=self.clock.now(),
            )
        )
        if not isinstance(decision, Confirm):
            give_up(ledger_id, self.tools)
            return decision.code
        return carry_out(self.pvwa, decision, ledger_id, self.tools)

    def waits(
        self, person: Person = ILKA, ledger_id: str = "mail1mail1", groups: Any = (DB,)
    ) -> MustWait | Unavailable:
        """Handle a mail that has to wait."""
        with pytest.raises((MustWait, Unavailable)) as caught:
            self.handle(person, ledger_id, groups)
        assert isinstance(caught.value, MustWait | Unavailable)
        return caught.value

    def approved(self) -> dict[Level, str]:
        """Return the ledger ids with which the ledger knows the request as confirmed, by level."""
        found = self.tools.confirmations.approved_before(REQUEST, self.request.created)
        return {level: each.ledger_id for level, each in found.items()}

    def unsettled(self) -> list[str]:
        """Return the ledger ids of open intents about the request."""
        return [each.ledger_id for each in self.tools.confirmations.open_beside(self.intent("no mail"))]

    def intent(self, ledger_id: str, person: Person = MARA) -> Intent:
        """Return an intent of some mail about the request at the first level."""
        return Intent(
            ledger_id=ledger_id, request_id=REQUEST, created=self.request.created, level=Level.FIRST,
            account=ConfirmingAccount.FIRST, approver_guid=person.guid, approver_link=person.link,
            intended_at=self.clock.now(),
        )  # fmt: skip

    def _store(self) -> Store:
        store = Store(f"sqlite:///{self.path}", self.clock)
        store.open()
        return store

    def _tools(self) -> Confirming:
        return Confirming(
            pvwa=self.pvwa,
            confirmations=Confirmations(self.store),
            clock=self.clock,
            accounts=(ConfirmingAccount.FIRST, ConfirmingAccount.SECOND),
            age=lambda instant: self.clock.now() - instant - self.down,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk whose request waits for DB_PAMapprover at its only level."""
    made = Desk(tmp_path / "ledger.db")
    yield made
    made.store.close()


def done(ending: Ending | Code) -> Ending:
    """Expect a confirmation."""
    assert isinstance(ending, Ending)
    assert ending.code is Code.CONFIRMED
    return ending


# ------------------------------------------------------------------------------ the plain way


def test_a_confirmation_is_one_call_with_our_comment(desk: Desk) -> None:
    """Account and comment are as decided; the record is read back once; the ledger knows it before the answer."""
    desk.pvwa.calls.clear()
    ending = done(desk.handle())
    comment = "Approved on behalf of ilka.brandt@corp.example (approvald mail1mail1)"
    assert desk.pvwa.confirmations == [ConfirmAttempt(REQUEST, ConfirmingAccount.FIRST, comment)]
    assert [call for call, _, _ in desk.pvwa.calls] == ["details", "confirm", "details"]
    assert (ending.level, ending.confirmations_left, ending.confirmer) == (Level.FIRST, 0, "svc-pam-l1")
    assert ending.request is not None
    assert ending.checks[-1] == "own_vote"
    assert desk.approved() == {Level.FIRST: "mail1mail1"}
    assert desk.unsettled() == []


def test_the_first_of_two_levels_says_that_the_second_waits(desk: Desk) -> None:
    """And the second is given by another human with the other account."""
    desk.request.levels = 2
    assert done(desk.handle()).second_level_waits
    ending = done(desk.handle(RHEA, "mail2mail2", (L2,)))
    assert (ending.level, ending.confirmations_left, ending.confirmer) == (Level.SECOND, 0, "svc-pam-l2")
    assert [each.account for each in desk.pvwa.confirmations] == [ConfirmingAccount.FIRST, ConfirmingAccount.SECOND]
    assert desk.approved() == {Level.FIRST: "mail1mail1", Level.SECOND: "mail2mail2"}


@pytest.mark.parametrize("person", [ILKA, replace(MARA, link="7")])
def test_nobody_gives_both_levels(desk: Desk, person: Person) -> None:
    """Neither the same object nor another account of the same human, after a restart too."""
    desk.request.levels = 2
    done(desk.handle(replace(ILKA, link="7")))
    desk.restart()
    assert desk.handle(person, "mail2mail2", (DB, L2)) is Code.SAME_PERSON_TWICE
    assert len(desk.pvwa.confirmations) == 1


def test_two_confirmers_needed_leaves_one_for_the_portal(desk: Desk) -> None:
    """Our account has one vote; the next mail is told so, and PVWA is not asked again."""
    desk.request.level1 = ("DB_PAMapprover", "FIN_PAMapprover")
    desk.request.needed = 2
    assert done(desk.handle()).confirmations_left == 1
    assert desk.handle(MARA, "mail2mail2", (FIN,)) is Code.NEEDS_OTHER_CONFIRMER
    assert desk.handle(ILKA, "mail3mail3", (DB,)) is Code.NEEDS_OTHER_CONFIRMER
    assert len(desk.pvwa.attempts) == 1


# ------------------------------------------------------------------------------ answers that got lost


@pytest.mark.parametrize("restart", [False, True])
def test_a_lost_answer_to_a_done_confirmation_is_found_at_pvwa(desk: Desk, *, restart: bool) -> None:
    """PVWA is read, shows our comment, and nothing is sent again."""
    desk.pvwa.fail("confirm", LOST, after_effect=True)
    desk.waits()
    assert desk.unsettled() == ["mail1mail1"]
    if restart:
        desk.restart()
    done(desk.handle())
    assert len(desk.pvwa.attempts) == 1
    assert desk.approved() == {Level.FIRST: "mail1mail1"}


def test_a_lost_answer_is_not_followed_by_a_second_call_while_pvwa_may_be_at_work(desk: Desk) -> None:
    """The first call may still be on its way inside PVWA; only when it cannot be, it is sent once more."""
    desk.pvwa.fail("confirm", LOST)
    desk.waits()
    desk.clock.turn(1)
    waiting = desk.waits()
    assert len(desk.pvwa.attempts) == 1
    assert waiting.retry_after_seconds == 59
    desk.clock.turn(59)
    done(desk.handle())
    assert len(desk.pvwa.attempts) == 2
    assert len(desk.pvwa.confirmations) == 1


def test_every_sending_starts_the_waiting_anew(desk: Desk) -> None:
    """Two lost answers in a row are a minute apart, not a second."""
    desk.pvwa.fail("confirm", LOST, times=2)
    desk.waits()
    desk.clock.turn(60)
    desk.waits()
    desk.clock.turn(30)
    desk.waits()
    assert len(desk.pvwa.attempts) == 2


def test_a_pvwa_that_certainly_did_nothing_is_tried_again_at_once(desk: Desk) -> None:
    """Unavailable is the port's promise that nothing was done; nobody waits a minute for a full load balancer."""
    desk.pvwa.fail("confirm", AWAY)
    desk.waits()
    assert desk.unsettled() == []
    done(desk.handle())


def test_a_crash_between_settling_and_ending_is_still_a_confirmation(desk: Desk) -> None:
    """PVWA and ledger have it, only the mail's ending was not written: its sender is not told "already approved"."""
    desk.request.levels = 2
    done(desk.handle())
    desk.restart()
    ending = done(desk.handle())
    assert (ending.level, ending.second_level_waits) == (Level.FIRST, True)
    assert len(desk.pvwa.attempts) == 1


def test_a_mail_that_confirmed_one_request_has_not_confirmed_its_number_used_again(desk: Desk) -> None:
    """The number was used again for a younger request."""
    done(desk.handle())
    desk.request.created += timedelta(days=40)
    record = desk.pvwa.details(REQUEST, ConfirmingAccount.FIRST)
    assert isinstance(record, AccessRequest)
    assert already_done(record, "mail1mail1", desk.tools) is None


def test_without_an_intent_nothing_is_ours(desk: Desk) -> None:
    """A comment that looks like this mail's proves nothing where the ledger never meant to send one."""
    comment = "Approved on behalf of ilka.brandt@corp.example (approvald mail1mail1)"
    desk.pvwa.act_in_portal(REQUEST, "mara.voss", comment=comment)
    assert desk.handle() is Code.ALREADY_CONFIRMED
    assert desk.approved() == {}


# ------------------------------------------------------------------------------ answers that are not to be believed


class Deaf(FakePvwa):
    """A load balancer that says yes to a confirmation that never reaches PVWA, a number of times."""

    lies = 1

    def confirm(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Permit = None
    ) -> Accepted | Declined:
        """Say yes."""
        if self.lies:
            self.lies -= 1
            return Accepted()
        return super().confirm(request_id, account, comment, permit=permit)


class Reticent(Deaf):
    """Such a load balancer in front of a PVWA whose records leave a field out."""

    lies = 9
    hidden = ""

    def details(self, request_id: str, account: ConfirmingAccount) -> AccessRequest | Absent | Forbidden:
        """Leave it out."""
        found = super().details(request_id, account)
        if not isinstance(found, AccessRequest):
            return found
        shown = replace(found, level=None) if self.hidden == "level" else found
        return replace(shown, created=None) if self.hidden == "created" else shown


def test_a_yes_that_the_record_does_not_show_is_not_told(desk: Desk) -> None:
    """An empty 200 may come from something in front of PVWA: the mail waits, and nothing is sent again."""
    desk.put(Deaf(desk.clock))
    for _ in range(5):
        assert "does not show it" in str(desk.waits())
        desk.clock.turn(100)
        desk.restart()
    assert desk.unsettled() == ["mail1mail1"]
    assert desk.pvwa.attempts == []
    comment = "Approved on behalf of ilka.brandt@corp.example (approvald mail1mail1)"
    FakePvwa.confirm(desk.pvwa, REQUEST, ConfirmingAccount.FIRST, comment)  # at last it arrives
    done(desk.handle())
    assert desk.unsettled() == []


def test_a_yes_that_is_not_shown_holds_off_every_other_mail(desk: Desk) -> None:
    """Another mail about the request sends nothing either, and does not write off what PVWA may yet show."""
    desk.put(Deaf(desk.clock))
    desk.waits()
    for _ in range(3):
        desk.clock.turn(100)
        assert "does not show it" in str(desk.waits(MARA, "mail2mail2"))
        assert "does not show it" in str(desk.waits())
    assert desk.unsettled() == ["mail1mail1"]
    comment = "Approved on behalf of ilka.brandt@corp.example (approvald mail1mail1)"
    FakePvwa.confirm(desk.pvwa, REQUEST, ConfirmingAccount.FIRST, comment)  # at last it arrives
    assert desk.handle(MARA, "mail2mail2") is Code.ALREADY_CONFIRMED
    done(desk.handle())
    assert (len(desk.pvwa.attempts), desk.approved()) == (1, {Level.FIRST: "mail1mail1"})


def test_a_yes_that_is_not_shown_is_given_up_no_earlier_than_a_mail(desk: Desk) -> None:
    """Its mail is refused meanwhile, such as of a group its sender has left; days later nothing is open behind it."""
    desk.put(Deaf(desk.clock))
    desk.waits()
    desk.clock.turn(71 * 3600)
    with pytest.raises(MustWait, match="does not show it"):
        give_up("mail1mail1", desk.tools)
    desk.clock.turn(3600)
    give_up("mail1mail1", desk.tools)
    assert (desk.unsettled(), desk.approved()) == ([], {})


def test_time_in_which_nobody_could_look_gives_nothing_up(desk: Desk) -> None:
    """Days of maintenance do not make its mail too old either."""
    desk.put(Deaf(desk.clock))
    desk.waits()
    desk.clock.turn(100 * 3600)
    desk.down = timedelta(hours=90)
    assert "does not show it" in str(desk.waits(MARA, "mail2mail2"))


@pytest.mark.parametrize("then", ["", "level", "created"])
@pytest.mark.parametrize("first", ["", "level", "created"])
def test_a_yes_holds_off_other_mails_where_a_record_says_less(desk: Desk, first: str, then: str) -> None:
    """A PVWA that names no level, or no time of creation, speaks of the same request all the same."""
    desk.pvwa = reticent = Reticent(desk.clock)
    desk.pvwa.add(desk.request)
    desk.restart()
    reticent.hidden = first
    desk.waits()
    desk.clock.turn(100)
    reticent.hidden = then
    assert "does not show it" in str(desk.waits(MARA, "mail2mail2"))
    assert len(desk.tools.confirmations.open_of_mail("mail1mail1")) == 1


def test_nobody_may_look_is_no_word_about_it(desk: Desk) -> None:
    """Neither what was taken nor what was lost is given up by a 403, until its mail would be."""
    desk.pvwa.fail("confirm", LOST)
    desk.waits()
    desk.clock.turn(100)
    desk.request.forbidden_to = frozenset(Level)
    with pytest.raises(MustWait, match="its outcome is unknown"):
        give_up("mail1mail1", desk.tools)
    desk.clock.turn(72 * 3600)
    give_up("mail1mail1", desk.tools)
    assert (desk.unsettled(), desk.approved()) == ([], {})


@pytest.mark.parametrize("was_taken", [True, False])
def test_what_can_be_read_no_more_is_given_up_in_the_end(desk: Desk, *, was_taken: bool) -> None:
    """The record is of a form nobody knows, from then on: no earlier than a mail would be too old, and no later."""
    if was_taken:
        desk.pvwa.fail("details", AWAY, skip=1)
    else:
        desk.pvwa.fail("confirm", LOST)
    desk.waits()
    desk.pvwa.fail("details", Unreadable("the requestor is missing"), times=None)
    desk.clock.turn(71 * 3600)
    with pytest.raises(Unreadable):
        give_up("mail1mail1", desk.tools)
    desk.clock.turn(3600)
    with suppress(MustWait):  # decided afresh: it is told as done
        give_up("mail1mail1", desk.tools)
    assert (desk.unsettled(), desk.approved()) == ([], {Level.FIRST: "mail1mail1"} if was_taken else {})


def test_a_yes_that_is_never_shown_blocks_no_other_mail_for_ever(desk: Desk) -> None:
    """A mail that never comes back leaves it to the next one, after days in which PVWA has not shown it."""
    desk.put(Deaf(desk.clock))
    desk.waits()
    desk.clock.turn(72 * 3600)
    done(desk.handle(MARA, "mail2mail2"))
    assert desk.approved() == {Level.FIRST: "mail2mail2"}


def test_a_yes_about_what_waits_no_more_is_given_up_at_once(desk: Desk) -> None:
    """Somebody confirmed the request in the portal: what was taken cannot come to anything any more."""
    desk.put(Deaf(desk.clock))
    desk.waits()
    desk.pvwa.act_in_portal(REQUEST, "mara.voss")
    desk.clock.turn(100)
    assert desk.handle() is Code.ALREADY_CONFIRMED
    assert (desk.unsettled(), desk.approved()) == ([], {})


def test_a_yes_dated_by_a_clock_that_was_wrong_counts_from_now(desk: Desk) -> None:
    """A clock that ran a year ahead for a moment keeps nobody waiting for a year."""
    desk.put(Deaf(desk.clock))
    desk.waits()
    desk.clock.turn(-3600)
    desk.waits(MARA, "mail2mail2")
    desk.clock.turn(100)
    desk.waits(MARA, "mail2mail2")
    desk.clock.turn(72 * 3600)
    done(desk.handle(MARA, "mail2mail2"))


def test_a_confirmation_that_cannot_be_read_back_is_told_when_it_can(desk: Desk) -> None:
    """PVWA, or something in front of it, took it: the mail waits, and is sent no second time."""
    desk.pvwa.fail("details", AWAY, skip=1)
    desk.waits()
    assert desk.unsettled() == ["mail1mail1"]
    done(desk.handle())
    assert (len(desk.pvwa.attempts), desk.approved()) == (1, {Level.FIRST: "mail1mail1"})


def test_a_record_of_an_unknown_kind_changes_nothing(desk: Desk) -> None:
    """One that comes back after a yes shows nothing: the mail waits, and is told what a readable one shows."""
    desk.pvwa.fail("details", Unreadable("no record"), skip=1)
    with pytest.raises(Unreadable):
        desk.handle()
    assert desk.unsettled() == ["mail1mail1"]
    done(desk.handle())
    assert desk.approved() == {Level.FIRST: "mail1mail1"}


class Slow(FakePvwa):
    """A PVWA whose session has to be renewed, or which is asked a second time: the call leaves 70 s after the intent.

    Its answer is lost; the first call is at work for a while, and takes effect when it is told to.
    """

    leave: Callable[[], object] = staticmethod(lambda: None)
    at_work: list[ConfirmAttempt]

    def confirm(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Permit = None
    ) -> Accepted | Declined:
        """Take long to leave, and lose the answer."""
        self.leave()
        if permit is not None:
            permit()
        self.at_work.append(ConfirmAttempt(request_id, account, comment))
        raise LOST


def slow(desk: Desk) -> Slow:
    """Put such a PVWA on the desk."""
    pvwa = Slow(desk.clock)
    pvwa.at_work = []
    pvwa.leave = lambda: desk.clock.turn(70)
    pvwa.add(desk.request)
    desk.pvwa = pvwa
    desk.restart()
    return pvwa


def test_what_pvwa_may_be_at_work_on_counts_from_the_sending(desk: Desk) -> None:
    """Not from the intent, which a log-on or a first answer can put a minute before it: nothing is sent or given up."""
    pvwa = slow(desk)
    desk.waits()
    desk.clock.turn(2)
    assert "may still be working" in str(desk.waits())
    with pytest.raises(MustWait, match="may still be working"):
        give_up("mail1mail1", desk.tools)
    assert len(pvwa.at_work) == 1


def test_a_lost_answer_counts_from_its_loss(desk: Desk) -> None:
    """A call may hang for longer than PVWA needs; what came in at its end was not seen."""
    pvwa = slow(desk)
    pvwa.leave = lambda: None
    desk.waits()
    desk.clock.turn(50)
    assert "may still be working" in str(desk.waits())
    assert len(pvwa.at_work) == 1


def test_a_halt_that_comes_before_the_call_leaves_stops_it(desk: Desk) -> None:
    """Also one that is set while the session is renewed."""
    pvwa = slow(desk)
    pvwa.leave = lambda: Halts(desk.store).set(HaltKind.HOLD, "stop", "root")
    with pytest.raises(Halted):
        desk.handle()
    assert pvwa.at_work == []


def test_a_record_from_before_the_settling_time_is_not_believed(desk: Desk) -> None:
    """PVWA was read while it was at work, and the time ran out behind that reading: it is read again."""

    class Late(FakePvwa):
        def details(self, request_id: str, account: ConfirmingAccount) -> AccessRequest | Absent | Forbidden:
            found = super().details(request_id, account)
            if self.attempts and not self.confirmations:
                desk.clock.turn(100)  # the reading is a slow one, and the first call takes effect behind it
                FakePvwa.confirm(self, *astuple(self.attempts[0]))
            return found

    pvwa = Late(desk.clock)
    pvwa.add(desk.request)
    pvwa.fail("confirm", LOST)
    desk.pvwa = pvwa
    desk.restart()
    desk.waits()
    assert "become known" in str(desk.waits())
    done(desk.handle())
    assert len(pvwa.confirmations) == 1


def test_a_request_that_is_out_of_sight_after_the_confirmation_is_confirmed(desk: Desk) -> None:
    """The first-level account may lose sight of a request that has gone on."""

    class Closes(FakePvwa):
        def _act(self, request: FakeRequest, *rest: Any) -> None:
            super()._act(request, *rest)
            request.forbidden_to = frozenset(Level)

    desk.put(Closes(desk.clock))
    assert done(desk.handle()).confirmations_left is None


@pytest.mark.parametrize(
    ("after", "left", "words"),
    [
        ({"status": 2, "status_title": "Confirmed: the request was confirmed"}, 0, ""),
        ({"status": 1, "confirmations_left": 2}, 2, ""),
        ({"status": 1, "confirmations_left": 0}, None, ""),
        ({"status": 16, "status_title": "Rejected: by somebody"}, None, "Rejected: by somebody"),
        ({"status": 4, "status_title": ""}, None, "expired"),
    ],
)
def test_what_is_told_after_a_confirmation_is_what_pvwa_shows(
    desk: Desk, after: dict[str, Any], left: int | None, words: str
) -> None:
    """Nobody hears "nothing more is needed" of a request that was rejected a moment later."""
    record = replace(desk.request.shown(desk.clock.now()), **after)
    ending = confirmed_ending(Ending(code=Code.CONFIRMED, level=Level.FIRST), record, desk.tools)
    assert (ending.confirmations_left, ending.words) == (left, words)


# ------------------------------------------------------------------------------ PVWA says no


class Declines(FakePvwa):
    """A PVWA that declines confirmations with `answers`, one after the other, before it does as usual."""

    answers: tuple[Declined, ...] = ()
    acts_anyway = False
    portal: tuple[str, str] | None = None

    def confirm(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Permit = None
    ) -> Accepted | Declined:
        """Decline while there is an answer left."""
        if not self.answers:
            return super().confirm(request_id, account, comment, permit=permit)
        answer, self.answers = self.answers[0], self.answers[1:]
        self.calls.append(("confirm", request_id, account))
        self.attempts.append(ConfirmAttempt(request_id, account, comment))
        if self.acts_anyway:
            self._vote(self.attempts[-1], "confirmed")
        if self.portal is not None:
            self.act_in_portal(request_id, self.portal[0], "confirmed" if self.portal[1] == "confirmed" else "rejected")
        return answer


def declining(desk: Desk, *answers: Declined) -> Declines:
    """Put a declining PVWA on the desk."""
    pvwa = Declines(desk.clock)
    pvwa.answers = answers
    pvwa.add(desk.request)
    desk.pvwa = pvwa
    desk.restart()
    return pvwa


INTERNAL = Declined(status=500, code="CAWS00001E", words="An error occurred.")
CONFLICT = Declined(status=409, code="CAWS00002E", words="This request has already been closed.")
NOT_ALLOWED = Declined(status=403, code="PASWS041E", words="You are not authorized.")


def refused(ending: Ending | Code) -> Ending:
    """Expect a refusal that was made after asking PVWA."""
    assert isinstance(ending, Ending)
    assert ending.code is not Code.CONFIRMED
    return ending


def test_an_internal_error_is_tried_once_more_after_the_record_was_read(desk: Desk) -> None:
    """A 500 says nothing of the cause; the record shows that nothing happened."""
    pvwa = declining(desk, INTERNAL)
    done(desk.handle())
    assert [call for call, _, _ in pvwa.calls] == ["details", "confirm", "details", "confirm", "details"]
    assert len(pvwa.confirmations) == 1


def test_an_internal_error_is_not_tried_a_third_time(desk: Desk) -> None:
    """At most once more; the request stays open, the ledger too says that nothing was done."""
    pvwa = declining(desk, INTERNAL, INTERNAL, INTERNAL)
    ending = refused(desk.handle())
    assert (ending.code, ending.words) == (Code.PVWA_REFUSED, "CAWS00001E An error occurred.")
    assert len(pvwa.attempts) == 2
    assert (desk.approved(), desk.unsettled()) == ({}, [])


def test_an_internal_error_after_the_act_is_a_confirmation(desk: Desk) -> None:
    """PVWA did it and said 500: the record shows our comment, and nothing is sent again."""
    pvwa = declining(desk, INTERNAL)
    pvwa.acts_anyway = True
    done(desk.handle())
    assert len(pvwa.attempts) == 1
    assert desk.approved() == {Level.FIRST: "mail1mail1"}


def test_after_an_internal_error_somebody_elses_act_ends_the_trying(desk: Desk) -> None:
    """Anything that happened on the request meanwhile may have been ours; it is not sent again."""
    desk.request.level1 = ("DB_PAMapprover", "FIN_PAMapprover")
    desk.request.needed = 2
    pvwa = declining(desk, INTERNAL)
    pvwa.portal = ("mara.voss", "confirmed")
    assert refused(desk.handle()).code is Code.PVWA_REFUSED
    assert len(pvwa.attempts) == 1


def test_a_request_whose_time_is_over_is_not_sent_again_after_an_internal_error(desk: Desk) -> None:
    """PVWA still calls it waiting, and its own times explain the error."""
    pvwa = declining(desk, INTERNAL)
    desk.request.access_to = desk.clock.now() - timedelta(seconds=1)
    assert refused(desk.handle()).code is Code.WINDOW_OVER
    assert len(pvwa.attempts) == 1


@pytest.mark.parametrize(
    ("answer", "portal", "code", "who"),
    [
        (CONFLICT, ("mara.voss", "confirmed"), Code.ALREADY_CONFIRMED, "Mara Voss (mara.voss)"),
        (INTERNAL, ("mara.voss", "confirmed"), Code.ALREADY_CONFIRMED, "Mara Voss (mara.voss)"),
        (NOT_ALLOWED, None, Code.NOT_PERMITTED, ""),
        (replace(NOT_ALLOWED, status=400), None, Code.NOT_PERMITTED, ""),
        (replace(NOT_ALLOWED, code="X"), None, Code.NOT_PERMITTED, ""),
        (CONFLICT, None, Code.PVWA_REFUSED, ""),
    ],
)
def test_what_a_declined_confirmation_means_is_read_from_the_record(
    desk: Desk, answer: Declined, portal: tuple[str, str] | None, code: Code, who: str
) -> None:
    """The answer's number says nothing by itself; PVWA's words are kept."""
    pvwa = declining(desk, answer)
    pvwa.portal = portal
    ending = refused(desk.handle())
    assert (ending.code, ending.who) == (code, who)
    assert ending.words == f"{answer.code} {answer.words}"
    assert ending.request is not None
    assert (ending.confirmer, ending.checks[-1]) == (None, "own_vote")
    assert desk.approved() == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": 1, "level": Level.SECOND}, Code.WRONG_LEVEL),
        ({"status": 1, "expires": FakeClock().now() - timedelta(seconds=1)}, Code.EXPIRED),
        ({"status": 1, "access_to": FakeClock().now() - timedelta(seconds=1)}, Code.WINDOW_OVER),
        ({"status": 1, "invalid_reason": 4, "status_title": "Invalid", "access_to": FakeClock().now() - timedelta(1)},
         Code.WINDOW_OVER),
        ({"status": 16, "status_title": "Rejected"}, Code.ALREADY_REJECTED),
        ({"status": 32, "status_title": "Deleted"}, Code.REQUEST_GONE),
        ({"status": 77, "status_title": "-", "level": None}, Code.PVWA_REFUSED),
    ],
)  # fmt: skip
def test_a_declined_confirmation_is_explained_by_what_changed_meanwhile(
    desk: Desk, change: dict[str, Any], code: Code
) -> None:
    """Even a record that still says "waiting" is explained by its own times, now that PVWA has said no."""

    class Changes(Declines):
        def confirm(
            self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Permit = None
        ) -> Accepted | Declined:
            answer = super().confirm(request_id, account, comment, permit=permit)
            request = self.requests[request_id]
            request.record = replace(request.shown(desk.clock.now()), **change)
            return answer

    pvwa = Changes(desk.clock)
    pvwa.answers = (CONFLICT,)
    pvwa.add(desk.request)
    desk.pvwa = pvwa
    desk.restart()
    assert refused(desk.handle()).code is code


def test_a_request_deleted_under_our_hands_is_gone(desk: Desk) -> None:
    """Both accounts and both lists are asked before anybody says so; the sender keeps PVWA's facts."""

    class Deleted(Declines):
        def confirm(
            self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Permit = None
        ) -> Accepted | Declined:
            answer = super().confirm(request_id, account, comment, permit=permit)
            self.delete(request_id)
            return answer

    pvwa = Deleted(desk.clock)
    pvwa.answers = (CONFLICT,)
    pvwa.add(desk.request)
    desk.pvwa = pvwa
    desk.restart()
    ending = refused(desk.handle())
    assert ending.code is Code.REQUEST_GONE
    assert ending.request is not None


@pytest.mark.parametrize("skip", [1, 2])
def test_a_pvwa_that_goes_away_before_it_can_be_read_leaves_the_mail_waiting(desk: Desk, skip: int) -> None:
    """Nothing is told and nothing is settled; later the record decides."""
    pvwa = declining(desk, INTERNAL, INTERNAL)
    pvwa.fail("details", AWAY, skip=skip)
    desk.waits()
    assert desk.unsettled() == ["mail1mail1"]
    desk.clock.turn(60)
    done(desk.handle())
    assert len(pvwa.confirmations) == 1


# ------------------------------------------------------------------------------ two mails, one request


def test_a_second_mail_waits_while_the_first_is_not_settled(desk: Desk) -> None:
    """Two approvers of one team at the same moment are one confirmation."""
    desk.pvwa.fail("confirm", LOST)
    desk.waits(ILKA)
    desk.waits(MARA, "mail2mail2")
    assert len(desk.pvwa.attempts) == 1


def test_a_mail_that_never_comes_back_does_not_block_the_request(desk: Desk) -> None:
    """Its intent is settled by PVWA's record once PVWA cannot be at work any more; the next mail confirms."""
    desk.pvwa.fail("confirm", LOST)
    desk.waits(ILKA)
    desk.clock.turn(60)
    done(desk.handle(MARA, "mail2mail2"))
    assert len(desk.pvwa.confirmations) == 1
    assert desk.approved() == {Level.FIRST: "mail2mail2"}
    assert desk.unsettled() == []


def test_a_lost_confirmation_of_a_mail_that_never_comes_back_is_found_by_the_next(desk: Desk) -> None:
    """The ledger learns of it in time to keep the two levels apart, also for another account of the same human."""
    desk.request.levels = 2
    desk.pvwa.fail("confirm", LOST, after_effect=True)
    desk.waits(replace(ILKA, link="7"))
    admin = replace(MARA, link="7")
    desk.waits(admin, "mail2mail2", (L2,))
    assert desk.approved() == {Level.FIRST: "mail1mail1"}
    assert desk.handle(admin, "mail2mail2", (L2,)) is Code.SAME_PERSON_TWICE
    assert done(desk.handle(RHEA, "mail3mail3", (L2,))).level is Level.SECOND


def test_an_intent_at_a_level_that_somebody_else_gave_is_settled_before_the_next(desk: Desk) -> None:
    """One mail never has two open intents, so an outcome cannot be written to the wrong one."""
    desk.request.levels = 2
    desk.pvwa.fail("confirm", LOST)
    desk.waits(ILKA, groups=(DB, L2))
    desk.pvwa.act_in_portal(REQUEST, "mara.voss")
    desk.waits(ILKA, groups=(DB, L2))
    desk.clock.turn(60)
    assert done(desk.handle(ILKA, groups=(DB, L2))).level is Level.SECOND
    assert desk.approved() == {Level.SECOND: "mail1mail1"}
    assert desk.unsettled() == []


def test_an_intent_about_a_request_that_was_made_anew_is_settled_before_the_next(desk: Desk) -> None:
    """The number was used again while the mail waited; nothing about the old request stays open for ever."""
    desk.pvwa.fail("confirm", LOST)
    desk.waits()
    desk.request.created += timedelta(seconds=30)
    desk.waits()
    desk.clock.turn(60)
    done(desk.handle())
    assert desk.tools.confirmations.open_of_mail("mail1mail1") == []
    assert len(desk.pvwa.confirmations) == 1


def test_what_the_ledger_learnt_since_the_decision_is_decided_afresh(desk: Desk) -> None:
    """A confirmation that another worker wrote between decision and intent stops this one."""
    request = desk.request.shown(desk.clock.now())
    decision = decide(facts(request=request, notification=notification(account=None, device_user=None, reason=None)))
    assert isinstance(decision, Confirm)
    other = desk.intent("mail2mail2")
    desk.tools.confirmations.intend(other, comment="")
    desk.tools.confirmations.settle(other, done=True, how="read back")
    with pytest.raises(MustWait, match="decided afresh"):
        carry_out(desk.pvwa, decision, "mail1mail1", desk.tools)
    assert desk.pvwa.attempts == []


# ------------------------------------------------------------------------------ giving up


def test_a_mail_without_an_intent_is_given_up_without_asking_pvwa(desk: Desk) -> None:
    """A refusal costs nothing more."""
    desk.pvwa.calls.clear()
    give_up("mail1mail1", desk.tools)
    assert desk.pvwa.calls == []


def test_a_mail_is_not_given_up_while_pvwa_may_be_at_work(desk: Desk) -> None:
    """A sender who has just left the group may have been confirmed for a second ago."""
    desk.pvwa.fail("confirm", LOST)
    desk.waits()
    desk.clock.turn(1)
    with pytest.raises(MustWait):
        give_up("mail1mail1", desk.tools)
    desk.clock.turn(59)
    give_up("mail1mail1", desk.tools)
    assert (desk.approved(), desk.unsettled()) == ({}, [])


def test_a_confirmation_is_never_written_off_unread(desk: Desk) -> None:
    """However old the mail is: what PVWA has, the ledger has."""
    desk.pvwa.fail("confirm", LOST, after_effect=True)
    desk.waits()
    desk.clock.turn(80 * 3600)
    desk.pvwa.fail("details", AWAY)
    with pytest.raises(Unavailable, match="away"):
        give_up("mail1mail1", desk.tools)
    with pytest.raises(MustWait, match="decided afresh"):
        give_up("mail1mail1", desk.tools)
    assert desk.approved() == {Level.FIRST: "mail1mail1"}
    done(desk.handle())


def test_the_book_of_the_tests_is_the_pvwas(desk: Desk) -> None:
    """The fake's second-level group and the facts' are one, or these tests would prove nothing."""
    assert isinstance(BOOK, GroupBook)
    assert desk.request.level2 == (L2.name,)
