"""PVWA's paths, matched as IIS does: case counts for nothing, and a slash at the end may stand or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from approvald_sandbox.systems.pvwa.journal import CONFIRM, LOGON

VIRTUAL_DIRECTORY: Final = "passwordvault"
ANY: Final = "*"
UNUSABLE_IN_A_PATH: Final = "+&%"
"""Characters that PVWA does not support inside a URL value, even encoded."""


class Route(StrEnum):
    """The names of the calls; a fault's `operation` and the journal use them."""

    LOGON = LOGON
    LOGOFF = "Logoff"
    OLD_LOGOFF = "Logoff.Gen1"
    INCOMING_LIST = "IncomingRequests.List"
    INCOMING_DETAILS = "IncomingRequests.Details"
    CONFIRM = CONFIRM
    REJECT = "IncomingRequests.Reject"
    MY_LIST = "MyRequests.List"
    MY_CREATE = "MyRequests.Create"
    MY_DETAILS = "MyRequests.Details"
    MY_DELETE = "MyRequests.Delete"
    VERIFY = "Verify"
    SERVER = "Server"
    LOGINS_INFO = "LoginsInfo"


PUBLIC: Final = frozenset({Route.LOGON, Route.VERIFY})
_OLD = ("webservices", "auth")
_TABLE: Final[tuple[tuple[str, tuple[str, ...], Route], ...]] = (
    ("POST", ("api", "auth", ANY, "logon"), Route.LOGON),
    ("POST", ("api", "auth", "logoff"), Route.LOGOFF),
    ("POST", (*_OLD, "cyberark", "cyberarkauthenticationservice.svc", "logoff"), Route.OLD_LOGOFF),
    ("POST", (*_OLD, "shared", "restfulauthenticationservice.svc", "logoff"), Route.OLD_LOGOFF),
    ("GET", ("api", "incomingrequests"), Route.INCOMING_LIST),
    ("GET", ("api", "incomingrequests", ANY), Route.INCOMING_DETAILS),
    ("POST", ("api", "incomingrequests", ANY, "confirm"), Route.CONFIRM),
    ("POST", ("api", "incomingrequests", ANY, "reject"), Route.REJECT),
    ("GET", ("api", "myrequests"), Route.MY_LIST),
    ("POST", ("api", "myrequests"), Route.MY_CREATE),
    ("GET", ("api", "myrequests", ANY), Route.MY_DETAILS),
    ("DELETE", ("api", "myrequests", ANY), Route.MY_DELETE),
    ("GET", ("api", "verify"), Route.VERIFY),
    ("GET", ("webservices", "pimservices.svc", "verify"), Route.VERIFY),
    ("GET", ("webservices", "pimservices.svc", "server"), Route.SERVER),
    ("GET", ("api", "server"), Route.SERVER),
    ("GET", ("api", "loginsinfo"), Route.LOGINS_INFO),
)


@dataclass(frozen=True, kw_only=True)
class Match:
    """The call that a path means, and the value in its variable segment (request id, log-on type), decoded."""

    route: Route
    value: str = ""


class NoSuchPath(Exception):
    """IIS answers, not PVWA: 404 for an unknown path, 405 for a known one with another method."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def match(method: str, raw_path: str) -> Match:
    """Find the call. `raw_path` is still percent-encoded. Raises NoSuchPath.

    A dot in the last segment makes IIS look for a file unless a slash follows.
    """
    segments = [unquote(each) for each in raw_path.split("/")[1:]]
    if segments and segments[-1] == "":
        segments.pop()
    elif segments and "." in segments[-1]:
        raise NoSuchPath(404)
    if not segments or segments[0].casefold() != VIRTUAL_DIRECTORY:
        raise NoSuchPath(404)
    wanted = segments[1:]
    if any(character in segment for segment in wanted for character in UNUSABLE_IN_A_PATH):
        raise NoSuchPath(404)
    fitting = [(verb, pattern, route) for verb, pattern, route in _TABLE if _fits(pattern, wanted)]
    for verb, pattern, route in fitting:
        if verb == method:
            values = [value for part, value in zip(pattern, wanted, strict=True) if part == ANY]
            return Match(route=route, value=values[0] if values else "")
    raise NoSuchPath(405 if fitting else 404)


def _fits(pattern: tuple[str, ...], segments: list[str]) -> bool:
    if len(pattern) != len(segments):
        return False
    return all(part in {ANY, segment.casefold()} for part, segment in zip(pattern, segments, strict=True))
