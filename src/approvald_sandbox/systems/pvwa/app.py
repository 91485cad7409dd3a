"""The pretend PVWA as a web application: from the wire to a call, with sessions, nodes, faults and the journal."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.systems.faults import FaultKind, Faults, System
from approvald_sandbox.systems.pvwa import answers
from approvald_sandbox.systems.pvwa.calls import Call, Calls, Unusable, verify
from approvald_sandbox.systems.pvwa.journal import Entry, Journal
from approvald_sandbox.systems.pvwa.logon import Logons
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.systems.pvwa.routes import PUBLIC, Match, NoSuchPath, Route, match
from approvald_sandbox.systems.pvwa.sessions import Gate, Sessions
from approvald_sandbox.systems.wire import carry_out
from approvald_sandbox.world.world import World

NODE_COOKIE: Final = "SERVERID"
NODES: Final = ("node1", "node2")
THINKING_SECONDS: Final = 0.05
"""How long a call takes under `one_call_per_token`, so that two at once are seen as two at once."""
UNANSWERED: Final = frozenset(
    {FaultKind.HANG, FaultKind.HELD, FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER, FaultKind.DOWN}
)


class Pvwa:
    """One PVWA (a farm of two with `sticky_nodes`) over the shared world."""

    def __init__(
        self, world: World, faults: Faults, profile: Profile, log: logging.Logger, journal: Journal | None = None
    ) -> None:
        self.profile = profile
        self.journal = journal or Journal()
        self.sessions = Sessions(profile)
        self.gate = Gate(world, profile)
        self._world = world
        self._faults = faults
        self._log = log
        self._calls = Calls(world, profile, self.journal)
        self._logons = Logons(profile, self.gate, self.sessions, self.journal)
        self._busy: set[str] = set()
        self._pages = itertools.cycle([404, 503])
        self._next_node = itertools.cycle(NODES)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, under the fault that hits it, and write it into the journal."""
        try:
            found: Match | NoSuchPath = match(request.method, request.rel_url.raw_path)
        except NoSuchPath as error:
            found = error
        body = _json_object(await request.read())
        entry = self.journal.open(self._entry(request, found, body))
        fault = self._faults.take(System.PVWA, f"{entry.route} {request.method} {request.path}")
        with self._claim(_token(request)) as alone:

            async def process() -> web.StreamResponse:
                answer = await self._answer(request, found, body, alone=alone)
                entry.status = answer.status
                return answer

            answer = await carry_out(request, fault, process, status_answer=answers.by_fault)
        if fault is None or fault.kind not in UNANSWERED:
            entry.status = answer.status
        self._log.info("%s %s %s %s %s", entry.method, entry.route, entry.user, entry.key, entry.status)
        return answer

    def _entry(self, request: web.Request, found: Match | NoSuchPath, body: dict[str, Any] | None) -> Entry:
        entry = Entry(at=int(self._world.now()), method=request.method, route="")
        if isinstance(found, Match):
            words = body or {}
            entry.route = found.route
            entry.key = "" if found.route is Route.LOGON else found.value
            entry.reason = words["reason"] if isinstance(words.get("reason"), str) else ""
            name = words.get("username") if found.route is Route.LOGON else self.sessions.user_of(_token(request))
            entry.user = name if isinstance(name, str) else ""
        return entry

    @contextmanager
    def _claim(self, token: str) -> Iterator[bool]:
        """Hold a token while its call is under way; the value is False when another call holds it already."""
        if not token or token in self._busy:
            yield not token
            return
        self._busy.add(token)
        try:
            yield True
        finally:
            self._busy.discard(token)

    async def _answer(
        self, request: web.Request, found: Match | NoSuchPath, body: dict[str, Any] | None, *, alone: bool
    ) -> web.Response:
        if self.profile.upgrade_window:
            return answers.page(next(self._pages), "The application is being upgraded.")
        if isinstance(found, NoSuchPath):
            return (
                answers.file_not_found()
                if found.status == answers.NOT_FOUND
                else answers.page(405, "Method not allowed.")
            )
        if self.profile.one_call_per_token and found.route not in PUBLIC:
            if not alone:
                return answers.error(*answers.TOKEN_BUSY)
            await asyncio.sleep(THINKING_SECONDS)
        node = request.cookies.get(NODE_COOKIE, "")
        given = "" if node in NODES else next(self._next_node)
        answer = self._dispatch(request, found, body, node=node or given if found.route is Route.LOGON else node)
        if self.profile.sticky_nodes and given:
            answer.set_cookie(NODE_COOKIE, given, path="/", httponly=True)
        return answer

    def _dispatch(self, request: web.Request, found: Match, body: dict[str, Any] | None, *, node: str) -> web.Response:
        if found.route is Route.VERIFY:
            return verify(self.profile)
        if self.profile.vault_away:
            self.sessions.end_all()
            return answers.error(*answers.VAULT_AWAY)
        if body is None:
            return answers.invalid("body", "The body is not a JSON object.")
        now = self._world.now()
        if found.route is Route.LOGON:
            return self._logons.logon(found.value, body, node, now)
        return self._in_session(request, found, body, node=node, now=now)

    def _in_session(
        self, request: web.Request, found: Match, body: dict[str, Any], *, node: str, now: float
    ) -> web.Response:
        token = _token(request)
        user = self.sessions.use(token, node, now)
        if user is None:
            return answers.error(*answers.DEAD_TOKEN)
        if found.route in {Route.LOGOFF, Route.OLD_LOGOFF}:
            self.sessions.end(token)
            return answers.ok({"LogoffUrl": ""} if found.route is Route.LOGOFF else {})
        query = {name.casefold(): value for name, value in request.query.items()}
        call = Call(route=found.route, user=user, key=found.value, query=query, body=body, now=int(now))
        try:
            return self._calls.answer(call)
        except Unusable as error:
            return answers.invalid(error.parameter, error.text)


PVWA: Final = web.AppKey("PVWA", Pvwa)


def make_app(
    world: World, faults: Faults, profile: Profile, log: logging.Logger, *, journal: Journal | None = None
) -> web.Application:
    """Make the web application; its state (journal, sessions, gate) is `app[PVWA]`."""
    pvwa = Pvwa(world, faults, profile, log, journal)
    app = web.Application()
    app[PVWA] = pvwa
    app.router.add_route("*", "/{path:.*}", pvwa.serve)
    return app


def _token(request: web.Request) -> str:
    return request.headers.get("Authorization", "")


def _json_object(raw: bytes) -> dict[str, Any] | None:
    """Return the body with its names in lower case, an empty one as an empty object, and anything else as None."""
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return {name.casefold(): each for name, each in value.items()} if isinstance(value, dict) else None
