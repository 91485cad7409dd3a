"""The result of a check: ok, wrong or unknown, in words for the person who can put it right. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from approvald.core.errors import ApprovaldError, AuthenticationFailed, Unavailable


class Status(StrEnum):
    """How a check ended. UNKNOWN: it could not be made."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor. `do`: the remedy, empty if there is nothing to do or `found` already says it."""

    check: str
    status: Status
    found: str
    do: str = ""


def ok(check: str, found: str, do: str = "") -> Finding:
    """Say that something is as it must be."""
    return Finding(check=check, status=Status.OK, found=found, do=do)


def wrong(check: str, found: str, do: str = "") -> Finding:
    """Say that something must be put right before approvald can work."""
    return Finding(check=check, status=Status.WRONG, found=found, do=do)


def unknown(check: str, found: str, do: str = "") -> Finding:
    """Say that something could not be found out."""
    return Finding(check=check, status=Status.UNKNOWN, found=found, do=do)


def failed(check: str, error: Exception) -> Finding:
    """Say what an error means for a check: a system that is away leaves it unknown, all else is wrong.

    An unexpected error is shown by its name alone: its text may hold what must not be shown.
    """
    if isinstance(error, Unavailable) and not isinstance(error, AuthenticationFailed):
        return unknown(check, str(error))
    if isinstance(error, ApprovaldError):
        return wrong(check, str(error))
    return wrong(check, f"approvald itself failed ({type(error).__name__}).", "Report this as an error of approvald.")


def examined(check: str, work: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what `work` finds; if it raises, what it found until then and the failure. Never raises."""
    findings: list[Finding] = []
    try:
        findings.extend(work())  # keeps what was found before an error
    except Exception as error:  # noqa: BLE001 - one check that fails must not keep the others from being made
        findings.append(failed(check, error))
    return findings


def worst(findings: Sequence[Finding]) -> Status:
    """Return the one word for all: wrong before unknown before ok."""
    statuses = {finding.status for finding in findings}
    return next((each for each in (Status.WRONG, Status.UNKNOWN) if each in statuses), Status.OK)
