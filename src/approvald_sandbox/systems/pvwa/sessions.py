"""Log-ons, tokens and the lock-out of the pretend PVWA."""

from __future__ import annotations

import base64
import secrets
import threading
import uuid
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from approvald_sandbox.systems.pvwa.confirmers import same
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.world.world import DEFAULT_PASSWORD, World

MOST_SESSIONS: Final = 300


class LogonFailure(StrEnum):
    """Why a log-on is refused."""

    BAD_PASSWORD = auto()
    SUSPENDED = auto()
    DISABLED = auto()
    PASSWORD_EXPIRED = auto()
    TOO_MANY_SESSIONS = auto()


class LogonRefused(Exception):
    """The log-on is refused."""

    def __init__(self, failure: LogonFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass(kw_only=True)
class Session:
    """One PVWA session, from log-on to log-off. `last_call` is epoch seconds by the world's clock."""

    user: str
    node: str
    last_call: float


class Gate:
    """Checks passwords, and suspends a user after too many bad ones in a row."""

    def __init__(self, world: World, profile: Profile) -> None:
        self._world = world
        self._profile = profile
        self._bad: Counter[str] = Counter()

    def user(self, name: str) -> str | None:
        """Return the Vault's name of the user who writes `sam` or `sam@domain`, or None."""
        local, at, domain = name.partition("@")
        if at and not same(domain, self._world.domain):
            return None
        known = [*self._world.people, *self._world.passwords]
        return next((each for each in known if same(each, local)), None)

    def enter(self, name: str, password: str) -> str:
        """Return the user's name in the Vault. Raises LogonRefused; every bad password counts towards the lock-out."""
        user = self.user(name)
        if user is None:
            raise LogonRefused(LogonFailure.BAD_PASSWORD)
        if self.is_suspended(user):
            raise LogonRefused(LogonFailure.SUSPENDED)
        if not secrets.compare_digest(password.encode(), self._password(user).encode()):
            self._bad[user] += 1
            raise LogonRefused(LogonFailure.BAD_PASSWORD)
        person = self._world.people.get(user)
        if person and (person.disabled or person.expired):
            raise LogonRefused(LogonFailure.DISABLED)
        if user.casefold() in self._profile.expired_passwords:
            raise LogonRefused(LogonFailure.PASSWORD_EXPIRED)
        del self._bad[user]
        return user

    def _password(self, user: str) -> str:
        return self._world.passwords.get(user, DEFAULT_PASSWORD)

    def is_suspended(self, user: str) -> bool:
        """Whether the user is locked out; only `activate` lets him in again."""
        return self._bad[user] >= self._profile.lockout_threshold

    def activate(self, user: str) -> None:
        """Lift a suspension, as a Vault administrator does."""
        del self._bad[user]


class Sessions:
    """The tokens in force, thread safe."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def start(self, user: str, node: str, now: float, *, concurrent: bool) -> str:
        """Return a new token; without `concurrent` the user's earlier ones end. Raises LogonRefused at the limit."""
        with self._lock:
            self._drop_idle(now)
            own = [token for token, session in self._sessions.items() if session.user == user]
            if not concurrent:
                for token in own:
                    del self._sessions[token]
            elif len(own) >= MOST_SESSIONS:
                raise LogonRefused(LogonFailure.TOO_MANY_SESSIONS)
            token = _new_token(self._profile.token_length)
            self._sessions[token] = Session(user=user, node=node, last_call=now)
            return token

    def user_of(self, token: str) -> str:
        """Whose token it is, or an empty text; it is not refreshed by asking."""
        with self._lock:
            session = self._sessions.get(token)
            return session.user if session else ""

    def use(self, token: str, node: str, now: float) -> str | None:
        """Return the token's user and refresh it; None when it is unknown, idle too long, or of the other node."""
        with self._lock:
            self._drop_idle(now)
            session = self._sessions.get(token)
            if session is None or (self._profile.sticky_nodes and session.node != node):
                return None
            session.last_call = now
            return session.user

    def end(self, token: str) -> None:
        """Log off."""
        with self._lock:
            self._sessions.pop(token, None)

    def end_all(self, user: str | None = None) -> None:
        """End one user's sessions, or everybody's as a restart of the PVWA does."""
        with self._lock:
            self._sessions = {t: s for t, s in self._sessions.items() if user is not None and s.user != user}

    def count(self, user: str) -> int:
        """How many sessions of this user are open."""
        with self._lock:
            return sum(session.user == user for session in self._sessions.values())

    def _drop_idle(self, now: float) -> None:
        limit = self._profile.idle_timeout_seconds
        self._sessions = {t: s for t, s in self._sessions.items() if now - s.last_call <= limit}


def _new_token(length: int) -> str:
    """Base64 of `<guid>;<hex>;<hex>;00000000;`, of the wanted length."""
    end = ";00000000;"
    guid = f"{uuid.uuid4()};"
    room = length * 3 // 4 - len(guid) - len(end) - 17
    return base64.b64encode(f"{guid}{secrets.token_hex(8)};{secrets.token_hex(room)[:room]}{end}".encode()).decode()
