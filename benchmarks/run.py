"""`make bench`: counts and times against the sandbox, written to build/bench.json.

Counts are exact; times depend on the machine, so compare them within one run or between runs on one machine only.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import approvald_toml
from approvald_sandbox.world.mails import Notice, forwarded

SENDER: Final = "ilka.brandt@corp.example"
REQUESTOR: Final = "jonas.keil@corp.example"
SAFE: Final = "DB-PROD-01"
POLL_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 60.0
BURST: Final = 50
SINGLES: Final = 5


class Bench:
    """One sandbox, one daemon; every count is the pretend systems' own."""

    def __init__(self, sandbox: Sandbox, daemon: ApprovaldProcess) -> None:
        self._sandbox = sandbox
        self._daemon = daemon
        self._number = 1000
        self._done = 0

    def exchange(self) -> list[str]:
        """Return the EWS operations so far; legs of a log-on are not counted twice."""
        return list(self._sandbox.stats()["operations"]["exchange"])

    def pvwa(self) -> list[str]:
        """Return the PVWA calls so far."""
        return list(self._sandbox.stats()["operations"]["pvwa"])

    def polls(self) -> int:
        """Return how many listings there were."""
        return self.exchange().count("FindItem")

    def wait_for_polls(self, count: int) -> None:
        """Wait for so many more listings to be over."""
        wanted = self.polls() + count
        deadline = time.monotonic() + WAIT_SECONDS
        while self.polls() < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)

    def mails(self, count: int) -> tuple[list[str], list[str]]:
        """Deliver mails between two polls and wait until they are filed. Returns the EWS and PVWA calls it took."""
        raws = []
        for _ in range(count):
            self._number += 1
            self._sandbox.change_request(SAFE, str(self._number), requestor=REQUESTOR)
            raws.append(forwarded(Notice(requestor=REQUESTOR, safe=SAFE, number=str(self._number)), SENDER))
        self.wait_for_polls(1)
        exchange, pvwa = len(self.exchange()), len(self.pvwa())
        for raw in raws:
            self._sandbox.deliver(raw)
        self._done += count
        self._wait_until_filed()
        return self.exchange()[exchange:], self.pvwa()[pvwa:]

    def _wait_until_filed(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self._sandbox.mailbox().get("Inbox/Done", [])) < self._done:
            if time.monotonic() > deadline:
                message = f"mails were not filed: {self._daemon.output()[-2000:]}"
                raise TimeoutError(message)
            time.sleep(0.02)

    def listed_to_confirm_ms(self) -> list[float]:
        """Return, for each mail, milliseconds from its listing to PVWA's answer to the confirmation."""
        seen: dict[str, datetime] = {}
        spent = []
        for line in self._daemon.events():
            at = datetime.fromisoformat(line["timestamp"])
            if line["event"] == "mail.seen":
                seen[line["mail_id"]] = at
            elif line["event"] == "confirm.outcome":
                spent.append((at - seen[line["mail_id"]]).total_seconds() * 1000)
        return spent


def proportional_mib(pid: int) -> float:
    """Return the proportional resident memory of a process and its children in MiB."""
    total = 0
    waiting = [pid]
    while waiting:
        process = Path("/proc") / str(waiting.pop())
        for line in (process / "smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
        for task in (process / "task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return round(total / 1024, 1)


def import_ms(module: str) -> float:
    """Return the median time of importing a module in a fresh interpreter, less that of starting one."""
    return round(_median_ms(f"import {module}") - _median_ms("pass"), 1)


def _median_ms(code: str) -> float:
    times = []
    for _ in range(5):
        start = time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own interpreter
        times.append((time.monotonic() - start) * 1000)
    return statistics.median(times)


def measure(sandbox: Sandbox, daemon: ApprovaldProcess) -> dict[str, Any]:
    """Measure everything that needs the daemon, in an order that leaves each count its own."""
    bench = Bench(sandbox, daemon)
    daemon.start()
    while not bench.exchange():
        time.sleep(0.01)
    time.sleep(0.2)
    found: dict[str, Any] = {"cold_start_ews_requests": bench.exchange().index("FindItem")}
    bench.wait_for_polls(2)
    before = len(bench.exchange())
    bench.wait_for_polls(3)
    found["idle_poll_ews_requests"] = (len(bench.exchange()) - before) / 3
    found["idle_rss_mib"] = proportional_mib(daemon.pid)
    first, _ = bench.mails(1)
    found["first_mail_ews_requests"] = len(first)
    singles = [bench.mails(1) for _ in range(SINGLES)]
    found["single_mail_ews_requests"] = statistics.median(len(exchange) for exchange, _ in singles)
    found["single_mail_pvwa_requests"] = statistics.median(len(pvwa) for _, pvwa in singles)
    found["listed_to_confirm_ms_p50"] = round(statistics.median(bench.listed_to_confirm_ms()[1:]), 1)
    burst, _ = bench.mails(BURST)
    found["burst50_ews_requests"] = len(burst)
    found["after_mails_rss_mib"] = proportional_mib(daemon.pid)
    return found


def main() -> int:
    """Run the bench and write build/bench.json."""
    with tempfile.TemporaryDirectory(prefix="approvald-bench-") as folder, Sandbox() as sandbox:
        state = Path(folder)
        daemon = ApprovaldProcess(state, approvald_toml(sandbox.endpoints(), state, poll_seconds=POLL_SECONDS))
        try:
            found = measure(sandbox, daemon)
        finally:
            daemon.stop()
    found["import_ms"] = import_ms("approvald.service.wiring")
    found["check_config_import_ms"] = import_ms("approvald.cli.check_config, approvald.config.load")
    target = Path(__file__).parents[1] / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, value in found.items():
        print(f"{name:28} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
