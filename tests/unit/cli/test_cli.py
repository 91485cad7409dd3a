"""The command line as a process: exit codes, what goes to which stream, and what is not even imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from approvald import __version__
from approvald.cli.program import COMMANDS
from approvald.ledger.chain import GENESIS, link
from places import SHIPPED

HEAVY = ("exchangelib", "ldap3", "hvac", "requests", "sqlalchemy", "lxml", "jinja2", "rich")
LINES = [
    {
        "timestamp": f"2026-11-09T07:14:{second:02}.250+00:00",
        "severity": "info" if second else "error",
        "event": "mail.done",
        "mail_id": f"m-{second}",
        "logger": "approvald",
        "code": "confirmed",
        "steps": {"parse": 1.5, "confirm": 40},
        "why": "all is well",
    }
    for second in range(30)
]


def approvald(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program as another process."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "approvald", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Write a log of thirty lines."""
    file = tmp_path / "approvald.log"
    file.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return file


def test_a_good_configuration_is_one_line_and_exit_0(tmp_path: Path) -> None:
    """The line names the file."""
    done = approvald("check-config", "--without-files", "--config", str(SHIPPED), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{SHIPPED}: the configuration is good\n", "")


def test_a_bad_configuration_is_all_problems_and_exit_78(tmp_path: Path) -> None:
    """Each problem is one line on stderr with file, key and remedy."""
    file = tmp_path / "approvald.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(text.replace('domains = ["corp.example"]', "domains = []").replace("[logs]", "[loggs]"), "utf-8")
    done = approvald("--config", str(file), "check-config", cwd=tmp_path)
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"approvald: {file}: mail.domains: is empty; name at least one",
        f"approvald: {file}: loggs: is not an option of this file; did you mean logs?",
    ]


def test_files_that_are_missing_are_problems(tmp_path: Path) -> None:
    """The example names files of a host; here they are not."""
    file = tmp_path / "approvald.toml"
    file.write_text(SHIPPED.read_text(encoding="utf-8").replace("/etc/approvald/", f"{tmp_path}/"), encoding="utf-8")
    done = approvald("check-config", "--config", str(file), cwd=tmp_path)
    assert done.returncode == 78
    assert f"approvald: {file}: mailbox.ca_file: the file {tmp_path}/ca.pem is not there" in done.stderr


def test_the_configuration_in_the_current_folder_is_found(tmp_path: Path) -> None:
    """./config/approvald.toml counts when none is given."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "approvald.toml").write_bytes(SHIPPED.read_bytes())
    done = approvald("check-config", "--without-files", cwd=tmp_path)
    assert done.stdout == "config/approvald.toml: the configuration is good\n"


def test_a_file_that_may_not_be_read_is_exit_77(tmp_path: Path) -> None:
    """Permission is told from a wrong file: another user may be all that is needed."""
    file = tmp_path / "closed.toml"
    file.touch(mode=0)
    code = (
        "import os, sys; import approvald.config.load; from approvald.cli import check_config;"
        "from approvald.cli.program import program;"
        "from approvald.cli.exits import run;"
        "os.geteuid() or os.seteuid(65534);"  # root reads everything
        f"sys.exit(run(program, ['check-config', '--config', {str(file)!r}]))"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 77
    assert "may not be read by this user; run as the user approvald runs as" in done.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["chekc-config"], ["check-config", "--no-such-option"], ["tail", "-n", "many"]]
)
def test_a_wrong_call_is_exit_64(tmp_path: Path, arguments: list[str]) -> None:
    """Usage on stderr, nothing on stdout."""
    done = approvald(*arguments, cwd=tmp_path)
    assert done.returncode == 64
    assert done.stdout == ""
    assert "Usage: approvald" in done.stderr


def test_the_version_is_said(tmp_path: Path) -> None:
    """`--version` is one line."""
    assert approvald("--version", cwd=tmp_path).stdout == f"approvald {__version__}\n"


def test_a_closed_output_is_no_error(tmp_path: Path) -> None:
    """A supervisor may start us without one; what was asked for is done, and the exit code says so."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "approvald", "--version"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_an_end_that_could_not_be_checked_is_exit_69() -> None:
    """Also where the folder of the named configuration may not be searched, as install.md makes it."""
    code = (
        "import os, sys; from approvald.cli import audit; from approvald.cli.program import program;"
        "from approvald.cli.exits import run;"
        "import approvald.audit.verify, approvald.audit.verify, approvald.audit.trail, approvald.config.load;"
        "os.geteuid() or os.seteuid(65534);"  # root reads everything
        "sys.exit(run(program, sys.argv[1:]))"
    )
    with TemporaryDirectory() as folder:  # one that other users can reach
        Path(folder).chmod(0o755)
        closed, trail = Path(folder, "etc"), Path(folder, "audit.jsonl")
        closed.mkdir()
        (closed / "approvald.toml").touch()
        trail.write_bytes(link(1, "2026-11-27T07:00:00+00:00", "start", {}, GENESIS).to_bytes())
        closed.chmod(0)
        arguments = ["--config", str(closed / "approvald.toml"), "audit", "verify", str(trail)]
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        closed.chmod(0o755)
    assert done.returncode == 69, done.stderr
    assert "NOT checked" in done.stdout


