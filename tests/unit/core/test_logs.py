"""Log lines: strict JSON, one a record, from the vocabulary, without secrets, and never in the way of the work."""

from __future__ import annotations

import html
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from approvald.core.errors import ConfigurationInvalid, System
from approvald.core.logs import output
from approvald.core.logs.events import Event, event, mail
from approvald.core.logs.redaction import MAX_CHARS, register_secret
from approvald.core.ports import Secret

LOGGER = logging.getLogger("approvald.test")


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Send all logging to one file while the test runs."""
    path = tmp_path / "logs" / "approvald.log"
    path.parent.mkdir()
    output.set_up(file=path, level="debug", stderr="none")
    yield path
    output.tear_down()


def lines(path: Path) -> list[dict[str, Any]]:
    """Every line of the file, each of which must be strict JSON."""

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_has_time_severity_event_and_fields(log_file: Path) -> None:
    """A line says when (UTC), how bad, what, and the fields in plain JSON."""
    event(
        LOGGER,
        Event.MAIL_DONE,
        logging.INFO,
        system=System.PVWA,
        request_id="DB-PROD-01_1101",
        level=1,
        steps={"parse": 1.5, "confirm": 40.0},
    )
    (line,) = lines(log_file)
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() == timedelta(0)
    assert abs(stamp - datetime.now(UTC)) < timedelta(minutes=1)
    assert line == {
        "severity": "info",
        "event": "mail.done",
        "logger": "approvald.test",
        "system": "pvwa",
        "request_id": "DB-PROD-01_1101",
        "level": 1,
        "steps": {"parse": 1.5, "confirm": 40.0},
    }


def test_every_line_of_a_mail_carries_its_id_and_no_other_does(log_file: Path) -> None:
    """The id is bound once; lines of libraries carry it too; another thread's lines do not."""
    with mail("m-17"):
        event(LOGGER, Event.MAIL_SEEN, logging.INFO)
        logging.getLogger("ldap3.core").warning("server slow")
        other = threading.Thread(target=event, args=(LOGGER, Event.POLL_RECOVERED, logging.INFO))
        other.start()
        other.join(timeout=10)
    event(LOGGER, Event.POLL_RECOVERED, logging.INFO)
    assert [line.get("mail_id") for line in lines(log_file)] == ["m-17", "m-17", None, None]


def test_a_field_outside_the_vocabulary_is_named_and_not_written(log_file: Path) -> None:
    """A slip in a call neither stops the daemon nor lets a body into the log."""
    slip: dict[str, Any] = {"body": "Dear colleagues", "sender": "ilka.brandt@corp.example"}
    event(LOGGER, Event.MAIL_SEEN, logging.INFO, **slip)
    (line,) = lines(log_file)
    assert line["unlisted"] == ["body"]
    assert line["sender"] == "ilka.brandt@corp.example"
    assert "Dear" not in log_file.read_text(encoding="utf-8")


@pytest.mark.parametrize("secret", ['Wïnter"2026\\<&>', "p w+d%/ä", "$(reboot)'\n", "s3cr3t-Öl"])
def test_no_secret_reaches_a_line_however_it_is_spelled(log_file: Path, secret: str) -> None:
    """A registered secret is stars in fields, library texts and tracebacks, also as JSON, repr, URL or XML wrote it."""
    register_secret(secret)
    error = ConnectionError(f"POST https://pvwa.corp.example/?p={quote(secret, safe='')} {secret!r}")
    event(LOGGER, Event.SYSTEM_AWAY, logging.ERROR, why=str(error), trace=error)
    logging.getLogger("hvac").warning("sent %s", json.dumps({"password": secret}))
    logging.getLogger("exchangelib").error("<t:Password>%s</t:Password>", html.escape(secret, quote=False))
    event(LOGGER, Event.ALARM, logging.WARNING, steps={secret: 1.0}, groups=[secret])
    raw = log_file.read_text(encoding="utf-8")
    decoded = "".join(json.dumps(line, ensure_ascii=False) for line in lines(log_file))
    assert raw.count("****") == 8
    for spelling in (secret, quote(secret, safe=""), repr(secret)[1:-1], json.dumps(secret)[1:-1]):
        assert spelling not in decoded
        assert json.dumps(spelling)[1:-1] not in raw


def test_a_secret_at_the_cut_is_not_half_written(log_file: Path) -> None:
    """A long value is redacted before it is cut, so no beginning of a secret stays."""
    register_secret("Halfway-Secret-4711")
    event(LOGGER, Event.ALARM, logging.WARNING, why="x" * (MAX_CHARS - 8) + "Halfway-Secret-4711")
    assert "Halfway" not in log_file.read_text(encoding="utf-8")


def test_an_object_is_only_named(log_file: Path) -> None:
    """An object of ours or of a library is shown as its type, whatever its repr holds."""
    odd: dict[str, Any] = {"account": Secret(username="svc-l1", password="hunter2-planted", version="1")}
    event(LOGGER, Event.LOGON_FAILED, logging.WARNING, **odd)
    assert lines(log_file)[0]["account"] == "<Secret>"


