"""Another try on fakes: by command or by hand, the old attempt is kept, and nothing is confirmed or answered twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.core.errors import System, Unavailable
from approvald.core.model import Folder
from approvald.ledger.cases import Cases
from approvald.ledger.entries import Entry, State
from approvald.ledger.retries import Retry
from approvald.mail.retry import Retrying
from approvald_sandbox.world.mails import out_of_office
from fakes.house import ILKA, MARA, RHEA, House, forged
from fakes.pvwa_requests import FakeRequest
from places import SHIPPED

REFUSED, APPROVED = "Not approved: you are not an approver", "Approved"


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, load(SHIPPED))


def subjects(house: House) -> list[str]:
    """Return the subjects of what was sent, without what the request is."""
    return [reply.subject.partition(": request")[0] for reply in house.mailbox.sent]


def leave_group(house: House) -> None:
    """Take Ilka out of the approver group, so that her mails are refused."""
    house.directory.groups["DB_PAMapprover"].members.remove("ilka.brandt")


def join_group(house: House) -> None:
    """Put her back; what follows happens a minute later."""
    house.directory.groups["DB_PAMapprover"].members.append("ilka.brandt")
    house.clock.turn(60)


def refused(house: House, number: int = 17) -> Entry:
    """Let a mail be refused for a group that is wrong, and put the group right. Returns the mail's entry."""
    leave_group(house)
    item = house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.round()
    join_group(house)
    entry = house.mails.entries([item])[item]
    assert entry.state is State.FILED
    return entry


def retry(house: House, what: str | Folder) -> Retry:
    """Ask for another try, and let the daemon do it in a round."""
    asked = house.retries.ask(what, by="root", reason="the group was wrong")
    house.round()
    return house.retries.get(asked.id)


def ids(house: House, folder: Folder | None) -> list[str]:
    """Return the item ids in a folder, the newest first."""
    return [each.item_id for each in house.mailbox.list_folder(folder, 100)]


def back_by_hand(house: House, entry: Entry) -> str:
    """Move a mail back to the Inbox as somebody by hand. Returns its new item id."""
    return house.mailbox.move(entry.filed_item_id, None)


def attempts(house: House, entry: Entry) -> list[tuple[str, str | None, str]]:
    """Return id, first attempt and state of every attempt at a mail, oldest first."""
    with house.store.look() as connection:
        rows = connection.exec_driver_sql("SELECT id, attempt_of, state FROM mails ORDER BY seen_at").all()
    return [(row.id, row.attempt_of, row.state) for row in rows if entry.id in {row.id, row.attempt_of}]


def test_a_refused_mail_is_confirmed_once_what_was_wrong_is_right(house: House) -> None:
    """One vote, a second answer, and the first attempt stays on record beside the new one."""
    entry = refused(house)

    done = retry(house, entry.id)

    assert (done.moved, done.why, done.done_at is not None) == (1, "", True)
    assert len(house.pvwa.confirmations) == 1
    assert subjects(house) == [REFUSED, APPROVED]
    first, second = attempts(house, entry)
    assert (first, second[1:]) == ((entry.id, None, "filed"), (entry.id, "filed"))
    assert second[0] in house.pvwa.confirmations[0].comment
    assert (len(ids(house, Folder.REFUSED)), len(ids(house, Folder.DONE))) == (0, 1)


@pytest.mark.parametrize("restarted", [True, False])
def test_a_mail_moved_back_by_hand_is_another_attempt(house: House, *, restarted: bool) -> None:
    """As often as somebody likes; every attempt names the first one."""
    entry = refused(house)
    if restarted:
        house.crash()
    leave_group(house)
    again = back_by_hand(house, entry)
    house.round()
    join_group(house)
    back_by_hand(house, house.mails.entries([again])[again])
    house.round()

    assert subjects(house) == [REFUSED, REFUSED, APPROVED]
    assert [first for _, first, _ in attempts(house, entry)] == [None, entry.id, entry.id]
    assert len(house.pvwa.attempts) == 1


