"""A request is gone only by PVWA's own word, for every account and every list."""

from __future__ import annotations

import pytest

from approvald.approval.endings import Code, Ending
from approvald.confirmation.settle import find_request
from approvald.core.errors import System, Unavailable
from approvald.core.model import AccessRequest, ConfirmingAccount, Level
from fakes.clock import FakeClock
from fakes.pvwa import Call, FakePvwa

REQUEST = "DB-PROD-01_17"
BOTH = tuple(ConfirmingAccount)


class ListsEverything(FakePvwa):
    """A PVWA whose lists hold what its details deny."""

    def lists(self, request_id: str, account: ConfirmingAccount) -> bool:
        """Say yes."""
        super().lists(request_id, account)
        return True


def test_the_first_account_that_sees_the_request_is_enough() -> None:
    """No second question is asked once there is a record."""
    pvwa = FakePvwa(FakeClock())
    pvwa.ask(REQUEST)
    assert isinstance(find_request(pvwa, REQUEST, BOTH), AccessRequest)
    assert pvwa.calls == [("details", REQUEST, ConfirmingAccount.FIRST)]


def test_a_blind_second_level_account_is_helped_by_the_first() -> None:
    """A second-level approver who is early hears so, and not that there is no such request."""
    pvwa = FakePvwa(FakeClock(), blind=True)
    pvwa.ask(REQUEST).levels = 2
    assert isinstance(find_request(pvwa, REQUEST, (ConfirmingAccount.SECOND, ConfirmingAccount.FIRST)), AccessRequest)


def test_a_request_that_nobody_knows_and_nobody_lists_is_gone() -> None:
    """Absent for both accounts and from both lists: deleted."""
    pvwa = FakePvwa(FakeClock())
    assert find_request(pvwa, REQUEST, BOTH) == Ending(code=Code.REQUEST_GONE, request_id=REQUEST)
    assert [call for call, _, _ in pvwa.calls] == ["details", "details", "lists", "lists"]


@pytest.mark.parametrize(("blind", "forbidden_to"), [(False, BOTH), (True, (Level.FIRST,))])
def test_a_request_that_an_account_may_not_see_is_not_called_gone(
    *, blind: bool, forbidden_to: tuple[Level, ...]
) -> None:
    """One refusal of sight is enough not to tell anybody that the request was deleted."""
    pvwa = FakePvwa(FakeClock(), blind=blind)
    request = pvwa.ask(REQUEST)
    request.levels = 2
    request.forbidden_to = frozenset(forbidden_to)
    assert find_request(pvwa, REQUEST, BOTH) == Ending(code=Code.NOT_VISIBLE, request_id=REQUEST)


def test_a_pvwa_that_contradicts_itself_is_not_believed() -> None:
    """A request that is listed and not found at once is waited for."""
    with pytest.raises(Unavailable, match="but also says"):
        find_request(ListsEverything(FakeClock()), REQUEST, BOTH)


@pytest.mark.parametrize("call", ["details", "lists"])
def test_an_outage_is_never_an_absence(call: Call) -> None:
    """A PVWA that is away says nothing about the request."""
    pvwa = FakePvwa(FakeClock())
    pvwa.fail(call, Unavailable(System.PVWA, "PVWA is away"))
    with pytest.raises(Unavailable, match="away"):
        find_request(pvwa, REQUEST, BOTH)


def test_no_account_asked_is_no_proof_of_absence() -> None:
    """Nobody was asked, so nothing was said."""
    ending = find_request(FakePvwa(FakeClock()), REQUEST, ())
    assert isinstance(ending, Ending)
    assert ending.code is Code.NOT_VISIBLE
