"""Files that hold one secret: which may be used, and what stands in them.

systemd puts credentials into a folder of the service's own ($CREDENTIALS_DIRECTORY, operations.md A2), each file 0400;
a file of the operator's belongs to root and is readable by approvald's group at most.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 65_536


class SecretFileRefused(Exception):
    """The file may not or cannot be used; the text says why and what to do, and holds nothing of its content."""


def read(path: Path) -> str:
    """Return the text of the file without one line end behind it. Raises SecretFileRefused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        message = f"the file {path} is not there; make it, readable by approvald only, or name the right one"
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
        message = f"the file {path} can be written by others than its owner; run: chmod go-w {path}"
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