def test_a_confirmed_mail_is_not_confirmed_again(house: House) -> None:
    """PVWA is asked, and says that it is done; nothing is sent to it."""
    item = house.forward(house.ask())
    house.round()
    house.clock.turn(60)

    assert retry(house, house.mails.entries([item])[item].id).moved == 1

    assert len(house.pvwa.attempts) == 1
    assert subjects(house)[0] == APPROVED
    assert "already approved" in house.mailbox.sent[1].text
    assert len(ids(house, Folder.REFUSED)) == 1


@pytest.mark.parametrize("seconds", [0, 1, 600])
def test_a_mail_that_is_delivered_again_is_a_copy(house: House, seconds: int) -> None:
    """Also within the second in which Exchange received the first one, which lies where it was filed."""
    request = house.ask()
    raw = forwarded_by_ilka(house, request)
    house.mailbox.deliver(raw, received=house.clock.now())
    house.round()
    house.mailbox.deliver(raw, received=house.clock.now() + timedelta(seconds=seconds))
    house.clock.turn(seconds)
    house.round()

    assert subjects(house) == [APPROVED]
    assert (len(ids(house, Folder.DONE)), len(ids(house, Folder.IGNORED))) == (1, 1)


def forwarded_by_ilka(house: House, request: FakeRequest) -> bytes:
    """Return a forwarded notification of the request, raw."""
    house.forward(request)
    (raw,) = house.mailbox.take_inbox()
    return raw


def test_a_copy_of_a_filed_mail_is_no_attempt(house: House) -> None:
    """Whoever copies instead of moving has not taken the mail up again; its original can still be tried."""
    entry = refused(house)
    house.mailbox.move(house.mailbox.copy(entry.filed_item_id), None)
    house.round()
    assert (subjects(house), len(ids(house, Folder.IGNORED))) == ([REFUSED], 1)

    assert retry(house, entry.id).moved == 1
    assert subjects(house) == [REFUSED, APPROVED]


def test_a_copy_is_tried_where_somebody_moves_it_back_alone(house: House) -> None:
    """It was sent again later, and ignored; the same item in the Inbox is wanted now."""
    entry = refused(house)
    (raw,) = house.mailbox.folder(Folder.REFUSED)
    copy = house.mailbox.deliver(raw, received=house.clock.now())
    house.round()
    assert (subjects(house), len(ids(house, Folder.IGNORED))) == ([REFUSED], 1)
    back_by_hand(house, house.mails.entries([copy])[copy])
    house.round()
    assert subjects(house) == [REFUSED, APPROVED]
    assert len(attempts(house, entry)) == 1


def test_of_two_copies_in_the_inbox_at_once_one_is_the_attempt(house: House) -> None:
    """The other one is put away unanswered."""
    entry = refused(house)
    house.mailbox.copy(back_by_hand(house, entry))
    house.round()

    assert subjects(house) == [REFUSED, APPROVED]
    assert (len(ids(house, Folder.DONE)), len(ids(house, Folder.IGNORED)), len(ids(house, None))) == (1, 1, 0)


def test_of_two_copies_that_wait_one_is_handled_in_the_end(house: House) -> None:
    """Neither takes the other for the one that is answered."""
    entry = refused(house)
    house.mailbox.copy(back_by_hand(house, entry))
    house.directory.error = Unavailable(System.DIRECTORY, "away")
    house.round()
    house.directory.error = None
    for _ in range(3):
        house.clock.turn(61)
        house.round()

    assert subjects(house) == [REFUSED, APPROVED]
    assert len(ids(house, None)) == 0


def test_a_forged_mail_takes_no_attempt_away(house: House) -> None:
    """It has Message-ID, From and second of a mail that is tried again, and is refused for its sender."""
    entry = refused(house)
    raw = house.mailbox.folder(Folder.REFUSED)[0].replace(b"AuthAs: Internal", b"AuthAs: Anonymous")
    house.mailbox.deliver(raw, received=entry.received)
    back_by_hand(house, entry)
    house.round()

    assert [subject for subject in subjects(house) if "Alarm" not in subject] == [REFUSED, APPROVED]
    assert len(ids(house, Folder.QUARANTINE)) == 1


