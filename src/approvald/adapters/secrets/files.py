"""Passwords from files: a systemd credential by its name, or a file of the operator's by its absolute path.

systemd copies credentials when it starts the service; a changed one needs a restart (operations.md A2). Files are read
again for every log-on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from approvald.adapters.secrets.sources import fingerprint
from approvald.config.files import SecretFileRefused, read_secret
from approvald.config.settings import FileSecret
from approvald.core.errors import System, Unavailable
from approvald.core.ports import Secret

FOLDER_VARIABLE: Final = "CREDENTIALS_DIRECTORY"


class CredentialFiles:
    """The source "file". `environment` is the process's, where systemd names the folder of credentials."""

    def __init__(self, *, version_key: bytes, environment: Mapping[str, str]) -> None:
        self._version_key = version_key
        self._environment = environment

    def read(self, where: FileSecret, *, fresh: bool) -> Secret:
        """Return the user name of the configuration with the password of the file. Raises Unavailable."""
        del fresh  # nothing is kept
        try:
            password = read_secret(self._path(where))
        except SecretFileRefused as error:
            message = f"The password of {where.username} cannot be read: {error}. Mails wait until it can."
            raise Unavailable(System.SECRET_STORE, message) from error
        return Secret(username=where.username, password=password, version=fingerprint(self._version_key, password))

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _path(self, where: FileSecret) -> Path:
        if where.file is not None:
            return where.file
        folder = self._environment.get(FOLDER_VARIABLE)
        if not folder or where.credential is None:
            message = (
                f"systemd passed no credentials ({FOLDER_VARIABLE} is not set); add "
                f"LoadCredential={where.credential}:/path/of/the/file to the unit, or name a file"
            )
            raise SecretFileRefused(message)
        return Path(folder) / where.credential
