"""Rows for people, programs and spreadsheets: the options --json and --csv, and what they print."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, ParamSpec, TypeVar

import click

from approvald.core.text import printable

_P = ParamSpec("_P")
_R = TypeVar("_R")
Lines = Callable[[Iterable[Mapping[str, str]]], Iterable[str]]
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def format_options(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Add --json and --csv, which become `as_json` and `as_csv`."""
    as_csv = click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets; no cell is read as a formula.")
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
    return as_json(as_csv(command))


def refuse_both(*, as_json: bool, as_csv: bool) -> None:
    """Raise UsageError where both are asked for."""
    if as_json and as_csv:
        message = "--json and --csv cannot be combined; give one of them"
        raise click.UsageError(message)


def print_rows(
    rows: Iterable[Mapping[str, str]], columns: Sequence[str], lines: Lines, *, as_json: bool, as_csv: bool
) -> int:
    """Print these columns of rows; `lines` makes what people read. Returns how many rows there were."""
    shown = 0

    def counted() -> Iterator[Mapping[str, str]]:
        nonlocal shown
        for row in rows:
            shown += 1
            yield row

    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([cell(row[column]) for column in columns] for row in counted())
    elif as_json:
        for row in counted():
            click.echo(json.dumps({column: row[column] for column in columns}))
    else:
        for line in lines(counted()):
            click.echo(printable(line))
    return shown


def cell(value: object) -> str:
    """Return a value as a cell; one that a spreadsheet would evaluate gets an apostrophe in front (OWASP)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) or text.lstrip().startswith(_BEGINS_A_FORMULA) else text
