"""`python -m approvald_sandbox demo`: forwarded mails become confirmations and replies, over the real protocols."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.control.process import SandboxFailed
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.demo.performance import Performance, Played, Stopped
from approvald_sandbox.demo.screen import Screen
from approvald_sandbox.demo.stories import stories
from approvald_sandbox.demo.story import Story

POLL_SECONDS: Final = 0.2
DIFFERS: Final = 1
FAILED: Final = 70
INTERRUPTED: Final = 130
LAST_LINES: Final = 12


def main(word: str = "") -> int:
    """Play the stories with `word` in their titles, all by default; returns what `run` does.

    Raises ValueError when there is none.
    """
    chosen = [story for story in stories() if word.casefold() in story.title.casefold()]
    if not chosen:
        message = f"no story has '{word}' in its title; there are: {'; '.join(story.title for story in stories())}"
        raise ValueError(message)
    return run(chosen, Screen())


def run(chosen: Sequence[Story], screen: Screen) -> int:
    """Start both processes, play the stories, show the table, clean up.

    Returns 0, 1 when a story ended otherwise than expected, 70 when it could not be played, 130 after Ctrl-C.
    """
    began = time.monotonic()
    try:
        with _interruptible_once(), tempfile.TemporaryDirectory(prefix="approvald-demo-") as folder:
            results = _play(chosen, screen, Path(folder))
    except (Stopped, SandboxFailed) as error:
        screen.say(f"The demo stopped: {error}")
        return FAILED
    except KeyboardInterrupt:
        screen.say("Stopped; both processes have ended and nothing is left behind.")
        return INTERRUPTED
    screen.table(results)
    return _last_words(results, screen, time.monotonic() - began)


def _play(chosen: Sequence[Story], screen: Screen, folder: Path) -> list[Played]:
    screen.say("Starting the sandbox: a pretend Exchange, directory, PVWA and Vault that speak the real protocols ...")
    with Sandbox(directory=folder / "sandbox") as sandbox:
        where = sandbox.endpoints()
        screen.say("Starting approvald as a separate process, with an ordinary configuration ...")
        state = folder / "approvald"
        with ApprovaldProcess(state, approvald_toml(where, state, poll_seconds=POLL_SECONDS)) as daemon:
            with _explained(daemon), screen.counting(len(chosen)):
                daemon.wait_for("daemon.started")
                performance = Performance(sandbox, daemon, screen.tell)
                numbered = enumerate(chosen, start=1)
                results = [_one(number, story, performance, screen, where["mailbox"]) for number, story in numbered]
            code = daemon.stop()
    if code:
        message = f"approvald played every story, but did not stop cleanly (exit code {code})."
        raise Stopped(message)
    return results


def _one(number: int, story: Story, performance: Performance, screen: Screen, mailbox: str) -> Played:
    screen.begin(number, story)
    played = performance.play(story)
    screen.end(played)
    if story.shows_reply and played.reply is not None:
        screen.mail(played.reply, mailbox)
    return played


@contextmanager
def _explained(daemon: ApprovaldProcess) -> Iterator[None]:
    """Add approvald's own last words to what stopped the demo."""
    try:
        yield
    except (Stopped, TimeoutError) as error:
        what = str(error) if isinstance(error, Stopped) else "approvald did not start."
        lines = [f"{line.get('event')} {line.get('cause') or line.get('why') or ''}" for line in daemon.events()]
        words = daemon.output().splitlines() or lines
        told = "\n".join(f"  | {line}" for line in words[-LAST_LINES:])
        message = f"{what} Its last lines were:\n{told}\nTry `make clean` and `make demo` again, then `make test`."
        raise Stopped(message) from error


@contextmanager
def _interruptible_once() -> Iterator[None]:
    """Clean up after SIGTERM as after Ctrl-C, and let no second signal disturb the cleaning up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _last_words(results: Sequence[Played], screen: Screen, seconds: float) -> int:
    wrong = [played.story.title for played in results if not played.is_as_expected]
    mails = sum(len(played.outcomes) for played in results)
    if wrong:
        screen.say(f"Not as expected, {len(wrong)} of {len(results)}: {', '.join(wrong)}.")
        return DIFFERS
    screen.say(f"All as expected: stories {len(results)}, mails {mails}, seconds {seconds:.0f}.")
    screen.say("Next: `make sandbox` keeps these systems up for your own tries; README.md says how to set up a site.")
    return 0
