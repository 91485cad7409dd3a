"""HTTP to Exchange: certificate, proxy, time limits, and what a status code means.

exchangelib keeps time limits on a class that all its protocols share, and the protocols in a table of the process. Ours
is a class of its own, outside of that table: two of them never meet.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

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

from approvald.adapters.exchange.failures import Garbled, NotProcessed
from approvald.config.settings.mail import MailboxSettings
from approvald.core.errors import ConfigurationInvalid, System, Unavailable
from approvald.core.ports import Secret

AUTHENTICATIONS: Final = {"ntlm": NTLM, "basic": BASIC, "kerberos": GSSAPI}
EXCHANGE_2019: Final = Build(15, 2)
"""Exchange 2019 and SE; maps to the schema Exchange2016, the newest one, which 2016 knows too."""


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
        """Return for an answer that may be read as SOAP, which comes with 200 and 500."""
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
    said = f"The Exchange server answered {status} and no SOAP: nothing is lost, mails wait and it is asked again."
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
