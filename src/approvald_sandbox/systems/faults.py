"""Faults that a test puts into one of the pretend systems, and takes out again."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum


class System(StrEnum):
    """The pretend systems a fault can be put into."""

    EXCHANGE = "exchange"
    DIRECTORY = "directory"
    PVWA = "pvwa"
    VAULT = "vault"


class FaultKind(StrEnum):
    """What goes wrong. Each system carries all of them out at its own wire."""

    DOWN = "down"
    """The listening socket is closed and open connections are cut: connection refused."""
    SLOW = "slow"
    """The answer comes `seconds` late."""
    HANG = "hang"
    """The request is read and never answered, and never processed."""
    HELD = "held"
    """The request is processed at once, and its answer never sent."""
    RESET_BEFORE = "reset_before"
    """The connection is reset before the request is processed."""
    RESET_AFTER = "reset_after"
    """The request is processed, then the connection is reset: the answer is lost."""
    STATUS = "status"
    """HTTP `status` (401, 403, 429, 500, 503 ...), with `retry_after` where given; the directory answers 51 busy."""
    HTML = "html"
    """200 and an HTML page, as a load balancer's error page; the directory closes the connection with junk."""
    WRONG_CERTIFICATE = "wrong_certificate"
    """The server shows a certificate of a CA that nobody trusts."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: `times` None means until it is cleared; `operation` limits it to operations that contain the word.

    `skip`: so many of these operations pass unharmed before.
    """

    kind: FaultKind
    times: int | None = None
    operation: str = ""
    seconds: float = 0.0
    status: int = 500
    retry_after: int | None = None
    skip: int = 0


class Faults:
    """The faults in force, thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[System, list[Fault]] = defaultdict(list)

    def put(self, system: System, fault: Fault) -> None:
        """Add a fault behind those already in force."""
        with self._lock:
            self._active[system].append(fault)

    def clear(self, system: System | None = None) -> None:
        """Take all faults out of one system, or out of all."""
        with self._lock:
            for each in [system] if system else list(self._active):
                self._active[each].clear()

    def standing(self, system: System, kind: FaultKind) -> bool:
        """Whether such a fault is in force, without using it up (for DOWN and WRONG_CERTIFICATE)."""
        with self._lock:
            return any(fault.kind is kind for fault in self._active[system])

    def active(self, system: System) -> list[Fault]:
        """Return the faults in force, in the order in which they were put."""
        with self._lock:
            return list(self._active[system])

    def take(self, system: System, operation: str) -> Fault | None:
        """Return the fault that hits this operation now, and count it down."""
        with self._lock:
            for index, fault in enumerate(self._active[system]):
                if fault.operation.casefold() not in operation.casefold():
                    continue
                if fault.skip:
                    self._active[system][index] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times is not None:
                    if fault.times <= 1:
                        del self._active[system][index]
                    else:
                        self._active[system][index] = replace(fault, times=fault.times - 1)
                return fault
            return None
