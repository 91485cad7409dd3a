"""Two daemons, one mailbox, one PostgreSQL: one works, the other takes over; nothing is confirmed twice or lost."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.invariants import figures, trail_is_whole
from e2e.quick_daemon import daemon_server
from e2e.stage import Stage, quick_to_settle
from places import ROOT
from real.postgresql import Server

pytestmark = pytest.mark.long(minutes=6)

MAILS: Final = 500
KILLS: Final = 10
PAUSES: Final = 5
ILKA, WEN = "ilka.brandt@corp.example", "wen.zhao@corp.example"
BUILD: Final = ROOT / "build"
DEAD_SECONDS: Final = 60.0
ORDERLY_SECONDS: Final = 10.0


def written(sandbox: Sandbox, state: Path, url: str, tell_after_minutes: float) -> str:
    """Write the configuration of one host, with short time limits and so with a short lease."""
    made = approvald_toml(
        sandbox.endpoints(), state, poll_seconds=0.2, timeout=1.0, tell_after_minutes=tell_after_minutes
    )
    made = re.sub(r'\[ledger\]\nfile = "[^"]*"', f'[ledger]\nurl = "{url}"', made)
    return quick_to_settle(made).replace("\n[mailbox]\n", "\n[mailbox]\nconnect_timeout_seconds = 1.0\n").replace(
        "\n[directory]\n", "\n[directory]\nconnect_timeout_seconds = 1.0\n"
    )  # fmt: skip


class Pair:
    """Two hosts. `leader` is the one that works, as the log of each says."""

    def __init__(self, sandbox: Sandbox, folder: Path, url: str, tell_after_minutes: float) -> None:
        self.url = url
        self.hosts = [
            ApprovaldProcess(
                folder / name, written(sandbox, folder / name, url, tell_after_minutes),
                partial(daemon_server().launch, host=f"{name}.corp.example"),
            )
            for name in ("one", "two")
        ]  # fmt: skip
        self.stage = Stage(sandbox, self.hosts[0])

    def leader(self) -> ApprovaldProcess:
        """Wait until one of them works, and return it."""
        found: list[ApprovaldProcess] = []

        def works() -> bool:
            found[:] = [each for each in self.hosts if each.exit_code() is None and _works(each)]
            return len(found) == 1

        self.stage.until(works, seconds=DEAD_SECONDS)
        return found[0]

    def other(self, than: ApprovaldProcess) -> ApprovaldProcess:
        """Return the other host."""
        return self.hosts[1] if than is self.hosts[0] else self.hosts[0]


def _works(daemon: ApprovaldProcess) -> bool:
    told = [str(line["event"]) for line in daemon.events() if str(line["event"]) in {
        "daemon.started", "lease.lost", "lease.standing_by", "daemon.stopped", "daemon.stopping"}]  # fmt: skip
    return bool(told) and told[-1] == "daemon.started"


@pytest.fixture
def pair(sandbox: Sandbox, tmp_path: Path, postgresql_url: str, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Give two hosts, both started. A parameter: after how many minutes people are told of an outage."""
    made = Pair(sandbox, tmp_path, postgresql_url, getattr(request, "param", 5.0))
    made.hosts[0].start()
    made.leader()
    made.hosts[1].start()
    made.hosts[1].wait_for("lease.standing_by")
    yield made
    for host in made.hosts:
        host.stop()


def until_confirmed(stage: Stage, notice: Notice, since: float) -> float:
    """Wait until a new mail's request is confirmed; return the seconds since then."""
    stage.until(lambda: bool(stage.votes(notice)), seconds=90)
    return time.monotonic() - since


@pytest.mark.timeout(120)
def test_a_leader_that_stops_in_order_is_followed_at_once(pair: Pair) -> None:
    """A new mail is confirmed within ten seconds; the one that comes back stands by."""
    leader = pair.leader()
    since = time.monotonic()
    assert leader.stop() == 0
    notice = pair.stage.new_request()
    pair.stage.sandbox.deliver(forwarded(notice, ILKA))
    assert until_confirmed(pair.stage, notice, since) <= ORDERLY_SECONDS
    stood_by = sum(1 for _ in leader.events("lease.standing_by"))
    leader.start()
    leader.wait_for("lease.standing_by", stood_by + 1)


@pytest.mark.timeout(120)
def test_a_standby_asks_nobody_anything(pair: Pair) -> None:
    """While its leader stands still it logs on nowhere, and ends at once when it is told to."""
    leader = pair.leader()
    os.kill(leader.pid, signal.SIGSTOP)
    try:
        time.sleep(1)  # what the leader had asked when it was stopped is being answered
        before = pair.stage.sandbox.stats()["operations"]
        time.sleep(2)
        assert pair.stage.sandbox.stats()["operations"] == before
        assert pair.other(leader).stop() == 0
    finally:
        os.kill(leader.pid, signal.SIGCONT)