def test_a_quarantined_mail_may_be_tried_again_and_stays_unproven(house: House) -> None:
    """Another try proves nothing more."""
    item = house.mailbox.deliver(forged())
    house.round()
    house.clock.turn(60)
    assert retry(house, house.mails.entries([item])[item].id).moved == 1
    assert (len(ids(house, Folder.QUARANTINE)), house.pvwa.attempts) == (1, [])


def test_a_mail_that_waits_is_tried_now(house: House) -> None:
    """It is not moved, and does not wait for its time."""
    item = house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away", retry_after_seconds=50))
    house.round()
    assert house.pvwa.attempts == []
    house.clock.turn(0.1)

    done = retry(house, house.mails.entries([item])[item].id)

    assert (done.moved, done.why) == (1, "it was still waiting in the Inbox")
    assert len(house.pvwa.confirmations) == 1
    assert "restore" not in house.mailbox.requests


def test_a_mail_that_is_being_answered_is_left_alone(house: House) -> None:
    """It is said so, and its one answer is sent."""
    item = house.forward(house.ask())
    house.mailbox.lose_answers = 1
    house.round()

    done = retry(house, house.mails.entries([item])[item].id)

    assert (done.moved, "ask again" in done.why) == (0, True)
    house.clock.turn(60)
    house.round()
    assert (subjects(house), len(ids(house, Folder.DONE))) == ([APPROVED], 1)


def test_all_of_a_folder_is_tried_again(house: House) -> None:
    """With as few requests as for one mail."""
    leave_group(house)
    for number in range(3):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
    house.round()
    join_group(house)
    before = len(house.mailbox.requests)

    done = retry(house, Folder.REFUSED)

    assert (done.moved, done.why) == (3, "")
    assert len(house.pvwa.confirmations) == 3
    assert house.mailbox.requests[before:].count("restore") == 1
    assert (ids(house, Folder.REFUSED), len(ids(house, Folder.DONE))) == ([], 3)


def test_what_is_too_old_stays_in_its_folder(house: House) -> None:
    """It would only be refused as stale; the mail that somebody names is tried, and is."""
    raw = forwarded_by_ilka(house, house.ask())
    leave_group(house)
    item = house.mailbox.deliver(raw, received=house.clock.now() - timedelta(hours=73))
    house.round()
    join_group(house)
    entry = house.mails.entries([item])[item]
    done = retry(house, Folder.REFUSED)
    assert (done.moved, done.why) == (0, "left there as too old to be approved (mail.max_age_hours): 1")
    assert subjects(house) == [REFUSED]

    assert retry(house, entry.id).moved == 1
    assert subjects(house)[1].startswith("Not approved: ")
    assert "stale" in house.mailbox.sent[1].html
    assert house.pvwa.attempts == []


def test_copies_stay_in_their_folder(house: House) -> None:
    """Of what was ignored everything is tried again but the copies of answered mails."""
    request = house.ask()
    raw = forwarded_by_ilka(house, request)
    for each in (raw, raw, out_of_office(ILKA)):
        house.mailbox.deliver(each, received=house.clock.now())
    house.round()
    house.clock.turn(60)
    assert len(ids(house, Folder.IGNORED)) == 2
    assert retry(house, Folder.IGNORED).moved == 1
    assert len(ids(house, Folder.IGNORED)) == 2
    assert subjects(house) == [APPROVED]


def test_of_a_large_folder_the_newest_are_looked_at(house: House) -> None:
    """And it is said that there are more."""
    raw = forwarded_by_ilka(house, house.ask())
    for number in range(1001):
        received = house.clock.now() - timedelta(hours=73, seconds=number)
        house.mailbox.move(house.mailbox.deliver(raw, received=received), Folder.REFUSED)
    done = retry(house, Folder.REFUSED)
    assert done.moved == 0
    assert done.why == (
        "left there as too old to be approved (mail.max_age_hours): 1000; "
        "only the newest 1000 in the folder were looked at"
    )


