"""A daemon that is killed again and again at random, under a load of mails, loses and doubles nothing."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Final

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.world.mails import forwarded
from e2e.invariants import figures, trail_is_whole
from e2e.quick_daemon import stopped_daemon
from e2e.stage import Stage, quick_to_settle

pytestmark = pytest.mark.long(minutes=2)

KILLS: Final = 200
MAILS: Final = 80
ILKA, MARA, WEN = (f"{name}@corp.example" for name in ("ilka.brandt", "mara.voss", "wen.zhao"))


@pytest.mark.timeout(600)
def test_two_hundred_kills_at_random(sandbox: Sandbox, tmp_path: Path) -> None:
    """Most mails are to be confirmed, some refused, some are about a request that another mail is about as well."""
    seed = int(os.environ.get("APPROVALD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"APPROVALD_SEED={seed}")  # noqa: T201 - to try it again
    chance = random.Random(seed)  # noqa: S311 - a repeatable sample
    state = tmp_path / "state"
    text = quick_to_settle(approvald_toml(sandbox.endpoints(), state, poll_seconds=0.1, timeout=1.0))
    with stopped_daemon(state, text) as daemon:
        stage = Stage(sandbox, daemon)
        approved, refused = [], []
        delivered = 0
        for kill in range(KILLS):
            while delivered < MAILS and delivered <= MAILS * kill // (KILLS - 60):
                notice = stage.new_request()
                if chance.random() < 0.2:
                    refused.append(notice)
                    sandbox.deliver(forwarded(notice, WEN))
                else:
                    approved.append(notice)
                    sandbox.deliver(forwarded(notice, ILKA))
                    if chance.random() < 0.2:
                        sandbox.deliver(forwarded(notice, MARA))
                        delivered += 1
                delivered += 1
            stage.daemon.start()
            time.sleep(chance.uniform(0.05, 0.9))
            stage.daemon.kill()
        begun = sum(1 for _ in stage.daemon.events("daemon.started"))
        stage.daemon.start()
        stage.daemon.wait_for("daemon.started", begun + 1)
        stage.until(lambda: sum(stage.filed().values()) == delivered, seconds=120)
        stage.until(lambda: stage.sandbox.mailbox()["Inbox"] == [])
        assert stage.daemon.stop() == 0

    found = figures(stage, mails=delivered, notices=[*approved, *refused], finals=delivered)
    print(f"{KILLS} kills, seed {seed}: {found}")  # noqa: T201 - the figures
    assert (found.lost, found.doubled, found.after_acceptance) == (0, 0, 0), found
    assert found.confirmed == len(approved)
    trail_is_whole(state)
