"""Every option of approvald, with its default and its limits. `load.py` turns a file into these.

The comments that operators read are in config/approvald.toml; a test keeps the two in step.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from approvald.approval.policy import parse_hours
from approvald.config.values import (
    AbsolutePath,
    AccountPattern,
    Address,
    AttributeName,
    Compare,
    CredentialName,
    Domain,
    Filled,
    GroupPattern,
    HttpsUrl,
    LdapUrl,
    LedgerUrl,
    OptionalFilled,
    OptionalPath,
    OptionalUrl,
    ProxyUrl,
    SafeCharacters,
    SecretName,
    Section,
    Zone,
)

_VOUCHED_AS: Final = frozenset({"Internal"})
_VOUCHED_MECHANISMS: Final = frozenset({"04", "06", "07", "0a", "0b"})
"""Log-ons of a mailbox user: MAPI, web and phone, and over SMTP (mail-security A.2)."""
EVERYTHING: Final = "*"
SECRET_NAMES: Final = (
    ("mailbox", "secret", "mailbox"),
    ("directory", "secret", "directory"),
    ("pvwa", "first_level_secret", "level1"),
    ("pvwa", "second_level_secret", "level2"),
)
"""Section, key and default of every name of a secret; `second_level_secret` counts only where there is such a group."""


class MailboxFolders(Section):
    """[mailbox.folders]: names of the folders under the Inbox."""

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
    ca_file: OptionalPath = None
    proxy: ProxyUrl = ""
    connect_timeout_seconds: PositiveFloat = 5.0
    read_timeout_seconds: PositiveFloat = 30.0
    folders: MailboxFolders = MailboxFolders()


class MailSettings(Section):
    """[mail]: which mails are ours, and whose addresses count."""

    domains: Annotated[list[Domain], Field(min_length=1)]
    pvwa_sender: Address
    subject_phrases: Annotated[list[Filled], Field(min_length=1)] = ["Notification: Password access request"]
    automatic_subjects: list[Filled] = [
        "Automatic reply:", "Out of Office", "Automatische Antwort:", "Abwesend:", "Abwesenheitsnotiz:",
        "Réponse automatique", "Respuesta automática:", "Risposta automatica", "Automatisch antwoord:",
        "Odpowiedź automatyczna", "Autosvar:", "Automatiskt svar:", "Automatisk svar:", "Automaattinen vastaus:",
        "Resposta automática:", "Automatická odpověď:", "Automatikus válasz:", "Răspuns automat:",
        "Otomatik yan\u0131t:", "Αυτόματη απάντηση:", "Автоответ:", "Автоматический ответ:", "Автоматична відповідь:",
        "תשובה אוטומטית:", "رد تلقائي:", "ตอบกลับอัตโนมัติ:", "Trả lời tự động:", "自動応答", "自動返信:", "自动答复:",
        "自動回覆:", "자동 회신:",
    ]  # fmt: skip
    max_age_hours: PositiveFloat = 72.0


class SenderSettings(Section):
    """[sender]: what Exchange must have written into a mail before its sender is believed."""

    believe_senders_exchange_does_not_vouch_for: bool = False
    auth_as: Annotated[list[Filled], Field(min_length=1)] = ["Internal"]
    auth_mechanisms: Annotated[list[Filled], Field(min_length=1)] = ["04"]
    auth_sources: Annotated[list[Filled], Field(min_length=1)]

    @field_validator("auth_as", "auth_mechanisms")
    @classmethod
    def _vouched(cls, values: list[str], info: ValidationInfo) -> list[str]:
        """Judge these lists after the option that weakens them, which therefore is declared before them."""
        vouched = _VOUCHED_AS if info.field_name == "auth_as" else _VOUCHED_MECHANISMS
        weakened = info.data.get("believe_senders_exchange_does_not_vouch_for", True)
        known = values if info.field_name == "auth_as" else [value.casefold() for value in values]
        if not weakened and not vouched.issuperset(known):
            listed = ", ".join(sorted(vouched))
            message = (
                f"holds more than {listed}: with other values anybody could have written From; take them out, "
                "or set believe_senders_exchange_does_not_vouch_for = true and accept that"
            )
            raise ValueError(message)
        return values


class Labels(Section):
    """[parse.labels]: the labels of the notification's lines, if a site has edited CyberArk's template."""

    requestor: Annotated[list[Filled], Field(min_length=1)] = ["Requester email", "Requestor email"]
    safe: Annotated[list[Filled], Field(min_length=1)] = ["Safe"]
    number: Annotated[list[Filled], Field(min_length=1)] = ["Request Id"]
    account: list[Filled] = ["Account name", "Object"]
    device_user: list[Filled] = ["Device User Name"]
    reason: list[Filled] = ["Reason"]
    other: list[Filled] = ["Issued on", "Request start date", "Request end date"]


class Limits(Section):
    """[parse.limits]: a mail over one of these is unreadable, and so refused."""

    fetch_bytes: PositiveInt = 5_000_000
    view_bytes: PositiveInt = 1_000_000
    parts: PositiveInt = 200
    depth: PositiveInt = 12
    attached_depth: PositiveInt = 2
    header_bytes: PositiveInt = 8_192
    line_chars: PositiveInt = 65_536
    value_chars: PositiveInt = 256
    seconds: PositiveFloat = 1.5
    memory_mib: PositiveInt = 512


class ParseSettings(Section):
    """[parse]: how the notification is read."""

    safe_extra_characters: SafeCharacters = ""
    charsets: Annotated[list[Filled], Field(min_length=1)] = [
        "us-ascii", "utf-8", "utf-16", "iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-8",
        "iso-8859-9", "iso-8859-13", "iso-8859-15", "iso-8859-16", "windows-874", "windows-1250", "windows-1251",
        "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257",
        "windows-1258", "koi8-r", "koi8-u", "tis-620", "iso-2022-jp", "shift_jis", "windows-31j", "euc-jp", "gb2312",
        "gbk", "gb18030", "big5", "big5-hkscs", "euc-kr", "windows-949",
    ]  # fmt: skip
    labels: Labels = Labels()
    limits: Limits = Limits()


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
        """Judge servers after start_tls, which therefore is declared before it."""
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
    """[people]: which accounts belong to one person."""

    link_attribute: AttributeName = "employeeID"
    link_ignore: list[str] = []
    admin_accounts: list[AccountPattern] = ["adm-*", "admin-*"]
    approver_by_linked_account: bool = False
    map: dict[Filled, Filled] = {}


class CompareSettings(Section):
    """[pvwa.compare]: what a difference between mail and PVWA's record does. Safe and requestor always refuse."""

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


