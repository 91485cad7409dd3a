"""A pretend PVWA on 127.0.0.1 in a thread of its own, and a client that speaks its protocol with `requests`."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests
from aiohttp import web

from approvald_sandbox.systems.faults import Faults
from approvald_sandbox.systems.pvwa.app import PVWA, Pvwa, make_app
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.world.world import DEFAULT_PASSWORD, Request, World, add_request, build

L1, L2 = "svc-pam-l1", "svc-pam-l2"
KEY = "DB-PROD-01_17"
TIMEOUT_SECONDS = 10


def small_world() -> World:
    """Two team safes, one second-level group, and request 17 of Timo Gast that goes through two levels."""
    world = build(
        {
            "safes": {"DB-PROD-01": "DB_PAMapprover", "NET.CORE": "Net_PAMapprover"},
            "groups": {
                "DB_PAMapprover": ["ilka.brandt@corp.example", "mara.voss@corp.example"],
                "Net_PAMapprover": ["wen.zhao@corp.example"],
                "L2_PAMapprover": ["rhea.malik@corp.example"],
            },
        }
    )
    ask(world, "17", levels=2, reason="Kernel patch")
    return world


def ask(world: World, number: str, *, safe: str = "DB-PROD-01", **fields: Any) -> Request:
    """Add a request of Timo Gast's (another requestor by `requestor`)."""
    return add_request(world, {"safe": safe, "request_id": number, "requestor": "timo.gast@corp.example", **fields})


def code(answer: requests.Response) -> tuple[int, str]:
    """Return status and ErrorCode."""
    return answer.status_code, answer.json()["ErrorCode"]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the server has come to a point; fails after the time limit."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, "the server never came to this point"
        time.sleep(0.005)


@contextmanager
def listening(app: web.Application, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve the application until the block ends; the value is host and port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(TIMEOUT_SECONDS)
    try:
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(TIMEOUT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT_SECONDS)
        loop.close()


@dataclass
class Client:
    """One caller with one cookie jar; `token` is sent as PVWA wants it, raw."""

    base: str
    token: str = ""
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.http.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        """Make one call below the virtual directory."""
        headers = {"Authorization": self.token} if self.token else {}
        url = f"{self.base}/PasswordVault/{path}"
        return self.http.request(method, url, json=body, params=query, headers=headers, timeout=TIMEOUT_SECONDS)

    def logon(self, user: str, password: str = DEFAULT_PASSWORD, **more: object) -> requests.Response:
        """Log on by LDAP and keep the token."""
        body = {"username": user, "password": password, "concurrentSession": True, **more}
        answer = self.call("POST", "API/auth/LDAP/Logon", body)
        token = answer.json() if answer.ok else None
        self.token = token if isinstance(token, str) else ""
        return answer

    def confirm(self, key: str = KEY, reason: str = "by mail") -> requests.Response:
        """Confirm one request."""
        return self.call("POST", f"API/IncomingRequests/{key}/Confirm", {"Reason": reason})

    def details(self, key: str = KEY) -> Any:
        """Return the record of a request that the caller may see."""
        answer = self.call("GET", f"API/IncomingRequests/{key}/")
        assert answer.status_code == 200
        return answer.json()

    def listed(self, **query: str) -> list[str]:
        """Return the request ids in the list."""
        return [
            each["RequestID"] for each in self.call("GET", "API/IncomingRequests", **query).json()["IncomingRequests"]
        ]


class Stage:
    """A world, a PVWA over it, and clients that are already logged on."""

    def __init__(self, base: str, world: World, faults: Faults, profile: Profile, pvwa: Pvwa) -> None:
        self.base = base
        self.world = world
        self.faults = faults
        self.profile = profile
        self.pvwa = pvwa
        self.journal = pvwa.journal
        self._clients: list[Client] = []

    def client(self, user: str = "") -> Client:
        """Return a new client, logged on when a user is named."""
        client = Client(self.base)
        self._clients.append(client)
        if user:
            assert client.logon(user).status_code == 200
        return client

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.http.close()


@contextmanager
def stage(world: World | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Stage]:
    """Run a PVWA over the small world, or another."""
    world = world or small_world()
    faults, profile = Faults(), Profile()
    app = make_app(world, faults, profile, logging.getLogger("sandbox.pvwa"))
    with listening(app, tls) as address:
        scheme = "https" if tls else "http"
        made = Stage(f"{scheme}://{address}", world, faults, profile, app[PVWA])
        try:
            yield made
        finally:
            made.close()
