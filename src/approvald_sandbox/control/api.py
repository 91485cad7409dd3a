"""The control API: how a test or the demo delivers mail, looks at what happened, and makes things go wrong.

JSON over HTTP on 127.0.0.1, for nobody but the tests of this machine. A wrong call is answered 400 {"error": ...}.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.systems.all import Systems
from approvald_sandbox.systems.exchange.soap import EwsError
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.changes import change_group, change_person, change_request, change_safe

BIGGEST_BODY: Final = 64 << 20
STORES: Final = frozenset({"directory", "vault"})

Answer = dict[str, Any] | list[Any]
Route = Callable[[web.Request], Awaitable[Answer]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """The routes."""

    def __init__(self, systems: Systems, endpoints: Callable[[], dict[str, str]]) -> None:
        self._systems = systems
        self._endpoints = endpoints

    async def where(self, _: web.Request) -> Answer:
        """GET /endpoints."""
        return self._endpoints()

    async def deliver(self, request: web.Request) -> Answer:
        """POST /mail: the raw mail as body; query item_class, received (ISO), folder, properties (JSON by tag)."""
        query = request.query
        received = query.get("received")
        made = self._systems.mails.deliver(
            await request.read(),
            item_class=query.get("item_class", "IPM.Note"),
            received=datetime.fromisoformat(received) if received else None,
            folder=query.get("folder", "inbox"),
            properties=json.loads(query.get("properties", "{}")),
        )
        return {"id": made}

    async def mailbox(self, request: web.Request) -> Answer:
        """GET /mailbox?folder=: what is in each folder, by path, or in one."""
        return self._systems.mails.folders(request.query.get("folder"))

    async def raw(self, request: web.Request) -> Answer:
        """GET /mailbox/raw?id=: the MIME of a mail, as latin-1 text in `raw`."""
        return {"raw": self._systems.mails.raw(request.query["id"]).decode("latin-1")}

    async def move(self, request: web.Request) -> Answer:
        """POST /mailbox/move {"id", "folder"}: as an administrator by hand."""
        wanted = await _body(request)
        return {"id": self._systems.mails.move(wanted["id"], wanted["folder"])}

    async def sent(self, request: web.Request) -> Answer:
        """GET /sent?after=: every mail sent, in order, or those after the first so many."""
        return self._systems.mails.sent(int(request.query.get("after", "0")))

    async def confirmations(self, _: web.Request) -> Answer:
        """GET /confirmations: the votes that PVWA took."""
        return [asdict(each) for each in self._systems.journal.confirmations()]

    async def attempts(self, _: web.Request) -> Answer:
        """GET /confirm-attempts: every Confirm that arrived."""
        return [asdict(each) for each in self._systems.journal.attempts()]

    async def journal(self, request: web.Request) -> Answer:
        """GET /journal?route=: every PVWA call, or those of one route."""
        return [asdict(each) for each in self._systems.journal.entries(request.query.get("route", ""))]

    async def stats(self, _: web.Request) -> Answer:
        """GET /stats: operations in order, and failed logons, by system."""
        return self._systems.stats()

    async def clock(self, request: web.Request) -> Answer:
        """POST /clock {"seconds"}: turn the world's clock. GET: only look."""
        if request.method == "POST":
            self._systems.world.turn_clock(float((await _body(request))["seconds"]))
        return {"now": self._systems.world.now()}

    async def put_fault(self, request: web.Request) -> Answer:
        """POST /faults {"system", "kind", "times", "operation", "seconds", "status", "retry_after", "skip"}."""
        wanted = await _body(request)
        system, kind = System(wanted.pop("system")), FaultKind(wanted.pop("kind"))
        self._systems.faults.put(system, Fault(kind=kind, **wanted))
        await self._systems.carry_out_faults()
        return {}

    async def clear_faults(self, request: web.Request) -> Answer:
        """DELETE /faults?system=: of one system, or of all."""
        named = request.query.get("system")
        self._systems.faults.clear(System(named) if named else None)
        await self._systems.carry_out_faults()
        return {}

    async def faults(self, _: web.Request) -> Answer:
        """GET /faults: those in force, by system."""
        return {str(system): [asdict(each) for each in self._systems.faults.active(system)] for system in System}

    async def profile(self, request: web.Request) -> Answer:
        """POST /profile {switch: value}: change how the PVWA behaves. GET: only look."""
        if request.method == "POST":
            self._systems.profile.update(await _body(request))
        return asdict(self._systems.profile)

    async def requests(self, request: web.Request) -> Answer:
        """POST /requests: add, change or delete one. GET: all, by PVWA's RequestID."""
        world = self._systems.world
        if request.method == "POST":
            return {"key": change_request(world, await _body(request))}
        with world.lock:
            return {key: asdict(each) for key, each in world.requests.items()}

    async def people(self, request: web.Request) -> Answer:
        """POST /people: add, change or delete one by `sam`."""
        change_person(self._systems.world, await _body(request))
        return {}

    async def groups(self, request: web.Request) -> Answer:
        """POST /groups: add, change, delete or recreate one by `name`."""
        change_group(self._systems.world, await _body(request))
        return {}

    async def safes(self, request: web.Request) -> Answer:
        """POST /safes: add or replace one by `name`."""
        change_safe(self._systems.world, await _body(request))
        return {}

    async def password(self, request: web.Request) -> Answer:
        """POST /password {"account", "password", "in": ["directory", "vault"]}.

        `directory` is what Exchange, the directory and the PVWA take, `vault` what the secret store hands out.
        """
        wanted = await _body(request)
        places = set(wanted.get("in", STORES))
        if not places or places - STORES:
            message = f"`in` takes {', '.join(sorted(STORES))}"
            raise ValueError(message)
        if "directory" in places:
            self._systems.world.passwords[wanted["account"]] = wanted["password"]
        if "vault" in places:
            self._systems.vault.rotate(wanted["account"], wanted["password"])
        return {}

    async def vault(self, request: web.Request) -> Answer:
        """POST /vault: `sealed`, `token_seconds`, `secret_id`, `delete` (a path), `wrap_secret_id` (gives a token)."""
        wanted, store = await _body(request), self._systems.vault
        store.secret_id = str(wanted.get("secret_id", store.secret_id))
        store.sealed = bool(wanted.get("sealed", store.sealed))
        store.token_seconds = float(wanted.get("token_seconds", store.token_seconds))
        if "delete" in wanted:
            store.delete(wanted["delete"])
        return {"wrapping_token": store.wrap_secret_id()} if wanted.get("wrap_secret_id") else {}

    async def exchange(self, request: web.Request) -> Answer:
        """POST /exchange: `schemes` of logging on, `heartbeat_seconds` of streams, `forget_subscriptions`."""
        wanted, exchange = await _body(request), self._systems.exchange
        exchange.gate.schemes = tuple(wanted.get("schemes", exchange.gate.schemes))
        exchange.heartbeat_seconds = float(wanted.get("heartbeat_seconds", exchange.heartbeat_seconds))
        if wanted.get("forget_subscriptions"):
            exchange.subscriptions.forget()
        return {"open_streams": exchange.subscriptions.open_streams}

    async def pvwa(self, request: web.Request) -> Answer:
        """POST /pvwa: `end_sessions` of this user, of everybody for "*"; `activate` a suspended user."""
        wanted, pvwa = await _body(request), self._systems.pvwa
        if "end_sessions" in wanted:
            pvwa.sessions.end_all(None if wanted["end_sessions"] == "*" else wanted["end_sessions"])
        if "activate" in wanted:
            pvwa.gate.activate(wanted["activate"])
        return {}

    async def reset(self, request: web.Request) -> Answer:
        """POST /reset {world.json}: begin anew; with an empty body in the world of the start."""
        sent = await _body(request)
        await self._systems.reset(sent or None)
        return {}


