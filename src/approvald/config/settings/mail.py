"""The sections about the mailbox and what arrives in it."""

# pydantic copies a default for each instance, so lists may stand here
# ruff: noqa: RUF012

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator

from approvald.config.settings.values import (
    Address,
    Domain,
    Filled,
    HttpsUrl,
    OptionalPath,
    ProxyUrl,
    SafeCharacters,
    SecretName,
    Section,
)


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


_VOUCHED_AS: Final = frozenset({"Internal"})
_VOUCHED_MECHANISMS: Final = frozenset({"04", "06", "07", "0a", "0b"})
"""Log-ons of a mailbox user: MAPI, web and phone, and over SMTP (mail-security A.2)."""


class SenderSettings(Section):
    """[sender]: what Exchange must have written into a mail before its sender is believed."""

    believe_senders_exchange_does_not_vouch_for: bool = False
    auth_as: Annotated[list[Filled], Field(min_length=1)] = ["Internal"]
    auth_mechanisms: Annotated[list[Filled], Field(min_length=1)] = ["04"]
    auth_sources: Annotated[list[Filled], Field(min_length=1)]

    @field_validator("auth_as", "auth_mechanisms")
    @classmethod
    def _vouched(cls, values: list[str], info: ValidationInfo) -> list[str]:
        """Judge these lists after the option that weakens them, which therefore stands before them."""
        vouched = _VOUCHED_AS if info.field_name == "auth_as" else _VOUCHED_MECHANISMS
        weakened = info.data.get("believe_senders_exchange_does_not_vouch_for", True)
        known = values if info.field_name == "auth_as" else [value.casefold() for value in values]
        if not weakened and not vouched.issuperset(known):
            listed = ", ".join(sorted(vouched))
            message = (
                f"holds more than {listed}: with other values anybody may have written From; take them out, "
                "or set believe_senders_exchange_does_not_vouch_for = true and answer for it"
            )
            raise ValueError(message)
        return values


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
