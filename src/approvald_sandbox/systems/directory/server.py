"""The directory on the wire: LDAP version 3 over TLS or with StartTLS, and the faults of its connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from approvald_sandbox.systems.directory import ber
from approvald_sandbox.systems.directory.entries import base_dn, take_snapshot
from approvald_sandbox.systems.directory.logons import Logons
from approvald_sandbox.systems.directory.search import (
    CONTROLS,
    START_TLS,
    SUCCESS,
    is_root_dse,
    read_search,
    root_dse,
    run,
)
from approvald_sandbox.systems.faults import Fault, FaultKind, Faults, System
from approvald_sandbox.world.world import World

BIND, BIND_RESULT, UNBIND = 0x60, 0x61, 0x42
SEARCH, SEARCH_DONE, ABANDON = 0x63, 0x65, 0x50
EXTENDED, EXTENDED_RESULT = 0x77, 0x78
SIMPLE: Final = 0x80
OPERATIONS_ERROR, PROTOCOL_ERROR, AUTH_METHOD_UNKNOWN, STRONGER_AUTH_REQUIRED, BUSY = 1, 2, 7, 8, 51
RESULT_OF: Final = {BIND: BIND_RESULT, SEARCH: SEARCH_DONE, EXTENDED: EXTENDED_RESULT}
OPERATION_OF: Final = {BIND: "bind", SEARCH: "search", EXTENDED: "starttls"}
MAX_MESSAGE: Final = 1 << 20
JUNK: Final = b"<html><head><title>503 Service Unavailable</title></head></html>\r\n"
NOT_ENCRYPTED: Final = (
    "00002028: LdapErr: DSID-0C090346, comment: The server requires binds to turn on integrity checking"
)
NOT_BOUND: Final = (
    "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be"
)


class Hangup(Exception):
    """The connection ends here."""


@dataclass(kw_only=True)
class Message:
    """One LDAP message: its number, its operation's tag and content, its controls by OID."""

    number: int
    tag: int
    body: bytes
    controls: dict[str, bytes]


