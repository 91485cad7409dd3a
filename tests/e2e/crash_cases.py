"""One mail's way, with the daemon killed somewhere on it and started again: nobody outside can tell.

Somewhere is every commit to the ledger, before and after it is on the disk, and every call to a system outside, before
that has processed it and after. Both are counted in a run that nobody disturbs.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Final

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess, Launch
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.mails import Notice, answer, forwarded
from e2e import power_cut
from e2e.invariants import figures, trail_is_whole
from e2e.quick_daemon import DaemonServer
from e2e.stage import Stage, quick_to_settle

ILKA, MARA, WEN = (f"{name}@corp.example" for name in ("ilka.brandt", "mara.voss", "wen.zhao"))
CAREFUL: Final = '\n[[policy.rules]]\nsafes = ["db-*"]\nmail = "challenge"\n'
NAMES: Final = {System.EXCHANGE: "exchange", System.DIRECTORY: "directory", System.PVWA: "pvwa", System.VAULT: "vault"}
SECONDS: Final = 40.0
_QUIET_LOOKS: Final = 6


class Kind(Enum):
    """Which mail is on its way when the daemon is killed; its folder, votes and final answers of the whole story."""

    CONFIRM = ("Done", 1, 1)
    REFUSE = ("Refused", 0, 1)
    ALREADY = ("Refused", 1, 2)
    CHALLENGE = ("Done", 0, 1)
    ANSWER = ("Done", 1, 2)


@dataclass
class Scene:
    """Sandbox and daemons; `story` plays one kind of mail from a new world to its end."""

    sandbox: Sandbox
    server: DaemonServer
    folder: Path
    number: int = 0

    def _stage(self, kind: Kind) -> Stage:
        """Give a new world, and a daemon that is not started; its ledger has its tables already."""
        self.sandbox.reset()
        self.number += 1
        state = self.folder / str(self.number)
        text = quick_to_settle(approvald_toml(self.sandbox.endpoints(), state, poll_seconds=0.1, timeout=1.0))
        if kind in {Kind.CHALLENGE, Kind.ANSWER}:
            text += CAREFUL
        stage = Stage(self.sandbox, ApprovaldProcess(state, text, self.server.launch))
        template = self.folder / "ledger.db"
        if not template.exists():
            stage.daemon.start()
            stage.daemon.wait_for("daemon.started")
            stage.daemon.stop()
            shutil.copy(state / "ledger.db", template)
            shutil.copy(state / "audit.jsonl", self.folder / "audit.jsonl")
        shutil.copy(template, state / "ledger.db")
        shutil.copy(self.folder / "audit.jsonl", state / "audit.jsonl")
        return stage

    def play(self, kind: Kind, kill: Callable[[Stage], bool]) -> bool:
        """Play the story with the daemon killed by `kill`, which starts it and says whether it died.

        Then hold everything to what must be. Raises AssertionError.
        """
        stage = self._stage(kind)
        try:
            return self._played(stage, kind, kill)
        finally:
            stage.daemon.kill()

    def _played(self, stage: Stage, kind: Kind, kill: Callable[[Stage], bool]) -> bool:
        notice = stage.request()
        mails = self._before(stage, kind, notice)
        if self.server.preload is not None:
            power_cut.begin(stage.daemon.state)
        self._deliver(stage, kind, notice)
        died = kill(stage)
        stage.sandbox.clear_faults()
        if not died:  # it may still be about to kill itself, at one of the commits of a daemon that has nothing to do
            stage.daemon.kill()
        if self.server.preload is not None:
            power_cut.cut(stage.daemon.state)
        begun = sum(1 for _ in stage.daemon.events("daemon.started"))
        stage.daemon.start()
        stage.daemon.wait_for("daemon.started", begun + 1)
        folder, votes, finals = kind.value
        stage.until(lambda: sum(stage.filed().values()) == mails + 1, seconds=SECONDS)
        stage.until(lambda: stage.sandbox.mailbox()["Inbox"] == [], seconds=SECONDS)
        status = stage.daemon.stop()
        assert status == 0, f"{status} {stage.daemon.output()[-2000:]} {stage.story()}"
        found = figures(stage, mails=mails + 1, notices=[notice], finals=finals)
        assert (found.confirmed, found.replied, found.lost, found.doubled) == (votes, finals, 0, 0), found
        assert stage.filed()[folder] >= 1
        assert len(stage.sandbox.confirmations()) == votes
        trail_is_whole(stage.daemon.state)
        return died

    def _before(self, stage: Stage, kind: Kind, notice: Notice) -> int:
        """Play what comes before the mail, undisturbed. Returns how many mails that were."""
        if kind not in {Kind.ALREADY, Kind.ANSWER}:
            return 0
        stage.daemon.start()
        assert stage.forward(notice, ILKA) == "Done"
        assert stage.daemon.stop() == 0
        return 1

    def _deliver(self, stage: Stage, kind: Kind, notice: Notice) -> None:
        sender = {Kind.REFUSE: WEN, Kind.ALREADY: MARA}.get(kind, ILKA)
        mail = forwarded(notice, sender)
        if kind is Kind.ANSWER:
            mail = answer(str(stage.replies()[-1]["subject"]), ILKA)
        stage.sandbox.deliver(mail)

    # Where it is killed

    def at_every_commit(self, kind: Kind, *, after: bool) -> int:
        """Kill the daemon at each of its commits until one run comes to its end without. Returns how many that were."""
        number = 1
        while True:
            launch = partial(self.server.launch, commit=number, after=after)
            if not self.play(kind, lambda stage: _killed_at(stage, launch)):  # noqa: B023 - called at once
                return number - 1
            number += 1

    def in_every_call(self, kind: Kind, system: System, *, processed: bool) -> int:
        """Kill the daemon in each of its calls to this system. Returns how many that were."""
        number = 0
        fault = FaultKind.HELD if processed else FaultKind.HANG
        while self.play(kind, lambda stage: _killed_in(stage, system, fault, number)):  # noqa: B023 - called at once
            number += 1
        return number


def _killed_at(stage: Stage, launch: Launch) -> bool:
    """Start a daemon that dies at a commit. Returns False where its work was done before."""
    stage.daemon.start(launch=launch)
    return _ends(stage, lambda: stage.daemon.exit_code() is not None)


def _killed_in(stage: Stage, system: System, kind: FaultKind, number: int) -> bool:
    """Kill the daemon while this system has its call of that number. Returns False where its work was done before."""
    stage.sandbox.put_fault(system, Fault(kind=kind, times=1, skip=number))
    stage.daemon.start()
    if not _ends(stage, lambda: stage.sandbox.faults()[NAMES[system]] == []):
        return False
    time.sleep(0.05)  # so that what is processed and held back has been processed
    stage.daemon.kill()
    return True


def _ends(stage: Stage, killed: Callable[[], bool]) -> bool:
    """Wait until the daemon is to be killed, True, or all of its work is done, False."""
    deadline = time.monotonic() + SECONDS
    done = 0
    while time.monotonic() < deadline:
        if killed():
            return True
        # Filed, and quiet for some polls: what is left of its way is in the ledger
        done = done + 1 if stage.sandbox.mailbox()["Inbox"] == [] else 0
        if done > _QUIET_LOOKS:
            return False
        time.sleep(0.05)
    raise AssertionError(stage.story())
