"""config/approvald.toml and the settings in the code say the same: every option, every default."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic.fields import FieldInfo

from approvald.config.settings import FileSecret, Settings, VaultSecret
from approvald.config.values import Section
from places import SHIPPED

TEXT = (SHIPPED).read_text(encoding="utf-8")
OPTION = re.compile(r"# ([a-z_]+) = (.*)")


def inner_section(field: FieldInfo) -> type[Section] | None:
    """Return the section class of a field, or None for a plain value."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((each for each in kinds if isinstance(each, type) and issubclass(each, Section)), None)


def options(section: type[Section] = Settings, home: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every option of the code with its path."""
    for name, field in section.model_fields.items():
        inner = inner_section(field)
        if inner is None:
            yield f"{home}{name}", field
        else:
            yield from options(inner, f"{home}{name}.")


def in_file(*, active: bool) -> dict[str, Any]:
    """Return the options of the file by path: those in force, or those commented out."""
    kept: list[str] = []
    within = False
    for line in TEXT.splitlines():
        commented = OPTION.fullmatch(line)
        within = within or bool(commented and commented[2] == "[")
        if line.startswith("["):
            kept.append(line)
        elif commented or within:
            kept += [] if active else [line.removeprefix("# ").removeprefix("#")]
            within = within and line != "# ]"
        elif active:
            kept.append(line)
    return dict(flat(tomllib.loads("\n".join(kept))))


def flat(values: dict[str, Any], home: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of everything that is no table; a table without anything in it yields itself.

    The tables of an array of tables have one path.
    """
    for name, value in values.items():
        tables = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        if tables and all(isinstance(table, dict) and table for table in tables):
            for table in tables:
                yield from flat(table, f"{home}{name}.")
        else:
            yield f"{home}{name}", value


def plain(value: object) -> object:
    """Write a default as TOML would hold it: a path is a text, and nothing is an empty text."""
    if value is None:
        return ""
    return str(value) if isinstance(value, Path) else value


def test_every_option_of_the_code_stands_in_the_file() -> None:
    """An operator finds all there is, in force or commented out, once."""
    active, commented = in_file(active=True), in_file(active=False)
    tables = {"groups.pvwa_names", "people.map"}
    found = {name for name, value in (active | commented).items() if value != {} or name in tables}
    known = {name for name, _ in options() if name != "secrets.accounts"}
    assert {name for name in found if not name.startswith("secrets.accounts.")} == known
    assert [name for name in set(active) & set(commented) if active[name] != {}] == []


def test_what_is_commented_out_is_the_default() -> None:
    """Taking a "# " away changes nothing."""
    defaults = {name: plain(field.get_default(call_default_factory=True)) for name, field in options()}
    commented = {name: value for name, value in in_file(active=False).items() if value != {}}
    assert commented == {name: defaults[name] for name in commented}
    assert len(commented) > 40


def test_what_has_no_default_is_set() -> None:
    """Everything that must be given is given for the example site."""
    required = {name for name, field in options() if field.is_required() and name != "secrets.accounts"}
    assert required <= set(in_file(active=True))


@pytest.mark.parametrize("kind", [VaultSecret, FileSecret])
def test_both_kinds_of_account_are_shown(kind: type[Section]) -> None:
    """Each option of [secrets.accounts.NAME] stands there, with its default where it has one."""
    for name, field in kind.model_fields.items():
        shown = re.findall(rf"^(?:#   )?{name} = (.*)$", TEXT, flags=re.MULTILINE)
        assert shown, name
        if field.default and not field.is_required():
            assert f'"{field.default}"' in shown


def test_every_option_is_explained() -> None:
    """Above each option, or group of options, stands a comment for operators."""
    lines = TEXT.splitlines()
    options_without = [
        line
        for before, line in itertools.pairwise(lines)
        if (OPTION.fullmatch(line) or re.match(r"[a-z_]+ = ", line)) and not before.strip()
    ]
    assert options_without == []
