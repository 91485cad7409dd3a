"""The Exchange adapter in front of the sandbox, and what the sandbox saw of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from approvald.adapters.exchange.mailbox import ExchangeMailbox
from approvald.config.settings import MailboxSettings
from approvald.core.model import Reply
from approvald.core.ports import Secret
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.names import FakeNames
from fakes.secrets import FakeGuard, FakeSecretStore

USER: Final = "CORP\\svc-mail"
FETCH_BYTES: Final = 5_000_000
SECRET_LINE: Final = "Reason: planted-mail-text"


def secret(password: str = DEFAULT_PASSWORD, *, version: str = "1") -> Secret:
    """Return the mailbox account's secret."""
    return Secret(username=USER, password=password, version=version)


def store_of(password: str = DEFAULT_PASSWORD) -> FakeSecretStore:
    """Return a secret store that holds this password."""
    return FakeSecretStore({"mailbox": secret(password)})


def adapter(
    sandbox: Sandbox,
    *,
    authentication: Literal["ntlm", "basic"] = "basic",
    read_seconds: float = 5.0,
    secrets: FakeSecretStore | None = None,
    guard: FakeGuard | None = None,
    names: FakeNames | None = None,
) -> ExchangeMailbox:
    """Return an adapter that has sent nothing yet."""
    where = sandbox.endpoints()
    settings = MailboxSettings(
        address=where["mailbox"],
        url=where["exchange"],
        authentication=authentication,
        ca_file=Path(where["ca_file"]),
        connect_timeout_seconds=2.0,
        read_timeout_seconds=read_seconds,
    )
    return ExchangeMailbox(settings, FETCH_BYTES, secrets or store_of(), guard or FakeGuard(), names or FakeNames())


def operations(sandbox: Sandbox) -> list[str]:
    """Return the EWS operations that were logged on, in order."""
    return list(sandbox.stats()["operations"]["exchange"])


def failed_logons(sandbox: Sandbox) -> int:
    """Return how many wrong passwords a domain controller would have counted."""
    return int(sandbox.stats()["failed_logons"]["exchange"]["svc-mail"])


def mail(number: int = 1, *, body: str = SECRET_LINE) -> bytes:
    """Return a mail."""
    head = (
        "From: Ilka Brandt <ilka.brandt@corp.example>\r\nTo: pam-approve@corp.example\r\n"
        f"Subject: FW: Notification: Password access request\r\nMessage-ID: <m{number}@corp.example>\r\n\r\n"
    )
    return (head + body).encode()


def reply(marker: str = "a1", *, in_reply_to: str | None = "<m1@corp.example>") -> Reply:
    """Return a reply."""
    return Reply(
        marker=marker,
        to=("ilka.brandt@corp.example",),
        cc=(),
        subject="Confirmed: request 15",
        text=SECRET_LINE,
        html=f"<p>{SECRET_LINE}</p>",
        in_reply_to=in_reply_to,
        important=True,
    )