class DirectoryServer:
    """Serves the world as Active Directory would. `logons` counts failed binds and locks accounts."""

    def __init__(self, world: World, faults: Faults) -> None:
        self.world = world
        self.faults = faults
        self.logons = Logons(world)
        self.operations: list[str] = []
        """What was asked for, in order: bind, search, starttls."""
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self, bound: socket.socket, context: ssl.SSLContext, *, ldaps: bool) -> asyncio.Server:
        """Listen on a bound socket, either with TLS from the first byte or waiting for StartTLS."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.add(writer)
            try:
                await Connection(self, reader, writer, context=context, secure=ldaps).serve()
            finally:
                self._open.discard(writer)
                writer.transport.abort()

        return await asyncio.start_server(connected, sock=bound, ssl=context if ldaps else None)

    def forget(self) -> None:
        """Forget what was asked for, failed binds and lock-outs."""
        self.operations.clear()
        self.logons.forget()

    def cut(self) -> None:
        """Cut every open connection."""
        for writer in list(self._open):
            writer.transport.abort()


class Connection:
    """One client's connection, from its first message to its end."""

    def __init__(
        self,
        server: DirectoryServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        context: ssl.SSLContext,
        secure: bool,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._context = context
        self._secure = secure
        self._bound = False

    async def serve(self) -> None:
        """Answer until the client leaves, sends something that is not LDAP, or a fault ends it."""
        with suppress(Hangup, OSError, EOFError, ValueError, IndexError, KeyError):
            while True:
                message = await self._read()
                if message.tag == UNBIND:
                    return
                if message.tag == ABANDON:
                    continue
                if message.tag not in OPERATION_OF:
                    return
                self._server.operations.append(OPERATION_OF[message.tag])
                fault = self._server.faults.take(System.DIRECTORY, OPERATION_OF[message.tag])
                await self._answer(message, fault)

    async def _answer(self, message: Message, fault: Fault | None) -> None:
        """Process one operation, under a fault where there is one. Raises Hangup when the connection is to end."""
        kind = fault.kind if fault else None
        if fault and kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
        if kind is FaultKind.HANG:
            await self._until_gone()
        if kind in (FaultKind.RESET_BEFORE, FaultKind.DOWN):
            raise Hangup
        if kind is FaultKind.HTML:
            self._writer.write(JUNK)
            await self._writer.drain()
            self._writer.close()
            raise Hangup
        if kind is FaultKind.STATUS:
            await self._send(message, _result(RESULT_OF[message.tag], BUSY, "000020D1: the server is busy"))
            return
        answers, controls = self._process(message)
        if kind is FaultKind.HELD:
            await self._until_gone()
        if kind is FaultKind.RESET_AFTER:
            raise Hangup
        await self._send(message, *answers, controls=controls)
        if message.tag == EXTENDED and answers == [_result(EXTENDED_RESULT, SUCCESS)]:
            await self._writer.start_tls(self._context)
            self._secure = True

    async def _until_gone(self) -> None:
        """Wait until the client has left. Raises Hangup."""
        while await self._reader.read(MAX_MESSAGE):
            pass
        raise Hangup

    def _process(self, message: Message) -> tuple[list[bytes], bytes]:
        """Return the operations that answer a message, and the controls of the last one."""
        if message.tag == BIND:
            return [self._bind(message.body)], b""
        if message.tag == SEARCH:
            return self._search(message)
        name = ber.text(ber.fields(message.body)[0][1])
        if name == START_TLS and not self._secure:
            return [_result(EXTENDED_RESULT, SUCCESS)], b""
        return [_result(EXTENDED_RESULT, PROTOCOL_ERROR, "0000203D: unknown extended request OID")], b""

    def _bind(self, body: bytes) -> bytes:
        _, (_, name), (kind, secret) = ber.fields(body)[:3]
        self._bound = False
        if kind != SIMPLE:
            return _result(BIND_RESULT, AUTH_METHOD_UNKNOWN, "only simple binds here")
        if not secret:
            return _result(BIND_RESULT, SUCCESS)  # as Windows: without a password it is an anonymous bind
        if not self._secure:
            return _result(BIND_RESULT, STRONGER_AUTH_REQUIRED, NOT_ENCRYPTED)
        code, why = self._server.logons.bind(ber.text(name), ber.text(secret))
        self._bound = code == SUCCESS
        return _result(BIND_RESULT, code, why)

    def _search(self, message: Message) -> tuple[list[bytes], bytes]:
        search = read_search(message.body, message.controls)
        if is_root_dse(search):
            found = root_dse(search, base_dn(self._server.world))
        elif not self._bound:
            return [_result(SEARCH_DONE, OPERATIONS_ERROR, NOT_BOUND)], b""
        else:
            found = run(search, take_snapshot(self._server.world))
        return [*found.entries, _result(SEARCH_DONE, found.code, found.message)], found.controls

    async def _read(self) -> Message:
        """Read one message. Raises EOFError at the end, Hangup for what is not LDAP."""
        head = await self._reader.readexactly(2)
        if head[0] != ber.SEQUENCE:
            raise Hangup
        size = head[1]
        if size & ber.LONG_FORM:
            size = int.from_bytes(await self._reader.readexactly(size & 0x7F), "big")
        if size > MAX_MESSAGE:
            raise Hangup
        parts = ber.fields(await self._reader.readexactly(size))
        controls: dict[str, bytes] = {}
        for _, control in ber.fields(parts[2][1]) if len(parts) > 2 else []:  # noqa: PLR2004 - the third part is optional
            inner = ber.fields(control)
            controls[ber.text(inner[0][1])] = inner[-1][1]
        return Message(number=ber.number(parts[0][1]), tag=parts[1][0], body=parts[1][1], controls=controls)

    async def _send(self, message: Message, *operations: bytes, controls: bytes = b"") -> None:
        """Send operations as messages in one write; the controls go with the last."""
        number = ber.integer(message.number)
        *first, last = operations
        written = [ber.tlv(ber.SEQUENCE, number, each) for each in first]
        written.append(ber.tlv(ber.SEQUENCE, number, last, ber.tlv(CONTROLS, controls) if controls else b""))
        self._writer.write(b"".join(written))
        await self._writer.drain()


def _result(tag: int, code: int, message: str = "") -> bytes:
    return ber.tlv(tag, ber.integer(code, ber.ENUMERATED), ber.string(""), ber.string(message))
