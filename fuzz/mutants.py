"""Mutation check of the modules that guard an approval: `make mutants`, or with ARGS="mail.sender approval.decide".

Each mutant is one small change of one module (`mutations.py`). It lives in a forked process alone, where the import
system hands out the changed source, so that the checkout is never touched. Killed is good: a test fails. Those that
live stand with their change in build/mutants.txt (with the names of the modules in it, where some were asked for);
those that were judged, each with its reason, in fuzz/judged.txt. The exit status is 1 while one lives that nobody has
judged.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import CodeType
from typing import Final, TextIO

import hypothesis
import pytest

from mutations import mutants

ROOT: Final = Path(__file__).parents[1]
BUILD: Final = ROOT / "build"
JUDGED: Final = ROOT / "fuzz" / "judged.txt"
DECIDE: Final = ("test_decide_refusals", "test_decide_profiles", "test_decide_properties")
TARGETS: Final = {
    "mail.sender": ("test_sender_proof", "test_sender_proof_details"),
    "mail.intake": ("test_intake", "test_intake_details", "test_corpus_reading"),
    "mail.headers": ("test_intake", "test_sender_proof", "test_intake_details", "test_corpus_reading"),
    "approval.compare": ("test_compare", "test_decision_details", *DECIDE),
    "approval.people": ("test_humans", "test_decision_details", *DECIDE),
    "approval.facts": ("test_decision_details", "test_people", *DECIDE),
    "approval.request": ("test_standing", "test_standing_details", "test_confirm", "test_decision_details", *DECIDE),
    "approval.actors": (
        "test_standing",
        "test_standing_details",
        "test_confirm",
        "test_rejecting",
        "test_decision_details",
        *DECIDE,
    ),
    "approval.verdicts": ("test_verdicts", *DECIDE),
    "approval.decide": ("test_verdicts", "test_decision_details", *DECIDE),
}
"""Module of approvald -> the unit tests that must kill its mutants, the quick ones first."""
LONGEST_SECONDS: Final = 300
PYTEST: Final = (
    "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-profile=mutants", "--assert=plain",
    "-p", "no:unraisableexception",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # what was imported before the fork
)  # fmt: skip
PRELOADED: Final = ("lxml.html", "click", "sqlalchemy", "approvald.config.load")
"""Imported once and not for every mutant; none of them imports a module of TARGETS."""


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads one module from a changed source instead of its file."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        super().__init__(name, str(path))
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed source; no cache of the true one is read or written."""
        return compile(self._source, self.get_filename(fullname), "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Hands out the changed module in place of the true one."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._loader = name, _Changed(name, path, source)

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Answer for that one module only."""
        del path, target
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader)


def outcome(module: str, source: str, seconds: float) -> str:
    """Return killed, lived or timeout for one source of a module, tried in a process of its own."""
    child = os.fork()
    if child == 0:
        os._exit(_try(module, source))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return "lived" if status == 0 else "killed"
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def _try(module: str, source: str) -> int:
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        sys.meta_path.insert(0, _Finder(f"approvald.{module}", path_of(module), source))
        return int(pytest.main([*PYTEST, *(str(path) for path in tests_of(module))]))
    except BaseException:  # noqa: BLE001 - whatever a mutant breaks, it is seen
        return 1


def path_of(module: str) -> Path:
    """Return the file of a module of approvald."""
    return (ROOT / "src" / "approvald").joinpath(*module.split(".")).with_suffix(".py")


def tests_of(module: str) -> list[Path]:
    """Return the test files that must kill a module's mutants."""
    return [path for name in TARGETS[module] for path in (ROOT / "tests").rglob(f"{name}.py")]


def check(module: str, judged: frozenset[str], out: TextIO) -> Counter[str]:
    """Try every mutant of a module, and write those down that live."""
    source = path_of(module).read_text(encoding="utf-8")
    started = time.monotonic()
    _must_pass(module, source)
    longest = 5 * (time.monotonic() - started) + 10
    counts: Counter[str] = Counter()
    for mutant in mutants(source):
        result = outcome(module, mutant.source, longest)
        change = change_of(module, source, mutant.source)
        if result == "lived" and change in judged:
            result = "judged"
        counts[result] += 1
        if result in {"lived", "timeout"}:
            print(f"# {result}, line {mutant.line}\n{change}\n", file=out, flush=True)
    _must_pass(module, source)
    return counts


def _must_pass(module: str, source: str) -> None:
    if path_of(module).read_text(encoding="utf-8") != source or outcome(module, source, LONGEST_SECONDS) != "lived":
        sys.exit(f"{module}: its tests fail without any mutant, or it was edited meanwhile; the count means nothing.")


def change_of(module: str, source: str, changed: str) -> str:
    """Return a change as fuzz/judged.txt has it: the module's name, the lines taken out, the lines put in."""
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)
    return "\n".join([module, *(line for line in list(lines)[2:] if not line.startswith("@@"))])


def judgements() -> frozenset[str]:
    """Return the changes that may live: blocks parted by empty lines, the reason in lines that begin with #."""
    blocks = JUDGED.read_text(encoding="utf-8").split("\n\n") if JUDGED.exists() else []
    return frozenset(
        "\n".join(line for line in block.strip("\n").split("\n") if not line.startswith("#")) for block in blocks
    )


def main(names: Sequence[str]) -> None:
    """Check the named modules, or all of them."""
    os.chdir(ROOT)
    BUILD.mkdir(exist_ok=True)
    for name in PRELOADED:
        importlib.import_module(name)
    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None, max_examples=20)
    gc.freeze()
    judged, alive = judgements(), 0
    with (BUILD / "-".join(["mutants", *names])).with_suffix(".txt").open("w", encoding="utf-8") as out:
        print(f"{'module':<12}{'killed':>8}{'judged':>8}{'lived':>8}{'timeout':>9}{'seconds':>9}", flush=True)
        for module in names or TARGETS:
            started = time.monotonic()
            counts = check(module, judged, out)
            alive += counts["lived"]
            row = f"{module:<12}{counts['killed']:>8}{counts['judged']:>8}{counts['lived']:>8}{counts['timeout']:>9}"
            print(f"{row}{time.monotonic() - started:>9.0f}", flush=True)
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
