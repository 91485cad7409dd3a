"""Opens what `audit verify` is given: audit files, rotated and compressed ones, in the order of their lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from approvald.ledger.chain import Edited, read

_LONGEST_LINE: Final = 4 << 20


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield a file's lines with their ends. Raises OSError, also where a compressed file was cut or changed."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        message = f"{path} is no whole compressed file: it was cut or changed ({error})"
        raise OSError(message) from error


def in_order(paths: Sequence[Path]) -> list[Path]:
    """Sort files by the number of their first readable line; those without one come last. Raises OSError."""
    return sorted(paths, key=lambda path: (_first(path), str(path)))


def _first(path: Path) -> float:
    for raw in lines_of(path):
        try:
            return read(raw).seq
        except Edited:
            continue
    return float("inf")
