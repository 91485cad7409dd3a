"""docs/security.md claims nothing that no test shows."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import pytest

from places import ROOT

PAGE: Final = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
HEAD: Final = "| attack | defence | test |"
NAMED: Final = re.compile(r"`((?:unit|house|texts|e2e|contract|sandbox|real)/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
LIKE_ONE: Final = re.compile(r"[a-z0-9_/.]*::?test_\w*|test_\w+\.py")


def rows() -> list[str]:
    """Return the rows of the table of attacks."""
    lines = PAGE.splitlines()
    after = lines[lines.index(HEAD) + 2 :]
    return after[: next(number for number, line in enumerate(after) if not line.startswith("|"))]


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests in a file below tests/."""
    path = ROOT / "tests" / file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return frozenset(re.findall(r"^\s*def (test_\w+)\(", text, re.MULTILINE))


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_every_named_test_exists(file: str, name: str) -> None:
    """A defence whose test was taken out or renamed must not go on being claimed."""
    assert name in names_in(file)


def test_no_test_is_named_in_another_form() -> None:
    """What looks like the name of a test is one in the form that is checked."""
    assert LIKE_ONE.findall(NAMED.sub("", PAGE)) == []


def test_every_attack_has_a_defence_and_a_test() -> None:
    """No row of the table stands there without a test."""
    assert len(rows()) >= 40
    for row in rows():
        attack, defence, tests = row.strip("| ").split(" | ")
        assert attack
        assert defence
        assert NAMED.sub("", tests).strip() == ""
        assert NAMED.search(tests)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#]+)", PAGE))))
def test_every_page_it_leads_to_exists(path: str) -> None:
    """Links lead to files of this repository."""
    assert (ROOT / "docs" / path).exists()


@pytest.mark.parametrize(
    "option",
    [
        "auth_mechanisms", "auth_as", "max_age_hours", "hourly_cap", "admin_accounts",
        "cache_seconds", "hours", "mail",
    ],
)  # fmt: skip
def test_the_options_it_speaks_of_exist(option: str) -> None:
    """An option that the page recommends stands in the shipped configuration."""
    assert option in PAGE
    configuration = (ROOT / "config" / "approvald.toml").read_text(encoding="utf-8")
    assert re.search(rf"^(?:# ?)?{option} = ", configuration, re.MULTILINE)
