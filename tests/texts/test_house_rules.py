"""The house as CONTRIBUTING says it is: rooms, what is pure, who may make what, and nothing half done."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from places import ROOT

SOURCE: Final = ROOT / "src" / "approvald"
FILES: Final = sorted(SOURCE.rglob("*.py"))
NOT_PURE_IN_MAIL: Final = frozenset(
    {
        "correspondence", "explain", "identify", "inbox", "ledger_away", "outbox", "pipeline", "plausibility", "rates",
        "reader", "retry", "rules", "shadow",
    }
)  # fmt: skip
"""What in `mail` talks to the ledger, a port or the clock; everything else there stands in the import contract."""
MOST_PARAMETERS: Final = 7


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Return the names of approvald's modules that a file imports, at its top or anywhere else."""
    names = {name_of(each) for each in FILES}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("approvald"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in names else node.module


def contract(name: str) -> dict[str, list[str]]:
    """Return one import contract of pyproject.toml."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    found: dict[str, list[str]] = next(each for each in tool["importlinter"]["contracts"] if each["name"] == name)
    return found


def test_nothing_lies_outside_a_room() -> None:
    """At most thirteen packages, and no module beside them but the program's own entry."""
    rooms = [each for each in SOURCE.iterdir() if each.is_dir() and each.name != "__pycache__"]
    assert len(rooms) <= 13
    assert {each.name for each in SOURCE.iterdir() if each.is_file()} == {"__init__.py", "__main__.py", "py.typed"}


@pytest.mark.parametrize("path", [each for each in FILES if each.name == "__init__.py"], ids=name_of)
def test_a_package_imports_nothing(path: Path) -> None:
    """The reading process and quick commands load what they use, and nothing on the way to it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imported == []


def test_each_file_of_mail_is_pure_or_known_not_to_be() -> None:
    """A new file cannot slip past the import contract."""
    pure = {
        name.removeprefix("approvald.mail.")
        for name in contract("what is pure does no input or output")["source_modules"]
        if name.startswith("approvald.mail.")
    }
    there = {
        each.stem for each in (SOURCE / "mail").iterdir() if each.suffix == ".py" or (each / "__init__.py").exists()
    }
    assert pure.isdisjoint(NOT_PURE_IN_MAIL)
    assert pure | NOT_PURE_IN_MAIL == there - {"__init__"}


def test_only_a_checker_makes_a_verified_person() -> None:
    """The seal that proves a check is imported by the check of a mail's sender, and by nothing else."""
    users = {name_of(path) for path in FILES if re.search(r"import .*\bCHECKED\b", path.read_text(encoding="utf-8"))}
    assert users == {"approvald.mail.sender"}


def test_only_one_file_sends_confirmations() -> None:
    """Whoever asks where a Confirm can come from has one file to read."""
    calls = re.compile(r"\bpvwa\.(confirm|reject)\b")
    rooms = [each for each in FILES if "adapters" not in each.parts]
    assert {name_of(path) for path in rooms if calls.search(path.read_text(encoding="utf-8"))} == {
        "approvald.confirmation.confirm"
    }


def test_no_file_imports_itself_by_a_detour() -> None:
    """Files form no circle: each can be read after those it builds on."""
    arrows = {name_of(path): set(imports_of(path)) for path in FILES}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for target in arrows.get(name, ()):
                visit(target, (*way, name))
            done.add(name)

    for name in arrows:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_constructor_takes_more_than_seven_parameters(path: Path) -> None:
    """A class that needs more does more than one thing."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            count = len(node.args.args) + len(node.args.kwonlyargs) - 1
            assert count <= MOST_PARAMETERS, f"line {node.lineno}"


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "fuzz"])
def test_nothing_is_half_done(folder: str) -> None:
    """No note of something to be done, no stub, no test that is skipped for good."""
    marks = re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X)\b|raise N[o]tImplementedError|pytest\.mark\.[s]kip\b")
    files = [each for each in (ROOT / folder).rglob("*.py") if "corpus" not in each.parts]
    assert [str(each) for each in files if marks.search(each.read_text(encoding="utf-8"))] == []
