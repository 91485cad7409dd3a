"""Every option of approvald, with its default and its limits. How a file becomes one of these: `config.py`.

The comments that operators read stand in config/approvald.toml; a test keeps the two together.
"""

from approvald.settings.mail import (
    Labels,
    Limits,
    MailboxFolders,
    MailboxSettings,
    MailSettings,
    ParseSettings,
    SenderSettings,
)
from approvald.settings.policy import PolicySettings, SafeRule
from approvald.settings.running import (
    AuditSettings,
    DaemonSettings,
    LedgerSettings,
    LogSettings,
    ReplySettings,
    TeamSettings,
)
from approvald.settings.secrets import FileSecret, HashicorpVaultSettings, SecretSettings, SecretSource, VaultSecret
from approvald.settings.systems import CompareSettings, DirectorySettings, GroupSettings, PeopleSettings, PvwaSettings
from approvald.settings.values import (
    ADDRESS,
    AbsolutePath,
    Address,
    Compare,
    Domain,
    Filled,
    HttpsUrl,
    LdapUrl,
    SecretName,
    Section,
    Zone,
)
from approvald.settings.watching import PlausibilitySettings, RateSettings, ReconcileSettings
from approvald.settings.whole import Settings, disagreements

__all__ = [
    "ADDRESS",
    "AbsolutePath",
    "Address",
    "AuditSettings",
    "Compare",
    "CompareSettings",
    "DaemonSettings",
    "DirectorySettings",
    "Domain",
    "FileSecret",
    "Filled",
    "GroupSettings",
    "HashicorpVaultSettings",
    "HttpsUrl",
    "Labels",
    "LdapUrl",
    "LedgerSettings",
    "Limits",
    "LogSettings",
    "MailSettings",
    "MailboxFolders",
    "MailboxSettings",
    "ParseSettings",
    "PeopleSettings",
    "PlausibilitySettings",
    "PolicySettings",
    "PvwaSettings",
    "RateSettings",
    "ReconcileSettings",
    "ReplySettings",
    "SafeRule",
    "SecretName",
    "SecretSettings",
    "SecretSource",
    "Section",
    "SenderSettings",
    "Settings",
    "TeamSettings",
    "VaultSecret",
    "Zone",
    "disagreements",
]
