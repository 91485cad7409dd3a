"""deploy/logrotate/approvald under the real logrotate: skipped with a reason at home, a failure in CI."""

from __future__ import annotations

import grp
import gzip
import json
import logging
import os
import pwd
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvald.audit.file import AuditFile
from approvald.audit.verify import in_order, lines_of, verify
from approvald.core.logs import output
from approvald.core.logs.events import Event, event
from approvald.ledger.chain import GENESIS, link
from places import ROOT

SHIPPED = ROOT / "deploy" / "logrotate" / "approvald"


@pytest.fixture
def logrotate() -> str:
    """Return the program's path."""
    found = shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("logrotate must be installed in CI")
        pytest.skip("logrotate is not installed (apt-get install logrotate)")
    return found


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Write the shipped rules for a folder and a user of this machine."""
    user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    text = SHIPPED.read_text(encoding="utf-8").replace("/var/log/approvald", str(tmp_path / "logs"))
    file = tmp_path / "rules"
    file.write_text(text.replace("approvald approvald", f"{user} {group}"), encoding="utf-8")
    file.chmod(0o644)
    (tmp_path / "logs").mkdir(mode=0o750)
    return file


def rotate(logrotate: str, rules: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run logrotate with these rules."""
    command = [logrotate, *options, "--state", str(rules.with_name("state")), str(rules)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - logrotate


def test_the_rules_are_understood(logrotate: str, rules: Path) -> None:
    """Monthly, six kept, compressed, and nothing to complain about."""
    done = rotate(logrotate, rules, "--debug")
    assert done.returncode == 0
    assert "monthly (6 rotations)" in done.stderr
    assert "error" not in done.stderr


def written(folder: Path) -> Iterator[int]:
    """Yield the number in every line of every log file, rotated and compressed ones included."""
    for file in folder.iterdir():
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        yield from (json.loads(line)["count"] for line in text.splitlines())


def test_no_line_is_lost_while_rotating(logrotate: str, rules: Path) -> None:
    """Twice a second apart, in the middle of writing; every line is in one of the files, once."""
    folder = rules.with_name("logs")
    output.set_up(file=folder / "approvald.log", stderr="none")
    stop, count = threading.Event(), 0

    def write() -> None:
        nonlocal count
        while not stop.is_set():
            count += 1
            event(logging.getLogger("approvald"), Event.POLL_RECOVERED, logging.INFO, count=count)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            stop.wait(1.1)  # the names of rotated files hold the second
            assert rotate(logrotate, rules, "--force").returncode == 0
    finally:
        stop.set()
        writer.join(timeout=30)
        output.tear_down()
    assert sorted(written(folder)) == list(range(1, count + 1))
    assert len([file for file in folder.iterdir() if file.suffix == ".gz"]) == 1


def test_the_audit_trail_is_whole_over_rotations(logrotate: str, rules: Path) -> None:
    """Moved away and compressed while it is written, it has every line, and nothing else."""
    path = rules.with_name("logs") / "audit.jsonl"
    trail, before = AuditFile(path), GENESIS
    for seq in range(1, 31):
        trail.look()
        line = link(seq, "2026-11-27T07:00:00.000000+00:00", "ending", {"n": seq}, before)
        trail.append([line])
        before = line.hash
        if seq % 10 == 0:
            assert rotate(logrotate, rules, "--force").returncode == 0
            time.sleep(1.1)  # the date in the name of an old file goes to the second
    files = in_order([each for each in path.parent.iterdir() if each.name.startswith("audit")])
    assert any(each.suffix == ".gz" for each in files)
    found = verify([(each.name, lines_of(each)) for each in files], anchors={30: before}, at_least=30)
    assert found.is_whole, found.findings
    assert found.lines == 30
