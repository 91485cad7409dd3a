"""README.md names what is there: every command of the program, and no other; every target of make that it shows."""

from __future__ import annotations

import re

from approvald.cli.program import COMMANDS
from places import ROOT


def test_every_command_stands_in_the_readme() -> None:
    """A command that nobody reads of is not there, and one that is not there must not be read of."""
    named = set(re.findall(r"`approvald ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named == set(COMMANDS)


def test_every_make_target_of_the_documents_is_there() -> None:
    """What README, CONTRIBUTING and docs tell people to make can be made."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        assert set(re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8"))) <= targets, page.name