def test_a_mail_that_exchange_does_not_move_is_said_to_stay(house: House) -> None:
    """With Exchange's word for it; the others are tried."""
    stuck, other = refused(house), refused(house, 18)
    house.mailbox.stuck.add(stuck.filed_item_id)
    alone = retry(house, stuck.id)
    assert (alone.moved, alone.why) == (0, "ErrorMoveCopyFailed")

    done = retry(house, Folder.REFUSED)
    assert (done.moved, done.why) == (1, "some could not be moved (ErrorMoveCopyFailed)")
    assert len(attempts(house, other)) == 2
    assert ids(house, Folder.REFUSED) == [stuck.filed_item_id]


def test_an_empty_or_missing_folder_is_said_to_be_so(house: House) -> None:
    """And the retry is done with that."""
    done = retry(house, Folder.QUARANTINE)
    assert (done.moved, done.why, house.retries.waiting()) == (0, "there is no mail to try again", [])


@pytest.mark.parametrize(
    ("folder", "why"),
    [(None, "it has come back to the Inbox in the meantime"), (Folder.REFUSED, "there is no mail to try again")],
)
def test_a_retry_that_is_carried_out_twice_tries_each_mail_once(house: House, folder: Folder | None, why: str) -> None:
    """The answer to a move was lost, and the mail was tried and filed before the retry is carried out again."""
    entry = refused(house)
    leave_group(house)
    asked = house.retries.ask(folder or entry.id, by="root", reason="why")
    house.clock.turn(1)
    house.mailbox.lose_moves = True
    house.round()
    assert house.retries.get(asked.id).done_at is None
    assert subjects(house) == [REFUSED, REFUSED]
    house.mailbox.lose_moves = False
    house.crash()
    house.clock.turn(1)
    house.round()

    assert subjects(house) == [REFUSED, REFUSED]
    assert house.retries.get(asked.id).why == why


def test_a_crash_between_the_move_and_its_row_is_harmless(house: House) -> None:
    """The mail is in the Inbox then, and is found there."""
    entry = refused(house)
    house.mailbox.lose_moves, house.mailbox.fail = True, {"list_inbox"}
    asked = house.retries.ask(entry.id, by="root", reason="why")
    house.round_that_fails()
    house.mailbox.lose_moves, house.mailbox.fail = False, set()
    house.crash()
    house.round()

    assert (house.retries.get(asked.id).moved, house.retries.get(asked.id).why) == (1, "it was in the Inbox already")
    assert subjects(house) == [REFUSED, APPROVED]


def _filed_elsewhere(house: House, entry: Entry) -> None:
    house.mailbox.move(entry.filed_item_id, Folder.DONE)


def _in_the_inbox(house: House, entry: Entry) -> None:
    house.mailbox.move(entry.filed_item_id, None)


@pytest.mark.parametrize("move", [_filed_elsewhere, _in_the_inbox])
def test_a_mail_that_somebody_has_moved_is_found_by_its_message_id(
    house: House, move: Callable[[House, Entry], None]
) -> None:
    """In another of our folders, or in the Inbox already."""
    entry = refused(house)
    move(house, entry)
    assert retry(house, entry.id).moved == 1
    assert subjects(house) == [REFUSED, APPROVED]


def test_a_mail_whose_place_is_not_known_is_found_by_its_message_id(house: House) -> None:
    """The answer to its filing was lost; without a Message-ID it is found nowhere."""
    entry = refused(house)
    with house.store.begin() as connection:
        connection.exec_driver_sql("UPDATE mails SET filed_item_id = NULL")
    assert retry(house, entry.id).moved == 1
    assert subjects(house) == [REFUSED, APPROVED]

    with house.store.begin() as connection:
        connection.exec_driver_sql("UPDATE mails SET filed_item_id = NULL, message_id = ''")
    house.clock.turn(60)
    assert "it was found neither in the Inbox" in retry(house, entry.id).why


