"""Who may talk to the mailbox: basic logon with every request, NTLM logon once per connection."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import spnego
from aiohttp import web

from approvald_sandbox.world.world import World

ACCOUNT: Final = "svc-mail"
SCHEMES: Final = ("NTLM", "Basic")
REALM: Final = 'realm="mail.corp.example"'
USER_FILE: Final = "NTLM_USER_FILE"
NTLM_AUTHENTICATE: Final = 3
UNICODE_FLAG: Final = 1


@dataclass(kw_only=True)
class LogonCounts:
    """What a domain controller would have seen. `failed` counts wrong names and passwords, not missing ones."""

    succeeded: int = 0
    failed: int = 0


@dataclass(kw_only=True)
class _Connection:
    """The NTLM state of one TCP connection."""

    context: spnego.ContextProxy | None = None
    authenticated: bool = False


@dataclass(kw_only=True)
class Refused:
    """No logon (yet): the values of WWW-Authenticate to answer with."""

    challenges: tuple[str, ...]


@dataclass(kw_only=True)
class Gate:
    """Judges each request. The password is always the world's present one; `schemes` are offered in their order."""

    world: World
    schemes: tuple[str, ...] = SCHEMES
    logons: LogonCounts = field(default_factory=LogonCounts)
    connections: int = 0
    """TCP connections seen so far."""
    _known: WeakKeyDictionary[asyncio.Transport, _Connection] = field(default_factory=WeakKeyDictionary)

    def judge(self, request: web.Request) -> Refused | None:
        """Return None when the request is logged on, else what to answer. An NTLM connection stays logged on."""
        transport = request.transport
        if transport is None:
            return self.offer()
        if transport not in self._known:
            self._known[transport] = _Connection()
            self.connections += 1
        connection = self._known[transport]
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        offered = {each.casefold() for each in self.schemes}
        if scheme.casefold() == "basic" and "basic" in offered:
            return self._basic(token)
        if scheme.casefold() == "ntlm" and "ntlm" in offered:
            return self._ntlm(connection, token)
        return None if connection.authenticated else self.offer()

    def offer(self) -> Refused:
        """Return the answer that shows the ways to log on."""
        return Refused(challenges=tuple(f"Basic {REALM}" if each == "Basic" else each for each in self.schemes))

    def _fail(self) -> Refused:
        self.logons.failed += 1
        return self.offer()

    def _is_account(self, user: str) -> bool:
        r"""Accept `svc-mail`, `DOMAIN\svc-mail` and `svc-mail@domain`."""
        name = user.rpartition("\\")[2].casefold()
        return name in {ACCOUNT, f"{ACCOUNT}@{self.world.domain.casefold()}"}

    def _basic(self, token: str) -> Refused | None:
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return self._fail()
        if not self._is_account(user) or password != self.world.passwords[ACCOUNT]:
            return self._fail()
        self.logons.succeeded += 1
        return None

    def _ntlm(self, connection: _Connection, token: str) -> Refused | None:
        try:
            message = base64.b64decode(token, validate=True)
            if _is_authenticate(message):
                return self._ntlm_proof(connection, message)
            connection.authenticated = False
            with self._user_file("", ACCOUNT):
                connection.context = spnego.server(protocol="ntlm")
            challenge = connection.context.step(message) or b""
        except (binascii.Error, struct.error, UnicodeDecodeError, ValueError, spnego.exceptions.SpnegoError):
            return self._fail()
        return Refused(challenges=("NTLM " + base64.b64encode(challenge).decode(),))

    def _ntlm_proof(self, connection: _Connection, message: bytes) -> Refused | None:
        context, connection.context = connection.context, None
        domain, user = _claimed(message)
        if context is None or not self._is_account(user):
            return self._fail()
        with self._user_file(domain, user):
            context.step(message)
        connection.authenticated = True
        self.logons.succeeded += 1
        return None

    @contextmanager
    def _user_file(self, domain: str, user: str) -> Iterator[None]:
        """Name the one user whom pyspnego may accept; it reads such a file and nothing else (README, NTLM_USER_FILE).

        A password with a colon cannot be written there.
        """
        before = os.environ.get(USER_FILE)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "users")
            path.write_text(f"{domain}:{user}:{self.world.passwords[ACCOUNT]}\n", encoding="utf-8")
            os.environ[USER_FILE] = str(path)
            try:
                yield
            finally:
                os.environ.pop(USER_FILE)
                if before is not None:
                    os.environ[USER_FILE] = before


def _is_authenticate(message: bytes) -> bool:
    return bool(struct.unpack_from("<I", message, 8)[0] == NTLM_AUTHENTICATE)


def _claimed(message: bytes) -> tuple[str, str]:
    """Return domain and user of an NTLM AUTHENTICATE message (MS-NLMP 2.2.1.3: field headers at 28 and 36)."""
    flags = struct.unpack_from("<I", message, 60)[0]
    encoding = "utf-16-le" if flags & UNICODE_FLAG else "latin-1"
    texts = []
    for position in (28, 36):
        length, _, offset = struct.unpack_from("<HHI", message, position)
        texts.append(message[offset : offset + length].decode(encoding))
    return texts[0], texts[1]
