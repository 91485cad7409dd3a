"""PVWA's answers: JSON with an ErrorCode, empty 200s, and the HTML pages of the IIS in front of it."""

from __future__ import annotations

import json
import uuid
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.systems.faults import Fault
from approvald_sandbox.systems.pvwa.book import Refusal
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.systems.pvwa.sessions import LogonFailure
from approvald_sandbox.systems.wire import plain_status, retry_headers

JSON_TYPE: Final = "application/json; charset=utf-8"
DEAD_TOKEN: Final = (401, "PASWS006E", "The session token is missing, invalid or expired.")
NOT_AUTHORIZED: Final = ("PASWS041E", "You are not authorized to perform this action.")
WRAPPER: Final = "CAWS00001E"
"""The code PVWA puts around errors of the Vault; the Vault's own code (here an invented one) is in the text."""
CLOSED_TEXT: Final = "ITATS999E This request has already been closed."
UNEXPECTED: Final = (500, WRAPPER, "An unexpected error occurred in the Vault.")
TOKEN_BUSY: Final = (500, WRAPPER, "Another call with this session token is under way.")
VAULT_AWAY: Final = (500, WRAPPER, "ITATS997E The user has been disconnected. Logoff from the Vault and logon again.")
NOT_FOUND: Final = 404


def headers() -> dict[str, str]:
    """Return the headers that come with every answer of the API."""
    return {
        "api-supported-versions": "11.0",
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "Pragma": "no-cache",
        "X-Correlation-ID": str(uuid.uuid4()),
    }


def ok(body: Any) -> web.Response:
    """200 with JSON."""
    return web.Response(body=json.dumps(body).encode(), headers=headers() | {"Content-Type": JSON_TYPE})


def empty(status: int = 200) -> web.Response:
    """Return an empty success: Content-Length 0, no JSON."""
    return web.Response(status=status, headers=headers())


def error(status: int, code: str, text: str, details: list[dict[str, str]] | None = None) -> web.Response:
    """PVWA's error body."""
    body: dict[str, Any] = {"ErrorCode": code, "ErrorMessage": text} | ({"Details": details} if details else {})
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers() | {"Content-Type": JSON_TYPE})


def invalid(parameter: str, text: str) -> web.Response:
    """400 for a parameter that cannot be."""
    detail = {"ParameterName": parameter, "ErrorCode": "", "ErrorMessage": text}
    return error(400, "PASWS167E", "There are some invalid parameters", [detail])


def page(status: int, text: str) -> web.Response:
    """Return an HTML page, as IIS or a load balancer makes it."""
    title = f"{status} - {text}"
    body = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h2>{title}</h2></body></html>\n"
    return web.Response(status=status, text=body, content_type="text/html")


def file_not_found() -> web.Response:
    """IIS's own 404: the path never reached the PVWA."""
    return page(404, "File or directory not found.")


def refused(refusal: Refusal, key: str, profile: Profile) -> web.Response:
    """Return what the profile answers for a refusal of the Vault."""
    match refusal:
        case Refusal.UNKNOWN:
            return _unknown(key)
        case Refusal.NO_ACCESS:
            return _not_authorized(profile.no_access_answer, key)
        case Refusal.NOT_PERMITTED:
            return _not_authorized(profile.wrong_level_answer, key)
        case Refusal.CLOSED:
            return _closed(profile, key)


def _unknown(key: str) -> web.Response:
    return error(404, WRAPPER, f"Request {key} was not found.")


def _not_authorized(status: str, key: str) -> web.Response:
    if status == "404":
        return _unknown(key)
    code, text = NOT_AUTHORIZED
    return error(403, code, text) if status == "403" else error(500, WRAPPER, f"ITATS998E {text}")


def _closed(profile: Profile, key: str) -> web.Response:
    match profile.closed_answer:
        case "500html":
            return page(500, "Internal server error.")
        case "404":
            return _unknown(key)
        case "403":
            return error(403, *NOT_AUTHORIZED)
        case status:
            return error(int(status), WRAPPER, CLOSED_TEXT)


def logon_refused(failure: LogonFailure, user: str) -> web.Response:
    """Return the answer to a failed log-on; newer versions hide why a user cannot enter."""
    match failure:
        case LogonFailure.BAD_PASSWORD:
            return error(403, "PASWS013E", f"Failed to logon. Reason: Authentication failure for User {user}")
        case LogonFailure.SUSPENDED | LogonFailure.DISABLED:
            return error(403, "PASWS035E", "Authentication failure. Please contact your Administrator.")
        case LogonFailure.PASSWORD_EXPIRED:
            return error(409, "PASWS013E", "Failed to logon. Reason: the password has expired and must be changed.")
        case LogonFailure.TOO_MANY_SESSIONS:
            text = f"The number of concurrent dynamic sessions for user {user} has reached its limit (300)"
            return error(500, WRAPPER, text)


def by_fault(fault: Fault) -> web.StreamResponse:
    """Word a STATUS fault as PVWA does for the codes it gives itself, and as the load balancer for the others."""
    words = {401: DEAD_TOKEN[1:], 403: NOT_AUTHORIZED, 500: UNEXPECTED[1:]}.get(fault.status)
    if words is None:
        return plain_status(fault)
    answer = error(fault.status, *words)
    answer.headers.update(retry_headers(fault))
    return answer
