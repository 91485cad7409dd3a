"""One listening socket that can go down and come back on the same port."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

Listen = Callable[[socket.socket], Awaitable[asyncio.Server]]
"""Begins to listen on a bound socket."""


class Listener:
    """Opens and closes one port of 127.0.0.1; `cut` ends the connections that came through it.

    While it is closed the port stays bound, so that nobody else is given it: clients are refused all the same.
    """

    def __init__(self, *, listen: Listen, cut: Callable[[], None], port: int = 0) -> None:
        """Take the port, or any free one for 0. Raises OSError for one in use."""
        self._listen = listen
        self._cut = cut
        self._server: asyncio.Server | None = None
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]

    async def open(self) -> None:
        """Listen, unless it already does."""
        if self._server is None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # inherited by accepted connections
            self._server = await self._listen(self._socket)

    def close(self) -> None:
        """Refuse new connections and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._socket = _bound(self.port)
        self.cut()

    def give_up(self) -> None:
        """Close, and let go of the port."""
        self.close()
        self._socket.close()

    def cut(self) -> None:
        """Cut the open connections only."""
        self._cut()


def web_listener(runner: web.AppRunner, context: ssl.SSLContext | None, port: int) -> Listener:
    """Return the listener of a web application whose runner is set up."""
    server = runner.server
    if server is None:
        message = "the runner is not set up"
        raise RuntimeError(message)

    async def listen(bound: socket.socket) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(server, sock=bound, ssl=context)

    def cut() -> None:
        for connection in server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    return Listener(listen=listen, cut=cut, port=port)


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # else others could bind it as well
    except OSError as error:
        bound.close()
        message = f"port {port} of 127.0.0.1 cannot be used: {error.strerror}"
        raise OSError(message) from error
    return bound