def make_app(systems: Systems, endpoints: Callable[[], dict[str, str]]) -> web.Application:
    """Return the control application; `endpoints` says where everything listens."""
    control = Control(systems, endpoints)
    routes: dict[str, dict[str, Route]] = {
        "/endpoints": {"GET": control.where},
        "/mail": {"POST": control.deliver},
        "/mailbox": {"GET": control.mailbox},
        "/mailbox/raw": {"GET": control.raw},
        "/mailbox/move": {"POST": control.move},
        "/sent": {"GET": control.sent},
        "/confirmations": {"GET": control.confirmations},
        "/confirm-attempts": {"GET": control.attempts},
        "/journal": {"GET": control.journal},
        "/stats": {"GET": control.stats},
        "/clock": {"GET": control.clock, "POST": control.clock},
        "/faults": {"GET": control.faults, "POST": control.put_fault, "DELETE": control.clear_faults},
        "/profile": {"GET": control.profile, "POST": control.profile},
        "/requests": {"GET": control.requests, "POST": control.requests},
        "/people": {"POST": control.people},
        "/groups": {"POST": control.groups},
        "/safes": {"POST": control.safes},
        "/password": {"POST": control.password},
        "/exchange": {"POST": control.exchange},
        "/pvwa": {"POST": control.pvwa},
        "/vault": {"POST": control.vault},
        "/reset": {"POST": control.reset},
    }
    app = web.Application(client_max_size=BIGGEST_BODY)
    for path, methods in routes.items():
        for method, route in methods.items():
            app.router.add_route(method, path, _answering(route))
    return app


def _answering(route: Route) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await route(request), dumps=_dumps)
        except (ValueError, KeyError, TypeError, OSError, EwsError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return handle


async def _body(request: web.Request) -> dict[str, Any]:
    """Return the body, an empty one as an empty object. Raises ValueError for anything but a JSON object."""
    found = json.loads(await request.read() or b"{}")
    if not isinstance(found, dict):
        message = "the body must be a JSON object"
        raise ValueError(message)  # noqa: TRY004 - one kind of error for everything that is wrong with a body
    return found


def _dumps(value: object) -> str:
    return json.dumps(value, default=str)
