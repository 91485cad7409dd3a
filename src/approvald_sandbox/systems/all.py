"""The four pretend systems in one event loop, over one shared world."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.systems.certificates import make_certificates, server_context, write_private
from approvald_sandbox.systems.directory.server import DirectoryServer
from approvald_sandbox.systems.endpoints import ROLE_ID_FILE, SECRET_ID_FILE
from approvald_sandbox.systems.exchange.app import EXCHANGE
from approvald_sandbox.systems.exchange.app import make_app as make_exchange
from approvald_sandbox.systems.exchange.authentication import SCHEMES, LogonCounts
from approvald_sandbox.systems.exchange.service import HEARTBEAT_SECONDS
from approvald_sandbox.systems.exchange.store import MailStore
from approvald_sandbox.systems.faults import FaultKind, Faults, System
from approvald_sandbox.systems.listener import Listener, web_listener
from approvald_sandbox.systems.pvwa.app import PVWA
from approvald_sandbox.systems.pvwa.app import make_app as make_pvwa
from approvald_sandbox.systems.pvwa.journal import Journal
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.systems.vault.app import make_app as make_vault
from approvald_sandbox.systems.vault.store import VaultStore
from approvald_sandbox.world.world import build

LOG: Final = logging.getLogger(__name__)
SOCKETS_OF: Final = {
    System.EXCHANGE: ("exchange",),
    System.PVWA: ("pvwa",),
    System.VAULT: ("vault",),
    System.DIRECTORY: ("ldaps", "ldap"),
}
STOP_SECONDS: Final = 0.5


class Systems:
    """Exchange, directory, PVWA and Vault, each on a port of 127.0.0.1. Attributes are their state."""

    def __init__(self, world_data: Mapping[str, Any], directory: Path) -> None:
        self.world_data = dict(world_data)
        """The content of the world.json that a reset without another one goes back to."""
        self.world = world = build(self.world_data)
        self.directory = directory
        self.faults = Faults()
        self.mails = MailStore(world)
        self.journal = Journal()
        self.profile = Profile()
        self.vault = VaultStore(world=world)
        self.ldap = DirectoryServer(world, self.faults)
        self.certificates = make_certificates(directory)
        write_private(directory / ROLE_ID_FILE, self.vault.role_id.encode())
        write_private(directory / SECRET_ID_FILE, self.vault.secret_id.encode())
        self._contexts = {system: server_context(self.certificates.server) for system in System}
        self._untrusted: set[System] = set()
        self._listeners: dict[str, Listener] = {}
        self._runners: list[web.AppRunner] = []
        self._pvwa_app = make_pvwa(world, self.faults, self.profile, LOG, journal=self.journal)
        self._exchange_app = make_exchange(world, self.faults, self.mails)
        self.pvwa = self._pvwa_app[PVWA]
        self.exchange = self._exchange_app[EXCHANGE]

    async def start(self, ports: Mapping[str, int]) -> None:
        """Listen everywhere, on the ports given and on free ones elsewhere. Raises OSError for a port in use."""
        applications = {
            "exchange": (self._exchange_app, self._contexts[System.EXCHANGE]),
            "pvwa": (self._pvwa_app, self._contexts[System.PVWA]),
            "vault": (make_vault(self.vault, self.faults), self._contexts[System.VAULT]),
        }
        for name, (application, context) in applications.items():
            await self._prepare_web(name, application, context, ports.get(name, 0))
        for name in ("ldaps", "ldap"):
            self._prepare_ldap(name, ports.get(name, 0))
        for listener in self._listeners.values():
            await listener.open()

    async def stop(self) -> None:
        """Close everything."""
        for listener in self._listeners.values():
            listener.give_up()
        for runner in self._runners:
            await runner.cleanup()

    def ports(self) -> dict[str, int]:
        """Return the port of each socket."""
        return {name: listener.port for name, listener in self._listeners.items()}

    async def carry_out_faults(self) -> None:
        """Bring sockets and certificates in line with the faults in force; to be called after every change of them."""
        for system, names in SOCKETS_OF.items():
            untrusted = self.faults.standing(system, FaultKind.WRONG_CERTIFICATE)
            if untrusted != (system in self._untrusted):
                self._show_certificate(system, trusted=not untrusted)
            for name in names:
                if self.faults.standing(system, FaultKind.DOWN):
                    self._listeners[name].close()
                else:
                    await self._listeners[name].open()
        await asyncio.sleep(0)  # a cut socket is closed in the loop's next round, and the caller must not be faster

    def stats(self) -> dict[str, Any]:
        """Return `operations` in order and `failed_logons` by account, both by system; EWS also counts its requests."""
        exchange = self.exchange
        return {
            "operations": {
                "exchange": list(exchange.stats.requests),
                "pvwa": [entry.route for entry in self.journal.entries()],
                "vault": list(self.vault.calls),
                "directory": list(self.ldap.operations),
            },
            "failed_logons": {
                "exchange": {"svc-mail": exchange.failed_logons},
                "pvwa": self.journal.failed_logons(),
                "vault": {"approle": self.vault.failed_logins},
                "directory": self.ldap.logons.failed(),
            },
            "exchange": asdict(exchange.stats) | {"connections": exchange.connections},
        }

    async def reset(self, data: Mapping[str, Any] | None = None) -> None:
        """Begin anew in another world, or in the first one: no mail, no journal, no fault, no session, no lock-out.

        Ports, certificates, and Vault's role id and secret id stay. Raises ValueError or KeyError for a wrong world.
        """
        self.world.become(build(dict(self.world_data if data is None else data)))
        self.faults.clear()
        self._empty_mailbox()
        self.journal.clear()
        self.profile.update(asdict(Profile()))
        self.pvwa.sessions.end_all()
        for user in self.world.people:
            self.pvwa.gate.activate(user)
        self.vault.forget()
        self.ldap.forget()
        await self.carry_out_faults()

    def _empty_mailbox(self) -> None:
        """Take out every mail and every folder that was made, and count from nothing again."""
        self.mails.clear()
        for folder in [each for each in self.mails.tree.values() if each.known is None]:
            del self.mails.tree[folder.id]
        self.exchange.stats.reset()
        self.exchange.gate.logons = LogonCounts()
        self.exchange.gate.connections = 0
        self.exchange.gate.schemes = SCHEMES
        self.exchange.heartbeat_seconds = HEARTBEAT_SECONDS
        self.exchange.subscriptions.forget()

    def _show_certificate(self, system: System, *, trusted: bool) -> None:
        """Show this certificate from now on; open connections end, so that nobody goes on under the other one."""
        chain = self.certificates.server if trusted else self.certificates.untrusted
        self._contexts[system].load_cert_chain(chain)
        (self._untrusted.discard if trusted else self._untrusted.add)(system)
        for name in SOCKETS_OF[system]:
            self._listeners[name].cut()

    async def _prepare_web(self, name: str, application: web.Application, context: ssl.SSLContext, port: int) -> None:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_SECONDS, handle_signals=False)
        await runner.setup()
        self._runners.append(runner)
        self._listeners[name] = web_listener(runner, context, port)

    def _prepare_ldap(self, name: str, port: int) -> None:
        context = self._contexts[System.DIRECTORY]

        async def listen(bound: socket.socket) -> asyncio.Server:
            return await self.ldap.listen(bound, context, ldaps=name == "ldaps")

        self._listeners[name] = Listener(listen=listen, cut=self.ldap.cut, port=port)