def _hours(value: str) -> str:
    if value and not parse_hours(value):
        message = 'is not a weekly plan; write it like "Mon-Fri 07:00-19:00, Sat 09:00-12:00", or "" for any time'
        raise ValueError(message)
    return value


Hours = Annotated[str, AfterValidator(_hours)]


class SafeRule(Section):
    """One rule of [[policy.rules]]; the first whose pattern fits a safe counts."""

    safes: Annotated[list[Filled], Field(min_length=1)]
    mail: Literal["allow", "challenge", "deny"]
    hours: Hours = ""
    max_age_hours: NonNegativeFloat = 0.0


class PolicySettings(Section):
    """[policy]: what may be approved by mail."""

    time_zone: Zone = "UTC"
    hourly_cap: PositiveInt = 60
    challenge_minutes: PositiveFloat = 10.0
    challenge_tries: PositiveInt = 3
    reject: bool = False
    rules: list[SafeRule] = Field(default_factory=lambda: [SafeRule(safes=[EVERYTHING], mail="allow")])


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
        """Judge file after credential, which therefore is declared before it."""
        if "credential" in info.data and (info.data["credential"] is None) == (file is None):
            message = (
                "must be given where credential is not, and only there; name either a file or a systemd credential"
            )
            raise ValueError(message)
        return file


SecretSource = Annotated[VaultSecret | FileSecret, Field(discriminator="source")]


class SecretSettings(Section):
    """[secrets]: where each password is kept; none is in this file."""

    hashicorp_vault: HashicorpVaultSettings | None = None
    accounts: Annotated[dict[str, SecretSource], Field(min_length=1)]


class TeamSettings(Section):
    """[team]: the CyberArk team, in copy on failures."""

    name: Filled = "CyberArk team"
    address: Address


class ReplySettings(Section):
    """[reply]: what approvers read."""

    time_zone: Zone = "UTC"
    portal_url: OptionalUrl = None


class RateSettings(Section):
    """[rates]: bounds on refusals and notices. No confirmation, and no answer to one, is ever held back."""

    answers_an_hour: PositiveInt = 20
    team_copies_an_hour: PositiveInt = 60
    alarm_pause_minutes: PositiveFloat = 60.0
    unproven_an_hour: PositiveInt = 3
    probes_an_hour: PositiveInt = 3


class PlausibilitySettings(Section):
    """[plausibility]: approvers who forward faster than people do."""

    min_seconds: NonNegativeFloat = 10.0
    alarm_after: PositiveInt = 3


class ReconcileSettings(Section):
    """[reconcile]: how often PVWA and the ledger are compared, and how far back."""

    every_minutes: PositiveFloat = 15.0
    days: PositiveFloat = 7.0


class DaemonSettings(Section):
    """[daemon]: mode, polling, and when senders are told."""

    mode: Literal["live", "shadow"] = "live"
    poll_seconds: PositiveFloat = 15.0
    tell_after_minutes: PositiveFloat = 5.0


class LedgerSettings(Section):
    """[ledger]: what happened to each mail and request."""

    file: AbsolutePath = Path("/var/lib/approvald/ledger.db")
    url: LedgerUrl = ""
    password_file: OptionalPath = None


class AuditSettings(Section):
    """[audit]: the audit trail, for those who later ask who approved what, and why."""

    file: AbsolutePath = Path("/var/log/approvald/audit.jsonl")
    anchor_command: list[Filled] = []
    anchor_minutes: PositiveFloat = 60.0

    @field_validator("anchor_command")
    @classmethod
    def _absolute(cls, command: list[str]) -> list[str]:
        if command and not command[0].startswith("/"):
            message = "does not begin with an absolute path; name the program by one, because no PATH is searched"
            raise ValueError(message)
        return command


class LogSettings(Section):
    """[logs]: JSON lines for operators."""

    file: OptionalPath = Path("/var/log/approvald/approvald.log")
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
                    f"{section}.{key}: names no account in this file; name one of them ({known}), "
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
            "pvwa.second_level_secret: names the first level's account; CyberArk needs two, so name another account"
        )
    return problems


def _part(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = values.get(key)
    return part if isinstance(part, Mapping) else {}


def _sources(accounts: Mapping[str, object]) -> set[object]:
    return {_part(accounts, name).get("source") for name in accounts}
