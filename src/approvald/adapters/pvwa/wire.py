"""One HTTP session with the PVWA: verified TLS, time limits, no retries, and exact words about what did not arrive.

The one question that matters here is whether a call can have reached the PVWA. `Unavailable` says it cannot;
`AnswerLost` says it may have.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.poolmanager import PoolManager

from approvald import __version__
from approvald.adapters.pvwa.answers import Answer, wait_wished
from approvald.adapters.pvwa.records import clean
from approvald.config.settings import PvwaSettings
from approvald.core.errors import System, Unavailable
from approvald.core.ports import Clock

VIRTUAL_DIRECTORY: Final = "/PasswordVault"
MOST_BYTES: Final = 64 * 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024
TRACE_CHARS: Final = 64
_LOOK: Final = "The mail waits and is tried again; if this lasts, look at"


class AnswerLost(Unavailable):
    """The call may have reached the PVWA, but no complete answer came back."""


class Wire:
    """A `requests.Session` from log-on to log-off: its cookies keep us on one node behind a load balancer."""

    def __init__(self, settings: PvwaSettings, clock: Clock) -> None:
        self._clock = clock
        self._timeout = (settings.connect_timeout_seconds, settings.read_timeout_seconds)
        self._base = base_url(settings.url)
        self._host = urlsplit(settings.url).netloc
        self._http = requests.Session()
        # Without it a .netrc or a proxy of the environment could replace our Authorization header.
        self._http.trust_env = False
        self._http.verify = str(settings.ca_file) if settings.ca_file else True
        if settings.proxy:
            self._http.proxies = {"https": settings.proxy}
        self._http.headers.update(
            {
                "User-Agent": f"approvald/{__version__}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            }
        )
        no_retries = urllib3.Retry(0, read=False)
        self._adapter = DeadlineAdapter(pool_connections=1, pool_maxsize=1, max_retries=no_retries)
        self._http.mount("https://", self._adapter)

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str | bool] | None = None,
        longest_seconds: float | None = None,
    ) -> Answer:
        """Send one call. `path` begins below the virtual directory and is already quoted.

        `longest_seconds` shortens the configured time limits for this call. What changes something takes no longer than
        both limits together, for which a lease must hold; a long list may be read for another one.

        Raises Unavailable when it certainly did not reach the PVWA, AnswerLost when it may have.
        """
        connect, receive = (min(each, longest_seconds or each) for each in self._timeout)
        longest = connect + (2 * receive if method == "GET" else receive)
        deadline = self._clock.monotonic() + longest
        try:
            with (
                self._adapter.within(longest),
                self._http.request(
                    method,
                    self._base + path,
                    params=dict(query) if query else None,
                    json=dict(body) if body is not None else None,
                    headers={"Authorization": token} if token is not None else None,
                    timeout=(connect, receive),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                if method != "GET" and not _has_an_end(response):
                    message = f"PVWA ({self._host}) broke the connection in the middle of its answer. {_LOOK} PVWA."
                    raise AnswerLost(System.PVWA, message)
                return self._complete(response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the connection and forget the cookies."""
        self._http.close()
        self._http.cookies.clear()

    def _complete(self, response: requests.Response, deadline: float) -> Answer:
        """Read the whole body: not more than is sane, and not beyond the deadline however steadily it trickles."""
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > MOST_BYTES or self._clock.monotonic() > deadline:
                message = f"PVWA ({self._host}) sent an answer that is too long or too slow. {_LOOK} PVWA."
                raise AnswerLost(System.PVWA, message)
        headers = response.headers
        return Answer(
            status=response.status_code,
            body=bytes(body),
            content_type=headers.get("Content-Type", ""),
            retry_after_seconds=wait_wished(headers.get("Retry-After"), self._clock.now()),
            trace=clean(headers.get("X-Correlation-ID"), TRACE_CHARS),
            date=headers.get("Date", ""),
        )

    def _failure(self, error: Exception) -> Unavailable:
        """Translate what the HTTP library raises. The error's own text stays out: it may repeat headers."""
        if _caused_by(error, ssl.SSLCertVerificationError):
            message = (
                f"PVWA's certificate ({self._host}) cannot be verified, so nothing was sent. The mail waits. "
                "Set pvwa.ca_file to the CA that signed it, or find out who answers under this name."
            )
            return Unavailable(System.PVWA, message)
        if isinstance(self._http.verify, str) and not Path(self._http.verify).exists():
            message = (
                "The file that pvwa.ca_file names is not there, so nothing was sent. The mail waits. Put the CA there."
            )
            return Unavailable(System.PVWA, message)
        if isinstance(error, requests.exceptions.ProxyError):
            message = f"The proxy in pvwa.proxy did not connect us to {self._host}. {_LOOK} the proxy."
            return Unavailable(System.PVWA, message)
        if isinstance(error, requests.ConnectTimeout) or _never_connected(error):
            message = f"PVWA ({self._host}) cannot be reached. {_LOOK} the network and PVWA."
            return Unavailable(System.PVWA, message)
        kind = "did not answer in time" if isinstance(error, requests.Timeout) else "broke the connection"
        return AnswerLost(System.PVWA, f"PVWA ({self._host}) {kind}. {_LOOK} PVWA.")


def _has_an_end(response: requests.Response) -> bool:
    """Whether the answer says where it ends. Python takes a header that was cut off for one that is complete.

    An empty answer means yes to a confirmation, and a connection that broke must not.
    """
    return "Content-Length" in response.headers or "chunked" in response.headers.get("Transfer-Encoding", "").casefold()


def base_url(url: str) -> str:
    """Return the API's root: the virtual directory is PasswordVault unless the address names another."""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + VIRTUAL_DIRECTORY


def _never_connected(error: Exception) -> bool:
    """Whether no connection was made: refused, no route, no such name."""
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether such an error is anywhere in this one's chain: requests wraps urllib3, which wraps ssl."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, kind):
            return True
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            waiting += [*each.args, each.__cause__, each.__context__, getattr(each, "reason", None)]
    return False


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
