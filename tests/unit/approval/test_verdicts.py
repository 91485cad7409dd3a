"""Checks are asked in order, each once, until one refuses; what they answer is what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvald.approval.actors import actors
from approvald.approval.decide import decide
from approvald.approval.endings import Code, Ending
from approvald.approval.findings import decision_event, ending_checks
from approvald.approval.people import ApprovedBy
from approvald.approval.verdicts import Check, Verdict, judge, passed
from approvald.core.model import GroupBook, Level, NoPerson
from fakes.facts import DB, FIN, ILKA, L2, NOW, TIMO, acted, facts, notification, verified, waits_for


def test_nothing_is_asked_behind_a_refusal() -> None:
    """An empty refusal refuses, too: only None passes."""
    asked = []

    def question(name: str, refusal: str | None) -> Any:
        def ask() -> tuple[str, str | None]:
            asked.append(name)
            return f"the {name}", refusal

        return name, ask

    checks, refusal = judge([question("first", None), question("second", ""), question("third", "no")])
    assert (asked, refusal) == (["first", "second"], "")
    assert checks == (
        Check(name="first", verdict=Verdict.PASSED, subject="the first"),
        Check(name="second", verdict=Verdict.REFUSED, subject="the second"),
        Check(name="third", verdict=Verdict.NOT_REACHED, subject="not looked at"),
    )
    assert passed(checks) == ("first",)
    assert checks[1].to_json() == {"check": "second", "verdict": "refused", "value": "the second"}


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        ("as_notified", "as in PVWA's record", {}),
        ("as_notified", "differs: account, reason", {"notification": notification(account="x", reason="y")}),
        ("still_waits", "waiting (PVWA: 1 Waiting: 1 more user(s) must confirm the request)", {}),
        ("still_waits", "deleted (PVWA: 32 Gone)", {"request": waits_for(status=32, status_title="Gone")}),
        ("requestor_known", f"{TIMO.display_name} (timo.gast, {TIMO.guid})", {}),
        ("requestor_known", "NoPerson", {"requestor": NoPerson()}),
        ("not_own_request", "sender and requestor are two people", {}),
        ("not_own_request", "the sender is the requestor", {"sender": verified(TIMO)}),
        ("own_team", "confirmers DB_PAMapprover; the sender's: DB_PAMapprover", {}),
        ("own_team", "confirmers DB_PAMapprover; the sender's: none", {"sender_groups": (FIN,)}),
        (
            "own_team",
            "confirmers DB_PAMapprover, FIN_PAMapprover, L2_PAMapprover; the sender's: FIN_PAMapprover",
            {"request": waits_for(L2.name, FIN.name, DB.name), "sender_groups": (FIN,)},
        ),
        ("own_team", "confirmers none; the sender's: none", {"book": GroupBook(first=(), second=None)}),
        ("level", "PVWA waits for level 1", {}),
        ("level", "PVWA names no level", {"request": waits_for(level=None)}),
        ("own_vote", "nobody has acted before", {}),
        (
            "own_vote",
            "level 1 confirmed by mail k3m9, level 2 confirmed by mail z7t2",
            {"approved_before": {
                Level.SECOND: ApprovedBy(guid="g2", link=None, ledger_id="z7t2"),
                Level.FIRST: ApprovedBy(guid="g1", link=None, ledger_id="k3m9"),
            }},
        ),
    ],
)  # fmt: skip
def test_a_check_shows_what_it_looked_at(name: str, value: str, changes: dict[str, Any]) -> None:
    """In words, the same in the audit trail, in `why` and in evidence."""
    checks = {check.name: check for check in decide(facts(**changes)).checks}
    assert checks[name].subject == value


def test_a_difference_that_is_tolerated_is_noted() -> None:
    """It passes, and whoever asks later sees it."""
    given = facts(notification=notification(account="x", reason="y"))
    check = decide(replace(given, comparison=replace(given.comparison, account="note", reason="note"))).checks[0]
    assert (check.verdict, check.subject) == (
        Verdict.PASSED, "as in PVWA's record; differs and is only noted: account, reason",
    )  # fmt: skip


def test_who_acted_is_shown_with_the_instant() -> None:
    """An act on PVWA's record."""
    request = waits_for(confirmers=(acted("DB_PAMapprover", "wen.zhao"), *waits_for("FIN_PAMapprover").confirmers))
    given = facts(request=request, sender_groups=(FIN,))
    given = replace(given, acted=actors(request, frozenset()))
    assert decide(given).checks[-1].subject == f"Wen Zhao (wen.zhao) at {NOW.isoformat()}"


def test_the_event_shows_what_was_passed_before_the_facts_first() -> None:
    """The sender's proof and groups; then the checks of the decision; then those of what permits it."""
    given = facts()
    permission = Check(name="policy", verdict=Verdict.REFUSED, subject="safe_barred")
    shown: Any = decision_event(given, decide(given), [permission])["checks"]
    assert shown[0] == {
        "check": "sender", "verdict": "passed",
        "value": f"{ILKA.address}, proven as Internal/04, is {ILKA.display_name} (ilka.brandt, {ILKA.guid})",
    }  # fmt: skip
    assert shown[1]["value"] == f"DB_PAMapprover ({DB.sid}, level 1)"
    assert shown[2:-1] == [check.to_json() for check in decide(given).checks]
    assert shown[-1] == permission.to_json()


def test_a_mail_that_ended_early_names_its_ending_as_the_check_that_refused() -> None:
    """With what the ending says of itself."""
    ending = Ending(code=Code.PVWA_REFUSED, why="Because.", names=("a", "b"), words="No.", checks=("own_team",))
    assert ending_checks(ending) == (
        Check(name="own_team", verdict=Verdict.PASSED, subject=""),
        Check(name="pvwa_refused", verdict=Verdict.REFUSED, subject="Because.; a, b; No."),
    )
