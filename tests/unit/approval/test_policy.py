"""Which safes may be approved by mail, and when: the first rule that fits, and local wall-clock hours."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.approval.endings import Code
from approvald.approval.policy import Policy, Rule, Span, Way, is_open, parse_hours, rule_for
from approvald.config.load import load
from approvald.config.rules import policy_rules
from approvald.config.settings import Settings
from approvald.core.errors import ConfigurationInvalid
from places import SHIPPED

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
ALLOW = Rule(safes=("*",), way=Way.ALLOW)
YOUNG = timedelta(minutes=5)


def policy(*rules: str, head: str = "") -> Policy:
    """Return the policy of the shipped file with these rules instead of its own."""
    text = SHIPPED.read_text(encoding="utf-8")
    start, end = text.index("[[policy.rules]]\n# Patterns"), text.index("# ----", text.index("# max_age_hours = 0.0"))
    made = "".join(f"[[policy.rules]]\n{rule}\n" for rule in rules) or "rules = []\n"
    text = text[:start] + made + text[end:]
    return policy_rules(loaded(text.replace("\n[policy]\n", f"\n[policy]\n{head}\n")))


def loaded(text: str) -> Settings:
    """Read a configuration text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "approvald.toml"
        file.write_text(text, encoding="utf-8")
        return load(file)


def hours(plan: str) -> Rule:
    """Return a rule with these hours."""
    spans = parse_hours(plan)
    assert spans
    return Rule(safes=("*",), way=Way.ALLOW, hours=spans)


def local(text: str, *, fold: int = 0) -> datetime:
    """Return the instant of a wall clock in Amsterdam; `fold` 1 is the second of two equal hours."""
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM, fold=fold).astimezone(UTC)


# ------------------------------------------------------------------------------------------------------------ the rules


def test_as_shipped_every_safe_may_be_approved_at_any_time() -> None:
    """An over-strict default that refuses honest approvers is a defect like a hole."""
    shipped = policy_rules(load(SHIPPED))
    assert shipped.refusal("DB-PROD-01", age=timedelta(hours=71), now=NOW) is None


def test_a_site_without_a_policy_has_the_shipped_one() -> None:
    """Leaving the section out changes nothing."""
    text = SHIPPED.read_text(encoding="utf-8")
    start, end = text.index("[policy]"), text.index("# ----", text.index("# max_age_hours = 0.0"))
    assert policy_rules(loaded(text[:start] + text[end:])) == policy_rules(load(SHIPPED))


def test_a_safe_that_no_rule_fits_is_barred() -> None:
    """Nothing matched is no permission."""
    some = policy('safes = ["DB-*"]\nmail = "allow"')
    assert some.refusal("DB-PROD-01", age=YOUNG, now=NOW) is None
    assert some.refusal("FIN-01", age=YOUNG, now=NOW) is Code.SAFE_BARRED
    assert policy().refusal("DB-PROD-01", age=YOUNG, now=NOW) is Code.SAFE_BARRED


def test_the_first_rule_that_fits_counts() -> None:
    """Whatever stands behind it, wider or narrower."""
    deny, allow = 'safes = ["DB-*"]\nmail = "deny"', 'safes = ["*"]\nmail = "allow"'
    assert policy(deny, allow).refusal("DB-PROD-01", age=YOUNG, now=NOW) is Code.SAFE_BARRED
    assert policy(allow, deny).refusal("DB-PROD-01", age=YOUNG, now=NOW) is None
    assert policy(deny, allow).refusal("FIN-01", age=YOUNG, now=NOW) is None


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("db-prod-*", "DB-PROD-01", "XDB-PROD-01"),
        ("DB-PROD-0?", "db-prod-01", "DB-PROD-012"),
        ("Domain Admins", "DOMAIN ADMINS", "Domain Admins 2"),
        ("DB-[12]", "DB-[12]", "DB-1"),
    ],
)
def test_patterns_fit_whole_names_whatever_their_case(pattern: str, fitting: str, other: str) -> None:
    """Nothing but * and ? is more than itself."""
    barring = policy(f'safes = ["{pattern}"]\nmail = "deny"', 'safes = ["*"]\nmail = "allow"')
    assert barring.refusal(fitting, age=YOUNG, now=NOW) is Code.SAFE_BARRED
    assert barring.refusal(other, age=YOUNG, now=NOW) is None


