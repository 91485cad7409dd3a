"""A throw-away PostgreSQL server on loopback, from Debian's packages; each test gets a database of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

import leftovers

PROGRAMS: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
USER: Final = "postgres"
_SECONDS: Final = 60


def missing() -> str:
    """Return why there can be no server here, an empty text where there can be one."""
    if not PROGRAMS:
        return "PostgreSQL's server programs are not installed (Debian: postgresql)"
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return f"there is no user {USER}, and PostgreSQL does not run as root" if os.geteuid() == 0 else ""
    return ""


class Server:
    """One server. It listens on 127.0.0.1 and trusts whoever can reach it there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        self._run("initdb", "--auth=trust", "--username=approvald", "--no-locale", "--encoding=UTF8", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self._folder}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "--wait", f"--log={log}", f"--options={options}")

    def stop(self, mode: str = "fast") -> None:
        """Stop it in order; `immediate` stops as a crash would."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def new_database(self) -> str:
        """Make an empty database. Returns its URL, as ledger.url names it."""
        name = f"ledger{next(self._numbers)}"
        place = f"approvald@127.0.0.1:{self.port}"
        with psycopg.connect(f"postgresql://{place}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode("ascii"))
        return f"postgresql+psycopg://{place}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - Debian's programs
            [str(PROGRAMS[-1] / program), "-D", str(self._folder / "data"), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/",
            timeout=_SECONDS, check=False, user=USER if os.geteuid() == 0 else None,
            env={"LC_ALL": "C", "PATH": "/bin", leftovers.MARK: os.environ[leftovers.MARK]},
        )  # fmt: skip
        if done.returncode:
            message = f"{program} ended with {done.returncode}: {done.stderr[-2000:]}"
            raise RuntimeError(message)


@contextmanager
def running() -> Iterator[Server]:
    """Give a server that runs, and end it."""
    # Not in pytest's folder, which nobody but its owner may enter
    with tempfile.TemporaryDirectory(prefix="approvald-postgresql-") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
