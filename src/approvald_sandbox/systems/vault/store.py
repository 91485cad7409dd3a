"""What the pretend HashiCorp Vault keeps: one AppRole, its tokens, and the versions of four secrets."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from approvald_sandbox.world.world import SERVICE_ACCOUNTS, World

SECRET_OF: Final = dict(
    zip(
        SERVICE_ACCOUNTS,
        ("approvald/mailbox", "approvald/directory", "approvald/level1", "approvald/level2"),
        strict=True,
    )
)
"""Path below the mount by service account."""
LOCKOUT_THRESHOLD: Final = 5
LOCKOUT_SECONDS: Final = 15 * 60
TOKEN_SECONDS: Final = 3600
LONGEST_TOKEN_SECONDS: Final = 4 * 3600


class LoginRefusal(Enum):
    """Why an AppRole login fails."""

    INVALID = auto()
    LOCKED = auto()


@dataclass(kw_only=True)
class Token:
    """One client token. Times are epoch seconds UTC by the world's clock."""

    value: str
    accessor: str
    issued: float
    expires: float


@dataclass(kw_only=True)
class Version:
    """One version of a secret; `deleted` is when it was soft-deleted, None while it can be read."""

    data: dict[str, str]
    created: float
    deleted: float | None = None


@dataclass(kw_only=True)
class VaultStore:
    """The state behind the HTTP face. `calls` lists the requests as `METHOD path`, in order."""

    world: World
    role_id: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    secret_id: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    sealed: bool = False
    token_seconds: float = TOKEN_SECONDS
    calls: list[str] = field(default_factory=list)
    failed_logins: int = 0
    versions: dict[str, list[Version]] = field(default_factory=dict, repr=False)
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)
    _wrapped: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    _wrong_in_a_row: int = 0
    _locked_until: float = 0.0

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew with the world's passwords as first versions; role id and secret id stay."""
        self.sealed, self.token_seconds = False, TOKEN_SECONDS
        self.failed_logins = self._wrong_in_a_row = 0
        self._locked_until = 0.0
        for each in (self.calls, self.versions, self.tokens, self._wrapped):
            each.clear()
        for account, path in SECRET_OF.items():
            self.write(path, {"username": self.user_name(account), "password": self.world.passwords[account]})

    def log_in(self, role_id: str, secret_id: str) -> Token | LoginRefusal:
        """Judge an AppRole login. Five wrong secret ids lock the role for a quarter of an hour."""
        now = self.world.now()
        if now < self._locked_until:
            self.failed_logins += 1
            return LoginRefusal.LOCKED
        if role_id != self.role_id or secret_id != self.secret_id:
            self.failed_logins += 1
            self._wrong_in_a_row += role_id == self.role_id
            if self._wrong_in_a_row >= LOCKOUT_THRESHOLD:
                self._locked_until, self._wrong_in_a_row = now + LOCKOUT_SECONDS, 0
            return LoginRefusal.INVALID
        self._wrong_in_a_row = 0
        value, accessor = f"hvs.{secrets.token_urlsafe(24)}", secrets.token_urlsafe(18)
        self.tokens[value] = Token(value=value, accessor=accessor, issued=now, expires=now + self.token_seconds)
        return self.tokens[value]

    def token(self, value: str) -> Token | None:
        """Return a token that is still good."""
        found = self.tokens.get(value)
        return found if found and found.expires > self.world.now() else None

    def renew(self, token: Token) -> None:
        """Give a token its whole life again, but never beyond the longest one."""
        token.expires = min(self.world.now() + self.token_seconds, token.issued + LONGEST_TOKEN_SECONDS)

    def write(self, path: str, data: dict[str, str]) -> None:
        """Add a version."""
        self.versions.setdefault(path, []).append(Version(data=data, created=self.world.now()))

    def rotate(self, account: str, password: str) -> None:
        """Add a version with a service account's new password."""
        self.write(SECRET_OF[account], {"username": self.user_name(account), "password": password})

    def user_name(self, account: str) -> str:
        """Return the name to log on with: Active Directory takes a bare account name in no simple bind."""
        return f"{account}@{self.world.domain}" if account == "svc-directory" else account

    def delete(self, path: str) -> None:
        """Soft-delete the newest version. Raises KeyError for a path that never was."""
        self.versions[path][-1].deleted = self.world.now()

    def wrap_secret_id(self) -> str:
        """Return a wrapping token that gives the secret id once."""
        value = f"hvs.{secrets.token_urlsafe(24)}"
        accessor = secrets.token_hex(16)
        self._wrapped[value] = {"secret_id": self.secret_id, "secret_id_accessor": accessor, "secret_id_ttl": 0}
        return value

    def unwrap(self, token: str) -> dict[str, Any] | None:
        """Return what a wrapping token holds, the first time."""
        return self._wrapped.pop(token, None)
