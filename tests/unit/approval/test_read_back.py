"""What a record says of an act of ours where it bears no comment of ours: too much is as wrong as too little."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from approvald.approval.actors import comment_for
from approvald.approval.read_back import Before, Sent, may_show
from approvald.core.model import Confirmer, Level
from fakes.facts import NOW, waits_for

GROUP, OTHER, SECOND = "DB_PAMapprover", "FIN_PAMapprover", "L2_PAMapprover"
LATER: Final = NOW + timedelta(minutes=1)


def row(*members: str, name: str = GROUP, comment: str = "", at: Any = LATER) -> Confirmer:
    """Return a group of which one of these has acted; all its members are listed."""
    listed = tuple((each, "") for each in members)
    return Confirmer(name=name, is_group=True, acted_at=at, comment=comment, members=listed)


WAITED: Final = (row(at=None), row(name=OTHER, at=None))
US: Final = row("CORP\\SVC-PAM-L1")
ONE_OF: Final = row("svc-pam-l1", "mara.voss")
NOBODY: Final = row()
MARAS: Final = row("mara.voss")
OTHERS: Final = row("lea.fontaine", name=OTHER)
WORDS: Final = row("svc-pam-l1", "mara.voss", comment="ok")
ANOTHER: Final = row("svc-pam-l1", comment=comment_for("ilka.brandt@corp.example", "k3m9abcdefgh"))
EARLIER: Final = row("svc-pam-l1", at=NOW - timedelta(minutes=1))
RENAMED: Final = row("mara.voss", name="CORP\\db_pamapprover")
ADDED: Final = row("mara.voss", name="OPS_PAMapprover")
AT_SECOND: Final = row("rhea.malik", name=SECOND)
L2: Final = row(name=SECOND, at=None)


def found(*rows: Confirmer, was_taken: bool, rejects: bool = False, before: Any = WAITED, **changes: Any) -> bool:
    """Say whether a record with these confirmers may show a first level that svc-pam-l1 has sent."""
    shown = Before.from_json(Before.from_record(waits_for(confirmers=before)).to_json())
    sent = Sent(rejects=rejects, level=Level.FIRST, user_name="svc-pam-l1", was_taken=was_taken, before=shown)
    return may_show(waits_for(confirmers=rows, **changes), sent, NOW)


OURS_ALONE, PERHAPS_OURS, NOBODYS, SOMEBODY_ELSES = (US,), (ONE_OF,), WAITED, (OTHERS,)
BECAME: Final[dict[str, dict[str, Any]]] = {
    "rejected": {"was_taken": False, "status": 3, "status_title": "Rejected"},
    "as before": {"was_taken": False, "second_level_left": 0},
    "in doubt": {"was_taken": False, "second_level_left": 1},
    "moved on": {"was_taken": False, "second_level_left": 0, "level": Level.SECOND},
}


@pytest.mark.parametrize(
    ("who", "became", "shows"),
    [
        (OURS_ALONE, "rejected", True),
        (OURS_ALONE, "as before", True),
        (OURS_ALONE, "in doubt", True),
        (OURS_ALONE, "moved on", True),
        (PERHAPS_OURS, "rejected", False),
        (PERHAPS_OURS, "as before", False),
        (PERHAPS_OURS, "in doubt", True),
        (PERHAPS_OURS, "moved on", True),
        (NOBODYS, "rejected", False),
        (NOBODYS, "as before", False),
        (NOBODYS, "in doubt", False),
        (NOBODYS, "moved on", True),
        (SOMEBODY_ELSES, "rejected", False),
        (SOMEBODY_ELSES, "as before", False),
        (SOMEBODY_ELSES, "in doubt", False),
        (SOMEBODY_ELSES, "moved on", False),
    ],
)
def test_each_row_of_the_table(who: tuple[Confirmer, ...], became: str, *, shows: bool) -> None:
    """Whom the record names, and what became of the request, say whether it shows our act."""
    assert found(*who, **BECAME[became]) is shows


@pytest.mark.parametrize(
    ("rows", "level", "if_lost", "if_taken"),
    [
        (WAITED, Level.FIRST, False, False),
        (WAITED, Level.SECOND, True, True),
        ((L2,), Level.SECOND, True, True),
        ((L2,), None, True, True),
        ((), None, False, False),
        ((AT_SECOND,), Level.SECOND, True, True),
        ((US,), Level.FIRST, True, True),
        ((US,), Level.SECOND, True, True),
        ((OTHERS, US), Level.SECOND, True, True),
        ((ONE_OF,), Level.FIRST, True, True),
        ((NOBODY,), Level.FIRST, True, True),
        ((RENAMED,), Level.FIRST, False, False),
        ((RENAMED,), Level.SECOND, False, False),
        ((ADDED,), Level.FIRST, False, False),
        ((ADDED, *WAITED), Level.SECOND, False, False),
        ((ONE_OF,), Level.SECOND, True, True),
        ((ONE_OF, OTHERS), Level.SECOND, True, True),
        ((MARAS,), Level.FIRST, False, False),
        ((MARAS,), Level.SECOND, False, False),
        ((WORDS,), Level.FIRST, False, False),
        ((WORDS,), Level.SECOND, False, False),
        ((ANOTHER,), Level.SECOND, False, False),
    ],
)
def test_a_level_that_nobody_else_is_named_for_counts_as_given_by_us(
    rows: tuple[Confirmer, ...], level: Level | None, *, if_lost: bool, if_taken: bool
) -> None:
    """Where PVWA names others of that level, or shows their words or another comment of ours, it does not."""
    assert found(*rows, level=level, was_taken=False) is if_lost
    assert found(*rows, level=level, was_taken=True) is if_taken


@pytest.mark.parametrize("row_of_it", [ONE_OF, NOBODY])
def test_an_act_by_nobody_knows_whom_counts_as_ours_while_a_level_can_follow(row_of_it: Confirmer) -> None:
    """Else the human whose answer was lost could give the next one; where none follows, nothing is claimed."""
    assert found(row_of_it, was_taken=False, second_level_left=1)
    assert found(row_of_it, was_taken=False, second_level_left=None)
    assert not found(row_of_it, was_taken=False, second_level_left=0)
    assert not found(row_of_it, was_taken=False, rejects=True)


def test_our_accounts_own_act_stands_whatever_came_after() -> None:
    """Somebody else rejected the request afterwards."""
    assert found(US, was_taken=False, status=3, status_title="Rejected")


@pytest.mark.parametrize("was_taken", [True, False])
def test_what_stood_there_before_says_nothing(*, was_taken: bool) -> None:
    """An act of our account from before the sending is another one, however short before."""
    assert not found(EARLIER, before=(EARLIER,), was_taken=was_taken)
    assert found(EARLIER, before=(row(at=None),), was_taken=was_taken)


def test_the_other_accounts_act_is_not_this_ones() -> None:
    """Each level has an account of its own, and the acts of both stand in one record."""
    sent = Sent(
        rejects=False, level=Level.SECOND, user_name="svc-pam-l2", was_taken=True,
        before=Before.from_record(waits_for(confirmers=(row(at=None), L2))),
    )  # fmt: skip
    assert not may_show(waits_for(level=Level.SECOND, confirmers=(US, L2)), sent, NOW)


@pytest.mark.parametrize(
    ("changes", "as_confirmed", "as_rejected"),
    [
        ({"status": 2, "status_title": "Confirmed"}, True, False),
        ({"status": 3, "status_title": "Rejected"}, False, True),
        ({"confirmations_left": 0}, True, False),
        ({"level": Level.SECOND}, True, False),
        ({}, False, False),
    ],
)
def test_what_became_of_the_request_is_what_was_sent(
    changes: dict[str, Any], *, as_confirmed: bool, as_rejected: bool
) -> None:
    """PVWA has said yes and lists nobody: a rejected request shows no confirmation, nor the other way round."""
    assert found(*WAITED, was_taken=True, **changes) is as_confirmed
    assert found(*WAITED, was_taken=True, rejects=True, **changes) is as_rejected


def test_somebody_elses_rejection_shows_no_confirmation() -> None:
    """Though nobody is named for it."""
    assert not found(NOBODY, was_taken=True, status=3, status_title="Rejected")
    assert found(NOBODY, was_taken=True, rejects=True, status=3, status_title="Rejected")


def test_without_a_list_from_before_every_new_act_counts() -> None:
    """A PVWA may list nobody until somebody has acted."""
    assert found(US, before=(), was_taken=False)
