"""The log-on call: which type, which password, which shape of token."""

from __future__ import annotations

import secrets
from typing import Any, Final

from aiohttp import web

from approvald_sandbox.systems.pvwa import answers
from approvald_sandbox.systems.pvwa.journal import Journal
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.systems.pvwa.sessions import Gate, LogonFailure, LogonRefused, Sessions

INSTANCE_COOKIE: Final = "CA22222"


class Logons:
    """Turns names and passwords into tokens."""

    def __init__(self, profile: Profile, gate: Gate, sessions: Sessions, journal: Journal) -> None:
        self._profile = profile
        self._gate = gate
        self._sessions = sessions
        self._journal = journal

    def logon(self, logon_type: str, body: dict[str, Any], node: str, now: float) -> web.Response:
        """Answer with a token, or with the refusal, which is counted. Names in `body` are in lower case."""
        name, password = body.get("username"), body.get("password")
        if not isinstance(name, str) or not isinstance(password, str) or not name:
            return answers.invalid("username", "username and password are required.")
        if "\\" in name:
            return answers.error(*answers.UNEXPECTED)
        concurrent = str(body.get("concurrentsession", False)).casefold() == "true"
        if logon_type.casefold() not in self._profile.logon_types:
            self._journal.logon_failed(name)
            return answers.logon_refused(LogonFailure.BAD_PASSWORD, name)
        try:
            user = self._gate.enter(name, password)
            token = self._sessions.start(user, node, now, concurrent=concurrent)
        except LogonRefused as error:
            self._refuse(name)
            return answers.logon_refused(error.failure, name)
        shape = token if self._profile.token_shape == "string" else {"CyberArkLogonResult": token}
        answer = answers.ok(shape)
        answer.set_cookie(INSTANCE_COOKIE, secrets.token_hex(16), path="/PasswordVault", httponly=True)
        return answer

    def _refuse(self, name: str) -> None:
        """Count the failure; the sessions of a user who is suspended by it end at once."""
        user = self._gate.user(name)
        self._journal.logon_failed(user or name)
        if user is not None and self._gate.is_suspended(user):
            self._sessions.end_all(user)
