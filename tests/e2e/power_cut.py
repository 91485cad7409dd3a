"""Power cuts: builds power_cut.c, and puts a ledger back to what was synced."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).with_name("power_cut.c")
FILES: Final = ("ledger.db", "ledger.db-wal")


def built(folder: Path) -> Path:
    """Compile the library. Skips at home where there is no compiler; in CI there must be one."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None and os.environ.get("CI") != "true":
        pytest.skip("there is no C compiler (Debian: gcc libc6-dev)")
    assert compiler is not None, "CI must have a C compiler"
    library = folder / "power_cut.so"
    subprocess.run(  # noqa: S603 - the compiler
        [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True
    )
    return library


def begin(state: Path) -> None:
    """Take what is there now for synced."""
    shutil.copy(state / "ledger.db", state / "ledger.db.durable")


def cut(state: Path) -> None:
    """Throw away everything that was not synced. For a ledger that no process has open."""
    for name in FILES:
        kept = state / f"{name}.durable"
        (state / name).unlink(missing_ok=True)
        if kept.exists():
            shutil.copy(kept, state / name)
    (state / "ledger.db-shm").unlink(missing_ok=True)