@pytest.mark.timeout(120)
def test_a_single_poll_beside_a_leader_says_who_works(pair: Pair) -> None:
    """`run --once` on the other host is not now, and names the holder; a hold from there counts at the leader."""
    leader = pair.leader()
    other = pair.other(leader)
    once = Stage(pair.stage.sandbox, other).run("run", "--once")
    assert once.returncode == 75
    assert f"process {leader.pid} " in once.stderr
    assert Stage(pair.stage.sandbox, other).run("hold", "--reason", "An incident").returncode == 0
    notice = pair.stage.new_request()
    assert pair.stage.forward(notice, ILKA) == "Refused"
    assert pair.stage.votes(notice) == []


@pytest.mark.timeout(180)
@pytest.mark.parametrize("pair", [0.05], indirect=True)
def test_the_database_goes_away_and_comes_back(pair: Pair, postgresql_server: Server) -> None:
    """Nothing is confirmed meanwhile, the team is mailed, both daemons live, and the mail is confirmed once."""
    pair.leader()
    postgresql_server.stop("immediate")
    notice = pair.stage.new_request()
    try:
        pair.stage.sandbox.deliver(forwarded(notice, ILKA))
        pair.stage.until(
            lambda: any("ledger" in str(line) for host in pair.hosts for line in host.events("poll.failed"))
        )
        pair.stage.until(lambda: any("ledger" in mail["subject"] for mail in pair.stage.alarms()), seconds=40)
        assert pair.stage.votes(notice) == []
    finally:
        postgresql_server.start()
    pair.stage.until(lambda: bool(pair.stage.votes(notice)), seconds=90)
    assert [host.exit_code() for host in pair.hosts] == [None, None]
    pair.stage.until(lambda: pair.stage.filed()["Done"] == 1)
    assert len(pair.stage.votes(notice)) == 1


@pytest.mark.timeout(900)
def test_five_hundred_mails_ten_kills_five_pauses(pair: Pair) -> None:
    """The leader dies or is stopped at random; by what the outside saw nothing is twice and nothing is missing."""
    seed = int(os.environ.get("APPROVALD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"APPROVALD_SEED={seed}")  # noqa: T201 - to try it again
    chance = random.Random(seed)  # noqa: S311 - a repeatable sample
    stage, approved, refused = pair.stage, list[Notice](), list[Notice]()
    events = ["kill"] * KILLS + ["pause"] * PAUSES
    chance.shuffle(events)
    times: list[str] = []
    delivered = 0

    def deliver(count: int) -> None:
        nonlocal delivered
        for _ in range(count):
            notice, is_refused = stage.new_request(), chance.random() < 0.15
            (refused if is_refused else approved).append(notice)
            stage.sandbox.deliver(forwarded(notice, WEN if is_refused else ILKA))
            delivered += 1

    for number, what in enumerate(events):
        deliver(MAILS // (len(events) + 1))
        leader = pair.leader()
        time.sleep(chance.uniform(0.2, 1.5))
        since = time.monotonic()
        if what == "kill":
            leader.kill()
        else:
            os.kill(leader.pid, signal.SIGSTOP)
        fresh = stage.new_request()
        approved.append(fresh)
        stage.sandbox.deliver(forwarded(fresh, ILKA))
        delivered += 1
        seconds = until_confirmed(stage, fresh, since)
        times.append(f"{number:2} {what:5} {seconds:5.1f} s")
        assert seconds <= DEAD_SECONDS
        if what == "kill":
            leader.start()
        else:
            os.kill(leader.pid, signal.SIGCONT)
    deliver(MAILS - delivered)
    stage.until(lambda: sum(stage.filed().values()) == delivered, seconds=180)
    stage.until(lambda: stage.sandbox.mailbox()["Inbox"] == [])
    found = figures(stage, mails=delivered, notices=[*approved, *refused], finals=delivered)
    lines = [f"seed {seed}", *times, str(found)]
    print("\n".join(lines))  # noqa: T201 - the figures
    BUILD.mkdir(exist_ok=True)
    (BUILD / "two_daemons.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert found.mails == MAILS
    assert found.confirmed == len(approved)
    assert (found.lost, found.doubled) == (0, 0), found
    for host in pair.hosts:
        assert host.stop() == 0
    # The last one to stop has written the whole of the trail
    for host in pair.hosts:
        host.start()
        time.sleep(1)
        host.stop()
    trail_is_whole(pair.hosts[1].state, pair.url)
