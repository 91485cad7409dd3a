"""What is sent to HashiCorp Vault, seen at the socket, and where it may redirect us: over https, the method kept."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from approvald.adapters.secrets.hashicorp_vault.connection import Connection
from approvald.config.settings import HashicorpVaultSettings
from approvald.core.errors import Unavailable
from approvald_sandbox.systems.certificates import Certificates, make_certificates, server_context

GRANTED = b'{"auth": {"client_token": "hvs.new", "lease_duration": 3600}}'


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make a CA and a certificate for localhost."""
    return make_certificates(tmp_path_factory.mktemp("ca"))


class Server:
    """A server that gives canned answers over TLS, one a connection, and keeps what it was sent."""

    def __init__(self, pair: Path) -> None:
        self.received: list[bytes] = []
        self.answers: list[bytes] = []
        self._context: ssl.SSLContext = server_context(pair)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, self._context.wrap_socket(connection, server_side=True) as secured:
                secured.settimeout(5)
                self.received.append(self._request(secured))
                secured.sendall(self.answers.pop(0))

    def _request(self, secured: ssl.SSLSocket) -> bytes:
        """Read a whole request, the body that its Content-Length announces included."""
        found = b""
        while b"\r\n\r\n" not in found:
            found += secured.recv(65_536)
        head, _, body = found.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += secured.recv(65_536)
        return head + body


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    """Return a whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def connected(certificates: Certificates) -> Iterator[tuple[Connection, Server]]:
    """Give a connection and the server before it."""
    with Server(certificates.server) as server:
        settings = HashicorpVaultSettings(
            url=f"https://localhost:{server.port}",
            ca_file=certificates.ca,
            role_id_file=Path("/role-id"),
            secret_id_file=Path("/secret-id"),
            timeout_seconds=5.0,
            namespace="pam/approvald",
        )
        connection = Connection(settings)
        try:
            yield connection, server
        finally:
            connection._client.token = ""  # nothing to give back
            connection.revoke()


def test_a_standby_node_may_send_us_to_the_active_one(certificates: Certificates) -> None:
    """307 over https is followed as the same POST with the same body, in the namespace."""
    with connected(certificates) as (connection, server):
        location = f"Location: https://localhost:{server.port}/v1/auth/approle/login"
        granted = answer("200 OK", "Content-Type: application/json", body=GRANTED)
        server.answers = [answer("307 Temporary Redirect", location), granted]
        assert connection.log_in("role", "secret-4711").token == "hvs.new"
        assert [request.partition(b" ")[0] for request in server.received] == [b"POST", b"POST"]
        assert all(b"secret-4711" in request for request in server.received)
        assert all(b"X-Vault-Namespace: pam/approvald" in request for request in server.received)


@pytest.mark.parametrize(
    "redirect",
    [
        lambda port: answer("307 Temporary Redirect", f"Location: http://localhost:{port}/v1/auth/approle/login"),
        lambda port: answer("302 Found", f"Location: https://localhost:{port}/ui/"),
        lambda port: answer("301 Moved Permanently", f"Location: https://localhost:{port}/v1/auth/approle/login"),
    ],
    ids=["to http", "302 to a page", "301 that would become a GET"],
)
def test_any_other_redirect_is_not_followed(certificates: Certificates, redirect: Callable[[int], bytes]) -> None:
    """The secret-id goes nowhere else, and the operator reads what to set."""
    with connected(certificates) as (connection, server):
        server.answers = [redirect(server.port)]
        with pytest.raises(Unavailable, match=r"not safe to follow.*secrets\.hashicorp_vault\.url"):
            connection.log_in("role", "secret-4711")
        assert len(server.received) == 1


def test_redirects_that_go_round_end(certificates: Certificates) -> None:
    """Two nodes that each think the other is active: three requests at most."""
    with connected(certificates) as (connection, server):
        location = f"Location: https://localhost:{server.port}/v1/auth/approle/login"
        server.answers = [answer("307 Temporary Redirect", location)] * 9
        with pytest.raises(Unavailable, match="not safe to follow"):
            connection.log_in("role", "secret-4711")
        assert len(server.received) == 3


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "text/html"])
def test_a_refusal_counts_only_as_vaults_own(certificates: Certificates, kind: str) -> None:
    """A proxy's 403 page is trouble and not a refused log-on; Vault's JSON is, whatever its content type says."""
    vaults = kind.startswith("application/json")
    body = b'{"errors": ["permission denied"]}' if vaults else b"<html>Access denied</html>"
    with connected(certificates) as (connection, server):
        server.answers = [answer("403 Forbidden", f"Content-Type: {kind}", body=body)]
        with pytest.raises(Exception, match="HTTP 403" if vaults else "an answer that is not Vault's"):
            connection.log_in("role", "secret-4711")


def test_an_old_token_does_not_travel_with_a_new_log_on(certificates: Certificates) -> None:
    """A token that has ended, sent along, would have the log-on refused."""
    with connected(certificates) as (connection, server):
        server.answers = [answer("200 OK", "Content-Type: application/json", body=GRANTED)] * 2
        connection.log_in("role", "secret-4711")
        connection.log_in("role", "secret-4711")
        assert len(server.received) == 2
        assert not any(b"X-Vault-Token" in request for request in server.received)


def test_a_log_on_without_a_token_is_trouble(certificates: Certificates) -> None:
    """A JSON answer of something else gives no token, and no KeyError."""
    with connected(certificates) as (connection, server):
        server.answers = [answer("200 OK", "Content-Type: application/json", body=b'{"auth": null}')]
        with pytest.raises(Unavailable, match="without a token"):
            connection.log_in("role", "secret-4711")