def test_every_command_is_in_the_help(tmp_path: Path) -> None:
    """The help names each command with what it does."""
    done = approvald("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["check-config", "--without-files", "--config", str(SHIPPED)], ["--help"]])
def test_light_commands_import_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    """check-config starts without exchangelib, ldap3, hvac and requests: it runs before every restart."""
    code = (
        "import sys; from approvald.cli.program import program; from approvald.cli.exits import run;"
        f"code = run(program, {arguments!r});"
        f"print(','.join(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr);"
        "sys.exit(code)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr.strip() == ""


def test_an_error_nobody_expected_shows_no_secret() -> None:
    """The traceback is said, with stars in place of secrets, and exit 70."""
    code = (
        "import click, sys; from approvald.core.logs.redaction import register_secret;"
        "from approvald.cli.exits import run;"
        "register_secret('Planted-4711')\n"
        "@click.command()\ndef broken(): raise RuntimeError('with ' + 'Planted' + '-4711')\n"
        "sys.exit(run(broken, []))"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 70
    assert "RuntimeError: with ****" in done.stderr
    assert "Planted-4711" not in done.stderr


def test_tail_shows_the_last_lines_plainly_when_piped(log: Path) -> None:
    """Time in UTC, severity, event, mail, fields; no colour."""
    done = approvald("tail", str(log), "-n", "2", cwd=log.parent)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"2026-11-09 07:14:{second} info     mail.done m-{second} code=confirmed "
        'steps=parse:1.5,confirm:40 why="all is well"'
        for second in (28, 29)
    ]


def test_tail_takes_the_file_from_the_configuration(log: Path) -> None:
    """Without an argument it is logs.file; twenty lines by default."""
    file = log.parent / "approvald.toml"
    text = SHIPPED.read_text(encoding="utf-8").replace('# file = "/var/log/approvald/approvald.log"', f'file = "{log}"')
    file.write_text(text, encoding="utf-8")
    assert len(approvald("tail", "--config", str(file), cwd=log.parent).stdout.splitlines()) == 20


def test_tail_lets_no_line_steer_the_terminal(tmp_path: Path) -> None:
    """Lines that are no JSON, broken UTF-8, escape sequences and rich's markup are shown and not obeyed."""
    log = tmp_path / "odd.log"
    line = json.dumps({"event": "alarm", "why": "\u001b[2J\u202e[bold red]x[/]", "trace": "Error:\n  \u001b]0;x"})
    log.write_bytes(b"not JSON \x1b[31m\n[1, 2]\n\xff\n" + line.encode() + b"\n")
    shown = approvald("tail", str(log), cwd=tmp_path).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "why=" in shown
    assert "\\u001b[2J\\u202e[bold red]x[/]" in shown
    assert "not JSON \\u001b[31m" in shown


def test_tail_of_a_missing_log_says_so(tmp_path: Path) -> None:
    """Exit 1 and one sentence."""
    done = approvald("tail", str(tmp_path / "gone.log"), cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no such log" in done.stderr


def test_tail_ends_quietly_when_its_reader_is_gone(log: Path) -> None:
    """`approvald tail | head -1` prints no traceback."""
    log.write_text(log.read_text(encoding="utf-8") * 400, encoding="utf-8")
    done = subprocess.run(  # noqa: S602 - a pipe is the point
        f"{sys.executable} -m approvald tail {log} -n 10000 | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
