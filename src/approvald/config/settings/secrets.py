"""The sections about where passwords are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, ValidationInfo, field_validator

from approvald.config.settings.values import AbsolutePath, CredentialName, Filled, HttpsUrl, OptionalPath, Section


class HashicorpVaultSettings(Section):
    """[secrets.hashicorp_vault]: where HashiCorp Vault is, and how we log on to it."""

    url: HttpsUrl
    ca_file: OptionalPath = None
    namespace: str = ""
    approle_mount: Filled = "approle"
    role_id_file: AbsolutePath
    secret_id_file: AbsolutePath
    mount: Filled = "secret"
    timeout_seconds: PositiveFloat = 10.0
    cache_seconds: PositiveFloat = 300.0


class VaultSecret(Section):
    """A user name and password kept in HashiCorp Vault (KV version 2)."""

    source: Literal["hashicorp_vault"]
    path: Filled
    username_key: Filled = "username"
    password_key: Filled = "password"  # noqa: S105 - the name of a key, not one


class FileSecret(Section):
    """A password in a file: a systemd credential by its name, or any file by its absolute path."""

    source: Literal["file"]
    username: Filled
    credential: CredentialName | None = None
    file: OptionalPath = Field(default=None, validate_default=True)

    @field_validator("file")
    @classmethod
    def _one_of_both(cls, file: AbsolutePath | None, info: ValidationInfo) -> AbsolutePath | None:
        """Judge file after credential, which therefore stands before it."""
        if "credential" in info.data and (info.data["credential"] is None) == (file is None):
            message = "or credential must be given, one of both; name a file or a systemd credential"
            raise ValueError(message)
        return file


SecretSource = Annotated[VaultSecret | FileSecret, Field(discriminator="source")]


class SecretSettings(Section):
    """[secrets]: where each password is; none stands in this file."""

    hashicorp_vault: HashicorpVaultSettings | None = None
    accounts: Annotated[dict[str, SecretSource], Field(min_length=1)]
