"""Logs on to the directory without ever locking our own account."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from typing import Final

from approvald.adapters.active_directory.connection import Broken, DirectoryConnection
from approvald.core.errors import AuthenticationFailed, System
from approvald.core.ports import LogonGuard, Secret, SecretStore

SUB_CODE: Final = re.compile(r"\bdata ([0-9a-fA-F]{1,8})\b")
UNKNOWN: Final = (
    "Active Directory gives no reason that approvald knows",
    "Look in the domain controller's security log.",
)
MEANINGS: Final = {
    "525": ("there is no such account", "Correct the user name that belongs to this password."),
    "52e": ("wrong user name or password", "Put the right password into the secret store."),
    "530": ("the account may not log on at this time", "Lift its logon hours."),
    "531": ("the account may not log on from this host", "Lift its workstation restriction."),
    "532": ("the password has expired", "Set a new password and put it into the secret store."),
    "533": ("the account is disabled", "Enable it."),
    "701": ("the account has expired", "Extend it."),
    "773": ("the password must be changed first", "Set a password that need not be changed at the first logon."),
    "775": ("the account is locked", "Find out who uses a wrong password, then unlock it."),
    "80090346": ("channel binding is required", "Let the domain controller accept simple binds over TLS without it."),
}
"""Sub-codes of LDAP result 49 (directory.md A2, B2; [MS-ADTS] 5.1.1.1; Windows' logon errors in hexadecimal)."""


class Logon:
    """Binds connections with the secret of one name. Thread safe; one log-on at a time."""

    def __init__(self, name: str, secrets: SecretStore, guard: LogonGuard) -> None:
        self._name = name
        self._secrets = secrets
        self._guard = guard
        self._one_at_a_time = threading.Lock()
        self._proven: set[tuple[str, str]] = set()

    def bind(self, connection: DirectoryConnection) -> None:
        """Log on; after a refusal once more if the secret store has a newer password. Raises AuthenticationFailed."""
        secret = self._secrets.get(self._name)
        if not self._one_at_a_time.acquire(timeout=max(connection.limits.left(), 0)):
            message = "log-on: another one is still waiting for its answer"
            raise Broken(message, silent=True)
        try:
            try:
                self._try(connection, secret)
            except AuthenticationFailed:
                fresh = self._secrets.get(self._name, fresh=True)
                if (fresh.username, fresh.version) == (secret.username, secret.version):
                    raise
                self._try(connection, fresh)
        finally:
            self._one_at_a_time.release()

    def _try(self, connection: DirectoryConnection, secret: Secret) -> None:
        if not secret.username or not secret.password:
            message = (
                f"The secret {self._name} has no user name or an empty password; Active Directory would take that for "
                "an anonymous log-on. Nothing was sent. Complete the secret."
            )
            raise AuthenticationFailed(System.DIRECTORY, message, account=secret.username or self._name)
        key = (secret.username, secret.version)
        if key in self._proven and self._guard.has_failed(*key):
            self._proven.discard(key)  # doctor, or the other host, has been refused since
        if key not in self._proven:
            self._guard.claim(*key)
        try:
            refusal = connection.bind(secret)
        except Exception:
            if key not in self._proven:
                self._guard.not_judged(secret.username)
            raise
        if refusal is not None:
            self._proven.discard(key)
            raise self._refused(connection, secret, refusal, self._guard.failed(*key))
        if key not in self._proven:
            self._guard.succeeded(*key)
            self._proven.add(key)

    def _refused(
        self, connection: DirectoryConnection, secret: Secret, words: str, next_try: datetime | None
    ) -> AuthenticationFailed:
        found = SUB_CODE.search(words)
        code = found[1].casefold() if found else "none"
        meaning, remedy = MEANINGS.get(code, UNKNOWN)
        when = f"not before {next_try:%Y-%m-%d %H:%M} UTC" if next_try else "only with a new password"
        message = (
            f"The directory ({connection.endpoint}) does not accept our account {secret.username}: {meaning} "
            f"(LDAP 49, data {code}). Mails wait. {remedy} It is tried again {when}, so that it is not locked."
        )
        return AuthenticationFailed(System.DIRECTORY, message, account=secret.username, next_try=next_try)
