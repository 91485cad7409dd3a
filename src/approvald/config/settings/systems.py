"""The sections about the directory, its groups and people, and CyberArk's PVWA."""

# pydantic copies a default for each instance, so lists may stand here
# ruff: noqa: RUF012

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, ValidationInfo, field_validator

from approvald.config.settings.values import (
    AccountPattern,
    AttributeName,
    Compare,
    Filled,
    GroupPattern,
    HttpsUrl,
    LdapUrl,
    OptionalFilled,
    OptionalPath,
    ProxyUrl,
    SecretName,
    Section,
)


class DirectorySettings(Section):
    """[directory]: Active Directory."""

    start_tls: bool = False
    servers: Annotated[list[LdapUrl], Field(min_length=1)]
    base_dn: Filled
    secret: SecretName = "directory"  # noqa: S105 - the name of a secret, not one
    ca_file: OptionalPath = None
    connect_timeout_seconds: PositiveFloat = 4.0
    receive_timeout_seconds: PositiveFloat = 8.0
    cool_down_seconds: PositiveFloat = 60.0

    @field_validator("servers")
    @classmethod
    def _encrypted(cls, servers: list[str], info: ValidationInfo) -> list[str]:
        """Judge servers after start_tls, which therefore stands before it."""
        if info.data.get("start_tls") is False and any(url.startswith("ldap://") for url in servers):
            message = "has ldap:// without encryption; write ldaps://, or set start_tls = true"
            raise ValueError(message)
        return servers


class GroupSettings(Section):
    """[groups]: who may approve."""

    base_dn: Filled
    first_level: GroupPattern = "*_PAMapprover"
    second_level: OptionalFilled = None
    pvwa_names: dict[Filled, Filled] = {}
    count_primary_group: bool = False
    refresh_minutes: PositiveFloat = 15.0


class PeopleSettings(Section):
    """[people]: which accounts are one human."""

    link_attribute: AttributeName = "employeeID"
    link_ignore: list[str] = []
    admin_accounts: list[AccountPattern] = ["adm-*", "admin-*"]
    approver_by_linked_account: bool = False
    map: dict[Filled, Filled] = {}


class CompareSettings(Section):
    """[pvwa.compare]: what a difference between the mail and PVWA's record does. Safe and requestor always refuse."""

    account: Compare = "refuse"
    device_user: Compare = "refuse"
    reason: Compare = "refuse"


class PvwaSettings(Section):
    """[pvwa]: CyberArk's web application, or the load balancer in front of it."""

    url: HttpsUrl
    authentication: Literal["LDAP", "CyberArk", "Windows"] = "LDAP"
    first_level_secret: SecretName = "level1"  # noqa: S105 - the name of a secret, not one
    second_level_secret: OptionalFilled = "level2"  # noqa: S105 - the name of a secret, not one
    ca_file: OptionalPath = None
    proxy: ProxyUrl = ""
    connect_timeout_seconds: PositiveFloat = 5.0
    read_timeout_seconds: PositiveFloat = 30.0
    idle_minutes: PositiveFloat = 5.0
    compare: CompareSettings = CompareSettings()
