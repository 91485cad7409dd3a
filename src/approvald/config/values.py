"""The forms that a single value may have, and the sentence for the operator when it has another one.

A sentence says what is wrong, then what to do. It never holds the value: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from approvald.core.text import ADDRESS

GROUP_PATTERN: Final = re.compile(r"[^()\\\x00]*[^()\\\x00*][^()\\\x00]*")
"""sAMAccountName with * as wildcard, but never * alone: every group would approve."""
ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
CREDENTIAL: Final = re.compile(r"[A-Za-z0-9._-]{1,255}", re.ASCII)
EXTRA_CHARACTERS: Final = re.compile(r"[^\w\s&+%/\\?#\"'<>:|*]*")
LDAP_URL: Final = re.compile(r"ldaps?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)


def _domain(value: str) -> str:
    if not ADDRESS.fullmatch(f"a@{value}"):
        message = "is not a mail domain; write one like corp.example, without the @"
        raise ValueError(message)
    return value.casefold()


def _web_address(value: str, schemes: tuple[str, ...], otherwise: str) -> str:
    """Return the address unchanged; `otherwise` is said where its scheme or host is not the wanted one."""
    message = ""
    try:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.hostname:
            message = otherwise
        elif not value.isprintable() or " " in value or not (parts.port is None or parts.port > 0):
            message = "holds a space, a control character or an unusable port; take that out"
        elif parts.username is not None or parts.password is not None:
            message = "holds a user name or password; take it out, because secrets never belong in this file"
        elif parts.query or parts.fragment:
            message = "holds a ? or # part; write the server and the path only"
    except ValueError:
        message = otherwise
    if message:
        raise ValueError(message)
    return value


def _https(value: str) -> str:
    wrong = "does not begin with https:// and a host name; correct it, because passwords and approvals travel over it"
    return _web_address(value, ("https",), wrong).rstrip("/")


def _proxy(value: str) -> str:
    wrong = 'is not a proxy\'s address; write one like http://proxy.corp.example:3128, or "" for none'
    return _web_address(value, ("http", "https"), wrong) if value else value


_NO_LEDGER_URL: Final = (
    "is not a database's address; write one like "
    "postgresql+psycopg://approvald@db.corp.example/approvald?sslmode=verify-full&sslrootcert=/etc/approvald/ca.pem"
)


def _ledger_url(value: str) -> str:
    """Check the address of a shared ledger: whoever reads or changes what travels there decides on approvals."""
    if not value:
        return value
    message = ""
    try:
        parts = urlsplit(value)
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        is_local = parts.hostname in {None, "localhost", "127.0.0.1", "::1"}
        if parts.scheme != "postgresql+psycopg" or len(parts.path) < len("/x") or not value.isprintable():
            message = _NO_LEDGER_URL
        elif parts.password is not None or "password" in query:
            message = "holds a password; take it out and name a file that holds it in ledger.password_file"
        elif not is_local and query.get("sslmode") != ["verify-full"]:
            message = (
                "leads to another host without sslmode=verify-full; add it, because this data decides on confirmations"
            )
        elif is_local and any(not each.startswith("/") for each in query.get("host", [])):
            message = "names its host after the ?; write the host before the /, or a socket's folder after the ?"
    except ValueError:
        message = _NO_LEDGER_URL
    if message:
        raise ValueError(message)
    return value


def _of_form(form: re.Pattern[str], otherwise: str) -> AfterValidator:
    """Make a check that says `otherwise` where the whole text is not of this form."""

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(otherwise)
        return value

    return AfterValidator(check)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = "is not a time zone of the IANA list; write one like Europe/Amsterdam or UTC"
        raise ValueError(message) from error
    return value


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) else value


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        message = "is not an absolute path; begin it with /, because a daemon has no current folder"
        raise ValueError(message)
    if _has_control(str(value)):
        message = "holds a control character; write the path without it"
        raise ValueError(message)
    return value


def _has_control(value: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in value)


def _filled(value: str) -> str:
    if not value.strip():
        message = "is empty; fill it in, or take the line out to get the default"
        raise ValueError(message)
    if _has_control(value):
        message = "holds a control character; write it on one line, without tabs"
        raise ValueError(message)
    return value


def _none_when_empty(value: object) -> object:
    """TOML has no null: an empty text says that there is none."""
    return None if value == "" else value


Address = Annotated[str, _of_form(ADDRESS, "is not a mail address; write one like pam-approve@corp.example")]
Domain = Annotated[str, AfterValidator(_domain)]
HttpsUrl = Annotated[str, AfterValidator(_https)]
LedgerUrl = Annotated[str, AfterValidator(_ledger_url)]
ProxyUrl = Annotated[str, AfterValidator(_proxy)]
LdapUrl = Annotated[
    str,
    _of_form(
        LDAP_URL,
        "is not a directory server's address; write ldaps://dc1.corp.example, "
        "or ldap://dc1.corp.example:389 with start_tls = true",
    ),
]
GroupPattern = Annotated[
    str,
    _of_form(GROUP_PATTERN, "is not a pattern for group names; write one like *_PAMapprover, without ( ) or \\"),
]
AccountPattern = Annotated[
    str,
    _of_form(GROUP_PATTERN, "is not a pattern for account names; write one like adm-*, without ( ) or \\"),
]
AttributeName = Annotated[str, _of_form(ATTRIBUTE, "is not the name of an LDAP attribute; write one like employeeID")]
CredentialName = Annotated[
    str, _of_form(CREDENTIAL, "is not a systemd credential's name; use letters, digits, dots, dashes and underscores")
]
SafeCharacters = Annotated[
    str,
    _of_form(
        EXTRA_CHARACTERS,
        "holds a character that needs no listing, or that PVWA's addresses cannot carry; take out letters, digits, "
        "spaces and & + % / \\ ? # \" ' < > : | *",
    ),
]
Zone = Annotated[str, AfterValidator(_zone)]
AbsolutePath = Annotated[Path, BeforeValidator(_path), AfterValidator(_absolute)]
Filled = Annotated[str, AfterValidator(_filled)]
SecretName = Annotated[str, AfterValidator(_filled)]
OptionalPath = Annotated[AbsolutePath | None, BeforeValidator(_none_when_empty)]
OptionalFilled = Annotated[Filled | None, BeforeValidator(_none_when_empty)]
OptionalUrl = Annotated[HttpsUrl | None, BeforeValidator(_none_when_empty)]
Compare = Literal["refuse", "note"]


class Section(BaseModel):
    """The rules of every section: unknown keys are errors, values never change, no type is guessed, no error echoes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True, validate_default=False
    )
