"""Checks the files that a configuration names, and reads a file that holds one secret.

systemd puts credentials into a folder of the service's own ($CREDENTIALS_DIRECTORY, operations.md A2), each file 0400;
a file of the operator's belongs to root and is readable by approvald's group at most. Touches no network.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from approvald.config.settings import FileSecret, Settings

MAX_BYTES: Final = 65_536


def check_files(settings: Settings) -> tuple[str, ...]:
    """Return one sentence "key.path: what is wrong; what to do" for each file that a start could not use now."""
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
        read_secret(path)
    except SecretFileRefused as error:
        return str(error)
    return None


def _folder_problem(path: Path) -> str | None:
    """Judge the folder; its last part may be missing, because systemd makes it (StateDirectory, LogsDirectory)."""
    if path.is_dir():
        return f"{path} is a folder; name a file in it"
    if not path.parent.is_dir() and not path.parent.parent.is_dir():
        return f"the folder {path.parent} is not there; create it, owned by the user approvald runs as"
    return None


class SecretFileRefused(Exception):
    """A file that may not or cannot be used; the text says why and what to do, and holds nothing of its content."""


def read_secret(path: Path) -> str:
    """Return the text of the file without its final line end. Raises SecretFileRefused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        message = f"the file {path} is not there; create it, readable by approvald only, or name the right one"
        raise SecretFileRefused(message) from None
    except OSError as error:
        message = f"the file {path} cannot be read ({error.strerror}); make it readable by the user approvald runs as"
        raise SecretFileRefused(message) from None
    try:
        _refuse_open_to_others(path, os.fstat(descriptor))
        content = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    return _text(path, content)


def _refuse_open_to_others(path: Path, found: os.stat_result) -> None:
    """Judge the opened file itself, so that it cannot be exchanged between the look and the reading."""
    if not stat.S_ISREG(found.st_mode):
        message = f"{path} is not a file; name a file that holds the secret and nothing else"
    elif found.st_mode & stat.S_IROTH:
        message = f"the file {path} can be read by everybody; run: chmod o= {path} (and change the secret in it)"
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        message = f"the file {path} can be written by users other than its owner; run: chmod go-w {path}"
    else:
        return
    raise SecretFileRefused(message)


def _text(path: Path, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        message = f"the file {path} is larger than {MAX_BYTES} bytes; it must hold the secret and nothing else"
        raise SecretFileRefused(message)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        message = f"the file {path} is not UTF-8 text; write the secret into it as UTF-8"
        raise SecretFileRefused(message) from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\n" in text or "\x00" in text:
        message = f"the file {path} does not hold exactly one line; it must hold the secret and nothing else"
        raise SecretFileRefused(message)
    return text
