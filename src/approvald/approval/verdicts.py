"""The checks of a decision, as values: what judged is what the audit trail, `why` and evidence show. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from approvald.core.model import Person

_NOT_LOOKED_AT: Final = "not looked at"
_Refusal = TypeVar("_Refusal")


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    REFUSED = "refused"
    NOT_REACHED = "not reached"
    """An earlier check refused, so this one was not asked."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check: its name, its verdict, and the subject it looked at, in words."""

    name: str
    verdict: Verdict
    subject: str

    def to_json(self) -> dict[str, str]:
        """Return the check as the audit trail has it."""
        return {"check": self.name, "verdict": self.verdict.value, "value": self.subject}


Question = tuple[str, Callable[[], tuple[str, _Refusal]]]
"""A check to come: its name, and a call for the subject it looks at and its refusal, None where it passes."""


def judge(questions: Iterable[Question[_Refusal]]) -> tuple[tuple[Check, ...], _Refusal | None]:
    """Make the checks in order until one refuses, each once; return all of them, and that refusal or None."""
    checks: list[Check] = []
    refusal: _Refusal | None = None
    for name, ask in questions:
        if refusal is not None:
            checks.append(Check(name=name, verdict=Verdict.NOT_REACHED, subject=_NOT_LOOKED_AT))
            continue
        subject, refusal = ask()
        verdict = Verdict.PASSED if refusal is None else Verdict.REFUSED
        checks.append(Check(name=name, verdict=verdict, subject=subject))
    return tuple(checks), refusal


def passed(checks: Iterable[Check]) -> tuple[str, ...]:
    """Return the names of the checks that were passed."""
    return tuple(check.name for check in checks if check.verdict is Verdict.PASSED)


def listed(names: Iterable[str]) -> str:
    """Return names as a check shows them."""
    return ", ".join(names) or "none"


def person_in_words(person: Person) -> str:
    """Return a person as a check shows them."""
    return f"{person.display_name} ({person.account_name}, {person.guid})"
