"""The demo and the sandbox for playing by hand, as a newcomer meets them: processes, exit codes, what is printed."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.performance import Performance, Stopped
from approvald_sandbox.demo.play import run
from approvald_sandbox.demo.screen import Screen
from approvald_sandbox.demo.stories import stories

SECONDS = 60.0


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a subcommand of the sandbox with `folder` for its temporary files; it has ended after the block."""
    process = subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
        [sys.executable, "-m", "approvald_sandbox", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=SECONDS)


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """Return what the process prints, up to the line with the word."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            return "".join(lines)
    pytest.fail(f"no '{word}' in: {''.join(lines)}")


def children(pid: int) -> dict[int, str]:
    """Return the child processes with their command lines."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return {int(each): Path(f"/proc/{each}/cmdline").read_text(encoding="utf-8").replace("\0", " ") for each in found}


def everything(reader: int) -> str:
    """Return all that can be read from a terminal now, and close it."""
    os.set_blocking(reader, False)
    pieces = []
    with contextlib.suppress(BlockingIOError), open(reader, "rb", buffering=0) as terminal:
        while piece := terminal.read(4096):
            pieces.append(piece)
    return b"".join(pieces).decode()


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()


def test_every_story_ends_as_it_must(tmp_path: Path) -> None:
    """The demo ends with 0, the table, two mails as approvers see them, and leaves nothing behind."""
    with started(tmp_path, "demo") as process:
        output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0, output
    assert "| story " in output
    assert "DIFFERS" not in output
    assert "Traceback" not in output
    assert "\x1b" not in output
    assert len(stories()) >= 15
    assert all(f"{number}. {story.title}\n" in output for number, story in enumerate(stories(), 1))
    assert output.count("   | Subject: ") == 2
    assert "This request was already approved by ilka.brandt@corp.example on " in output
    assert "make sandbox" in output
    assert list(tmp_path.iterdir()) == []


def test_a_story_that_ends_otherwise_is_shown_and_fails_the_demo() -> None:
    """An expectation that is not met stands in the table beside what happened, and the exit code is 1."""
    story = next(story for story in stories() if story.title == "Not an approver")
    (act,) = story.acts
    wrong = replace(story, acts=(replace(act, expected=replace(act.expected, folder="Done")),))
    printed = io.StringIO()

    assert run((wrong,), Screen(printed)) == 1

    assert "NOT AS EXPECTED" in printed.getvalue()
    assert "not_an_approver; Done;" in printed.getvalue()
    assert "not_an_approver; Refused;" in printed.getvalue()
    assert "| DIFFERS |" in printed.getvalue()
    assert "Not as expected, 1 of 1: Not an approver." in printed.getvalue()


def test_words_that_a_reply_lacks_are_a_difference() -> None:
    """A reply without the words that a story demands does not pass for one with them."""
    story = next(story for story in stories() if story.title == "Not an approver")
    (act,) = story.acts
    wrong = replace(story, acts=(replace(act, expected=replace(act.expected, says="you are welcome")),))

    assert run((wrong,), Screen(io.StringIO())) == 1


def test_the_demo_says_so_when_approvald_dies(tmp_path: Path) -> None:
    """A daemon that is killed in the middle of the stories ends the demo at once, with a sentence and no traceback."""
    with started(tmp_path, "demo") as process:
        read_until(process, "1. First level")
        (daemon,) = [pid for pid, command in children(process.pid).items() if "-m approvald " in command]
        os.kill(daemon, signal.SIGKILL)
        output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 70
    assert "The demo stopped: approvald has ended with exit code -9 in the middle of a story." in output
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


