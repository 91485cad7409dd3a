"""Checks that every password can be read, and that there are two different confirming accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from approvald.approval.actors import bare
from approvald.doctor.findings import Finding, examined, ok, unknown, wrong

if TYPE_CHECKING:
    from approvald.config.settings import Settings
    from approvald.core.ports import SecretStore

MOST_SECONDS: Final = 60.0
"""A larger difference makes ages and windows of requests wrong."""


def check_secrets(secrets: SecretStore, settings: Settings) -> list[Finding]:
    """Read each secret that is used. The findings show user names, and nothing at all about a password."""
    users: dict[str, str] = {}
    findings: list[Finding] = []
    for option, name in _used(settings).items():
        findings += examined(f"secret {name}", partial(_read, secrets, option, name, users))
    first, second = users.get("pvwa.first_level_secret"), users.get("pvwa.second_level_secret")
    if first is not None and second is not None:
        findings.append(_two(first, second))
    return findings


def _used(settings: Settings) -> dict[str, str]:
    """Return the names of secrets by the option that names them; with Kerberos there is none for the mailbox."""
    names = {
        "mailbox.secret": None if settings.mailbox.authentication == "kerberos" else settings.mailbox.secret,
        "directory.secret": settings.directory.secret,
        "pvwa.first_level_secret": settings.pvwa.first_level_secret,
        "pvwa.second_level_secret": settings.pvwa.second_level_secret,
    }
    return {option: name for option, name in names.items() if name is not None}


def _read(secrets: SecretStore, option: str, name: str, users: dict[str, str]) -> Iterator[Finding]:
    secret = secrets.get(name, fresh=True)
    users[option] = secret.username
    yield ok(f"secret {name}", f"can be read; {option} is the account {secret.username}")


def _two(first: str, second: str) -> Finding:
    check = "confirming accounts"
    if bare(first) != bare(second):
        return ok(check, f"{first} and {second} are two different accounts")
    return wrong(
        check,
        f"both levels use the account {first}; CyberArk takes one vote per account, so the second level would fail.",
        "Put another account's name and password into the secret that pvwa.second_level_secret names.",
    )


def compare_clocks(system: str, date: str, now: datetime) -> Finding:
    """Compare our time with a Date header, which is exact to the second (RFC 9110, 6.6.1)."""
    check = f"clock of {system}"
    theirs = _instant(date)
    if theirs is None:
        return unknown(
            check, f"{system} does not say what time it is, so the clocks cannot be compared.", "Compare them by hand."
        )
    seconds = (theirs - now).total_seconds()
    if abs(seconds) <= MOST_SECONDS:
        return ok(check, f"it agrees with ours within {MOST_SECONDS:.0f} seconds")
    which = "ahead of" if seconds > 0 else "behind"
    return wrong(
        check,
        f"it is {abs(seconds):.0f} seconds {which} ours: mails and requests would seem older or newer than they are.",
        f"Let both hosts follow the same time servers (timedatectl here; look at {system}'s too).",
    )


def check_time_zone(name: str, now: datetime) -> Finding:
    """Say what time it is in the zone of replies. `name` is from the IANA list."""
    check = "time zone"
    try:
        local = now.astimezone(ZoneInfo(name))
    except (LookupError, ValueError, OSError):
        return wrong(check, f"there is no data for {name}.", "Install the package tzdata, or correct reply.time_zone.")
    return ok(check, f"{name}: it is {local:%H:%M %Z}")


def _instant(date: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(date)
    except (ValueError, IndexError, TypeError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
