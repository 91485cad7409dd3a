"""Plays stories: delivers their mails, and reports what the pretend systems see while approvald handles them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from approvald_sandbox.control.client import Fields, Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import TIME_ZONE
from approvald_sandbox.demo.story import WHEN, Act, Outcome, Story
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.letter import body_of

FOLDERS: Final = ("Done", "Refused", "Ignored", "Quarantine")
ACT_SECONDS: Final = 25.0
LOOK_SECONDS: Final = 0.05


class Stopped(Exception):
    """A story cannot be played to its end; the text says why, for a person."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A story and what became of each of its mails. `reply` is the last reply, None where nobody was told."""

    story: Story
    outcomes: tuple[Outcome, ...]
    reply: Mapping[str, Any] | None

    @property
    def is_as_expected(self) -> bool:
        """Whether every mail became what it had to."""
        return self.outcomes == tuple(act.expected for act in self.story.acts)


@dataclass(frozen=True, kw_only=True)
class _Sight:
    """What was there at one moment: all confirmations, replies, summaries of the log, and mails by folder."""

    confirmations: list[Fields]
    confirm_calls: int
    sent: list[Fields]
    done: list[Mapping[str, Any]]
    filed: Mapping[str, int]


class Performance:
    """Plays on a running sandbox and a running approvald. `tell` gets one line of text for each thing that happens."""

    def __init__(self, sandbox: Sandbox, daemon: ApprovaldProcess, tell: Callable[[str], None]) -> None:
        self._sandbox = sandbox
        self._daemon = daemon
        self._tell = tell

    def play(self, story: Story) -> Played:
        """Play one story. Raises Stopped when approvald ends or leaves a mail unhandled, SandboxFailed."""
        for request in story.requests:
            self._sandbox.change_request(**request)
        before = self._look()
        outcomes = tuple(self._act(act) for act in story.acts)
        replies = self._look().sent[len(before.sent) :]
        return Played(story=story, outcomes=outcomes, reply=replies[-1] if replies else None)

    def _act(self, act: Act) -> Outcome:
        before = self._look()
        waits = sum(1 for _ in self._daemon.events("mail.waiting"))
        if act.away is not None:
            self._sandbox.put_fault(act.away, Fault(kind=FaultKind.DOWN))
            self._tell(f"{act.away.upper()} goes down")
        try:
            self._sandbox.deliver(act.mail)
            self._tell(act.what)
            waited_for = self._let_it_wait(act.away, waits) if act.away else None
        finally:
            self._sandbox.clear_faults(act.away)
        after = self._wait_until_filed(before)
        return _outcome(before, after, act.expected.says, waited_for)

    def _let_it_wait(self, away: System, waits: int) -> System | None:
        """Return the system for which the mail waits in the Inbox, None when it did not wait for it."""
        waiting: list[Mapping[str, Any]] = []
        for _ in self._until("it is waiting in the Inbox"):
            waiting = list(self._daemon.events("mail.waiting"))[waits:]
            if waiting:
                break
            if not self._sandbox.mailbox()["Inbox"]:
                return None
        is_kept = bool(self._sandbox.mailbox()["Inbox"])
        self._tell(f"the mail waits in the Inbox; nobody is refused because {away.upper()} is down")
        self._sandbox.clear_faults(away)
        self._tell(f"{away.upper()} is back")
        return away if is_kept and waiting[0].get("system") == away else None

    def _wait_until_filed(self, before: _Sight) -> _Sight:
        seen = before
        for _ in self._until("approvald has filed it"):
            now = self._look()
            self._tell_of(seen, now)
            seen = now
            if now.filed != before.filed:
                break
        return seen

    def _until(self, what: str) -> Iterator[None]:
        """Yield again and again while approvald lives. Raises Stopped when it ends, or after the time limit."""
        deadline = time.monotonic() + ACT_SECONDS
        while True:
            code = self._daemon.exit_code()
            if code is not None:
                message = f"approvald has ended with exit code {code} in the middle of a story."
                raise Stopped(message)
            if time.monotonic() > deadline:
                message = f"the mail was delivered {ACT_SECONDS:.0f} s ago, but this has not happened: {what}."
                raise Stopped(message)
            yield
            time.sleep(LOOK_SECONDS)

    def _look(self) -> _Sight:
        mailbox = self._sandbox.mailbox()
        return _Sight(
            filed={name: len(mailbox.get(f"Inbox/{name}", ())) for name in FOLDERS},
            confirmations=self._sandbox.confirmations(),
            confirm_calls=len(self._sandbox.confirm_attempts()),
            sent=self._sandbox.sent(),
            done=list(self._daemon.events("mail.done")),
        )

    def _tell_of(self, seen: _Sight, now: _Sight) -> None:
        for vote in now.confirmations[len(seen.confirmations) :]:
            self._tell(f'PVWA: {vote["user"]} confirms {vote["key"]} at level {vote["level"]}: "{vote["reason"]}"')
        for line in now.done[len(seen.done) :]:
            self._tell(f"approvald: {line['code']}, after {line['ms']:.0f} ms")
        for mail in now.sent[len(seen.sent) :]:
            copy = f", copy to {', '.join(mail['cc'])}" if mail["cc"] else ""
            self._tell(f'reply to {", ".join(mail["to"])}{copy}: "{mail["subject"]}"')
        for name in _grown(seen.filed, now.filed):
            self._tell(f"Exchange: the mail is filed in {name}")


def _outcome(before: _Sight, after: _Sight, says: str, waited_for: System | None) -> Outcome:
    replies = after.sent[len(before.sent) :]
    said = " ".join(line for mail in replies for line in body_of(mail))
    return Outcome(
        code=", ".join(str(line["code"]) for line in after.done[len(before.done) :]),
        folder=", ".join(_grown(before.filed, after.filed)),
        confirmations=tuple((vote["user"], vote["level"]) for vote in after.confirmations[len(before.confirmations) :]),
        confirm_calls=after.confirm_calls - before.confirm_calls,
        to=tuple(address for mail in replies for address in mail["to"]),
        cc=tuple(address for mail in replies for address in mail["cc"]),
        says=says if says.replace(WHEN, _when(after.confirmations)) in said else "",
        waited_for=waited_for,
    )


def _when(confirmations: Sequence[Fields]) -> str:
    """Return the time of the last confirmation as approvald's replies write it, empty where there was none."""
    if not confirmations:
        return ""
    at = datetime.fromtimestamp(confirmations[-1]["at"], ZoneInfo(TIME_ZONE))
    return f"{at:%a} {at.day} {at:%b %Y %H:%M %Z}"


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    return [name for name in FOLDERS if after[name] > before[name]]