def test_without_its_ledger_nothing_is_carried_out(house: House) -> None:
    """Exchange may be away and the round goes on; the ledger may not."""
    entry = refused(house)
    house.retries.ask(entry.id, by="root", reason="why")
    with house.store.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE mails RENAME TO elsewhere")
    retrying = Retrying(
        mailbox=house.mailbox,
        mails=house.mails,
        retries=house.retries,
        age=house.service.uptime.age,
        max_age=timedelta(1),
    )
    with pytest.raises(Unavailable) as caught:
        retrying.carry_out()
    assert caught.value.system is System.LEDGER
    assert ids(house, Folder.REFUSED) == [entry.filed_item_id]


def test_a_mail_that_is_gone_cannot_be_tried_again(house: House) -> None:
    """It is said where it was looked for; another mail with its Message-ID, received at another time, is not it."""
    entry = refused(house)
    (raw,) = house.mailbox.folder(Folder.REFUSED)
    house.mailbox.delete(entry.filed_item_id)
    other = house.mailbox.deliver(raw, received=entry.received + timedelta(seconds=1))
    house.mailbox.move(other, Folder.REFUSED)

    done = retry(house, entry.id)

    assert done.moved == 0
    assert done.why == "it was found neither in the Inbox nor in any of the folders Refused, Done, Ignored, Quarantine"
    assert subjects(house) == [REFUSED]


def test_an_exchange_that_does_not_move_mails_stops_no_other(house: House) -> None:
    """A retry waits for the next round; the mails of this one are handled."""
    entry = refused(house)
    house.ask("DB-PROD-01_18")
    house.mailbox.fail = {"restore"}
    house.forward(house.pvwa.requests["DB-PROD-01_18"])

    assert retry(house, entry.id).done_at is None
    assert subjects(house) == [REFUSED, APPROVED]
    house.mailbox.fail = set()
    house.round()

    assert subjects(house) == [REFUSED, APPROVED, APPROVED]
    assert house.retries.waiting() == []


def test_a_mail_taken_out_of_the_inbox_and_put_back_is_handled(house: House) -> None:
    """While it waited: what comes back is no copy of what has gone."""
    item = house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"))
    house.round()
    house.clock.turn(1)
    elsewhere = house.mailbox.move(item, Folder.QUARANTINE)
    house.mailbox.move(elsewhere, None)
    house.round()

    assert subjects(house) == [APPROVED]
    assert len(house.pvwa.confirmations) == 1
    assert house.mails.unfiled() == []


@pytest.mark.parametrize("is_there", [True, False])
def test_a_mail_behind_the_end_of_a_listing_is_not_taken_away(house: House, *, is_there: bool) -> None:
    """The Inbox is larger than what one round looks at; what is gone is known for gone once its place is listed."""
    item = house.forward(house.ask())
    house.pvwa.fail("details", Unavailable(System.PVWA, "away"))
    house.round()
    raw = forged()
    older = [house.mailbox.deliver(raw, received=house.clock.now() - timedelta(hours=1)) for _ in range(502)]
    if not is_there:
        house.mailbox.delete(item)

    house.round(stopping=True)
    assert house.mails.entries([item])[item].state is State.SEEN
    for each in older:
        house.mailbox.delete(each)
    house.round(stopping=True)
    assert (house.mails.entries([item])[item].state is State.SEEN) is is_there


def test_what_was_confirmed_is_answered_though_somebody_took_the_mail_away(house: House) -> None:
    """Its sender is told; the mail is not looked for."""
    item = house.forward(house.ask())
    house.mailbox.fail = {"send"}
    house.round_that_fails()
    house.mailbox.fail = set()
    house.mailbox.delete(item)
    house.clock.turn(60)
    house.round()

    assert subjects(house) == [APPROVED]
    assert house.mails.entries([item])[item].state is State.FILED


