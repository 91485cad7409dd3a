"""One pretend Exchange running in this process, and the client's side of the tests that ask it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import exchangelib
import requests
from aiohttp import web
from exchangelib import (
    BASIC,
    DELEGATE,
    Account,
    Build,
    Configuration,
    Credentials,
    ExtendedProperty,
    Message,
    Version,
)
from exchangelib.protocol import BaseProtocol
from lxml import etree

from approvald_sandbox.systems.exchange.app import EXCHANGE, make_app
from approvald_sandbox.systems.exchange.authentication import SCHEMES
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.soap import MESSAGES, SOAP, TYPES, Element
from approvald_sandbox.systems.exchange.store import MailStore
from approvald_sandbox.systems.faults import Faults
from approvald_sandbox.world.world import DEFAULT_PASSWORD, World, build

SUBJECT: Final = "FW: Notification: Password access request"
MAIL: Final = b"""\
From: Ilka Brandt <ilka.brandt@corp.example>
To: pam-approve@corp.example
Subject: FW: Notification: Password access request
Date: Mon, 09 Nov 2026 08:14:10 +0100
Message-ID: <m1@corp.example>
X-MS-Exchange-Organization-AuthAs: Internal
Content-Type: text/plain; charset="utf-8"

Safe Name: DB-Prod
"""


def extended(**attributes: Any) -> type:
    """Return exchangelib's class for one MAPI property."""
    return type("Extended", (ExtendedProperty,), attributes)


PROPERTIES: Final = {
    "probe_auto_submitted": extended(
        distinguished_property_set_id="InternetHeaders", property_name="Auto-Submitted", property_type="String"
    ),
    "probe_suppress": extended(property_tag=0x3FDF, property_type="Integer"),
    "probe_sender_smtp": extended(property_tag=0x5D01, property_type="String"),
    "probe_auto_forwarded": extended(property_tag=0x0005, property_type="Boolean"),
    "probe_search_key": extended(property_tag=0x300B, property_type="Binary"),
    "probe_transport_headers": extended(property_tag=0x007D, property_type="String"),
}
"""Named so that no adapter registers them too; registering is global in exchangelib."""


@dataclass(kw_only=True)
class Server:
    """One running pretend Exchange and what a test may do with it."""

    world: World
    faults: Faults
    store: MailStore
    exchange: Exchange
    url: str

    def account(
        self, *, user: str = "svc-mail", password: str = DEFAULT_PASSWORD, mailbox: str = "", **pinned: Any
    ) -> Account:
        """Connect as a client that knows nothing but the address and the password."""
        config = Configuration(service_endpoint=self.url, credentials=Credentials(user, password), **pinned)
        return Account(mailbox or self.world.mailbox, config=config, autodiscover=False, access_type=DELEGATE)


@contextmanager
def running(schemes: tuple[str, ...] = SCHEMES) -> Iterator[Server]:
    """Run a pretend Exchange on 127.0.0.1 in a loop of its own; the client forgets all about it at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    timeout = BaseProtocol.TIMEOUT
    world, faults = build({}), Faults()
    store = MailStore(world)
    app = make_app(world, faults, store, schemes=schemes)
    runner = web.AppRunner(app, shutdown_timeout=0.2)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    for name, kind in PROPERTIES.items():
        Message.register(name, kind)
    try:
        url = f"http://127.0.0.1:{run(start())}/EWS/Exchange.asmx"
        yield Server(world=world, faults=faults, store=store, exchange=app[EXCHANGE], url=url)
    finally:
        for name in PROPERTIES:
            Message.deregister(name)
        exchangelib.close_connections()
        BaseProtocol.TIMEOUT = timeout
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def pinned(server: Server, **more: Any) -> Account:
    """Connect with basic logon and the version known, so that a test counts only what it means."""
    return server.account(auth_type=BASIC, version=Version(Build(15, 2, 1544, 4)), **more)


def send_one(account: Account) -> None:
    """Send one mail without a copy: one CreateItem."""
    Message(account=account, subject="s", body="b", to_recipients=["a@corp.example"]).send(save_copy=False)


def envelope_of(operation: str) -> str:
    """Return a SOAP envelope around an operation."""
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><s:Body>{operation}</s:Body></s:Envelope>'
    )


def post(server: Server, operation: str) -> Element:
    """Ask as a client without a library would."""
    body = envelope_of(operation)
    answer = requests.post(server.url.lower(), data=body, auth=("svc-mail", DEFAULT_PASSWORD), timeout=5)
    assert answer.status_code == 200
    return etree.fromstring(answer.content)
