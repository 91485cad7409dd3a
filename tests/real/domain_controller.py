"""Samba's Active Directory domain controllers as processes of a test: started, suspended, killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

DEBIANS_PYTHON: Final = "/usr/bin/python3"
SAMBA: Final = shutil.which("samba", path="/usr/sbin:/usr/local/samba/sbin") or ""
TESTS: Final = Path(__file__).resolve().parent.parent
BUILD_SECONDS: Final = 90
START_SECONDS: Final = 30
FQDN: Final = "dc1.corp.example"


def what_is_missing() -> str | None:
    """Return what this machine lacks for a domain controller, None when nothing."""
    if not SAMBA:
        return "Samba is not installed (apt-get install samba samba-ad-provision samba-dsdb-modules openssl)"
    question = "import ldb, samba.provision, samba.samdb"
    asked = subprocess.run([DEBIANS_PYTHON, "-c", question], check=False, capture_output=True)  # noqa: S603 - our words
    if asked.returncode:
        return f"Samba's Python bindings are not there for {DEBIANS_PYTHON}"
    try:
        with socket.socket() as probe:
            probe.bind(("127.77.0.1", 389))
    except OSError:
        return "ports below 1024 are not ours (run as root, or inside `unshare -rn`)"
    return None


def samba_ad(*arguments: str) -> str:
    """Run samba_ad.py in Debian's Python; return what it printed. Raises RuntimeError with its last words."""
    done = subprocess.run(  # noqa: S603 - our words
        [DEBIANS_PYTHON, "-m", "real.samba_ad", *arguments],
        env={"PYTHONPATH": str(TESTS), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        timeout=BUILD_SECONDS,
        text=True,
    )
    if done.returncode:
        message = f"samba_ad {' '.join(arguments)} failed:\n{done.stderr[-2000:]}"
        raise RuntimeError(message)
    return done.stdout


class BuiltDomain:
    """A provisioned domain that copies are started from. All copies have one CA, one content and the same SIDs."""

    def __init__(self, folder: Path, world: Mapping[str, Any]) -> None:
        self.folder = folder / "built"
        written = folder / "world.json"
        written.write_text(json.dumps(dict(world)), encoding="utf-8")
        samba_ad("build", str(self.folder), "--world", str(written))

    def start(self) -> DomainController:
        """Start a copy of its own."""
        return DomainController(self.folder)


class DomainController:
    """One running DC. Its process ends at the latest with ours: Samba watches the pipe that we hold."""

    def __init__(self, built: Path) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="approvald-dc-", ignore_cleanup_errors=True)
        folder = Path(self._temporary.name) / "dc"
        facts = json.loads(samba_ad("prepare", str(folder), "--built", str(built)))
        self.address: str = facts["address"]
        self.ca_file = Path(facts["ca_file"])
        self.base_dn: str = facts["base_dn"]
        self.groups_dn: str = facts["groups_dn"]
        self.administrator: str = facts["administrator"]
        self.password: str = facts["password"]
        self.ldaps = f"ldaps://{self.address}:{facts['ports']['ldaps']}"
        self.ldap = f"ldap://{self.address}:{facts['ports']['ldap']}"
        self._log = folder / "log" / "stdout"
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our words
                [  # noqa: S607 - util-linux
                    # It overwrites its environment, where our mark stands, and suspended it watches nothing
                    "setpriv",
                    "--pdeathsig",
                    "KILL",
                    SAMBA,
                    f"--configfile={facts['configuration']}",
                    "--interactive",
                    "--no-process-group",
                    "--model=single",
                ],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            self._wait(facts["ports"])
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def suspend(self) -> None:
        """Stop its process: connections are still taken by the kernel, and nobody answers."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # the signal alone may come late

    def resume(self) -> None:
        """Let a suspended one go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a power cut."""
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """End it in order, if it still runs."""
        if self._process.poll() is None:
            self.resume()
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        if self._process.poll() is None:
            self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._temporary.cleanup()

    def _wait(self, ports: Mapping[str, int]) -> None:
        """Wait until it shows our certificate. Raises RuntimeError with the end of its log."""
        context = ssl.create_default_context(cafile=self.ca_file)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with (
                    socket.create_connection((self.address, ports["ldaps"]), 1) as raw,
                    context.wrap_socket(raw, server_hostname=FQDN),
                ):
                    pass
                socket.create_connection((self.address, ports["ldap"]), 1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    message = f"Samba did not come up ({error}):\n{self._log.read_text(errors='replace')[-2000:]}"
                    raise RuntimeError(message) from error
                time.sleep(0.05)
            else:
                return
