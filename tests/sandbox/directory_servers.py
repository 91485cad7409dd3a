"""What the tests of the directory adapter share: how one is opened, and servers worse than the sandbox's."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.config.settings import DirectorySettings, GroupSettings, PeopleSettings
from approvald.core.ports import Clock, Secret
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.certificates import make_certificates, server_context
from approvald_sandbox.systems.directory import ber
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore

USER = "svc-directory@corp.example"
ILKA = "ilka.brandt@corp.example"
CONNECT_SECONDS, RECEIVE_SECONDS = 0.6, 0.9
BIND, BIND_RESULT, SEARCH, ENTRY, DONE, REFERENCE = 0x60, 0x61, 0x63, 0x64, 0x65, 0x73
IS_ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
Attributes = Mapping[str, Sequence[str | bytes]]
ACTIVE_DIRECTORY: Attributes = {
    "supportedCapabilities": [IS_ACTIVE_DIRECTORY],
    "defaultNamingContext": ["DC=corp,DC=example"],
}


class RunningClock:
    """The port Clock, running."""

    def now(self) -> datetime:
        """Return the aware UTC instant."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only go up."""
        return time.monotonic()


def secret(password: str = DEFAULT_PASSWORD, version: str = "1", username: str = USER) -> Secret:
    """Return a password of the directory account."""
    return Secret(username=username, password=password, version=version)


@dataclass
class Desk:
    """One adapter and what it was given. `open` makes another one with the same store, guard and clock."""

    sandbox: Sandbox
    servers: list[str]
    ca_file: Path | None
    store: FakeSecretStore = field(default_factory=lambda: FakeSecretStore({"directory": secret()}))
    guard: FakeGuard = field(default_factory=FakeGuard)
    clock: Clock = field(default_factory=lambda: FakeClock(datetime.now(UTC)))
    settings: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)
    people: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def open(self) -> Iterator[ActiveDirectory]:
        """Open an adapter; it is closed at the end of the block."""
        where = self.sandbox.endpoints()
        usual: dict[str, Any] = {"servers": self.servers, "base_dn": where["base_dn"], "ca_file": self.ca_file}
        usual |= {"connect_timeout_seconds": CONNECT_SECONDS, "receive_timeout_seconds": RECEIVE_SECONDS}
        groups = {"base_dn": where["groups_base_dn"], "second_level": where["level2_group"]}
        directory = ActiveDirectory(
            DirectorySettings(**(usual | dict(self.settings))),
            groups=GroupSettings(**(groups | dict(self.groups))),
            people=PeopleSettings(**self.people),
            secrets=self.store,
            guard=self.guard,
            clock=self.clock,
        )
        try:
            yield directory
        finally:
            directory.close()

    def binds(self) -> int:
        """Return how often somebody logged on at the sandbox, or tried to."""
        return self.operations().count("bind")

    def operations(self) -> list[str]:
        """Return what the sandbox's directory was asked, in order."""
        return list(self.sandbox.stats()["operations"]["directory"])

    def failed_binds(self) -> int:
        """Return how many log-ons of the directory account the sandbox refused."""
        return int(self.sandbox.stats()["failed_logons"]["directory"].get("svc-directory", 0))


def desk(sandbox: Sandbox, scheme: str = "ldaps", **given: Any) -> Desk:
    """Return a desk in front of the sandbox."""
    where = sandbox.endpoints()
    settings = {"start_tls": scheme == "ldap"} | given.pop("settings", {})
    usual = {"servers": [where[scheme]], "ca_file": Path(where["ca_file"]), "settings": settings}
    return Desk(sandbox, **(usual | given))


def refused_url() -> str:
    """Return the URL of a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"ldaps://127.0.0.1:{probe.getsockname()[1]}"


class SilentServer:
    """Takes connections and never says a word. `connections` counts them."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.url = f"ldaps://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def connections(self) -> int:
        """How many clients came."""
        return len(self._held)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)
        for each in self._held:
            each.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                self._held.append(self._listening.accept()[0])


class ScriptedServer:
    """An LDAP server over TLS that takes every log-on and answers every search with the same operations.

    `by_base` holds other answers for searches at a base of their own. `ca_file` is its CA. With `drip_seconds` the
    answers come byte by byte, that far apart.
    """

    def __init__(self, directory: Path, answer: Sequence[bytes], *, root: Attributes = ACTIVE_DIRECTORY) -> None:
        certificates = make_certificates(directory)
        self.ca_file = certificates.ca
        self.answer = list(answer)
        self.by_base: dict[str, list[bytes]] = {}
        self.drip_seconds = 0.0
        self._root = entry("", root)
        self._context = server_context(certificates.server)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"ldaps://localhost:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._serving: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in (self._thread, *self._serving):
            each.join(5)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                serving = threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True)
                self._serving.append(serving)
                serving.start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            suppress(OSError, ValueError, IndexError),
            plain,
            self._context.wrap_socket(plain, server_side=True) as tls,
        ):
            tls.settimeout(10)
            while data := tls.recv(65536):
                for _, message in ber.fields(data):
                    self._reply(tls, message)

    def _reply(self, tls: ssl.SSLSocket, message: bytes) -> None:
        (_, number), (tag, body), *_ = ber.fields(message)
        if tag == BIND:
            operations, drip = [result(BIND_RESULT, 0)], 0.0
        elif tag == SEARCH:
            base = ber.text(ber.fields(body)[0][1])
            answer = self.by_base.get(base, self.answer)
            operations, drip = (answer, self.drip_seconds) if base else ([self._root, result(DONE, 0)], 0.0)
        else:
            return
        whole = b"".join(ber.tlv(ber.SEQUENCE, ber.string(number, ber.INTEGER), each) for each in operations)
        for piece in (bytes([byte]) for byte in whole) if drip else (whole,):
            tls.sendall(piece)
            time.sleep(drip)


def result(tag: int, code: int, message: str = "") -> bytes:
    """Return an LDAP result."""
    return ber.tlv(tag, ber.integer(code, ber.ENUMERATED), ber.string(""), ber.string(message))


def entry(dn: str, attributes: Attributes) -> bytes:
    """Return a search result entry."""
    encoded = [
        ber.tlv(ber.SEQUENCE, ber.string(name), ber.tlv(ber.SET, *map(ber.string, values)))
        for name, values in attributes.items()
    ]
    return ber.tlv(ENTRY, ber.string(dn), ber.tlv(ber.SEQUENCE, *encoded))


def reference(url: str) -> bytes:
    """Return a search continuation reference, as a domain's root has them."""
    return ber.tlv(REFERENCE, ber.string(url))


def took(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began
