"""What systemd's ProtectProc= does to a daemon: it sees no process of other users, and must not take them for ended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from approvald.ledger.process_identity import this_program
from places import ROOT

NOBODY = "65534"
ASK = "import sys; from approvald.ledger.process_identity import has_ended; print(has_ended(sys.argv[1]))"


def asked_where_others_are_hidden(holder: str) -> str:
    """Ask as another user, before whom /proc hides everybody else's processes."""
    hide = 'mount -t proc -o hidepid=invisible proc /proc && exec setpriv --reuid=$0 --regid=$0 --clear-groups "$@"'
    done = subprocess.run(  # noqa: S603 - our own program
        ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", hide, NOBODY, sys.executable, "-c", ASK, holder],
        capture_output=True, text=True, check=True, timeout=30, cwd="/",
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def needs_root() -> None:
    """Mounting is root's; CI is root."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip("only root may hide processes")


def test_a_hidden_process_has_not_ended() -> None:
    """A doctor or a single poll run by root keeps its claim and its lease while it lives."""
    assert asked_where_others_are_hidden(this_program()) == "False"


def test_a_process_that_is_gone_has_ended_where_others_are_hidden() -> None:
    """A number that no process has is nobody's."""
    command = "from approvald.ledger.process_identity import this_program; print(this_program())"
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)  # noqa: S603
    assert asked_where_others_are_hidden(ended.stdout.strip()) == "True"
