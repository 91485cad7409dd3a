"""The port SecretStore over the sources that the configuration names, and the versions of secrets."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Protocol, TypeVar

from approvald.config.settings import FileSecret, SecretSettings, VaultSecret
from approvald.core.errors import System, Unavailable
from approvald.core.logs.redaction import register_secret
from approvald.core.ports import Secret

FINGERPRINT_CHARS: Final = 16
SHORTEST_KEY_BYTES: Final = 16

Where_contra = TypeVar("Where_contra", contravariant=True)


class Source(Protocol[Where_contra]):
    """One kind of place for secrets. Thread safe; errors are those of the ports."""

    def read(self, where: Where_contra, *, fresh: bool) -> Secret:
        """Return the secret that is kept there. `fresh` bypasses any cache."""

    def close(self) -> None:
        """Give back tokens. Never raises."""


class SecretSources:
    """Routes each name to the source that [secrets.accounts] gives it, and keeps every password out of the logs."""

    def __init__(
        self, settings: SecretSettings, *, files: Source[FileSecret], hashicorp_vault: Source[VaultSecret] | None
    ) -> None:
        self._accounts = settings.accounts
        self._files = files
        self._hashicorp_vault = hashicorp_vault

    def get(self, name: str, *, fresh: bool = False) -> Secret:
        """Return the secret of that name: mailbox, directory, level1, level2. `fresh` bypasses any cache."""
        where = self._accounts.get(name)
        if isinstance(where, FileSecret):
            secret = self._files.read(where, fresh=fresh)
        elif isinstance(where, VaultSecret) and self._hashicorp_vault is not None:
            secret = self._hashicorp_vault.read(where, fresh=fresh)
        else:
            message = f"The configuration does not say where secret {name} is kept; add [secrets.accounts.{name}]."
            raise Unavailable(System.SECRET_STORE, message)
        register_secret(secret.password)
        return secret

    def close(self) -> None:
        """Give back tokens. Never raises."""
        self._files.close()
        if self._hashicorp_vault is not None:
            self._hashicorp_vault.close()


def fingerprint(version_key: bytes, secret: str) -> str:
    """Return a short text that changes with the secret and, without the key, tells nothing of it.

    The key is the ledger's: every process of one ledger gets the same text, so that they count refused log-ons
    together, and nobody without the ledger can try passwords against it.
    """
    if len(version_key) < SHORTEST_KEY_BYTES:
        message = f"the key of secrets' versions must have {SHORTEST_KEY_BYTES} bytes or more"
        raise ValueError(message)
    return hmac.new(version_key, secret.encode("utf-8"), hashlib.sha256).hexdigest()[:FINGERPRINT_CHARS]
