"""An HTTPS server that gives exactly the answers a test wrote down: for shapes that the sandbox's PVWA never sends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from approvald.adapters.pvwa.client import PvwaClient
from approvald.config.settings import PvwaSettings
from approvald_sandbox.systems.certificates import make_certificates, server_context
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore
from sandbox.pvwa_client import KEY, L1, secret

JSON_TYPE = "application/json; charset=utf-8"
TOKEN = "MTljY2YxMjM0NTY3ODkwYWJjZGVm" * 7


PAGE = b"<html><head><title>Sign in</title></head><body>Please log on</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
RECORD = {"RequestID": KEY, "SafeName": "DB-PROD-01", "RequestorUserName": "timo.gast"}


def error(code: str, words: str) -> dict[str, str]:
    """Return PVWA's error body."""
    return {"ErrorCode": code, "ErrorMessage": words}


@dataclass(frozen=True)
class Say:
    """One answer. `body`: bytes as they are, anything else as JSON. `cut`: bytes held back at its end."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    half_way: Callable[[], None] | None = None
    """Called when half of the body has been sent."""
    trickles: bool = False
    """Its header comes byte by byte, four a second, for half a minute or until nobody listens any more."""


@dataclass(frozen=True)
class Heard:
    """One call as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Script:
    """Answers by the end of the path, in order; the last answer of each goes on for ever."""

    def __init__(self) -> None:
        self.base = ""
        self.ca_file = Path()
        self.heard: list[Heard] = []
        self.trickled = 0
        """Bytes that went out one by one."""
        self._answers: dict[str, list[Say]] = {}

    def on(self, ending: str, *answers: Say) -> None:
        """Set the answers for paths that end so."""
        self._answers[ending] = list(answers)

    def logged_on(self) -> None:
        """Let every log-on succeed."""
        self.on("/Logon/", Say(200, TOKEN))
        self.on("/Logoff/", Say(200, {"LogoffUrl": ""}))

    def answer(self, call: Heard) -> Say:
        """Note the call and return what to say."""
        self.heard.append(call)
        path = call.path.partition("?")[0]
        answers = next((each for ending, each in self._answers.items() if path.endswith(ending)), None)
        if answers is None:
            return Say(404, b"nothing was written down for this path")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def scripted(directory: Path) -> Iterator[Script]:
    """Serve a script on 127.0.0.1 until the block ends."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            say = script.answer(Heard(self.command, self.path, dict(self.headers.items()), sent))
            if say.trickles:
                self._trickle()
                return
            body = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
            self.send_response(say.status)
            kind = {} if isinstance(say.body, bytes) else {"Content-Type": JSON_TYPE}
            for name, value in {**kind, "Content-Length": str(len(body)), **say.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            half = len(body) // 2 if say.half_way else 0
            self.wfile.write(body[:half])
            if say.half_way:
                say.half_way()
            self.wfile.write(body[half : len(body) - say.cut])
            self.close_connection = bool(say.cut)

        def _trickle(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(120):
                    time.sleep(0.25)
                    self.wfile.write(b"x")
                    script.trickled += 1

    made = make_certificates(directory)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = server_context(made.server).wrap_socket(server.socket, server_side=True)
    script.base = f"https://localhost:{server.server_address[1]}"
    script.ca_file = made.ca
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class ScriptedDesk:
    """A client before a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.guard = FakeGuard()
        self.clock = FakeClock()
        settings = PvwaSettings(url=script.base, ca_file=script.ca_file, read_timeout_seconds=2.0)
        self.client = PvwaClient(settings, FakeSecretStore({"level1": secret(L1)}), self.guard, self.clock)

    def count(self, ending: str) -> int:
        """Count the calls whose path ends so."""
        return sum(call.path.partition("?")[0].endswith(ending) for call in self.script.heard)


@contextmanager
def scripted_desk(directory: Path) -> Iterator[ScriptedDesk]:
    """Open a client before a server where log-on and details succeed until the test says otherwise."""
    with scripted(directory) as script:
        script.logged_on()
        script.on(f"/{KEY}/", Say(200, RECORD))
        made = ScriptedDesk(script)
        try:
            yield made
        finally:
            made.client.close()
