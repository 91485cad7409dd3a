"""Where PVWA's record says that a request stands, and who acted on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.approval.actors import COMMENT, actors, believed, comment_for, is_ours, last_actor, may_be
from approvald.approval.endings import Code
from approvald.approval.request import RequestState, request_state, state_by_clock
from approvald.core.model import Confirmer
from fakes.directory import make_person
from fakes.facts import ILKA, MARA, NOW, OURS, acted, waits_for

ID = "k3m9abcdefgh"
OUR_COMMENT = f"Approved on behalf of ilka.brandt@corp.example (approvald {ID})"
PAST = NOW - timedelta(days=1)
ACTED = (acted("DB_PAMapprover", "mara.voss"),)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"status": 1}, RequestState.WAITING),
        # PVWA says it waits: neither our clock nor anything else closes it
        ({"status": 1, "expires": PAST, "access_to": PAST, "confirmers": ACTED, "confirmations_left": 0},
         RequestState.WAITING),
        ({"status": None}, RequestState.WAITING),
        ({"status": 99, "status_title": "En attente"}, RequestState.WAITING),
        # the title contradicts a number that only hearsay explains
        *(({"status": n}, RequestState.WAITING) for n in (2, 3, 4, 5, 8, 16, 32, 64)),
        # an invalid request: its times say why, and nothing else does
        ({"status": 1, "invalid_reason": 4, "status_title": "Invalid: the time has passed", "access_to": PAST},
         RequestState.WINDOW_OVER),
        ({"status": 1, "invalid_reason": 4, "status_title": "Invalid: the time has passed", "access_to": PAST,
          "confirmers": ACTED, "confirmations_left": 0}, RequestState.WINDOW_OVER),
        ({"status": 1, "invalid_reason": 7, "status_title": "", "expires": PAST}, RequestState.EXPIRED),
        ({"status": 1, "invalid_reason": 7, "status_title": "Invalid"}, RequestState.WAITING),
        ({"status": 1, "invalid_reason": 7, "status_title": "Expired: the request has expired"}, RequestState.EXPIRED),
        # titles
        ({"status": 16, "status_title": "Rejected: the request was rejected"}, RequestState.REJECTED),
        ({"status": 77, "status_title": "Rejected"}, RequestState.REJECTED),
        ({"status": 77, "status_title": "Deleted by the user"}, RequestState.DELETED),
        ({"status": 77, "status_title": "Expired: the request has expired"}, RequestState.EXPIRED),
        ({"status": 77, "status_title": "Confirmed: the request was confirmed"}, RequestState.CONFIRMED),
        ({"status": 77, "status_title": "Used: the access was used"}, RequestState.CONFIRMED),
        # both reported readings of the number, in a language we do not read
        *(({"status": n, "status_title": "-", "confirmers": ACTED}, RequestState.CONFIRMED) for n in (2, 5, 8)),
        *(({"status": n, "status_title": "-", "confirmers": ACTED}, RequestState.REJECTED) for n in (3, 16)),
        *(({"status": n, "status_title": "-"}, RequestState.WAITING) for n in (2, 3, 5, 8, 16)),
        ({"status": 4, "status_title": "-"}, RequestState.EXPIRED),
        ({"status": 32, "status_title": "-"}, RequestState.DELETED),
        # unknown number: the content decides
        ({"status": 77, "status_title": "-", "confirmers": ACTED, "confirmations_left": 0}, RequestState.CONFIRMED),
        ({"status": 77, "status_title": "-", "confirmers": ACTED, "confirmations_left": 1}, RequestState.WAITING),
        ({"status": 77, "status_title": "-", "confirmations_left": 0}, RequestState.WAITING),
        ({"status": 77, "status_title": "-", "expires": PAST}, RequestState.EXPIRED),
        ({"status": 2, "status_title": "The request is closed", "expires": PAST}, RequestState.EXPIRED),
        ({"status": 77, "status_title": "-", "access_to": PAST}, RequestState.WINDOW_OVER),
    ],
)  # fmt: skip
def test_a_request_stands_where_pvwa_says(record: dict[str, Any], expected: RequestState) -> None:
    """Status 1 waits; a number that nobody documented never refuses by itself; our clock only explains."""
    assert request_state(waits_for(**record), NOW) is expected


@given(st.integers(-(2**31), 2**31))
def test_no_number_alone_closes_a_request_that_reads_as_waiting(status: int) -> None:
    """Whatever Status PVWA invents."""
    assert request_state(waits_for(status=status), NOW) is RequestState.WAITING


def test_times_at_the_very_edge_have_not_passed() -> None:
    """The instant itself still counts, and no time is no limit."""
    assert state_by_clock(waits_for(expires=NOW, access_to=NOW), NOW) is RequestState.WAITING
    assert state_by_clock(waits_for(expires=None, access_to=None), NOW) is RequestState.WAITING


def test_the_comment_is_ascii_and_short_for_any_address() -> None:
    """PVWA keeps 400 characters and is said to mangle others than ASCII."""
    comment = comment_for("jürgen." + "x" * 400 + "@corp.example", ID)
    assert comment.isascii()
    assert len(comment) <= 200
    assert ID in comment


def test_our_comment_is_read_back_as_it_was_written() -> None:
    """Who was told to PVWA is who is told of it."""
    found = COMMENT.fullmatch(comment_for("ilka.brandt@corp.example", ID))
    assert found is not None
    assert found.groupdict() == {"address": "ilka.brandt@corp.example", "id": ID}


@pytest.mark.parametrize(
    ("comment", "at", "ours"),
    [
        (OUR_COMMENT, NOW, True),
        (f"Ticket 4711. {OUR_COMMENT}", NOW, True),
        (f"{OUR_COMMENT.replace(ID, 'zzzzzzzzzzzz')} {OUR_COMMENT}", NOW, True),
        (OUR_COMMENT, None, False),
        (OUR_COMMENT.replace(ID, "k3m9abcdefgx"), NOW, False),
        (OUR_COMMENT.replace(ID, ID + "x"), NOW, False),
        (ID, NOW, False),
        ("", NOW, False),
    ],
)
def test_a_confirmation_is_ours_by_its_id_alone(comment: str, at: datetime | None, *, ours: bool) -> None:
    """Also where PVWA puts something before the comment; never without an act, and never by part of the id."""
    row = Confirmer(name="DB_PAMapprover", is_group=True, acted_at=at, comment=comment)
    assert is_ours(waits_for(confirmers=(row,)), ID) is ours


def only_actor(row: Confirmer) -> Any:
    """Return what is read of one row."""
    (actor,) = actors(waits_for(confirmers=(row,)), OURS)
    return actor


@pytest.mark.parametrize("name", ["svc-pam-l1", "SVC-PAM-L1", "CORP\\svc-pam-l1", "svc-pam-l1@corp.example"])
@pytest.mark.parametrize("is_group", [True, False])
def test_the_human_in_our_own_comment_is_named(name: str, *, is_group: bool) -> None:
    """Our account acted and nobody else can have written the comment, however PVWA spells the account."""
    row = (
        acted("DB_PAMapprover", name, comment=OUR_COMMENT)
        if is_group
        else acted(name, comment=OUR_COMMENT, is_group=False)
    )
    actor = only_actor(row)
    assert (actor.words, actor.address, actor.claim) == ("ilka.brandt@corp.example", "ilka.brandt@corp.example", None)


@pytest.mark.parametrize("row", [
    acted("DB_PAMapprover", "mara.voss", comment=OUR_COMMENT),
    acted("mara.voss", comment=OUR_COMMENT, is_group=False),
])  # fmt: skip
def test_a_comment_that_a_portal_user_forged_is_not_ours(row: Confirmer) -> None:
    """Whoever types our words into the portal has acted himself."""
    actor = only_actor(row)
    assert actor.words.endswith("mara.voss)") or actor.words == "mara.voss"
    assert (actor.address, actor.claim) == (None, None)
    assert may_be(actor, MARA)
    assert not may_be(actor, ILKA)


@pytest.mark.parametrize("members", [("ilka.brandt", "mara.voss", "svc-pam-l1"), ()])
def test_a_comment_counts_by_the_ledger_where_pvwa_does_not_say_who_gave_it(members: tuple[str, ...]) -> None:
    """PVWA may list all members or none; then only an id that the ledger knows proves the comment."""
    row = acted("DB_PAMapprover", *members, comment=OUR_COMMENT)
    (doubtful,) = believed((only_actor(row),), ["zzzzzzzzzzzz"])
    assert doubtful.words == "a member of group DB_PAMapprover (PVWA does not say who)"
    assert doubtful.address is None
    (proven,) = believed((only_actor(row),), [ID])
    assert (proven.words, proven.address, proven.claim) == (
        "ilka.brandt@corp.example",
        "ilka.brandt@corp.example",
        None,
    )
    assert may_be(proven, ILKA)
    assert not may_be(proven, MARA)


def test_of_several_members_anyone_may_have_acted() -> None:
    """Where PVWA lists the whole group, nobody in it can be told apart."""
    actor = only_actor(acted("DB_PAMapprover", "ilka.brandt", "mara.voss", "svc-pam-l1"))
    assert may_be(actor, ILKA)
    assert may_be(actor, MARA)
    assert not may_be(actor, make_person("rhea.malik"))


@pytest.mark.parametrize(
    ("name", "who"), [("mara.voss", MARA), ("CORP\\Mara.Voss", MARA), ("mara.voss@corp.example", MARA)]
)
def test_a_portal_user_is_the_person_of_that_account(name: str, who: Any) -> None:
    """However PVWA spells the user name."""
    assert may_be(only_actor(acted(name, is_group=False)), who)


def test_a_portal_user_may_be_named_by_an_address() -> None:
    """Cloud users are called by their address, whatever their account name is."""
    person = make_person("mvoss", "mara.voss@corp.example")
    assert may_be(only_actor(acted("Mara.Voss@corp.example", is_group=False)), person)


def test_names_are_told_with_the_full_name() -> None:
    """The approver reads a name, and the user name behind it; never one of them twice."""
    assert only_actor(acted("DB_PAMapprover", "mara.voss")).words == "Mara Voss (mara.voss)"
    assert only_actor(Confirmer(name="vadim", full_name="vadim", is_group=False, acted_at=NOW)).words == "vadim"
    assert only_actor(Confirmer(name="vadim", is_group=False, acted_at=NOW)).words == "vadim"


def test_actors_come_earliest_first_and_only_who_acted() -> None:
    """The last word is the last act."""
    rows = (
        acted("B", "mara.voss", at=NOW),
        Confirmer(name="C", is_group=True, action=2),
        acted("A", "ilka.brandt", at=PAST),
    )
    found = actors(waits_for(confirmers=rows), OURS | {""})
    assert [actor.at for actor in found] == [PAST, NOW]
    assert last_actor(found, Code.ALREADY_CONFIRMED) == {"who": "Mara Voss (mara.voss)", "when": NOW.isoformat()}


@pytest.mark.parametrize("code", [Code.EXPIRED, Code.REQUEST_GONE, Code.OTHER_TEAM])
def test_who_acted_is_told_only_where_it_explains_the_ending(code: Code) -> None:
    """An expired request is nobody's act."""
    found = actors(waits_for(confirmers=ACTED), OURS)
    assert last_actor(found, code) == {"who": "", "when": None}
    assert last_actor((), Code.ALREADY_CONFIRMED) == {"who": "", "when": None}
