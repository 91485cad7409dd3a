"""Starts approvald quickly: a process that has loaded it, and forks a child for each command that is asked for.

The child runs the real program. It may be told to kill itself at its n-th commit to the ledger, before or right after
that is on the disk: SQLAlchemy's public events say when, and nothing of approvald's is touched.

Speaks lines of JSON on standard input and output: {"do": "start", "arguments", "output", "errors"}, perhaps with
"commit", "after" and "host", answers {"pid"}; {"do": "wait", "pid"} answers {"status"}.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy import event

import approvald
from approvald.cli.exits import run
from approvald.cli.program import program

_NEW_HOST_NAME = 0x04000000
"""CLONE_NEWUTS of unshare(2)."""


def kill_at(number: int, *, after: bool) -> None:
    """End this process by SIGKILL at its commit of that number, counted from 1."""
    seen = {"commits": 0}

    def committing(_connection: sa.Connection) -> None:
        seen["commits"] += 1
        if seen["commits"] == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)

    def given_back(_connection: Any, _record: Any) -> None:
        if seen["commits"] >= number and after:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(sa.Engine, "commit", committing)
    event.listen(sa.pool.Pool, "checkin", given_back)


def live_on(host: str) -> None:
    """Give this process a host name of its own, so that no other one can see by its own host whether it lives."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_HOST_NAME) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    socket.sethostname(host)


def child(order: dict[str, Any]) -> NoReturn:
    """Become the program."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    output, errors = (
        os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666) for name in ("output", "errors")
    )
    for source, target in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(source, target)
        os.close(source)
    if order.get("host") and os.geteuid() == 0:
        live_on(order["host"])
    if order.get("commit"):
        kill_at(order["commit"], after=order["after"])
    os._exit(run(program, order["arguments"]))


def main() -> None:
    """Carry out orders until there are none."""
    for module in pkgutil.walk_packages(approvald.__path__, "approvald."):
        if "migrations" not in module.name:  # scripts of alembic
            importlib.import_module(module.name)
    gc.freeze()
    while line := sys.stdin.readline():
        order = json.loads(line)
        if order["do"] == "start":
            pid = os.fork()
            if pid == 0:
                child(order)
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(order["pid"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
