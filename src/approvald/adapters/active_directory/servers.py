"""Chooses the domain controller to ask, and the next one when it does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import urlsplit

from approvald.adapters.active_directory.connection import Broken, DirectoryConnection, Endpoint, TimeLimits
from approvald.adapters.active_directory.logon import Logon
from approvald.adapters.active_directory.tls import trusting
from approvald.config.settings import DirectorySettings
from approvald.core.errors import ApprovaldError, System, Unavailable
from approvald.core.ports import Clock, ServerSeen

IDLE_SECONDS: Final = 10.0
"""How long a connection is kept for the next question: a burst of mails, not until a domain controller is replaced."""
KEPT: Final = 4
SERVERS_IN_ONE_GO: Final = 2
"""How many silent servers one question waits for."""
DEFAULT_PORTS: Final = {"ldaps": 636, "ldap": 389}

T = TypeVar("T")


class Servers:
    """Carries questions to the first server that answers. Thread safe.

    A question goes to another server only when one did not do its work: never after a refused log-on.
    """

    def __init__(self, settings: DirectorySettings, logon: Logon, clock: Clock) -> None:
        self._settings = settings
        self._logon = logon
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[tuple[float, DirectoryConnection]] = []
        self._last_good: Endpoint | None = None
        self._cooling: dict[Endpoint, float] = {}
        self._closed = False

    def ask(self, work: Callable[[DirectoryConnection], T]) -> T:
        """Return what `work` finds out on a connection; `work` may be started again on another server.

        Raises Unavailable when no server answered in time, and what `work` raises besides Broken.
        """
        limits = self._limits()
        failures: list[str] = []
        kept = self._take(limits)
        if kept is not None:
            try:
                with self._in_use(kept):
                    return work(kept)
            except Broken as broken:  # perhaps only because it was idle: the same server gets another chance
                if broken.silent:
                    self._failed(kept.endpoint, broken, failures)
        for endpoint in self._candidates(failures):
            if limits.left() <= 0:
                break
            try:
                with self._in_use(self._connect(endpoint, limits)) as connection:
                    found = work(connection)
            except Broken as broken:
                self._failed(endpoint, broken, failures)
                continue
            self._worked(endpoint)
            return found
        message = (
            f"No directory server answered ({'; '.join(failures)}). Nobody can be looked up, so mails wait. "
            "Check the servers, the network and directory.ca_file."
        )
        raise Unavailable(System.DIRECTORY, message)

    def visit(self) -> Sequence[ServerSeen]:
        """Connect to every address of every configured server, and report for each whether it could be used."""
        failures: list[str] = []
        endpoints = dict.fromkeys(each for url in self._settings.servers for each in _resolved(url, failures))
        nameless = [
            ServerSeen(server=failure.partition(": ")[0], failure=Unavailable(System.DIRECTORY, failure))
            for failure in failures
        ]
        return [*(self._visited(endpoint) for endpoint in endpoints), *nameless]

    def _visited(self, endpoint: Endpoint) -> ServerSeen:
        try:
            self._connect(endpoint, self._limits()).close()
        except Broken as broken:
            message = f"{endpoint} cannot be used: {broken}. Check the server, the network and directory.ca_file."
            return ServerSeen(server=str(endpoint), failure=Unavailable(System.DIRECTORY, message))
        except ApprovaldError as error:
            return ServerSeen(server=str(endpoint), failure=error)
        return ServerSeen(server=str(endpoint))

    def close(self) -> None:
        """End every connection that nobody uses; those in use end after their question."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _limits(self) -> TimeLimits:
        connect, receive = self._settings.connect_timeout_seconds, self._settings.receive_timeout_seconds
        until = self._clock.monotonic() + SERVERS_IN_ONE_GO * (connect + receive)
        return TimeLimits(connect=connect, receive=receive, left=lambda: until - self._clock.monotonic())

    def _connect(self, endpoint: Endpoint, limits: TimeLimits) -> DirectoryConnection:
        connection = DirectoryConnection(endpoint, limits, trusting(self._settings.ca_file))
        try:
            self._logon.bind(connection)
            connection.introduce()
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _in_use(self, connection: DirectoryConnection) -> Iterator[DirectoryConnection]:
        """Keep the connection for the next question, unless anything went wrong on it."""
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            keep = not self._closed and len(self._idle) < KEPT
            if keep:
                self._idle.append((self._clock.monotonic(), connection))
        if not keep:
            connection.close()

    def _take(self, limits: TimeLimits) -> DirectoryConnection | None:
        """Return a connection that is still warm; end those that are not."""
        oldest = self._clock.monotonic() - IDLE_SECONDS
        with self._lock:
            cold = [connection for since, connection in self._idle if since < oldest]
            self._idle = [(since, connection) for since, connection in self._idle if since >= oldest]
            warm = self._idle.pop()[1] if self._idle else None
        for connection in cold:
            connection.close()
        if warm is not None:
            warm.limits = limits
        return warm

    def _failed(self, endpoint: Endpoint, broken: Broken, failures: list[str]) -> None:
        failures.append(f"{endpoint}: {broken}")
        with self._lock:
            self._cooling[endpoint] = self._clock.monotonic() + self._settings.cool_down_seconds

    def _worked(self, endpoint: Endpoint) -> None:
        with self._lock:
            self._last_good = endpoint
            self._cooling.pop(endpoint, None)

    def _candidates(self, failures: list[str]) -> Sequence[Endpoint]:
        """Return all endpoints: the last good one, then as configured, those that failed lately at the end."""
        known = [endpoint for url in self._settings.servers for endpoint in _resolved(url, failures)]
        now = self._clock.monotonic()
        with self._lock:
            cooling = {endpoint: until for endpoint, until in self._cooling.items() if until > now}
            return sorted(dict.fromkeys(known), key=lambda each: (cooling.get(each, 0.0), each != self._last_good))


def _resolved(url: str, failures: list[str]) -> list[Endpoint]:
    """Return a server's addresses: a domain's name stands for all its domain controllers."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, ValueError) as error:
        failures.append(f"{url}: no address for this name ({error})")
        return []
    usable = [address for address in found if "%" not in address]  # link-local ones are no server's
    return [Endpoint(host=host, port=port, address=each, ldaps=parts.scheme == "ldaps") for each in usable]
