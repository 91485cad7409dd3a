"""Rules of the pure rooms, taken from the settings."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from approvald.approval.policy import Policy, Rule, Way, parse_hours, safe_pattern
from approvald.config.settings import Settings


def policy_rules(settings: Settings) -> Policy:
    """Return [policy] as rules."""
    given = settings.policy
    return Policy(
        rules=tuple(
            Rule(
                safes=tuple(safe_pattern(safe) for safe in rule.safes),
                way=Way(rule.mail),
                hours=parse_hours(rule.hours),
                plan=f"{rule.hours} {given.time_zone}" if rule.hours else "",
                max_age=timedelta(hours=rule.max_age_hours) if rule.max_age_hours else None,
            )
            for rule in given.rules
        ),
        zone=ZoneInfo(given.time_zone),
        hourly_cap=given.hourly_cap,
        reject=given.reject,
    )
