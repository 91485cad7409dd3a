"""The pretend Exchange serves exchangelib with nothing pinned, and carries out each fault."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import exchangelib
import pytest
from aiohttp import web
from exchangelib import DELEGATE, Account, Configuration, Credentials
from exchangelib.protocol import BaseProtocol

from approvald_sandbox.exchange.app import EXCHANGE, make_app
from approvald_sandbox.exchange.service import Exchange
from approvald_sandbox.exchange.store import MailStore
from approvald_sandbox.faults import Faults
from approvald_sandbox.world import DEFAULT_PASSWORD, World, build

MAIL = b"""\
From: Ilka Brandt <ilka.brandt@corp.example>
To: pam-approve@corp.example
Subject: FW: Notification: Password access request
Date: Mon, 09 Nov 2026 08:14:10 +0100
Message-ID: <m1@corp.example>
X-MS-Exchange-Organization-AuthAs: Internal
Content-Type: text/plain; charset="utf-8"

Safe Name: DB-Prod
"""


@dataclass(kw_only=True)
class Server:
    """One running pretend Exchange and what a test may do with it."""

    world: World
    faults: Faults
    store: MailStore
    exchange: Exchange
    url: str

    def account(self, *, user: str = "svc-mail", password: str = DEFAULT_PASSWORD, **pinned: Any) -> Account:
        """Connect as a client that knows nothing but the address and the password."""
        config = Configuration(service_endpoint=self.url, credentials=Credentials(user, password), **pinned)
        return Account(self.world.mailbox, config=config, autodiscover=False, access_type=DELEGATE)


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a pretend Exchange on 127.0.0.1 in a loop of its own."""
    yield from _serve(("NTLM", "Basic"))


@pytest.fixture
def basic_server() -> Iterator[Server]:
    """Run one that offers basic logon only."""
    yield from _serve(("Basic",))


def _serve(schemes: tuple[str, ...]) -> Iterator[Server]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    world, faults = build({}), Faults()
    store = MailStore(world)
    app = make_app(world, faults, store, schemes=schemes)
    runner = web.AppRunner(app, shutdown_timeout=0.2)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    try:
        url = f"http://127.0.0.1:{run(start())}/EWS/Exchange.asmx"
        yield Server(world=world, faults=faults, store=store, exchange=app[EXCHANGE], url=url)
    finally:
        exchangelib.close_connections()
        BaseProtocol.TIMEOUT = 120
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_client_with_nothing_pinned_lists_and_reads_over_ntlm(server: Server) -> None:
    """A client that guesses logon and version sees the mail with its MIME and headers."""
    server.store.deliver(MAIL)
    mail = server.account().inbox.all().get()
    assert mail.subject == "FW: Notification: Password access request"
    assert mail.mime_content == MAIL
