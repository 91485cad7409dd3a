"""A run of the tests leaves no process behind, however it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import leftovers
from reading_process import children, has_ended

TESTS: Final = Path(__file__).parents[1]
SECONDS: Final = 60.0

pytestmark = pytest.mark.timeout(300)


@contextmanager
def waiting(what: str, folder: Path, processes: str) -> Iterator[tuple[subprocess.Popen[bytes], set[int]]]:
    """Give a run of a test in until_stopped.py that has started everything, and all of the run's other processes."""
    mark, ready, said = f"{os.environ[leftovers.MARK]}/{folder}", folder / "everything-runs", folder / "output"
    environment = os.environ | {leftovers.MARK: mark, "APPROVALD_EVERYTHING_RUNS": str(ready)}
    command = [
        # A shell lets what it runs in the background ignore SIGINT, and so does whatever that starts
        "env", "--default-signal=INT",
        sys.executable, "-m", "pytest", f"-n{processes}", "-pno:cacheprovider", f"--basetemp={folder / 'base'}",
        f"{TESTS / 'real' / 'until_stopped.py'}::{what}",
    ]  # fmt: skip
    with said.open("wb") as output:
        run = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=TESTS.parent)  # noqa: S603 - tests
    with run:
        try:
            deadline = time.monotonic() + SECONDS
            while not ready.exists() and run.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            if run.poll() == 0:
                pytest.skip("this machine lacks what is to be started")
            assert ready.exists(), said.read_text(encoding="utf-8")
            yield run, (below(run.pid) | leftovers.marked(mark).keys()) - {run.pid}
        finally:
            run.kill()


def below(pid: int) -> set[int]:
    """Return the processes that a process has started, and those that these have started."""
    found = children(pid)
    return found.union(*map(below, found))


def until_ended(processes: set[int]) -> None:
    """Wait until none of these runs."""
    deadline = time.monotonic() + SECONDS
    while left := {pid for pid in processes if not has_ended(pid)}:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("number", "processes"),
    [(signal.SIGINT, "0"), (signal.SIGTERM, "0"), (signal.SIGKILL, "0"), (signal.SIGINT, "1"), (signal.SIGKILL, "1")],
)
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals, processes: str) -> None:
    """Ctrl-C, SIGTERM and SIGKILL end sandbox, daemons and their server, with and without xdist."""
    with waiting("test_daemons", tmp_path, processes) as (run, others):
        assert len(others) >= 5
        run.send_signal(number)
        until_ended({run.pid, *others})


def test_a_killed_process_of_xdist_leaves_nothing(tmp_path: Path) -> None:
    """What it had started ends at once, not only when the run does."""
    with waiting("test_daemons", tmp_path, "1") as (run, others):
        run.send_signal(signal.SIGSTOP)
        watcher, worker = sorted(children(run.pid), key=lambda pid: len(children(pid)))
        os.kill(worker, signal.SIGKILL)
        until_ended(others - {watcher})
        assert not has_ended(run.pid)


def test_the_servers_of_a_killed_run_end(tmp_path: Path) -> None:
    """PostgreSQL has left the process group, and a domain controller that stands still reads no end of input."""
    with waiting("test_servers", tmp_path, "0") as (run, others):
        run.kill()
        until_ended(others)
