"""Looks at the files that a configuration names. Touches no network and changes nothing."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from approvald.config import secret_files
from approvald.config.settings.secrets import FileSecret
from approvald.config.settings.whole import Settings


def check_files(settings: Settings) -> tuple[str, ...]:
    """Return one sentence "key.path: what is wrong; what to do" for each file that could not be used at a start now."""
    return tuple(_problems(settings))


def _problems(settings: Settings) -> Iterator[str]:
    vault = settings.secrets.hashicorp_vault
    authorities = {
        "mailbox.ca_file": settings.mailbox.ca_file,
        "directory.ca_file": settings.directory.ca_file,
        "pvwa.ca_file": settings.pvwa.ca_file,
        "secrets.hashicorp_vault.ca_file": vault.ca_file if vault else None,
    }
    secrets = {
        "secrets.hashicorp_vault.role_id_file": vault.role_id_file if vault else None,
        "secrets.hashicorp_vault.secret_id_file": vault.secret_id_file if vault else None,
    }
    for name, source in settings.secrets.accounts.items():
        if isinstance(source, FileSecret):
            key = "credential" if source.credential else "file"
            secrets[f"secrets.accounts.{name}.{key}"] = _secret_file(source)
    for key, path in authorities.items():
        if path is not None and (problem := _authority_problem(path)):
            yield f"{key}: {problem}"
    for key, path in secrets.items():
        if path is not None and (problem := _secret_problem(path)):
            yield f"{key}: {problem}"
    written = {
        "ledger.file": None if settings.ledger.url else settings.ledger.file,
        "audit.file": settings.audit.file,
        "logs.file": settings.logs.file,
    }
    for key, path in written.items():
        if path is not None and (problem := _folder_problem(path)):
            yield f"{key}: {problem}"


def _secret_file(source: FileSecret) -> Path | None:
    """Return where the secret is, or None for a credential outside systemd, where there is nothing to look at."""
    if source.credential is None:
        return source.file
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / source.credential if folder else None


def _authority_problem(path: Path) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except FileNotFoundError:
        return f"the file {path} is not there; put the certificates of your CA there, in PEM form"
    except ssl.SSLError:
        return f"the file {path} holds no certificate; put the certificates of your CA there, in PEM form"
    except OSError as error:
        return f"the file {path} cannot be read ({error.strerror}); make it readable by the user approvald runs as"
    return None


def _secret_problem(path: Path) -> str | None:
    try:
        secret_files.read(path)
    except secret_files.SecretFileRefused as error:
        return str(error)
    return None


def _folder_problem(path: Path) -> str | None:
    """Judge the folder; its last part may be missing, because systemd makes it (StateDirectory, LogsDirectory)."""
    if path.is_dir():
        return f"{path} is a folder; name a file in it"
    if not path.parent.is_dir() and not path.parent.parent.is_dir():
        return f"the folder {path.parent} is not there; make it, owned by the user approvald runs as"
    return None
