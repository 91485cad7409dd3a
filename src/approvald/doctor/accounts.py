"""Whether every password can be read, and the two confirming accounts are two."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from approvald.approval.request import bare
from approvald.doctor.findings import Finding, examined, ok, wrong

if TYPE_CHECKING:
    from approvald.config.settings.whole import Settings
    from approvald.core.ports import SecretStore


def check_secrets(secrets: SecretStore, settings: Settings) -> list[Finding]:
    """Read each secret that is used. Says user names, and of a password nothing at all."""
    users: dict[str, str] = {}
    findings: list[Finding] = []
    for option, name in _used(settings).items():
        findings += examined(f"secret {name}", partial(_read, secrets, option, name, users))
    first, second = users.get("pvwa.first_level_secret"), users.get("pvwa.second_level_secret")
    if first is not None and second is not None:
        findings.append(_two(first, second))
    return findings


def _used(settings: Settings) -> dict[str, str]:
    """Return the names of secrets by the option that names them; with Kerberos there is none for the mailbox."""
    names = {
        "mailbox.secret": None if settings.mailbox.authentication == "kerberos" else settings.mailbox.secret,
        "directory.secret": settings.directory.secret,
        "pvwa.first_level_secret": settings.pvwa.first_level_secret,
        "pvwa.second_level_secret": settings.pvwa.second_level_secret,
    }
    return {option: name for option, name in names.items() if name is not None}


def _read(secrets: SecretStore, option: str, name: str, users: dict[str, str]) -> Iterator[Finding]:
    secret = secrets.get(name, fresh=True)
    users[option] = secret.username
    yield ok(f"secret {name}", f"can be read; {option} is the account {secret.username}")


def _two(first: str, second: str) -> Finding:
    check = "confirming accounts"
    if bare(first) != bare(second):
        return ok(check, f"{first} and {second} are two")
    return wrong(
        check,
        f"both levels have the account {first}: CyberArk takes one vote of an account, and the second level fails.",
        "Keep another account's name and password under pvwa.second_level_secret.",
    )
