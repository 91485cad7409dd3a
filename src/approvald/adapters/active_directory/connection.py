"""One connection to one domain controller: open, bind, search. Nothing of ldap3 goes beyond this module."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import ldap3
from ldap3.core.exceptions import LDAPException

from approvald.adapters.active_directory.tls import TimedTlsSocket, VerifiedTls, timed
from approvald.adapters.active_directory.values import Row
from approvald.core.errors import System, Unavailable, Unreadable
from approvald.core.ports import Secret

SUCCESS: Final = 0
SIZE_LIMIT_EXCEEDED: Final = 4
WRONG_CREDENTIALS: Final = 49
REFERRAL: Final = 10
"""The requested entry is in a domain that this server does not hold."""
NO_SUCH_BASE: Final = frozenset({32, 34})
"""noSuchObject, invalidDNSyntax."""
SERVER_TROUBLE: Final = frozenset({1, 3, 51, 52, 80})
"""operationsError (also said when a log-on was forgotten), timeLimitExceeded, busy, unavailable, other."""
PAGED_RESULTS: Final = "1.2.840.113556.1.4.319"
IS_ACTIVE_DIRECTORY: Final = b"1.2.840.113556.1.4.800"
PAGE_SIZE: Final = 500
WORDS_LIMIT: Final = 200


class Broken(Exception):
    """A server's failure; another server may work. `silent`: it did not answer in time."""

    def __init__(self, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


class NoSuchBase(Exception):
    """The entry at which a search should begin does not exist."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One address of one configured server. `host` is the name its certificate must carry; `ldaps` else StartTLS."""

    host: str
    port: int
    address: str
    ldaps: bool

    def __str__(self) -> str:
        shown = f"{'ldaps' if self.ldaps else 'ldap'}://{self.host}:{self.port}"
        return shown if self.address == self.host else f"{shown} ({self.address})"


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """Seconds for one connect and for one answer; `left` says what remains for everything together."""

    connect: float
    receive: float
    left: Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The rows of one search. `cut`: the server holds more than was asked for."""

    rows: tuple[Row, ...]
    cut: bool = False
    cookie: bytes = b""


class DirectoryConnection:
    """A verified connection. Every method raises Broken when the server does not do its work in time.

    `domain_dn` is known once `introduce` was called.
    """

    def __init__(self, endpoint: Endpoint, limits: TimeLimits, context: ssl.SSLContext) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.domain_dn = ""
        server = ldap3.Server(
            endpoint.address,
            port=endpoint.port,
            use_ssl=endpoint.ldaps,
            get_info=ldap3.NONE,
            connect_timeout=self._seconds(limits.connect),
            tls=VerifiedTls(context, endpoint.host),
        )
        self._ldap = ldap3.Connection(
            server,
            authentication=ldap3.SIMPLE,
            client_strategy=ldap3.SAFE_SYNC,
            auto_bind=ldap3.AUTO_BIND_NONE,
            auto_referrals=False,
            auto_range=False,
            return_empty_attributes=False,
            check_names=False,
            auto_escape=False,
            read_only=True,
        )
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def bind(self, secret: Secret) -> str | None:
        """Log on. Returns None, or the server's message when it does not accept the account or its password (49)."""
        self._limit()
        self._ldap.user = secret.username
        self._ldap.password = secret.password.encode()  # as bytes, or ldap3 folds characters by SASLprep
        try:
            with self._doing("log-on"):
                _, result, *_ = self._ldap.bind(read_server_info=False)
        finally:
            self._ldap.password = None
        if result["result"] == WRONG_CREDENTIALS:
            return str(result["message"])
        if result["result"] != SUCCESS:
            message = f"log-on: {_words(result)}"
            raise Broken(message)
        return None

    def introduce(self) -> None:
        """Learn the domain's DN. Raises Unreadable when this is not Active Directory, which nested groups need."""
        found = self.read("", "(objectClass=*)", ("supportedCapabilities", "defaultNamingContext"))
        root = found.rows[0] if found.rows else Row("", {})
        if IS_ACTIVE_DIRECTORY not in root.values.get("supportedcapabilities", ()):
            message = (
                f"{self.endpoint} does not identify itself as Active Directory, so its word on nested groups is worth "
                "nothing, and nobody can approve by it. Name domain controllers in directory.servers."
            )
            raise Unreadable(message)
        self.domain_dn = root.text("defaultNamingContext")
        if not self.domain_dn:
            message = (
                f"{self.endpoint} does not say which domain it holds. Name domain controllers in directory.servers."
            )
            raise Unreadable(message)

    def read(self, dn: str, wanted: str, attributes: Sequence[str]) -> Found:
        """Ask one entry whether a filter fits it. Raises NoSuchBase."""
        return self._search(dn, wanted, attributes, scope=ldap3.BASE)

    def search(self, base: str, wanted: str, attributes: Sequence[str], *, at_most: int) -> Found:
        """Search below a base, for `at_most` rows. Raises NoSuchBase."""
        return self._search(base, wanted, attributes, scope=ldap3.SUBTREE, size_limit=at_most)

    def pages(self, base: str, wanted: str, attributes: Sequence[str]) -> Iterator[Row]:
        """Search below a base for every row, page by page. Raises NoSuchBase."""
        cookie: bytes | None = None
        while cookie != b"":
            found = self._search(
                base, wanted, attributes, scope=ldap3.SUBTREE, paged_size=PAGE_SIZE, paged_cookie=cookie
            )
            yield from found.rows
            cookie = found.cookie

    def close(self) -> None:
        """Unbind and close. Never raises."""
        with suppress(LDAPException, OSError):
            self._ldap.unbind()
        if self._ldap.socket is not None:  # ldap3 forgets a socket that never got as far as a connection
            self._ldap.socket.close()

    def _open(self) -> None:
        with self._doing("connect"):
            self._ldap.open(read_server_info=False)
            if not self.endpoint.ldaps:
                self._ldap.socket = timed(self._ldap.socket)
                self._ldap.start_tls(read_server_info=False)
        if not isinstance(self._ldap.socket, TimedTlsSocket):
            message = "connect: no TLS"
            raise Broken(message)

    def _search(
        self,
        base: str,
        wanted: str,
        attributes: Sequence[str],
        *,
        scope: Literal["BASE", "SUBTREE"],
        size_limit: int = 0,
        **paging: Any,
    ) -> Found:
        self._limit()
        with self._doing("search"):
            _, result, response, _ = self._ldap.search(
                base, wanted, scope, "NEVER", attributes=list(attributes), size_limit=size_limit, **paging
            )
            rows = tuple(_row(each) for each in response if each["type"] == "searchResEntry")
            cookie = _cookie(result)
        code = result["result"]
        if code in NO_SUCH_BASE or (code == REFERRAL and scope == ldap3.BASE):
            raise NoSuchBase(base)
        if code in SERVER_TROUBLE:
            message = f"search: {_words(result)}"
            raise Broken(message)
        cut = code == SIZE_LIMIT_EXCEEDED and bool(size_limit)
        if code != SUCCESS and not cut:
            message = (
                f"The directory server {self.endpoint} did not carry out a search: {_words(result)}. Mails wait until "
                "it does. Check the rights of the directory account and the DNs in [directory] and [groups]."
            )
            raise Unavailable(System.DIRECTORY, message)
        return Found(rows=rows, cut=cut, cookie=cookie)

    def _limit(self) -> None:
        """Give the next operation its time."""
        if isinstance(self._ldap.socket, TimedTlsSocket):
            self._ldap.socket.limit(self._seconds(self.limits.receive))

    def _seconds(self, limit: float) -> float:
        left = self.limits.left()
        if left <= 0:
            message = "no time left"
            raise Broken(message)
        return min(limit, left)

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Translate what ldap3 and the sockets raise into our words."""
        self._ldap.last_error = ""
        try:
            yield
        except (LDAPException, OSError) as error:
            words = str(self._ldap.last_error or error)  # ldap3's exceptions wrap their text in brackets
            message = f"{what}: {_cut(words)}"
            raise Broken(message, silent=isinstance(error, TimeoutError)) from error
        except Exception as error:  # ldap3 raises whatever its decoder stumbles over
            message = f"{what}: the answer is not LDAP ({type(error).__name__})"
            raise Broken(message) from error


def _row(entry: Mapping[str, Any]) -> Row:
    values = {
        str(name).casefold(): tuple(bytes(value) for value in values or ())
        for name, values in entry["raw_attributes"].items()
    }
    return Row(bytes(entry["raw_dn"]).decode(), values)


def _cookie(result: Mapping[str, Any]) -> bytes:
    """Return where the next page begins; empty after the last one."""
    control = (result.get("controls") or {}).get(PAGED_RESULTS)
    return bytes(control["value"]["cookie"] or b"") if control else b""


def _words(result: Mapping[str, Any]) -> str:
    """Return the server's own words on a result, on one line and cut."""
    return _cut(f"{result['result']} {result['description']} {result['message'] or ''}")


def _cut(words: str) -> str:
    return " ".join(words.split())[:WORDS_LIMIT]