def test_what_approvald_says_at_its_end_is_passed_on(sandbox: Sandbox, tmp_path: Path) -> None:
    """A configuration that approvald refuses stops the story with approvald's exit code."""
    with ApprovaldProcess(tmp_path, "[mailbox]\n") as daemon:
        with pytest.raises(Stopped, match="exit code 78"):
            Performance(sandbox, daemon, lambda _: None).play(stories()[0])
        assert "mailbox.address" in daemon.output()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM in the middle, even twice, ends both processes and removes every temporary file."""
    with started(tmp_path, "demo") as process:
        read_until(process, "2. ")
        below = children(process.pid)
        assert len(below) == 2
        process.send_signal(number)
        time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 130
    assert "Traceback" not in output
    assert not any(is_alive(pid) for pid in below)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("no_color", "is_plain"), [("", False), ("1", True)])
def test_a_terminal_gets_colours_and_progress_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, no_color: str, *, is_plain: bool
) -> None:
    """On a terminal the demo is shown live; with NO_COLOR it prints the plain lines that a pipe gets."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = os.openpty()
    with open(writer, "w", encoding="utf-8") as terminal:  # noqa: PTH123 - a descriptor, not a path
        screen = Screen(terminal)
        with screen.counting(1):
            screen.begin(1, stories()[0])
            screen.tell("a thing that happens")
        terminal.flush()
        shown = everything(reader)

    assert "a thing that happens" in shown
    assert ("\x1b[" in shown) is not is_plain


def test_a_word_chooses_stories_and_a_wrong_one_names_them(tmp_path: Path) -> None:
    """`demo WORD` plays the stories with the word in their titles; where there is none it lists the titles."""
    with started(tmp_path, "demo", "nonsense") as process:
        output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 64
    assert "no story has 'nonsense' in its title" in output
    assert "The same mail twice" in output


def test_the_sandbox_for_people_can_be_used_as_it_says(tmp_path: Path) -> None:
    """The configuration that `serve` writes is good, and what it says to type delivers mails that approvald handles."""
    folder = str(tmp_path / "run")
    with started(tmp_path, "serve", "--output", "people", "--dir", folder) as process:
        words = read_until(process, "Ctrl-C")
        configuration = f"{folder}/approvald.toml"
        assert f"-m approvald --config {configuration} run" in words
        approvald = [sys.executable, "-m", "approvald", "--config", configuration]
        sandbox = [sys.executable, "-m", "approvald_sandbox"]
        mail = tmp_path / "hello.eml"
        mail.write_bytes(b"From: lea.fontaine@corp.example\r\nSubject: Lunch?\r\n\r\nAt noon.\r\n")
        for command in (
            [*approvald, "check-config"],
            [*sandbox, "notice", "--dir", folder, "--sender", "ilka.brandt@corp.example", "--levels", "2"],
            [*sandbox, "deliver", "--dir", folder, str(mail)],
            [*approvald, "run", "--once"],
            [*sandbox, "notice", "--dir", folder, "--sender", "rhea.malik@corp.example", "--number", "1101"],
            [*approvald, "run", "--once"],
        ):
            subprocess.run(command, check=True, timeout=SECONDS, capture_output=True)  # noqa: S603 - as printed
        (where,) = [
            word for line in words.splitlines() if "control API" in line for word in line.split() if "://" in word
        ]
        client = Sandbox.running({"control": where, "directory": folder})
        assert [(vote["user"], vote["level"]) for vote in client.confirmations()] == [
            ("svc-pam-l1", 1),
            ("svc-pam-l2", 2),
        ]
        assert [each["subject"] for each in client.mailbox()["Inbox/Ignored"]] == ["Lunch?"]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0
    assert rest.endswith("The sandbox has stopped.\n")


def test_two_sandboxes_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second one is told so in a sentence, and the first one goes on."""
    folder = str(tmp_path / "run")
    with started(tmp_path, "serve", "--output", "people", "--dir", folder) as first:
        read_until(first, "Ctrl-C")
        with started(tmp_path, "serve", "--output", "people", "--dir", folder) as second:
            output, _ = second.communicate(timeout=SECONDS)
        assert first.poll() is None

    assert second.returncode == 64
    assert output.startswith("approvald_sandbox: another sandbox is running in")


def test_a_mail_for_no_sandbox_is_one_sentence(tmp_path: Path) -> None:
    """Without a running sandbox the mail commands say how to start one."""
    with started(tmp_path, "notice", "--sender", "ilka.brandt@corp.example", "--dir", str(tmp_path)) as process:
        output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 64
    assert "start one with `make sandbox`" in output
