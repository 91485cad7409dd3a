"""TLS as we want it: verified by the standard library, at least 1.2, with one time limit for a whole answer."""

from __future__ import annotations

import math
import socket
import ssl
import time
from pathlib import Path
from typing import Any

from ldap3 import Tls

from approvald.core.errors import System, Unavailable


class Timed(socket.socket):
    """A socket with one time limit for a whole answer; a plain socket starts it again with every read."""

    answer_by: float = math.inf

    def limit(self, seconds: float) -> None:
        """Give the next question and its answer this much time together."""
        self.settimeout(seconds)
        self.answer_by = time.monotonic() + seconds

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Read within the limit. Raises TimeoutError."""
        left = self.answer_by - time.monotonic()
        if left <= 0:
            message = "timed out"
            raise TimeoutError(message)
        self.settimeout(left if left < math.inf else self.gettimeout())
        return super().recv(buflen, flags)


class TimedTlsSocket(Timed, ssl.SSLSocket):
    """The same under TLS."""


def timed(plain: socket.socket) -> Timed:
    """Return a connected socket as one with a limit, for what is said before StartTLS."""
    seconds = plain.gettimeout()
    under_limit = Timed(fileno=plain.detach())
    under_limit.limit(seconds or 0.0)
    return under_limit


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts this CA (None: those of the system). Raises Unavailable when it cannot be read."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        message = (
            f"The CA file {ca_file} cannot be used ({error.strerror or error}), so no server can be verified. "
            "Put the directory's CA there as PEM, or correct directory.ca_file."
        )
        raise Unavailable(System.DIRECTORY, message) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = TimedTlsSocket
    return context


class VerifiedTls(Tls):
    """Puts TLS on ldap3's sockets.

    ldap3's own way checks nothing by default, sends no server name, and on Python 3.12 does not know IP addresses in
    certificates (directory.md B1).
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context
        self._host = host

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - ldap3's signature
        """Shake hands and verify the server's name, within the time limit that the socket has."""
        try:
            connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._host)
        except BaseException:
            connection.socket.close()
            raise