def test_a_refusal_of_another_attempt_is_answered_anew(house: House) -> None:
    """The bounds on answers count it as one more, and the copy to the team too."""
    entry = refused(house)
    leave_group(house)
    retry(house, entry.id)
    assert subjects(house) == [REFUSED, REFUSED]
    assert len({reply.marker for reply in house.mailbox.sent}) == 2
    assert [len(reply.cc) for reply in house.mailbox.sent] == [1, 1]


def test_another_try_is_no_haste(house: House) -> None:
    """However often a mail is tried, its approver has forwarded it once."""
    fast = house.ask(created=house.clock.now() - timedelta(seconds=2), requestor="ilka.brandt")
    item = house.forward(fast)
    house.round()
    for _ in range(4):
        house.clock.turn(60)
        assert retry(house, house.mails.entries([item])[item].id).moved == 1
    assert len(subjects(house)) == 5
    assert house.alarms() == []


def test_the_mails_of_a_name_are_found(house: House) -> None:
    """By ledger id, Message-ID and request id; each mail once, by its newest attempt."""
    entry = refused(house)
    again = back_by_hand(house, entry)
    house.round()
    newest = house.mails.entries([again])[again].id
    for name in (entry.id, newest, entry.message_id, entry.message_id.strip("<>"), "db-prod-01_17"):
        assert [each.id for each in house.retries.mails_called(name)] == [newest], name
    assert house.retries.mails_called("DB-PROD-01_1") == []
    assert house.retries.newest_attempt("nothing") is None

    house.clock.turn(1)
    house.forward(house.pvwa.requests["DB-PROD-01_17"], MARA)
    house.round()
    assert len(house.retries.mails_called("DB-PROD-01_17")) == 2


def test_a_copy_is_meant_by_its_ledger_id_only(house: House) -> None:
    """Its Message-ID means the mail that was answered."""
    raw = forwarded_by_ilka(house, house.ask())
    first = house.mailbox.deliver(raw)
    copy = house.mailbox.deliver(raw)
    house.round()
    known = house.mails.entries([first, copy])
    assert [each.id for each in house.retries.mails_called(known[first].message_id)] == [known[first].id]
    assert [each.id for each in house.retries.mails_called(known[copy].id)] == [known[copy].id]


def test_an_unknown_mail_is_said_to_be_unknown(house: House) -> None:
    """Ledgers can be replaced between the question and its answer."""
    assert retry(house, "nothing").why == "the ledger has no mail with this id"


def test_another_level_is_not_reached_by_trying_again(house: House) -> None:
    """Level 1 was given by this mail; a second try does not give level 2."""
    house.directory.add_group("L2_PAMapprover", "rhea.malik", "ilka.brandt")
    item = house.forward(house.ask(levels=2))
    house.round()
    house.clock.turn(60)
    retry(house, house.mails.entries([item])[item].id)
    assert len(house.pvwa.attempts) == 1
    house.forward(house.pvwa.requests["DB-PROD-01_17"], RHEA)
    house.round()
    assert len(house.pvwa.confirmations) == 2


def test_every_retry_is_in_the_ledger(house: House) -> None:
    """Who asked, when and why."""
    entry = refused(house)
    done = retry(house, entry.id)
    assert (done.mail_id, done.folder, done.asked_by, done.reason) == (entry.id, None, "root", "the group was wrong")
    assert done.asked_at == done.done_at == house.clock.now()


def test_a_message_id_names_the_newest_attempt(house: House) -> None:
    """All attempts were received at one time: whoever asks why reads of the one that was handled last."""
    entry = refused(house)
    retry(house, entry.id)
    case = Cases(house.store).find(entry.message_id)
    assert case is not None
    newest = case.mails[0]
    assert (newest.attempt_of, case.asked_for, case.request_id) == (entry.id, newest.id, "DB-PROD-01_17")
    earlier = Cases(house.store).find(entry.id)
    assert earlier is not None
    assert earlier.asked_for == entry.id
