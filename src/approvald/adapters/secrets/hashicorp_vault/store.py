"""Passwords from HashiCorp Vault: fresh log-ons instead of renewals, but never so many that the role is locked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from approvald.adapters.secrets.hashicorp_vault.connection import Connection, Refused, TokenLease
from approvald.adapters.secrets.sources import fingerprint
from approvald.config.files import SecretFileRefused, read_secret
from approvald.config.settings import HashicorpVaultSettings, VaultSecret
from approvald.core.errors import AuthenticationFailed, System, Unavailable
from approvald.core.logs.redaction import register_secret
from approvald.core.ports import Clock, LogonGuard, Secret

ACCOUNT: Final = "approle"
REFUSED_LOGON: Final = frozenset({400, 401, 403})
DEAD_TOKEN: Final = frozenset({401, 403})
NEW_TOKEN_SECONDS: Final = 60.0
"""A token younger than this is not exchanged after a 403: then the policy is wrong, and log-ons would pile up."""


class HashicorpVault:
    """The source "hashicorp_vault". Thread safe; one question at a time."""

    def __init__(
        self, settings: HashicorpVaultSettings, *, guard: LogonGuard, clock: Clock, version_key: bytes
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._clock = clock
        self._version_key = version_key
        self._connection = Connection(settings)
        self._lock = threading.Lock()
        self._lease: tuple[TokenLease, float] | None = None
        self._kept: dict[VaultSecret, tuple[Secret, float]] = {}

    def read(self, where: VaultSecret, *, fresh: bool) -> Secret:
        """Return the newest version of the secret, from memory for `cache_seconds` unless `fresh`.

        Raises AuthenticationFailed when the AppRole log-on is refused or held back, Unavailable for all else.
        """
        with self._lock:
            kept = self._kept.get(where)
            if kept and not fresh and self._clock.monotonic() - kept[1] < self._settings.cache_seconds:
                return kept[0]
            self._kept.pop(where, None)
            secret = self._secret(where, self._read(where))
            self._kept[where] = (secret, self._clock.monotonic())
            return secret

    def close(self) -> None:
        """Give the token back and forget everything. Never raises."""
        with self._lock:
            self._kept.clear()
            self._lease = None
            self._connection.revoke()

    def _read(self, where: VaultSecret) -> Mapping[str, Any]:
        if self._token_is_old():
            self._log_in()
        try:
            return self._connection.read(where.path)
        except Refused as refused:
            if refused.status not in DEAD_TOKEN or self._token_age() < NEW_TOKEN_SECONDS:
                raise self._not_readable(where, refused) from refused
        self._log_in()
        try:
            return self._connection.read(where.path)
        except Refused as refused:
            raise self._not_readable(where, refused) from refused

    def _token_age(self) -> float:
        return self._clock.monotonic() - self._lease[1] if self._lease else 0.0

    def _token_is_old(self) -> bool:
        """Whether there is no token, or half its life is over. Renewals end silently at the longest life (B1)."""
        if self._lease is None:
            return True
        seconds = self._lease[0].seconds
        return seconds > 0 and self._token_age() >= seconds / 2

    def _log_in(self) -> None:
        self._lease = None
        role_id, secret_id = self._id(self._settings.role_id_file), self._id(self._settings.secret_id_file)
        register_secret(secret_id)
        version = fingerprint(self._version_key, f"{role_id}\n{secret_id}")
        try:
            self._guard.claim(ACCOUNT, version)
        except AuthenticationFailed as held_back:
            raise self._logon_refused(held_back.next_try) from held_back
        try:
            lease = self._connection.log_in(role_id, secret_id)
        except Refused as refused:
            if refused.status in REFUSED_LOGON:
                raise self._logon_refused(self._guard.failed(ACCOUNT, version)) from refused
            self._guard.not_judged(ACCOUNT)
            raise self._no_approle() from refused
        except Unavailable:
            self._guard.not_judged(ACCOUNT)
            raise
        register_secret(lease.token)
        self._guard.succeeded(ACCOUNT, version)
        self._lease = (lease, self._clock.monotonic())

    def _id(self, path: Path) -> str:
        try:
            return read_secret(path)
        except SecretFileRefused as error:
            message = f"We cannot log on to HashiCorp Vault: {error}. Mails wait until that file can be read."
            raise Unavailable(System.SECRET_STORE, message) from error

    def _secret(self, where: VaultSecret, found: Mapping[str, Any]) -> Secret:
        values, metadata = found["data"], found.get("metadata")
        username, password = values.get(where.username_key), values.get(where.password_key)
        for key, value in ((where.username_key, username), (where.password_key, password)):
            if not isinstance(value, str) or not value:
                message = (
                    f"HashiCorp Vault has the {self._name(where)}, but no text under the key {key}. Mails wait. "
                    "Write it there, or name the right key in [secrets.accounts]."
                )
                raise Unavailable(System.SECRET_STORE, message)
        number = metadata.get("version") if isinstance(metadata, Mapping) else None
        mark = fingerprint(self._version_key, password)
        return Secret(username=username, password=password, version=f"{number}-{mark}")

    def _not_readable(self, where: VaultSecret, refused: Refused) -> Unavailable:
        name = self._name(where)
        if refused.status in DEAD_TOKEN:
            what = f"lets us log on, but not read the {name}"
            remedy = f'Give the role\'s policy: path "{self._settings.mount}/data/{where.path}" read.'
        elif refused.deleted:
            what = f"has the {name} only as a deleted version"
            remedy = "Undelete it, or write a new version."
        else:
            what = f"has no {name}"
            remedy = "Look at mount, namespace and path in [secrets]; the path is written without data/."
        return Unavailable(System.SECRET_STORE, f"HashiCorp Vault {what}. Mails wait. {remedy}")

    def _logon_refused(self, next_try: datetime | None) -> AuthenticationFailed:
        when = f"not before {next_try:%Y-%m-%d %H:%M} UTC" if next_try else "only with a new secret-id"
        message = (
            f"Our AppRole log-on to HashiCorp Vault is refused. Mails wait. Put a valid secret-id into "
            f"{self._settings.secret_id_file} and look at role-id, its allowed networks and the namespace. It is tried "
            f"again {when}, so that the role is not locked; a new secret-id is tried at once."
        )
        return AuthenticationFailed(System.SECRET_STORE, message, account=ACCOUNT, next_try=next_try)

    def _no_approle(self) -> Unavailable:
        message = (
            f"HashiCorp Vault has no AppRole method at {self._settings.approle_mount}. Mails wait. "
            "Look at approle_mount and namespace in [secrets.hashicorp_vault]."
        )
        return Unavailable(System.SECRET_STORE, message)

    def _name(self, where: VaultSecret) -> str:
        return f"secret {where.path} (mount {self._settings.mount})"