def test_a_value_cannot_forge_or_reorder_a_line(log_file: Path) -> None:
    """Control, bidi and zero-width characters and lone surrogates are visible escapes, and values end at 256."""
    why = 'a\n{"event": "mail.done"}\x1b[2J\u202egnp\u200b\udc80'
    event(LOGGER, Event.ALARM, logging.WARNING, why=why, sender="y" * 999)
    (line,) = lines(log_file)
    assert line["why"] == 'a\\u000a{"event": "mail.done"}\\u001b[2J\\u202egnp\\u200b\\udc80'
    assert len(line["sender"]) == MAX_CHARS
    assert line["event"] == "alarm"


def test_nan_and_infinity_are_null(log_file: Path) -> None:
    """JSON has no NaN: such a number is null."""
    event(LOGGER, Event.POLL_RECOVERED, logging.INFO, ms=float("nan"), steps={"parse": float("inf")})
    assert (lines(log_file)[0]["ms"], lines(log_file)[0]["steps"]) == (None, {"parse": None})


def test_libraries_log_warnings_only_and_in_our_form(log_file: Path) -> None:
    """At our debug level a library's debug lines (which hold mail bodies) still stay out."""
    names = ("exchangelib.protocol", "urllib3.connectionpool", "ldap3", "hvac", "unheard.of")
    for name in names:
        logging.getLogger(name).debug("a body")
        logging.getLogger(name).info("a body")
        logging.getLogger(name).warning("look at %s", "me")
    found = lines(log_file)
    assert [(line["logger"], line["message"]) for line in found] == [(name, "look at me") for name in names]
    assert {line["event"] for line in found} == {"library"}


def test_logrotate_loses_nothing(log_file: Path) -> None:
    """After logrotate has moved the file, the next line goes to a new one of the same name."""
    event(LOGGER, Event.POLL_RECOVERED, logging.INFO, count=1)
    log_file.rename(log_file.with_suffix(".log.1"))
    event(LOGGER, Event.POLL_RECOVERED, logging.INFO, count=2)
    assert [line["count"] for line in lines(log_file)] == [2]
    assert [line["count"] for line in lines(log_file.with_suffix(".log.1"))] == [1]


def test_a_log_folder_that_vanishes_does_not_stop_the_work(log_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A line that cannot be written raises nothing; one complaint on stderr holds no value; lines come back later."""
    log_file.unlink()
    log_file.parent.rmdir()
    for _ in range(3):
        event(LOGGER, Event.CONFIRM_INTENDED, logging.INFO, sender="ilka.brandt@corp.example")
    complaint = capfd.readouterr().err
    assert complaint.count("\n") == 1
    assert "ilka" not in complaint
    log_file.parent.mkdir()
    event(LOGGER, Event.CONFIRM_OUTCOME, logging.INFO)
    assert [line["event"] for line in lines(log_file)] == ["confirm.outcome"]


def test_a_log_file_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    """The operator reads which key, which path and what to do."""
    missing = tmp_path / "nowhere" / "approvald.log"
    with pytest.raises(ConfigurationInvalid, match=r"^logs\.file: .*nowhere.*create its folder"):
        output.set_up(file=missing)


def test_a_second_set_up_replaces_the_first(log_file: Path, tmp_path: Path) -> None:
    """After a reload each line is written once, to the new file."""
    second = tmp_path / "second.log"
    output.set_up(file=second, stderr="none")
    event(LOGGER, Event.DAEMON_RELOADED, logging.INFO)
    assert lines(log_file) == []
    assert len(lines(second)) == 1


PROGRAM = """
import logging, os, sys, threading
from approvald.core.logs.events import Event, event, mail
from approvald.core.logs.redaction import register_secret
from approvald.core.logs import output
if sys.argv[1] == "journal":
    found = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
register_secret("Planted-4711")
output.set_up(file=None, stderr=sys.argv[2])
logger = logging.getLogger("approvald")
event(logger, Event.DAEMON_STARTED, logging.INFO)
event(logger, Event.POLL_FAILED, logging.WARNING)
def crash():
    raise ValueError("Planted-4711 in a thread")
thread = threading.Thread(target=crash)
thread.start()
thread.join()
raise RuntimeError("Planted-4711")
"""


def run_program(stream: str, stderr: str) -> list[str]:
    """Run a small program that logs two events and crashes twice; return its stderr."""
    environment = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, stream, stderr],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 1
    return done.stderr.splitlines()


def test_under_the_journal_each_line_has_its_priority() -> None:
    """Info is <6>, warning <4>, a crash <2>, each before the JSON; secrets stay out of tracebacks of crashes."""
    found = run_program("journal", "all")
    assert [line[:3] for line in found] == ["<6>", "<4>", "<2>", "<2>"]
    events = [json.loads(line[3:]) for line in found]
    assert [line["event"] for line in events] == ["daemon.started", "poll.failed", "daemon.crashed", "daemon.crashed"]
    assert "RuntimeError: ****" in events[3]["trace"]
    assert "Planted" not in "".join(line["trace"].rpartition("Error:")[2] for line in events[2:])


def test_elsewhere_stderr_holds_bare_json_from_the_wanted_severity_on() -> None:
    """`stderr = "warnings"` leaves information out; without a journal there is no priority in front."""
    severities = [json.loads(line)["severity"] for line in run_program("terminal", "warnings")]
    assert severities == ["warning", "critical", "critical"]
