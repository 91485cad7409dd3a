"""docs/endings.md says of every ending what the code does with it."""

from __future__ import annotations

import pytest

from approvald.approval.endings import Code, Ending, Team, treatment
from approvald.approval.sentences import sentences
from places import ROOT

PAGE = ROOT / "docs" / "endings.md"
HEAD = "| code | folder | sender reads | team |"


def _row(code: Code) -> str:
    treated = treatment(code)
    words = sentences(Ending(code=code), "").subject if treated.tells_sender else "*nothing*"
    team = {Team.NOTHING: "", Team.COPY: "copy", Team.ALARM: "alarm"}[treated.team]
    return f"| `{code.value}` | {treated.folder.value.capitalize()} | {words} | {team} |"


@pytest.mark.parametrize("code", Code)
def test_the_page_tells_each_ending_as_it_is(code: Code) -> None:
    """Folder, headline and who is in copy stand on the page as the code has them."""
    assert _row(code) in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_page_tells_no_ending_that_is_gone() -> None:
    """The page has one row an ending, and no more."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines[lines.index(HEAD) + 2 :] if line.startswith("| `")]
    assert len(rows) == len(Code)
