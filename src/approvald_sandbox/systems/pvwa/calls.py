"""What each call does once its path is known and its token is good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from aiohttp import web

from approvald_sandbox.systems.pvwa import answers
from approvald_sandbox.systems.pvwa.book import Book, NewRequest, Refused
from approvald_sandbox.systems.pvwa.journal import Accepted, Journal
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.systems.pvwa.record import Records
from approvald_sandbox.systems.pvwa.routes import Route
from approvald_sandbox.world.world import Request, World

VERSION: Final = {"ExternalVersion": "14.0.0", "InternalVersion": "14.0.0.12", "ServerName": "Vault"}
SERVER_ID: Final = "6f1c1f0e-3d52-4c8a-9a53-0d3d6c2b7a10"
LOGON_TYPES: Final = ("cyberark", "ldap", "windows", "radius", "saml", "pki")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a user who is logged on. `key` is the path's request id; query and body have names in lower case."""

    route: Route
    user: str
    key: str
    query: dict[str, str]
    body: dict[str, Any] = field(repr=False)
    now: int


class Calls:
    """The calls that need a token, and the two public ones about the server itself."""

    def __init__(self, world: World, profile: Profile, journal: Journal) -> None:
        self._profile = profile
        self._journal = journal
        self._book = Book(world, profile)
        self._records = Records(world, profile, self._book)

    def answer(self, call: Call) -> web.Response:
        """Do what is asked. A refusal of the Vault becomes the profile's answer."""
        try:
            return self._answer(call)
        except Refused as error:
            return answers.refused(error.refusal, error.key, self._profile)

    def _answer(self, call: Call) -> web.Response:
        match call.route:
            case Route.INCOMING_LIST:
                requests = self._filtered(self._book.all_incoming(call.user, call.now), call)
                return answers.ok({"IncomingRequests": [self._records.listed(r, call.now) for r in requests]})
            case Route.INCOMING_DETAILS:
                _check_key(call.key)
                request = self._book.incoming(call.user, call.key)
                return answers.ok(self._records.details(request, call.now))
            case Route.CONFIRM | Route.REJECT:
                return self._vote(call)
            case Route.MY_LIST | Route.MY_CREATE | Route.MY_DETAILS | Route.MY_DELETE:
                return self._own(call)
            case Route.SERVER:
                return answers.ok(VERSION)
            case Route.LOGINS_INFO:
                info = {"LastSuccessLoginTime": call.now, "LastSuccessLoginIP": "127.0.0.1", "FailedLogins": 0}
                return answers.ok(info | {"LastFailLoginTime": 0, "LastFailLoginIP": ""})
            case Route.LOGON | Route.LOGOFF | Route.OLD_LOGOFF | Route.VERIFY:
                message = f"{call.route} is answered before a call is made of it"
                raise AssertionError(message)
            case _:
                assert_never(call.route)

    def _vote(self, call: Call) -> web.Response:
        _check_key(call.key)
        reason = call.body.get("reason") or ""
        if not isinstance(reason, str):
            return answers.invalid("Reason", "The value is not a string.")
        if call.route is Route.REJECT:
            self._book.reject(call.user, call.key, reason, call.now)
            return answers.empty()
        act = self._book.confirm(call.user, call.key, reason, call.now)
        self._journal.accept(
            Accepted(key=self._book.find(call.key).key, user=act.actor, level=act.level, reason=act.reason, at=act.at)
        )
        return answers.empty()

    def _own(self, call: Call) -> web.Response:
        if call.route is Route.MY_LIST:
            requests = self._filtered(self._book.all_mine(call.user), call)
            return answers.ok({"MyRequests": [self._records.own(r, call.now) for r in requests]})
        if call.route is Route.MY_CREATE:
            request = self._book.create(call.user, _wanted(call.body), call.now)
            return answers.ok(self._records.own(request, call.now))
        if call.route is Route.MY_DELETE:
            self._book.delete(call.user, call.key)
            return answers.empty()
        return answers.ok(self._records.own(self._book.mine(call.user, call.key), call.now))

    def _filtered(self, requests: list[Request], call: Call) -> list[Request]:
        """OnlyWaiting leaves out what is closed; expired=true lets the expired ones in."""
        status = {r.key: self._book.status(r, call.now) for r in requests}
        if not _flag(call.query.get("expired")):
            requests = [r for r in requests if status[r.key] != "expired"]
        if _flag(call.query.get("onlywaiting")):
            requests = [r for r in requests if status[r.key] in {"waiting", "expired"}]
        return requests


class Unusable(Exception):
    """A parameter that PVWA refuses with 400."""

    def __init__(self, parameter: str, text: str) -> None:
        super().__init__(f"{parameter}: {text}")
        self.parameter = parameter
        self.text = text


def _check_key(key: str) -> None:
    """Let only `<Safe>_<number>` pass. Raises Unusable."""
    safe, _, number = key.rpartition("_")
    if not safe or not number.isdecimal():
        name = "requestID"
        raise Unusable(name, "The value is not a request id.")


def _flag(value: str | None) -> bool:
    return (value or "").casefold() == "true"


def _wanted(body: dict[str, Any]) -> NewRequest:
    """Read the body of MyRequests. Raises Unusable."""
    account, reason = body.get("accountid"), body.get("reason", "")
    times = [body.get(name) or 0 for name in ("fromdate", "todate")]
    if not isinstance(account, str) or not isinstance(reason, str) or not all(isinstance(t, int) for t in times):
        name = "AccountId"
        raise Unusable(name, "AccountId and Reason are strings, FromDate and ToDate numbers.")
    return NewRequest(account_id=account, reason=reason, access_from=times[0], access_to=times[1])


def verify(profile: Profile) -> web.Response:
    """Tell anybody, without a token, which ways of logging on are enabled."""
    methods = [{"Id": each, "Enabled": each in profile.logon_types} for each in LOGON_TYPES]
    body = {"ApplicationName": "PasswordVault", "AuthenticationMethods": methods, "Features": []}
    return answers.ok(body | {"ServerId": SERVER_ID, "ServerName": "Vault"})
