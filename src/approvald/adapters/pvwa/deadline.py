"""An HTTP adapter whose calls end in time, however an answer trickles.

The read limit of `requests` begins anew with every byte that comes in, so that it bounds no call: at the deadline the
socket itself is shut, and the call ends as one whose answer was lost.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager


class DeadlineAdapter(HTTPAdapter):
    """Carries out calls as its base class does; one call at a time."""

    def __init__(self, **options: Any) -> None:
        self._connections: WeakSet[HTTPSConnection] = WeakSet()
        self._over = threading.Event()
        super().__init__(**options)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Shut the connection that is used in this block when so many seconds have passed."""
        self._over.clear()
        timer = threading.Timer(max(seconds, 0.0), self._shut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # one that has just begun must not shut the next call's connection

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the pools make connections that are known here."""
        super().init_poolmanager(*arguments, **options)
        self._know(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        """Return a pool manager for a proxy, whose connections are known here."""
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        self._know(manager)
        return manager

    def _know(self, manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _pool(self._connections.add, self._over)}

    def _shut(self) -> None:
        self._over.set()
        for connection in list(self._connections):
            # TLS through a proxy that speaks TLS itself is no socket, and has one
            sock = getattr(connection.sock, "socket", connection.sock)
            if sock is not None:
                with suppress(OSError):
                    # Not SSLSocket's own: that takes the TLS layer away under the thread that reads
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _pool(know: Callable[[HTTPSConnection], None], over: threading.Event) -> type[HTTPSConnectionPool]:
    class Connection(HTTPSConnection):
        def connect(self) -> None:
            know(self)
            super().connect()
            if over.is_set():  # there was no socket yet that could be shut, as while a name server hangs
                self.close()
                message = "connected after the deadline"
                raise NewConnectionError(self, message)

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool
