"""The section about which safes may be approved by mail, when, and how."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from approvald.approval.policy import parse_hours
from approvald.config.settings.values import Filled, Section, Zone


def _hours(value: str) -> str:
    if value and not parse_hours(value):
        message = 'is no weekly plan; write it like "Mon-Fri 07:00-19:00, Sat 09:00-12:00", or "" for any time'
        raise ValueError(message)
    return value


Hours = Annotated[str, AfterValidator(_hours)]
EVERYTHING: Final = "*"


class SafeRule(Section):
    """One rule of [[policy.rules]]; the first whose pattern fits a safe counts."""

    safes: Annotated[list[Filled], Field(min_length=1)]
    mail: Literal["allow", "challenge", "deny"]
    hours: Hours = ""
    max_age_hours: NonNegativeFloat = 0.0


class PolicySettings(Section):
    """[policy]: what may be approved by mail."""

    time_zone: Zone = "UTC"
    hourly_cap: PositiveInt = 60
    challenge_minutes: PositiveFloat = 10.0
    challenge_tries: PositiveInt = 3
    reject: bool = False
    rules: list[SafeRule] = Field(default_factory=lambda: [SafeRule(safes=[EVERYTHING], mail="allow")])