def test_a_rule_can_want_younger_mails() -> None:
    """To the second."""
    hasty = policy('safes = ["*"]\nmail = "allow"\nmax_age_hours = 0.5')
    assert hasty.refusal("DB-PROD-01", age=timedelta(minutes=30), now=NOW) is None
    assert hasty.refusal("DB-PROD-01", age=timedelta(minutes=30, seconds=1), now=NOW) is Code.STALE


def test_a_barred_safe_is_barred_at_any_hour_and_age() -> None:
    """Its answer must not say to come back later."""
    barred = policy('safes = ["*"]\nmail = "deny"\nhours = "Mon 07:00-08:00"\nmax_age_hours = 0.1')
    assert barred.refusal("DB-PROD-01", age=timedelta(hours=9), now=NOW) is Code.SAFE_BARRED


def test_hours_are_those_of_the_configured_zone() -> None:
    """Half past six in the evening in Amsterdam is half past five by UTC."""
    office = 'safes = ["*"]\nmail = "allow"\nhours = "Mon-Fri 07:00-18:00"'
    at = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    assert policy(office).refusal("DB-PROD-01", age=YOUNG, now=at) is None
    there = policy(office, head='time_zone = "Europe/Amsterdam"')
    assert there.refusal("DB-PROD-01", age=YOUNG, now=at) is Code.OUT_OF_HOURS
    assert there.plan("DB-PROD-01") == "Mon-Fri 07:00-18:00 Europe/Amsterdam"


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ('safes = ["*"]\nmail = "perhaps"', "policy.rules[0].mail: is not one of the allowed words"),
        ('safes = []\nmail = "allow"', "policy.rules[0].safes: is empty"),
        ('safes = ["*"]', "policy.rules[0].mail: is missing; add a line mail = ... to [policy.rules[0]]"),
        ('safes = ["*"]\nmail = "allow"\nhours = "office hours"', "policy.rules[0].hours: is not a weekly plan"),
        (
            'safes = ["*"]\nmail = "allow"\nhour = ""',
            "policy.rules[0].hour: is not an option of [policy.rules[0]]; did",
        ),
    ],
)
def test_a_wrong_rule_is_told_with_its_place(rule: str, problem: str) -> None:
    """A policy that is not understood lets nothing start."""
    with pytest.raises(ConfigurationInvalid) as caught:
        policy(rule)
    assert problem in str(caught.value)


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=8), max_size=3))
def test_no_name_and_no_pattern_breaks_the_rules(safe: str, patterns: list[str]) -> None:
    """Without a rule that allows, no name is allowed."""
    rules = [Rule(safes=tuple(patterns), way=Way.DENY)] if patterns else []
    assert rule_for(safe, rules).way is Way.DENY
    assert rule_for(safe, [*rules, ALLOW]).way in (Way.ALLOW, Way.DENY)


# ------------------------------------------------------------------------------------------------------------ the hours


def test_hours_are_read_as_they_are_written() -> None:
    """Days alone or from to, spans over midnight, the end of the day."""
    assert parse_hours("mon 07:00-19:00") == (Span(0, time(7), time(19)),)
    assert [span.weekday for span in parse_hours("Fri-Mon 07:00-08:00")] == [4, 5, 6, 0]
    assert parse_hours("Sun 22:00-06:00") == (Span(6, time(22), None), Span(0, time(0), time(6)))
    assert parse_hours("Sat 00:00-24:00") == (Span(5, time(0), None),)
    assert parse_hours("Sat 22:00-00:00") == (Span(5, time(22), None),)
    assert len(parse_hours("Mon-Fri 07:00-19:00,  Sat 09:00-12:00")) == 6


