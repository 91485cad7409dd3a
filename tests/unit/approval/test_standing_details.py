"""The edges of reading PVWA's record, where a small change of the code would reopen a request or mistake who acted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from approvald.approval.actors import actors, believed, comment_for, is_ours, may_be, rejection_for
from approvald.approval.request import RequestState, progress, request_state
from approvald.core.model import Confirmer, Level
from fakes.directory import make_person
from fakes.facts import NOW, OURS, acted, waits_for

ID: Final = "k3m9abcdefgh"
APPROVED: Final = comment_for("Ilka.Brandt@corp.example", ID)
BY_WEN: Final = acted("DB_PAMapprover", "wen.zhao", at=NOW - timedelta(hours=2))
BY_LEA: Final = acted("FIN_PAMapprover", "lea.fontaine", at=NOW - timedelta(hours=1))


@pytest.mark.parametrize("title", ["No longer waiting", "Not waiting: confirmed by 1 user", "-waiting"])
def test_only_a_title_that_begins_with_waiting_says_so(title: str) -> None:
    """Another title with the word in it does not open a request again that a vote has closed."""
    request = waits_for(status=2, status_title=title, confirmers=(BY_WEN,))
    assert request_state(request, NOW) is RequestState.CONFIRMED


@pytest.mark.parametrize(("status", "where"), [(2, RequestState.CONFIRMED), (3, RequestState.REJECTED)])
def test_one_act_of_several_confirmers_bears_a_number_out(status: int, where: RequestState) -> None:
    """A request that one of two groups has closed is closed, though the other has not acted."""
    other = Confirmer(name="FIN_PAMapprover", is_group=True, action=2)
    for rows in ((BY_WEN, other), (other, BY_WEN)):
        assert request_state(waits_for(status=status, status_title="-", confirmers=rows), NOW) is where
    assert request_state(waits_for(status=status, status_title="-", confirmers=(other,)), NOW) is RequestState.WAITING


@pytest.mark.parametrize(
    "change",
    [
        {"level": Level.SECOND},
        {"confirmations_left": 2},
        {"confirmers": ()},
        {"confirmers": (replace(BY_WEN, name="FIN_PAMapprover"),)},
        {"confirmers": (replace(BY_WEN, comment="x"),)},
        {"confirmers": (replace(BY_WEN, acted_at=NOW),)},
        {"confirmers": (BY_WEN, BY_LEA)},
    ],
)
def test_whatever_a_confirmation_changes_shows_in_the_progress(change: dict[str, Any]) -> None:
    """The record is compared with itself before anything is sent again: one fact that differs is enough."""
    before = waits_for(confirmers=(BY_WEN,))
    assert progress(before) != progress(replace(before, **change))
    waiting = Confirmer(name="FIN_PAMapprover", is_group=True, comment="said nothing yet")
    assert progress(before) == progress(replace(before, confirmers=(waiting, BY_WEN)))


def test_a_long_address_is_cut_in_the_comment() -> None:
    """140 characters of it, so that the comment stays below 200."""
    assert comment_for("x" * 150, "k3m9abcdefgh") == f"Approved on behalf of {'x' * 140} (approvald k3m9abcdefgh)"


def test_nobody_is_one_of_our_accounts_by_having_no_name() -> None:
    """An account whose name is not known yet, and a row without a name, are not the same account."""
    request = waits_for(confirmers=(acted("DB_PAMapprover", "", comment=APPROVED),))
    assert actors(request, frozenset({"svc-pam-l1", ""}))[0].address is None


@pytest.mark.parametrize("behind", [".", " and more", "\n"])
def test_a_comment_with_more_in_it_is_not_ours(behind: str) -> None:
    """Ours is the whole comment."""
    ours = acted("DB_PAMapprover", "svc-pam-l1", comment=APPROVED)
    assert actors(waits_for(confirmers=(ours,)), OURS)[0].address == "ilka.brandt@corp.example"
    more = replace(ours, comment=APPROVED + behind)
    assert actors(waits_for(confirmers=(more,)), OURS)[0].address is None
    nobody = replace(more, members=())
    assert actors(waits_for(confirmers=(nobody,)), OURS)[0].claim is None


def test_names_and_addresses_of_actors_are_case_folded() -> None:
    """So that whoever compares them need not know how PVWA writes them."""
    request = waits_for(confirmers=(acted("DB_PAMapprover", "Wen.Zhao"), acted("FIN_PAMapprover", comment=APPROVED)))
    by_wen, claimed = actors(request, OURS)
    assert by_wen.user_names == {"wen.zhao"}
    taken = believed([claimed], {ID})[0]
    assert (taken.address, taken.claim, taken.user_names) == ("ilka.brandt@corp.example", None, frozenset())
    assert taken.words == "Ilka.Brandt@corp.example"
    assert believed([claimed], {"another"}) == (claimed,)


def test_a_rejection_carries_our_mark_and_their_words() -> None:
    """The same form as an approval's comment, with Rejected in place of Approved, and the words behind a colon."""
    assert rejection_for("ilka.brandt@corp.example", ID, "") == (
        f"Rejected on behalf of ilka.brandt@corp.example (approvald {ID})"
    )
    said = rejection_for("Approved@corp.example", ID, " N\u00e3o, Approved is \u4e0d ")
    assert said == f"Rejected on behalf of Approved@corp.example (approvald {ID}): Nao, Approved is ?"
    long = rejection_for("ilka.brandt@corp.example", ID, "no " * 100)
    assert len(long) == 200
    assert long.endswith(" no no n")
    cut = rejection_for("ilka.brandt@corp.example", ID, "y" * 200)
    fits = cut.count("y")
    assert rejection_for("ilka.brandt@corp.example", ID, "y" * (fits - 1) + " z") == cut[:199]


@pytest.mark.parametrize("prefix", ["", "Approved on behalf of x: ", ") "])
def test_words_of_a_rejection_cannot_pass_for_an_approval(prefix: str) -> None:
    """Whoever rejects may type our own comment into their words: it is nobody's approval."""
    words = prefix + comment_for("mara.voss@corp.example", "zzzzzzzzzzzz")
    row = acted("DB_PAMapprover", "svc-pam-l1", comment=rejection_for("ilka.brandt@corp.example", ID, words))
    request = waits_for(confirmers=(row,))
    assert not is_ours(request, "zzzzzzzzzzzz")
    assert actors(request, OURS)[0].address == "ilka.brandt@corp.example"


def test_an_account_is_the_one_pvwa_names_in_any_letter_case() -> None:
    """Directory and PVWA may write a user name as they like: it is the same human's vote."""
    person = make_person("Ilka.Brandt", address="")
    actor = actors(waits_for(confirmers=(acted("DB_PAMapprover", "CORP\\iLKA.bRANDT"),)), OURS)[0]
    assert may_be(actor, person)
    assert not may_be(actor, make_person("Ilka.Brandt2", address=""))


def test_a_comment_known_to_be_ours_clears_the_others_of_the_group() -> None:
    """Where PVWA lists the whole group, the ledger says that our account acted, and for whom."""
    row = acted("DB_PAMapprover", "svc-pam-l1", "wen.zhao", "mara.voss", comment=APPROVED)
    claimed = actors(waits_for(confirmers=(row,)), OURS)[0]
    assert claimed.user_names == {"wen.zhao", "mara.voss"}
    assert believed([claimed], {ID})[0].user_names == frozenset()
