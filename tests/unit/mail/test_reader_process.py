"""What the process that reads mails has, may and knows: as little as it takes to read one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from approvald.cli.explain import command as explain_command
from approvald.core import frozen_json
from approvald.core.model import Notification
from approvald.mail.reader.process import COMMAND, Reader
from approvald.mail.reader.worker import LENGTH, READY
from mailbag import corpus
from places import ROOT
from reading_process import HONEST, LARGE, PATIENT, SLOW, TASK, children, count_from_here, has_ended

FORBIDDEN: Final = {
    "exchangelib",
    "ldap3",
    "requests",
    "hvac",
    "sqlalchemy",
    "pydantic",
    "ssl",
    "subprocess",
    "logging",
}


@pytest.fixture(autouse=True)
def _only_ours() -> None:
    """Look at no process of another test."""
    count_from_here()


@pytest.fixture
def child(_only_ours: None) -> Iterator[Path]:
    """Return the /proc folder of a process that has read a mail, started among secrets."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VAULT_TOKEN", "planted-token")
        with Reader(TASK) as reader:
            reader.read(HONEST)
            (pid,) = children()
            yield Path(f"/proc/{pid}")


def test_it_knows_no_library_that_talks_to_a_server() -> None:
    """After mails of every kind no library of a server, no settings and no adapter of approvald is loaded."""
    script = "import sys; from approvald.mail.reader import worker; worker.main(); print(*sys.modules, file=sys.stderr)"
    mails = [case.raw for case in corpus()[:60]]
    frames = b"".join(LENGTH.pack(len(data)) + data for data in [frozen_json.dumps(TASK), *mails])
    done = subprocess.run([*COMMAND[:-2], "-c", script], input=frames, capture_output=True, timeout=60, check=True)  # noqa: S603 - our own interpreter
    loaded = done.stderr.decode().split()
    assert {name.partition(".")[0] for name in loaded} & FORBIDDEN == set()
    ours = {name for name in loaded if name.startswith("approvald")}
    parser = {name for name in ours if name.startswith("approvald.mail.parse.")}
    assert ours - parser == {
        "approvald", "approvald.core", "approvald.core.errors", "approvald.core.frozen_json", "approvald.core.model",
        "approvald.core.text",
        "approvald.mail", "approvald.mail.headers", "approvald.mail.parse", "approvald.mail.reader",
        "approvald.mail.reader.worker",
    }  # fmt: skip
    assert done.stdout.startswith(LENGTH.pack(len(READY)) + READY)


def test_it_is_given_no_environment_no_files_and_no_folder(child: Path) -> None:
    """It holds three descriptors, stands in /, and sees no variable of the daemon's."""
    assert sorted(path.name for path in (child / "fd").iterdir()) == ["0", "1", "2"]
    assert str((child / "fd" / "2").readlink()) == "/dev/null"
    assert str((child / "cwd").readlink()) == "/"
    environment = (child / "environ").read_bytes()
    assert b"planted-token" not in environment
    assert [item for item in environment.split(b"\0") if item and not item.startswith(b"LD_LIBRARY_PATH=")] == []


def test_it_runs_under_limits_that_it_cannot_lift(child: Path) -> None:
    """Memory, processor time, files and processes are limited, hard, and no core is written."""
    limits = {
        match[1]: (match[2], match[3])
        for line in (child / "limits").read_text(encoding="ascii").splitlines()
        if (match := re.match(r"(Max .*?)  +(\w+) +(\w+)", line))
    }
    memory = str(TASK.memory_mib << 20)
    assert limits["Max address space"] == (memory, memory)
    assert limits["Max core file size"] == ("0", "0")
    assert limits["Max file size"] == ("0", "0")
    assert limits["Max processes"] == ("0", "0")
    assert limits["Max open files"] == ("16", "16")
    assert 5 < int(limits["Max cpu time"][0]) < 15
    assert (child / "oom_score_adj").read_text(encoding="ascii") == "1000\n"


def test_it_outlives_the_signals_that_stop_a_service() -> None:
    """SIGTERM reaches every process of a unit at once: a mail in hand is read to its end and not refused for that."""
    with Reader(TASK) as reader:
        reader.read(HONEST)
        (pid,) = children()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
        assert isinstance(reader.read(HONEST), Notification)
        assert children() == {pid}


@pytest.mark.parametrize("busy", [False, True])
def test_it_ends_with_the_daemon(tmp_path: Path, *, busy: bool) -> None:
    """A daemon that is killed leaves no process behind, neither a waiting one nor one that reads."""
    mail = tmp_path / "mail.eml"
    mail.write_bytes(SLOW)
    script = f"""
import sys, pathlib
from approvald.core import frozen_json
from approvald.mail.reader.process import Reader
from approvald.mail.reader.worker import Task
task = frozen_json.loads(sys.stdin.buffer.readline(), Task)
reader = Reader(task)
reader.read({HONEST!r})
print(reader._process._process.pid, flush=True)
if {busy}:
    reader.read(pathlib.Path({str(mail)!r}).read_bytes())
sys.stdin.read()
"""
    daemon = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own interpreter
    assert daemon.stdin is not None
    assert daemon.stdout is not None
    with daemon, daemon.stdin, daemon.stdout:
        daemon.stdin.write(frozen_json.dumps(PATIENT) + b"\n")
        daemon.stdin.flush()
        pid = int(daemon.stdout.readline())
        time.sleep(0.3 if busy else 0)
        assert not has_ended(pid)
        daemon.kill()
    deadline = time.monotonic() + 20
    while not has_ended(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert has_ended(pid)


@pytest.mark.parametrize(
    ("limit", "words"),
    [("seconds = 0.2", "within 0.2 seconds"), ("memory_mib = 64\nseconds = 20", "allowed")],
    ids=["seconds", "memory"],
)
def test_explain_of_a_bomb_ends_as_the_daemon_would(tmp_path: Path, limit: str, words: str) -> None:
    """`approvald explain` reads under the same limits, and says that the mail would be refused."""
    shipped = (ROOT / "config" / "approvald.toml").read_text(encoding="utf-8")
    configuration = tmp_path / "approvald.toml"
    configuration.write_text(shipped.replace("[parse.limits]", f"[parse.limits]\n{limit}"), encoding="utf-8")
    mail = tmp_path / "bomb.eml"
    mail.write_bytes(b"Subject: FW: Notification: Password access request\r\n" + LARGE)
    result = CliRunner().invoke(explain_command, ["--config", str(configuration), "--json", str(mail)])
    answer = json.loads(result.output)
    assert answer["reading"] == "incomplete"
    assert words in answer["why"]
    assert children() == set()
