"""Time: does our clock agree with the systems', and is the time zone of replies known? Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo

from approvald.doctor.findings import Finding, ok, unknown, wrong

MOST_SECONDS: Final = 60.0
"""A larger difference makes ages and windows of requests wrong."""


def compare_clocks(system: str, date: str, now: datetime) -> Finding:
    """Compare our time with a Date header, which is exact to the second (RFC 9110, 6.6.1)."""
    check = f"clock of {system}"
    theirs = _instant(date)
    if theirs is None:
        return unknown(check, f"{system} says no time, so the clocks cannot be compared.", "Compare them by hand.")
    seconds = (theirs - now).total_seconds()
    if abs(seconds) <= MOST_SECONDS:
        return ok(check, f"it agrees with ours within {MOST_SECONDS:.0f} seconds")
    which = "ahead of" if seconds > 0 else "behind"
    return wrong(
        check,
        f"it is {abs(seconds):.0f} seconds {which} ours: mails and requests would be taken for older or newer than "
        "they are.",
        f"Let both hosts follow the same time servers (timedatectl here; look at {system}'s too).",
    )


def check_time_zone(name: str, now: datetime) -> Finding:
    """Say what time it is in the zone of replies. `name` is of the IANA list."""
    check = "time zone"
    try:
        local = now.astimezone(ZoneInfo(name))
    except (LookupError, ValueError, OSError):
        return wrong(check, f"there are no data of {name}.", "Install the package tzdata, or correct reply.time_zone.")
    return ok(check, f"{name}: it is {local:%H:%M %Z}")


def _instant(date: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(date)
    except (ValueError, IndexError, TypeError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
