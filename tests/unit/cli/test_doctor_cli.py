"""The doctor's command line, as far as no system is needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from approvald.cli.doctor import findings_json, findings_lines, foreign_ledger
from approvald.core.logs.redaction import register_secret
from approvald.doctor.findings import ok, unknown, wrong

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that belongs to somebody else than root."""
    if os.geteuid() == 0:
        os.chown(tmp_path, NOBODY, -1)
    return tmp_path


def test_root_makes_no_ledger_in_the_daemons_folder(folder: Path) -> None:
    """The daemon could not open it afterwards; the remedy is a command."""
    said = foreign_ledger(folder / "ledger.db", 0)
    assert said is not None
    assert f"runuser -u {folder.owner()} -- approvald doctor" in said


def test_everybody_else_may_try(folder: Path) -> None:
    """File permissions decide for other users, and a folder that is missing is told by the check of the ledger."""
    assert foreign_ledger(folder / "ledger.db", 1000) is None
    assert foreign_ledger(folder / "nowhere" / "ledger.db", 0) is None


def test_a_folder_of_nobody_known_is_told(tmp_path: Path) -> None:
    """A user may have been deleted."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 3_999_999, -1)
        said = foreign_ledger(tmp_path / "ledger.db", 0)
        assert said is not None
        assert "belongs to a user that no longer exists" in said
    assert foreign_ledger(tmp_path / "ledger.db", os.geteuid() or 1000) is None


def test_each_finding_is_one_harmless_line() -> None:
    """Whatever a server said, no line is broken by it, no terminal obeys it, and no password stands in it."""
    register_secret("correct horse battery")
    findings = [
        ok("a", "well"),
        wrong("b", "it said \x1b[2J and\nok everything", "Do this."),
        unknown("c", "logging on with correct horse battery failed"),
    ]
    *lines, count, hint = findings_lines(findings)
    assert len(lines) == len(findings)
    assert count == "1 ok, 1 wrong, 1 unknown"
    assert "IPAddressAllow" in hint
    assert lines[1].endswith("Do this.")
    said = "".join(lines) + str(findings_json(findings))
    assert "correct horse" not in said
    assert not any(part in "".join(lines) for part in ("\x1b[2J", "\n"))


def test_programs_read_the_worst_status_first() -> None:
    """And every finding with its fields."""
    assert findings_json([ok("a", "well"), unknown("b", "away", "Wait.")]) == {
        "status": "unknown",
        "checks": [
            {"check": "a", "status": "ok", "found": "well", "do": ""},
            {"check": "b", "status": "unknown", "found": "away", "do": "Wait."},
        ],
    }
