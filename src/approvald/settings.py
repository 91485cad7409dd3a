"""Every option of approvald, with its default and its limits. How a file becomes one of these: `config.py`.

The comments that operators read stand in config/approvald.toml; a test keeps the two together.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII
)


def _address(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        message = "is not a mail address like pam-approve@corp.example"
        raise ValueError(message)
    return value


def _domain(value: str) -> str:
    if not ADDRESS.fullmatch(f"a@{value}"):
        message = "is not a mail domain like corp.example (without the @)"
        raise ValueError(message)
    return value.casefold()


def _https(value: str) -> str:
    if not value.startswith("https://") or len(value) <= len("https://"):
        message = "must begin with https://, because passwords and approvals travel over it"
        raise ValueError(message)
    return value.rstrip("/")


def _ldap_url(value: str) -> str:
    if not re.fullmatch(r"ldaps?://[^/\s:]+(:[0-9]{1,5})?", value):
        message = "must look like ldaps://dc1.corp.example or ldap://dc1.corp.example:389 (then with start_tls = true)"
        raise ValueError(message)
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = "is not a time zone of the IANA list, such as Europe/Amsterdam"
        raise ValueError(message) from error
    return value


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        message = "must be an absolute path, because a daemon has no current folder to speak of"
        raise ValueError(message)
    return value


def _filled(value: str) -> str:
    if not value.strip():
        message = "must not be empty"
        raise ValueError(message)
    return value


Address = Annotated[str, AfterValidator(_address)]
Domain = Annotated[str, AfterValidator(_domain)]
HttpsUrl = Annotated[str, AfterValidator(_https)]
LdapUrl = Annotated[str, AfterValidator(_ldap_url)]
Zone = Annotated[str, AfterValidator(_zone)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Filled = Annotated[str, AfterValidator(_filled)]
SecretName = Annotated[str, AfterValidator(_filled)]
Compare = Literal["refuse", "note"]


class Section(BaseModel):
    """What all sections share: unknown keys are errors, values never change, and no error echoes a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class MailboxFolders(Section):
    """Names of the folders under the Inbox."""

    done: Filled = "Done"
    refused: Filled = "Refused"
    ignored: Filled = "Ignored"
    quarantine: Filled = "Quarantine"


class MailboxSettings(Section):
    """[mailbox]: the Exchange mailbox that approvers forward to."""

    address: Address
    url: HttpsUrl
    authentication: Literal["ntlm", "basic", "kerberos"] = "ntlm"
    secret: SecretName = "mailbox"  # noqa: S105 - the name of a secret, not one
    ca_file: AbsolutePath | None = None
    proxy: str = ""
    connect_timeout_seconds: PositiveFloat = 5.0
    read_timeout_seconds: PositiveFloat = 30.0
    folders: MailboxFolders = MailboxFolders()


class MailSettings(Section):
    """[mail]: which mails are ours, and whose addresses count."""

    domains: Annotated[list[Domain], Field(min_length=1)]
    pvwa_sender: Address
    subject_phrases: Annotated[list[Filled], Field(min_length=1)] = ["Notification: Password access request"]
    automatic_subjects: list[Filled] = [
        "Automatic reply:", "Automatische Antwort:", "Abwesend:", "Réponse automatique", "Respuesta automática",
        "Risposta automatica", "Automatisch antwoord:", "Odpowiedź automatyczna", "Autosvar:", "Resposta automática",
        "自動応答", "Out of Office:",
    ]  # fmt: skip
    max_age_hours: PositiveFloat = 72.0


class SenderSettings(Section):
    """[sender]: what Exchange must have written into a mail before its sender is believed."""

    auth_as: Annotated[list[Filled], Field(min_length=1)] = ["Internal"]
    auth_mechanisms: Annotated[list[Filled], Field(min_length=1)] = ["04"]
    auth_sources: Annotated[list[Filled], Field(min_length=1)]


class Labels(Section):
    """[parse.labels]: how the notification's lines may be called, if a site has edited CyberArk's template."""

    requestor: Annotated[list[Filled], Field(min_length=1)] = ["Requester email", "Requestor email"]
    safe: Annotated[list[Filled], Field(min_length=1)] = ["Safe"]
    number: Annotated[list[Filled], Field(min_length=1)] = ["Request Id"]
    account: list[Filled] = ["Account name", "Object"]
    device_user: list[Filled] = ["Device User Name"]
    reason: list[Filled] = ["Reason"]
    other: list[Filled] = ["Issued on", "Request start date", "Request end date"]


class Limits(Section):
    """[parse.limits]: what is over one of these is unreadable, and so refused."""

    fetch_bytes: PositiveInt = 5_000_000
    view_bytes: PositiveInt = 1_000_000
    parts: PositiveInt = 200
    depth: PositiveInt = 12
    attached_depth: PositiveInt = 2
    header_bytes: PositiveInt = 8_192
    line_chars: PositiveInt = 65_536
    value_chars: PositiveInt = 256
    seconds: PositiveFloat = 5.0
    memory_mib: PositiveInt = 512


