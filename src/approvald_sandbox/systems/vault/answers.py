"""The shapes of the pretend Vault's answers."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.systems.faults import Fault
from approvald_sandbox.systems.vault.store import Version
from approvald_sandbox.systems.wire import retry_headers

DENIED: Final = "1 error occurred:\n\t* permission denied\n\n"
FAULT_WORDS: Final = {403: DENIED, 429: "request path: rate limit quota exceeded", 503: "Vault is sealed"}


def json_answer(status: int, body: dict[str, Any]) -> web.Response:
    """Return JSON with the bare content type: hvac reads no error body under any other."""
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json")


def error(status: int, *messages: str) -> web.Response:
    """Return Vault's error body."""
    return json_answer(status, {"errors": list(messages)})


def success(
    status: int = HTTPStatus.OK,
    *,
    data: dict[str, Any] | None = None,
    auth: dict[str, Any] | None = None,
    warnings: list[str] | None = None,
) -> web.Response:
    """Return Vault's frame around what was asked for."""
    frame = {"request_id": str(uuid.uuid4()), "lease_id": "", "renewable": False, "lease_duration": 0}
    return json_answer(status, frame | {"data": data, "wrap_info": None, "warnings": warnings, "auth": auth})


def fault_answer(fault: Fault) -> web.Response:
    """Return an injected status in Vault's words."""
    answer = error(fault.status, FAULT_WORDS.get(fault.status, "internal error"))
    answer.headers.update(retry_headers(fault))
    return answer


def version_facts(version: Version) -> dict[str, Any]:
    """Return what the metadata say of a version."""
    deleted = "" if version.deleted is None else instant(version.deleted)
    return {
        "created_time": instant(version.created),
        "deletion_time": deleted,
        "destroyed": False,
        "custom_metadata": None,
    }


def instant(epoch: float) -> str:
    """Return ISO 8601 UTC with Z."""
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