@pytest.mark.parametrize(
    "text",
    ["", "always", "Mon", "Mon 7:00-19:00", "Mon 07:00", "Mon 25:00-26:00", "Mon 07:00-07:00", "Mon 24:00-07:00",
     "Mon 07:60-08:00", "Mon 07:00-19:00;", "Mon 07:00-19:00, ", "Mo 07:00-19:00", "Mon-Fri-Sat 07:00-19:00",
     "Mon 0\u0667:00-19:00"],
)  # fmt: skip
def test_what_is_no_plan_is_no_plan(text: str) -> None:
    """Nothing is guessed; without a plan the configuration is refused."""
    assert parse_hours(text) == ()


@pytest.mark.parametrize(
    ("at", "opened"),
    [
        ("2026-11-20T06:59:59", False), ("2026-11-20T07:00:00", True), ("2026-11-20T18:59:59", True),
        ("2026-11-20T19:00:00", False), ("2026-11-21T12:00:00", False),
    ],
)  # fmt: skip
def test_hours_begin_with_their_first_second_and_end_before_their_last(at: str, *, opened: bool) -> None:
    """A Friday's office hours, by the wall clock."""
    assert is_open(hours("Mon-Fri 07:00-19:00"), local(at), AMSTERDAM) is opened


@pytest.mark.parametrize("day", ["2026-03-27", "2026-03-29", "2026-10-23", "2026-10-25"])
@pytest.mark.parametrize(
    ("clock", "opened"), [("06:59:59", False), ("07:00:00", True), ("18:59:59", True), ("19:00:00", False)]
)
def test_the_wall_clock_counts_on_both_change_days_and_before(day: str, clock: str, *, opened: bool) -> None:
    """Seven is seven, whether the sun has moved an hour in the night or not."""
    assert is_open(hours("Mon-Sun 07:00-19:00"), local(f"{day}T{clock}"), AMSTERDAM) is opened


def test_in_spring_the_missing_hour_closes_nothing_early() -> None:
    """29 March: 01:59:59 is followed by 03:00:00. A night of hours from 22:00 to 04:00 lasts five hours."""
    night = hours("Sat 22:00-04:00")
    assert is_open(night, datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), AMSTERDAM)  # 01:59:59 winter time
    assert is_open(night, datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC), AMSTERDAM)  # 03:00:00 summer time
    assert is_open(night, datetime(2026, 3, 29, 1, 59, 59, tzinfo=UTC), AMSTERDAM)
    assert not is_open(night, datetime(2026, 3, 29, 2, 0, 0, tzinfo=UTC), AMSTERDAM)  # 04:00:00 summer time
    lost = hours("Sun 02:00-03:00")
    assert not any(is_open(lost, datetime(2026, 3, 29, 0, minute, tzinfo=UTC), AMSTERDAM) for minute in range(60))
    assert not any(is_open(lost, datetime(2026, 3, 29, 1, minute, tzinfo=UTC), AMSTERDAM) for minute in range(60))


def test_in_autumn_the_doubled_hour_counts_both_times() -> None:
    """25 October: 02:00 to 03:00 comes twice, and hours that name it are open in both."""
    for fold in (0, 1):
        assert is_open(hours("Sun 02:00-03:00"), local("2026-10-25T02:30:00", fold=fold), AMSTERDAM)
        assert not is_open(hours("Sun 03:00-04:00"), local("2026-10-25T02:30:00", fold=fold), AMSTERDAM)
    assert local("2026-10-25T02:30:00", fold=1) - local("2026-10-25T02:30:00", fold=0) == timedelta(hours=1)


@given(st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1)))  # noqa: DTZ001 - made UTC below
def test_a_week_without_a_gap_is_always_open(naive: datetime) -> None:
    """Whatever the clocks do, an hour that every day holds is never closed."""
    assert is_open(hours("Mon-Sun 00:00-24:00"), naive.replace(tzinfo=UTC), AMSTERDAM)
    assert is_open(hours("Mon-Sun 12:00-12:01, Mon-Sun 12:01-12:00"), naive.replace(tzinfo=UTC), AMSTERDAM)