class ParseSettings(Section):
    """[parse]: how the notification is read."""

    safe_extra_characters: Annotated[str, Field(pattern=r"^[^\w\s&+%/\\?#\"'<>:|*]*$")] = ""
    charsets: Annotated[list[Filled], Field(min_length=1)] = [
        "us-ascii", "utf-8", "iso-8859-1", "iso-8859-2", "iso-8859-9", "iso-8859-15", "windows-1250", "windows-1252",
        "windows-1254", "windows-1257", "iso-2022-jp", "shift_jis", "euc-jp", "gb2312", "gbk", "gb18030", "big5",
        "euc-kr", "koi8-r", "windows-1251", "iso-8859-5", "iso-8859-7", "windows-1253", "utf-16",
    ]  # fmt: skip
    labels: Labels = Labels()
    limits: Limits = Limits()


class DirectorySettings(Section):
    """[directory]: Active Directory."""

    servers: Annotated[list[LdapUrl], Field(min_length=1)]
    start_tls: bool = False
    base_dn: Filled
    secret: SecretName = "directory"  # noqa: S105 - the name of a secret, not one
    ca_file: AbsolutePath | None = None
    connect_timeout_seconds: PositiveFloat = 4.0
    receive_timeout_seconds: PositiveFloat = 8.0
    cool_down_seconds: PositiveFloat = 60.0

    @model_validator(mode="after")
    def _encrypted(self) -> DirectorySettings:
        if any(url.startswith("ldap://") for url in self.servers) and not self.start_tls:
            message = "servers: ldap:// without encryption; use ldaps:// or set start_tls = true"
            raise ValueError(message)
        return self


class GroupSettings(Section):
    """[groups]: who may approve."""

    base_dn: Filled
    first_level: Annotated[str, Field(pattern=r"^[^()\\\x00]*[^()\\\x00*][^()\\\x00]*$")] = "*_PAMapprover"
    second_level: Filled | None = None
    pvwa_names: dict[Filled, Filled] = {}
    refresh_minutes: PositiveFloat = 15.0


class PeopleSettings(Section):
    """[people]: which accounts are one human."""

    link_attribute: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] = "employeeID"
    link_ignore: list[str] = []
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
    second_level_secret: SecretName | None = "level2"  # noqa: S105 - the name of a secret, not one
    ca_file: AbsolutePath | None = None
    proxy: str = ""
    connect_timeout_seconds: PositiveFloat = 5.0
    read_timeout_seconds: PositiveFloat = 30.0
    idle_minutes: PositiveFloat = 5.0
    compare: CompareSettings = CompareSettings()


class HashicorpVaultSettings(Section):
    """[secrets.hashicorp_vault]: where HashiCorp Vault is, and how we log on to it."""

    url: HttpsUrl
    ca_file: AbsolutePath | None = None
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
    credential: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,255}$")] | None = None
    file: AbsolutePath | None = None

    @model_validator(mode="after")
    def _one(self) -> FileSecret:
        if (self.credential is None) == (self.file is None):
            message = "give either credential (a systemd credential's name) or file (an absolute path)"
            raise ValueError(message)
        return self


SecretSource = Annotated[VaultSecret | FileSecret, Field(discriminator="source")]


class SecretSettings(Section):
    """[secrets]: where each password is; none stands in this file."""

    hashicorp_vault: HashicorpVaultSettings | None = None
    accounts: Annotated[dict[str, SecretSource], Field(min_length=1)]


class TeamSettings(Section):
    """[team]: the CyberArk team, in copy on failures."""

    name: Filled = "CyberArk team"
    address: Address


class ReplySettings(Section):
    """[reply]: what approvers read."""

    time_zone: Zone = "UTC"
    portal_url: HttpsUrl | None = None


class DaemonSettings(Section):
    """[daemon]: how often, and how long."""

    poll_seconds: PositiveFloat = 15.0
    tell_after_minutes: PositiveFloat = 5.0


class LedgerSettings(Section):
    """[ledger]: what happened to each mail and request."""

    file: AbsolutePath = Path("/var/lib/approvald/ledger.db")


class LogSettings(Section):
    """[logs]: JSON lines for operators."""

    file: AbsolutePath | None = Path("/var/log/approvald/approvald.log")
    level: Literal["debug", "info", "warning", "error"] = "info"
    stderr: Literal["all", "warnings", "none"] = "all"


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
    daemon: DaemonSettings = DaemonSettings()
    ledger: LedgerSettings = LedgerSettings()
    logs: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _secrets_exist(self) -> Settings:
        wanted = {
            "mailbox.secret": self.mailbox.secret,
            "directory.secret": self.directory.secret,
            "pvwa.first_level_secret": self.pvwa.first_level_secret,
        }
        if self.pvwa.second_level_secret is not None:
            wanted["pvwa.second_level_secret"] = self.pvwa.second_level_secret
        for key, name in wanted.items():
            if name not in self.secrets.accounts:
                message = f"{key}: there is no [secrets.accounts.{name}]; add it, or name one that is there"
                raise ValueError(message)
        if self.secrets.hashicorp_vault is None and any(
            isinstance(source, VaultSecret) for source in self.secrets.accounts.values()
        ):
            message = "secrets.hashicorp_vault: missing, though [secrets.accounts] keeps passwords in HashiCorp Vault"
            raise ValueError(message)
        if self.groups.second_level is not None and self.pvwa.second_level_secret is None:
            message = "pvwa.second_level_secret: missing, though groups.second_level names a group"
            raise ValueError(message)
        return self
