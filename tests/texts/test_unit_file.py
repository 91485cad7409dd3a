"""deploy/systemd/approvald.service agrees with the program it starts."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from approvald.cli.exits import Exit
from approvald.cli.program import COMMANDS
from approvald.config.settings import LedgerSettings, LogSettings
from places import ROOT

UNIT = ROOT / "deploy" / "systemd" / "approvald.service"


def directives() -> dict[str, list[str]]:
    """Return every directive of the unit with its values, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name].append(value)
    return found


def test_it_starts_a_command_that_there_is() -> None:
    """ExecStart names the installed program, one of its commands, and the usual configuration."""
    program, command, *rest = directives()["ExecStart"][0].split()
    assert program == "/opt/approvald/bin/approvald"
    assert command in COMMANDS
    assert rest == ["--config", "/etc/approvald/approvald.toml"]


def test_systemd_does_not_try_again_what_cannot_mend_itself() -> None:
    """Usage, permission and configuration; everything else is tried again."""
    codes = {int(code) for code in directives()["RestartPreventExitStatus"][0].split()}
    assert codes == {Exit.USAGE, Exit.PERMISSION, Exit.CONFIGURATION}
    assert directives()["Restart"] == ["on-failure"]


def test_its_folders_are_those_of_the_defaults() -> None:
    """What systemd makes writable is where ledger and log lie by default, and nothing there may be executed."""
    assert LedgerSettings().file.parent == Path("/var/lib") / directives()["StateDirectory"][0]
    log = LogSettings().file
    assert log is not None
    assert log.parent == Path("/var/log") / directives()["LogsDirectory"][0]
    closed = " ".join(directives()["NoExecPaths"]).split()
    assert {"/", "/var/lib/approvald", "/var/log/approvald", "/run/approvald"} <= set(closed)


def test_it_waits_for_no_message_the_daemon_does_not_send() -> None:
    """Without sd_notify a notify type or a watchdog would kill a healthy daemon."""
    assert directives()["Type"] == ["exec"]
    assert "WatchdogSec" not in directives()
