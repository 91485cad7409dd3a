"""Reads mails in a process of its own, where a mail can break only its own reading and no password is near.

The process is started with the first mail, reads many, and is ended when it was quiet for a minute, has grown, or has
read a hundred. Over the time limit it is killed. A mail whose reading was killed, crashed or made no sense is
unreadable, after this one try. What the process answers is data, checked again here; it cannot make us run anything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from approvald.core import frozen_json
from approvald.core.errors import Unreadable
from approvald.core.model import REQUEST_NUMBER, Ambiguous, Incomplete, NotARequest, Notification, Reading
from approvald.core.text import ADDRESS
from approvald.mail.parse.agree import REJECT
from approvald.mail.parse.rejection import LONGEST_WORDS
from approvald.mail.parse.rules import CORE
from approvald.mail.reader.worker import LEAST_MEMORY_MIB, LENGTH, READY, TOO_LITTLE_MEMORY, Task

COMMAND: Final = (sys.executable, "-I", "-B", "-m", "approvald.mail.reader.worker")
"""-I: neither the environment, the user's folder nor the current one has a say in what is imported."""

_END_SECONDS: Final = 5.0
_MOST_MAILS: Final = 100
_MOST_RESIDENT_MIB: Final = 32
_LONGEST_SAFE: Final = 28
_LONGEST_WHY: Final = 500
_BYTES_A_CHARACTER: Final = 12
"""JSON in ASCII writes a character in up to twelve bytes."""
_KEPT_ENVIRONMENT: Final = ("LD_LIBRARY_PATH",)
_FIELDS: Final = frozenset({*CORE, "account", "device_user", "reason", REJECT})
_LOOK: Final = "Look at [parse.limits] memory_mib, and whether the service may start processes (TasksMax=)."
_ADVICE: Final = "Forward CyberArk's notification alone, unchanged, or approve in PVWA."


class ReaderFailed(Unreadable):
    """The process that reads mails does not start: no mail's fault, so mails wait. The message says what to look at."""


class Reader:
    """Reads one mail at a time; threads wait for one another. Close it at the end."""

    def __init__(
        self, task: Task, command: Sequence[str] = COMMAND, *, rest_seconds: float = 60.0, start_seconds: float = 20.0
    ) -> None:
        self._task = task
        self._command = command
        self._rest_seconds = rest_seconds
        self._start_seconds = start_seconds
        self._lock = threading.Lock()
        self._process: _Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; a later mail would start it again."""
        with self._lock:
            self._end()

    def end_if_idle(self) -> None:
        """End the process when it had nothing to do for `rest_seconds`."""
        with self._lock:
            if self._process is not None and time.monotonic() - self._process.used > self._rest_seconds:
                self._end()

    def read(self, mime: bytes) -> Reading:
        """Return the one reading of a raw mail; Incomplete and `unreadable` where there is none.

        Raises ReaderFailed when the process cannot be started.
        """
        with self._lock:
            process = self._ready()
            # one byte more than is read: enough for the process to see that it is too much
            piece = mime[: self._task.rules.limits.mime_bytes + 1]
            try:
                reading = _checked(process.ask(piece, self._task.seconds))
            except TimeoutError:
                return self._unreadable(f"The mail cannot be read within {self._task.seconds:g} seconds.")
            except OSError:
                return self._unreadable("Reading the mail was stopped, because it took more than is allowed.")
            except ValueError:
                return self._unreadable("Reading the mail gave no usable result.")
            if process.is_used_up():
                self._end()
            return reading

    def _ready(self) -> _Process:
        """Return a process that waits for a mail. If one ended while it had nothing to do, that is no mail's fault."""
        if self._process is not None and not self._process.is_waiting():
            self._end()
        if self._process is None:
            self._process = _Process(self._command, self._task, self._start_seconds)
        return self._process

    def _unreadable(self, why: str) -> Incomplete:
        self._end()
        return Incomplete(missing=CORE, why=f"{why} {_ADVICE}", unreadable=True)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()


