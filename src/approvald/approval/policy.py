"""The policy: which safes may be approved by mail, when, and how. Pure.

The first rule whose pattern fits counts; a safe that no rule fits may not be approved by mail.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from approvald.approval.endings import Code

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = "|".join(_DAYS)
_PART: Final = re.compile(
    rf"(?P<first>{_DAY})(-(?P<last>{_DAY}))? (?P<from>[0-2][0-9]:[0-5][0-9])-(?P<to>[0-2][0-9]:[0-5][0-9])", re.ASCII
)
_END_OF_DAY: Final = "24:00"


class Way(StrEnum):
    """How a safe's requests may be approved by mail."""

    ALLOW = "allow"
    CHALLENGE = "challenge"
    DENY = "deny"


@dataclass(frozen=True)
class Span:
    """Opening hours on one weekday (Monday is 0), local wall time; `until` None is the end of the day."""

    weekday: int
    since: time
    until: time | None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: patterns of safes' names (case folded, * and ? as wildcards), and what holds for them.

    `plan`: the hours in the operator's words.
    """

    safes: tuple[str, ...]
    way: Way
    hours: tuple[Span, ...] = ()
    plan: str = ""
    max_age: timedelta | None = None


NOTHING_FITS: Final = Rule(safes=(), way=Way.DENY)
"""What holds for a safe that no rule fits."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """[policy]: the rules in order, the zone of their hours, and how many confirmations an hour one approver gets."""

    rules: tuple[Rule, ...]
    zone: ZoneInfo
    hourly_cap: int
    reject: bool

    def refusal(self, safe: str, *, age: timedelta, now: datetime) -> Code | None:
        """Return why a mail of this age may not act on this safe now, or None. `safe`: by PVWA's record."""
        rule = rule_for(safe, self.rules)
        if rule.way is Way.DENY:
            return Code.SAFE_BARRED
        if rule.max_age is not None and age > rule.max_age:
            return Code.STALE
        return None if is_open(rule, now, self.zone) else Code.OUT_OF_HOURS

    def needs_challenge(self, safe: str) -> bool:
        """Whether a code is asked for before an approval of this safe counts."""
        return rule_for(safe, self.rules).way is Way.CHALLENGE

    def plan(self, safe: str) -> str:
        """Return the hours of this safe in the operator's words."""
        return rule_for(safe, self.rules).plan


def safe_pattern(safe: str) -> str:
    """Return a pattern in which only * and ? are wildcards."""
    return safe.casefold().replace("[", "[[]")


def rule_for(safe: str, rules: Sequence[Rule]) -> Rule:
    """Return the first rule that fits the safe, or the one that denies."""
    name = safe.casefold()
    fitting = (rule for rule in rules if any(fnmatch.fnmatchcase(name, pattern) for pattern in rule.safes))
    return next(fitting, NOTHING_FITS)


def is_open(rule: Rule, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the rule's hours hold at this instant. They are wall-clock hours of the zone, summer time included."""
    if not rule.hours:
        return True
    local = now.astimezone(zone)
    at = local.time().replace(tzinfo=None)
    return any(
        span.weekday == local.weekday() and span.since <= at and (span.until is None or at < span.until)
        for span in rule.hours
    )


def parse_hours(text: str) -> tuple[Span, ...]:
    """Read "Mon-Fri 07:00-19:00, Sat 09:00-12:00"; a span may run over midnight. Empty where it is no such plan."""
    spans: list[Span] = []
    for part in text.casefold().split(","):
        found = _PART.fullmatch(" ".join(part.split()))
        if found is None:
            return ()
        first = _DAYS.index(found["first"])
        last = _DAYS.index(found["last"] or found["first"])
        days = [(first + step) % 7 for step in range((last - first) % 7 + 1)]
        made = [span for day in days for span in _spans(day, found["from"], found["to"])]
        if not made:
            return ()
        spans += made
    return tuple(spans)


def _spans(weekday: int, since: str, until: str) -> list[Span]:
    start, end = _time(since), _time(until)
    if start is None or (end is None and until != _END_OF_DAY) or start == end:
        return []
    if end is None or start < end:
        return [Span(weekday, start, end)]
    over_midnight = [Span((weekday + 1) % 7, time(0), end)] if end > time(0) else []
    return [Span(weekday, start, None), *over_midnight]


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None
