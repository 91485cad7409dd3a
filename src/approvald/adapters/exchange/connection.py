"""One account on Exchange for the whole run: its secret, the guard against locking it, and all error translation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

import requests
from exchangelib import (
    BASIC,
    DELEGATE,
    GSSAPI,
    NTLM,
    UTC,
    Account,
    Build,
    Configuration,
    Credentials,
    FailFast,
    Version,
)
from exchangelib.errors import UnauthorizedError
from exchangelib.protocol import Protocol
from exchangelib.transport import AUTH_TYPE_MAP
from exchangelib.util import is_xml
from requests.auth import HTTPBasicAuth

from approvald.adapters.exchange.failures import CAUGHT, Garbled, NotProcessed, unavailable
from approvald.config.settings import MailboxSettings
from approvald.core.errors import AuthenticationFailed, ConfigurationInvalid, System, Unavailable
from approvald.core.ports import LogonGuard, Secret, SecretStore

T = TypeVar("T")
AUTHENTICATIONS: Final = {"ntlm": NTLM, "basic": BASIC, "kerberos": GSSAPI}
EXCHANGE_2019: Final = Build(15, 2)
"""Exchange 2019 and SE; maps to the schema Exchange2016, the newest one, which 2016 knows too."""


class Connection:
    """Sends one request at a time, logged on as the account of `settings.secret`; to be used by one thread.

    A password that Exchange refuses is not tried again before the guard allows it. The password is read again at once,
    and from then on before every request until one is accepted: a changed one is used without a restart.
    """

    def __init__(self, settings: MailboxSettings, secrets: SecretStore, guard: LogonGuard) -> None:
        quiet_exchangelib()
        check_authentication(settings)
        self._settings = settings
        self._secrets = secrets
        self._guard = guard
        self._account: Any = None
        self._secret: Secret | None = None
        self._proven = False
        self._refused = False

    def ask(self, operation: str, request: Callable[[Any], T]) -> T:
        """Carry out `request`, which is given the exchangelib account and sends one EWS request.

        Raises NotProcessed, Garbled, AuthenticationFailed or plain Unavailable, and whatever the secret store raises.
        """
        self._log_on(self._current_secret())
        try:
            return self._ask_once(operation, request)
        except UnauthorizedError:
            next_try = self._note_refusal()
        newer = self._current_secret()
        if newer == self._secret:
            raise self._not_accepted(next_try)
        self._log_on(newer)
        try:
            return self._ask_once(operation, request)
        except UnauthorizedError:
            next_try = self._note_refusal()
        raise self._not_accepted(next_try)

    def date(self) -> str:
        """Return the Date header of the last answer; empty where there was none."""
        return "" if self._account is None else str(self._account.protocol.retry_policy.date)

    def close(self) -> None:
        """End the connection; the next request would make a new one."""
        if self._account is not None:
            self._account.protocol.close()

    def _current_secret(self) -> Secret | None:
        """Return the secret to log on with; None for Kerberos, which takes its ticket from the environment."""
        if self._settings.authentication == "kerberos":
            return None
        if self._proven and self._secret is not None:
            if not self._guard.has_failed(self._secret.username, self._secret.version):
                return self._secret
            self._proven, self._refused = False, True  # doctor, or the other host, has been refused since
        return self._secrets.get(self._settings.secret, fresh=self._refused)

    def _log_on(self, secret: Secret | None) -> None:
        """Make `secret` the one that the next request logs on with. Raises AuthenticationFailed where it may not."""
        if secret is not None and not self._proven:
            self._ask_guard(secret)
        if self._account is None:
            self._account = open_account(self._settings, secret)
        elif secret is not None and secret != self._secret:
            self._account.protocol.credentials = Credentials(secret.username, secret.password)
        self._secret = secret

    def _ask_guard(self, secret: Secret) -> None:
        try:
            self._guard.claim(secret.username, secret.version)
        except AuthenticationFailed as error:
            # The guard does not know for which system it is asked.
            raise AuthenticationFailed(
                System.EXCHANGE, str(error), account=error.account, next_try=error.next_try
            ) from error

    def _ask_once(self, operation: str, request: Callable[[Any], T]) -> T:
        try:
            answer = request(self._account)
        except UnauthorizedError:
            raise
        except Exception as error:
            if not self._proven and self._secret is not None:
                self._guard.not_judged(self._secret.username)
            if isinstance(error, CAUGHT):
                # Not "from error": the library's texts quote requests and answers.
                raise unavailable(error, operation, account=self._name()) from None
            raise
        if not self._proven:
            self._proven, self._refused = True, False
            if self._secret is not None:
                self._guard.succeeded(self._secret.username, self._secret.version)
        return answer

    def _note_refusal(self) -> datetime | None:
        self._proven, self._refused = False, True
        if self._secret is None:
            return None
        return self._guard.failed(self._secret.username, self._secret.version)

    def _not_accepted(self, next_try: datetime | None) -> AuthenticationFailed:
        name = self._name()
        remedy = "check its ticket" if self._secret is None else "put its right password into the secret store"
        return AuthenticationFailed(
            System.EXCHANGE,
            f"Exchange does not accept the log-on of {name}: mails wait. Unlock the account if it is locked, "
            f"and {remedy}.",
            account=name,
            next_try=next_try,
        )

    def _name(self) -> str:
        return self._settings.address if self._secret is None else self._secret.username


def quiet_exchangelib() -> None:
    """Keep exchangelib from logging: at DEBUG and on errors it writes whole requests and answers, and so mails."""
    for name in ("exchangelib", "exchangelib.util", "exchangelib.util.xml"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def check_authentication(settings: MailboxSettings) -> None:
    """Raise ConfigurationInvalid when the way to log on needs a package that is not installed."""
    if AUTHENTICATIONS[settings.authentication] not in AUTH_TYPE_MAP:
        problem = (
            f"mailbox.authentication: {settings.authentication} needs a package that is not installed; "
            f"install approvald[{settings.authentication}], or set ntlm or basic"
        )
        raise ConfigurationInvalid((problem,))


def open_account(settings: MailboxSettings, secret: Secret | None) -> Any:
    """Return an exchangelib Account with everything pinned; nothing is sent yet. Without a secret: Kerberos."""
    configuration = Configuration(
        service_endpoint=settings.url,
        credentials=secret and Credentials(secret.username, secret.password),
        auth_type=AUTHENTICATIONS[settings.authentication],
        version=Version(build=EXCHANGE_2019),
        retry_policy=Once(),
        max_connections=1,
    )
    account = Account(
        settings.address,
        config=configuration,
        autodiscover=False,
        access_type=DELEGATE,
        default_timezone=UTC,
        locale="en_US",
    )
    # Account has made a protocol for the table of the process; ours replaces it, and the table lets go of it.
    with suppress(KeyError):
        del Protocol[configuration]
    account.protocol = type.__call__(MailboxProtocol, config=configuration)
    account.protocol.settings = settings
    account.protocol.TIMEOUT = (settings.connect_timeout_seconds, settings.read_timeout_seconds)
    return account


class MailboxProtocol(Protocol):  # type: ignore[misc]  # exchangelib has no types
    """One endpoint, one connection, one log-on."""

    USERAGENT = "approvald"
    RETRY_WAIT = 0
    settings: MailboxSettings

    def create_session(self) -> Any:
        """Make an HTTP session that heeds our settings and nothing of the environment."""
        session = super().create_session()
        session.trust_env = False
        session.verify = True if self.settings.ca_file is None else str(self.settings.ca_file)
        session.proxies = {"https": self.settings.proxy} if self.settings.proxy else {}
        if self.settings.authentication == "basic":
            session.auth = HTTPBasicAuth(_octets(self.credentials.username), _octets(self.credentials.password))
        elif self.settings.authentication == "kerberos":
            # Extended Protection is on by default since 2019 CU14; exchangelib sends no channel binding.
            session.auth = AUTH_TYPE_MAP[GSSAPI](channel_bindings="tls-server-end-point")
        return session


class Once(FailFast):  # type: ignore[misc]  # exchangelib has no types
    """Send every request once, and say what a status code means.

    The library's own reading takes a 401 on a closing connection for a busy server, drops Retry-After, and quotes the
    whole answer in its errors. `date` is the Date header of the last answer.
    """

    date = ""

    def raise_response_errors(self, response: requests.Response) -> None:
        """Return if the answer may be read as SOAP, which comes with 200 and 500; raise otherwise."""
        self.date = response.headers.get("Date", "")
        status = response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            refused = "refused"
            raise UnauthorizedError(refused)
        if status == HTTPStatus.OK and not _is_page(response):
            return
        if status == HTTPStatus.INTERNAL_SERVER_ERROR and is_xml(response.content):
            return
        raise _refusal(status, _retry_after(response))


def _refusal(status: int, retry_after: float | None) -> Unavailable:
    """Return what an answer without SOAP means. A gateway that says 502 or 504 may have passed the request on."""
    said = f"The Exchange server answered {status} without SOAP: nothing is lost, mails wait, and it is asked again."
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after is not None):
        return NotProcessed(System.EXCHANGE, said, retry_after_seconds=retry_after)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = " Check that mailbox.url is the address of EWS and that the account may use EWS."
        return NotProcessed(System.EXCHANGE, said + hint)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Garbled(System.EXCHANGE, said)
    return Unavailable(System.EXCHANGE, said)


def _is_page(response: requests.Response) -> bool:
    """Tell a web page, as a load balancer or a log-on form sends it, from SOAP."""
    beginning = response.content[:256].lstrip().lower()
    return "html" in response.headers.get("Content-Type", "") or beginning.startswith((b"<!doctype html", b"<html"))


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < len("100000") else None


def _octets(text: str) -> bytes:
    """Encode as requests does, and as UTF-8 what that cannot: its error would quote the password."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