class _Process:
    """The running process: started ready, ended by force."""

    def __init__(self, command: Sequence[str], task: Task, start_seconds: float) -> None:
        self.used = time.monotonic()
        self._mails = 0
        self._longest = task.rules.limits.view_bytes * _BYTES_A_CHARACTER + 65_536
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL,
                    cwd="/", env=environment, start_new_session=True, umask=0o077,
                )  # fmt: skip
            except OSError as error:
                self._socket.close()
                message = f"The process that reads mails cannot be started: {error.strerror}. {_LOOK}"
                raise ReaderFailed(message) from error
        try:
            ready = self._exchange(frozen_json.dumps(task), time.monotonic() + start_seconds) == READY
        except (OSError, ValueError):
            ready = False
        if not ready:
            raise ReaderFailed(_not_started(self.end(), task))

    def ask(self, mime: bytes, seconds: float) -> bytes:
        """Return the answer to a mail. Raises TimeoutError, another OSError when it ended, ValueError for no frame."""
        self._mails += 1
        answer = self._exchange(mime, time.monotonic() + seconds)
        self.used = time.monotonic()
        return answer

    def is_waiting(self) -> bool:
        """Tell whether it runs and has said nothing unasked."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def is_used_up(self) -> bool:
        """Tell whether it has read its share of mails, or holds on to memory that a mail made it take."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return True
        return self._mails >= _MOST_MAILS or pages * os.sysconf("SC_PAGESIZE") > _MOST_RESIDENT_MIB << 20

    def end(self) -> int | None:
        """Kill it and whatever it started, and wait for its end. Returns its exit status; None where it lives on."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):  # it leads its group; nobody has waited for it, so the id is its
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        return self._process.returncode

    def _exchange(self, data: bytes, deadline: float) -> bytes:
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(LENGTH.pack(len(data)) + data)
        length = LENGTH.unpack(self._receive(LENGTH.size, deadline))[0]
        if length > self._longest:
            message = "the frame is too long"
            raise ValueError(message)
        return self._receive(length, deadline)

    def _receive(self, count: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < count:
            self._socket.settimeout(_left(deadline))
            piece = self._socket.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise ConnectionResetError
            data += piece
        return bytes(data)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _not_started(status: int | None, task: Task) -> str:
    if status == TOO_LITTLE_MEMORY:
        return (
            f"The process that reads mails cannot work in {task.memory_mib} MiB. "
            f"Set [parse.limits] memory_mib to {LEAST_MEMORY_MIB} or more."
        )
    return f"The process that reads mails does not start (exit status {status}). {_LOOK}"


def _checked(answer: bytes) -> Reading:
    """Return the reading that was answered. Raises ValueError for one that the parser would never give."""
    reading: Reading = frozen_json.loads(answer, Notification, Incomplete, Ambiguous, NotARequest)
    if isinstance(reading, Notification):
        is_possible = (
            ADDRESS.fullmatch(reading.requestor) is not None
            and REQUEST_NUMBER.fullmatch(reading.number) is not None
            and 0 < len(reading.safe) <= _LONGEST_SAFE
            and reading.safe.isprintable()
            and (
                reading.rejection is None
                or (reading.rejection.isprintable() and len(reading.rejection) <= LONGEST_WORDS)
            )
        )
    else:
        names = () if isinstance(reading, NotARequest) else _names(reading)
        is_possible = reading.why.isascii() and reading.why.isprintable() and len(reading.why) <= _LONGEST_WHY
        is_possible &= set(names) <= _FIELDS
    if not is_possible:
        message = "no such reading is possible"
        raise ValueError(message)
    return reading


def _names(reading: Incomplete | Ambiguous) -> tuple[str, ...]:
    return reading.missing if isinstance(reading, Incomplete) else reading.fields
