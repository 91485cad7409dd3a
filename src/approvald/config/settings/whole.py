"""The whole configuration, and the rules between its sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import model_validator

from approvald.config.settings.mail import MailboxSettings, MailSettings, ParseSettings, SenderSettings
from approvald.config.settings.policy import PolicySettings
from approvald.config.settings.running import (
    AuditSettings,
    DaemonSettings,
    LedgerSettings,
    LogSettings,
    ReplySettings,
    TeamSettings,
)
from approvald.config.settings.secrets import SecretSettings
from approvald.config.settings.systems import DirectorySettings, GroupSettings, PeopleSettings, PvwaSettings
from approvald.config.settings.values import Section
from approvald.config.settings.watching import PlausibilitySettings, RateSettings, ReconcileSettings

SECRET_NAMES: Final = (
    ("mailbox", "secret", "mailbox"),
    ("directory", "secret", "directory"),
    ("pvwa", "first_level_secret", "level1"),
    ("pvwa", "second_level_secret", "level2"),
)
"""Section, key and default of every name of a secret; `second_level_secret` counts only where there is such a group."""


class Settings(Section):
    """The whole configuration."""

    mailbox: MailboxSettings
    mail: MailSettings
    sender: SenderSettings
    parse: ParseSettings = ParseSettings()
    directory: DirectorySettings
    groups: GroupSettings
    people: PeopleSettings = PeopleSettings()
    pvwa: PvwaSettings
    secrets: SecretSettings
    team: TeamSettings
    reply: ReplySettings = ReplySettings()
    policy: PolicySettings = PolicySettings()
    rates: RateSettings = RateSettings()
    plausibility: PlausibilitySettings = PlausibilitySettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    daemon: DaemonSettings = DaemonSettings()
    ledger: LedgerSettings = LedgerSettings()
    audit: AuditSettings = AuditSettings()
    logs: LogSettings = LogSettings()

    def longest_call_seconds(self) -> float:
        """Return how long the longest call to a system outside can take."""
        vault = self.secrets.hashicorp_vault
        return max(
            self.mailbox.connect_timeout_seconds + self.mailbox.read_timeout_seconds,
            self.pvwa.connect_timeout_seconds + self.pvwa.read_timeout_seconds,
            self.directory.connect_timeout_seconds + self.directory.receive_timeout_seconds,
            2 * vault.timeout_seconds if vault else 0.0,
        )

    @model_validator(mode="after")
    def _sections_agree(self) -> Settings:
        problems = disagreements(self.model_dump())
        if problems:
            raise ValueError("\n".join(problems))
        return self


def disagreements(values: Mapping[str, object]) -> list[str]:
    """Return one sentence, beginning with its key, for each rule between sections that these values break.

    Values may be incomplete or of wrong types: what cannot be judged is left to the checks of the single values.
    No sentence holds a value: a password may have been written where the name of a secret belongs.
    """
    accounts = _part(_part(values, "secrets"), "accounts")
    problems: list[str] = []
    if accounts:
        known = ", ".join(sorted(name for name in accounts if name.isprintable()))
        for section, key, default in SECRET_NAMES:
            name = _part(values, section).get(key, default)
            if isinstance(name, str) and name and name not in accounts:
                problems.append(
                    f"{section}.{key}: names no account of this file; name one of them ({known}), "
                    f"or add a section [secrets.accounts.NAME] for it"
                )
        if "hashicorp_vault" in _sources(accounts) and not _part(values, "secrets").get("hashicorp_vault"):
            problems.append(
                "secrets.hashicorp_vault: is missing, though an account of [secrets.accounts] is kept there; "
                "add the section with url, role_id_file and secret_id_file"
            )
    pvwa = _part(values, "pvwa")
    first, second = pvwa.get("first_level_secret", "level1"), pvwa.get("second_level_secret", "level2")
    if _part(values, "groups").get("second_level") and not second:
        problems.append(
            "pvwa.second_level_secret: is missing, though groups.second_level names a group; "
            "name the account that confirms at the second level"
        )
    if first and first == second:
        problems.append(
            "pvwa.second_level_secret: names the first level's account; CyberArk needs two, name another account"
        )
    return problems


def _part(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = values.get(key)
    return part if isinstance(part, Mapping) else {}


def _sources(accounts: Mapping[str, object]) -> set[object]:
    return {_part(accounts, name).get("source") for name in accounts}
