"""The pretend HashiCorp Vault on the wire: AppRole, tokens and KV version 2 at the mount `secret`.

Paths, statuses and bodies follow OpenBao's sources (internal/http, builtin/credential/approle, builtin/logical/kv).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.systems.faults import Faults, System
from approvald_sandbox.systems.vault.answers import (
    DENIED,
    error,
    fault_answer,
    instant,
    json_answer,
    success,
    version_facts,
)
from approvald_sandbox.systems.vault.store import LONGEST_TOKEN_SECONDS, LoginRefusal, Token, VaultStore
from approvald_sandbox.systems.wire import carry_out

READABLE: Final = "approvald/"
"""What the role's policy lets its tokens read, below the mount."""
POLICIES: Final = ["approvald", "default"]
ENTITY: Final = str(uuid.uuid5(uuid.NAMESPACE_DNS, "approvald.corp.example"))
CLUSTER: Final = {"cluster_name": "sandbox", "cluster_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "vault.corp.example"))}
VERSIONED: Final = (
    "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use."
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Vault:
    """The routes; what they work on is the store."""

    def __init__(self, store: VaultStore) -> None:
        self._store = store

    async def health(self, request: web.Request) -> web.Response:
        """Say whether it is sealed, by a status the caller may choose."""
        sealed = self._store.sealed
        code = int(request.query.get("sealedcode", "503") if sealed else request.query.get("activecode", "200"))
        body = {
            "initialized": True,
            "sealed": sealed,
            "standby": sealed,
            "performance_standby": False,
            "replication_performance_mode": "disabled",
            "replication_dr_mode": "disabled",
            "server_time_utc": int(self._store.world.now()),
            "version": "1.20.0",
        }
        return json_answer(code, body if sealed else body | CLUSTER)

    async def seal_status(self, _: web.Request) -> web.Response:
        """Say whether it is sealed, always with 200."""
        sealed = self._store.sealed
        body = {"type": "shamir", "initialized": True, "sealed": sealed, "t": 1, "n": 1, "progress": 0, "nonce": ""}
        return json_answer(HTTPStatus.OK, body | {"version": "1.20.0"} | ({} if sealed else CLUSTER))

    async def log_in(self, request: web.Request) -> web.Response:
        """Exchange role id and secret id for a token."""
        sent = await _body(request)
        for name in ("role_id", "secret_id"):
            if not sent.get(name):
                return error(HTTPStatus.BAD_REQUEST, f"missing {name}")
        outcome = self._store.log_in(str(sent["role_id"]), str(sent["secret_id"]))
        match outcome:
            case LoginRefusal.LOCKED:
                return error(HTTPStatus.FORBIDDEN, "permission denied")
            case LoginRefusal.INVALID:
                return error(HTTPStatus.BAD_REQUEST, "invalid role or secret ID")
            case Token():
                return success(auth=self._auth(outcome))

    async def look_up(self, request: web.Request) -> web.Response:
        """Describe the caller's token."""
        token = self._token(request)
        if token is None:
            return error(HTTPStatus.FORBIDDEN, "permission denied")
        data = {
            "id": token.value,
            "accessor": token.accessor,
            "policies": POLICIES,
            "path": "auth/approle/login",
            "meta": {"role_name": "approvald"},
            "display_name": "approle",
            "num_uses": 0,
            "orphan": True,
            "creation_time": int(token.issued),
            "creation_ttl": int(self._store.token_seconds),
            "issue_time": instant(token.issued),
            "expire_time": instant(token.expires),
            "ttl": self._lease(token),
            "explicit_max_ttl": 0,
            "entity_id": ENTITY,
            "type": "service",
            "renewable": True,
        }
        return success(data=data)

    async def renew(self, request: web.Request) -> web.Response:
        """Renew the caller's token; near its longest life with a warning and a shorter lease."""
        token = self._token(request)
        if token is None:
            return error(HTTPStatus.FORBIDDEN, "permission denied")
        self._store.renew(token)
        short = token.expires >= token.issued + LONGEST_TOKEN_SECONDS
        warnings = [f"TTL of the token exceeded the effective max_ttl of {LONGEST_TOKEN_SECONDS}s"] if short else None
        return success(auth=self._auth(token), warnings=warnings)

    async def revoke(self, request: web.Request) -> web.Response:
        """End the caller's token."""
        token = self._token(request)
        if token is None:
            return error(HTTPStatus.FORBIDDEN, "permission denied")
        del self._store.tokens[token.value]
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def unwrap(self, request: web.Request) -> web.Response:
        """Give what a wrapping token holds, once."""
        sent = await _body(request)
        data = self._store.unwrap(str(sent.get("token") or request.headers.get("X-Vault-Token", "")))
        if data is None:
            return error(HTTPStatus.BAD_REQUEST, "wrapping token is not valid or does not exist")
        return success(data=data)

    async def read(self, request: web.Request) -> web.Response:
        """Read one version of a secret, the newest where none is asked for."""
        path = request.match_info["path"]
        if self._token(request) is None or not path.startswith(READABLE):
            return error(HTTPStatus.FORBIDDEN, DENIED)
        versions = self._store.versions.get(path, [])
        number = int(request.query.get("version", "0")) or len(versions)
        if not 1 <= number <= len(versions):
            return json_answer(HTTPStatus.NOT_FOUND, {"errors": []})
        version = versions[number - 1]
        data = version.data if version.deleted is None else None
        status = HTTPStatus.NOT_FOUND if data is None else HTTPStatus.OK
        return success(status, data={"data": data, "metadata": version_facts(version) | {"version": number}})

    async def metadata(self, request: web.Request) -> web.Response:
        """List the versions of a secret."""
        path = request.match_info["path"]
        if self._token(request) is None or not path.startswith(READABLE):
            return error(HTTPStatus.FORBIDDEN, DENIED)
        versions = self._store.versions.get(path)
        if versions is None:
            return json_answer(HTTPStatus.NOT_FOUND, {"errors": []})
        facts = {str(number): version_facts(version) for number, version in enumerate(versions, start=1)}
        times = {"created_time": instant(versions[0].created), "updated_time": instant(versions[-1].created)}
        return success(data=times | {"current_version": len(versions), "oldest_version": 1, "versions": facts})

    async def unversioned(self, request: web.Request) -> web.Response:
        """Say what is wrong with a path that lacks `data/`."""
        if self._token(request) is None:
            return error(HTTPStatus.FORBIDDEN, DENIED)
        return success(HTTPStatus.NOT_FOUND, warnings=[VERSIONED])

    def _token(self, request: web.Request) -> Token | None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self._store.token(request.headers.get("X-Vault-Token", bearer))

    def _lease(self, token: Token) -> int:
        return max(0, round(token.expires - self._store.world.now()))

    def _auth(self, token: Token) -> dict[str, Any]:
        return {
            "client_token": token.value,
            "accessor": token.accessor,
            "policies": POLICIES,
            "token_policies": POLICIES,
            "metadata": {"role_name": "approvald"},
            "lease_duration": self._lease(token),
            "renewable": True,
            "entity_id": ENTITY,
            "token_type": "service",
            "orphan": True,
            "mfa_requirement": None,
            "num_uses": 0,
        }


def make_app(store: VaultStore, faults: Faults) -> web.Application:
    """Return the HTTP application. A namespace header changes nothing."""

    @web.middleware
    async def under_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = f"{request.method} {request.path.removeprefix('/v1/')}"
        store.calls.append(operation)

        async def process() -> web.StreamResponse:
            if store.sealed and not request.path.startswith(("/v1/sys/health", "/v1/sys/seal-status")):
                return error(HTTPStatus.SERVICE_UNAVAILABLE, "Vault is sealed")
            return await handler(request)

        return await carry_out(request, faults.take(System.VAULT, operation), process, status_answer=fault_answer)

    vault = Vault(store)
    app = web.Application(middlewares=[under_faults])
    app.router.add_get("/v1/sys/health", vault.health)  # aiohttp answers HEAD by the same handler
    app.router.add_get("/v1/sys/seal-status", vault.seal_status)
    app.router.add_get("/v1/auth/token/lookup-self", vault.look_up)
    for method in ("POST", "PUT"):
        app.router.add_route(method, "/v1/auth/approle/login", vault.log_in)
        app.router.add_route(method, "/v1/auth/token/renew-self", vault.renew)
        app.router.add_route(method, "/v1/auth/token/revoke-self", vault.revoke)
        app.router.add_route(method, "/v1/sys/wrapping/unwrap", vault.unwrap)
    app.router.add_get("/v1/secret/data/{path:.+}", vault.read)
    app.router.add_get("/v1/secret/metadata/{path:.+}", vault.metadata)
    app.router.add_get("/v1/secret/{path:.+}", vault.unversioned)
    app.router.add_route("*", "/{path:.*}", _no_route)
    return app


async def _no_route(request: web.Request) -> web.Response:
    path = request.path.removeprefix("/v1/")
    return error(HTTPStatus.NOT_FOUND, f'no handler for route "{path}". route entry not found.')


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        sent = json.loads(await request.read() or b"{}")
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}
