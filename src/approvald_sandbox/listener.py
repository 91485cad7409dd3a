"""One listening socket that can go down and come back on the same port."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

Listen = Callable[[int], Awaitable[asyncio.Server]]
"""Opens a socket on 127.0.0.1 at this port, or at any free one for 0."""


class Listener:
    """Opens and closes one socket; `cut` ends the connections that came through it."""

    def __init__(self, *, listen: Listen, cut: Callable[[], None], port: int = 0) -> None:
        self._listen = listen
        self._cut = cut
        self._server: asyncio.Server | None = None
        self.port = port

    async def open(self) -> None:
        """Listen, unless it already does. The first time a free port is taken where none was given."""
        if self._server is None:
            self._server = await self._listen(self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse new connections and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Cut the open connections only."""
        self._cut()


def web_listener(runner: web.AppRunner, context: ssl.SSLContext | None, port: int) -> Listener:
    """Return the listener of a web application whose runner is set up."""
    server = runner.server
    if server is None:
        message = "the runner is not set up"
        raise RuntimeError(message)

    async def listen(port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(server, "127.0.0.1", port, ssl=context)

    def cut() -> None:
        for connection in server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    return Listener(listen=listen, cut=cut, port=port)
