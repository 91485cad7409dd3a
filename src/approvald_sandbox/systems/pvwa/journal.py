"""What the PVWA saw, for tests: every call, and what became of it. Never a password, never a token."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

CONFIRM: Final = "IncomingRequests.Confirm"
LOGON: Final = "Logon"


@dataclass(kw_only=True)
class Entry:
    """One call. `at` is epoch seconds UTC by the world's clock; `status` is 0 where no answer was made or sent."""

    at: int
    method: str
    route: str
    """IncomingRequests.Confirm, Logon ...; empty for a path that PVWA does not have."""
    user: str = ""
    key: str = ""
    """PVWA's RequestID, as the caller wrote it."""
    reason: str = ""
    """The comment in the body of Confirm or Reject."""
    status: int = 0


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A vote that PVWA took: by whom, at which level, with which comment, when (epoch seconds UTC)."""

    key: str
    user: str
    level: int
    reason: str
    at: int


class Journal:
    """The calls in their order, thread safe; whatever is read from it is a copy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._confirmations: list[Accepted] = []
        self._failed_logons: Counter[str] = Counter()

    def open(self, entry: Entry) -> Entry:
        """Write down a call that has arrived; the server completes the entry while it works."""
        with self._lock:
            self._entries.append(entry)
        return entry

    def accept(self, confirmation: Accepted) -> None:
        """Write down a confirmation that counts."""
        with self._lock:
            self._confirmations.append(confirmation)

    def logon_failed(self, user: str) -> None:
        """Count one refused log-on."""
        with self._lock:
            self._failed_logons[user.casefold()] += 1

    def entries(self, route: str = "") -> list[Entry]:
        """All calls, or those of one route."""
        with self._lock:
            return [replace(entry) for entry in self._entries if route in {"", entry.route}]

    def attempts(self) -> list[Entry]:
        """Every Confirm that arrived, whatever became of it."""
        return self.entries(CONFIRM)

    def confirmations(self) -> list[Accepted]:
        """Return the Confirms that PVWA took."""
        with self._lock:
            return list(self._confirmations)

    def failed_logons(self) -> dict[str, int]:
        """Refused log-ons by user name, in lower case."""
        with self._lock:
            return dict(self._failed_logons)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._confirmations.clear()
            self._failed_logons.clear()
