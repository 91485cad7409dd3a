"""Writes an evidence folder or zip, with a manifest that names every file's hash."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from approvald import __version__
from approvald.audit.deriving import FORMAT
from approvald.audit.evidence import Gathered

AUDIT: Final = "audit.jsonl"
MANIFEST: Final = "manifest.json"


def write(target: Path, gathered: Gathered, *, request_id: str, made_at: datetime) -> None:
    """Make the folder, or the zip where the name ends so.

    Raises FileExistsError: nothing is overwritten. Raises OSError where it cannot be written: nothing is left there.
    """
    contents = {**gathered.files, AUDIT: gathered.excerpt}
    manifest = {
        "format": FORMAT,
        "request_id": request_id,
        "made_at": made_at.isoformat(),
        "made_by": f"approvald {__version__} on {socket.gethostname()}",
        "head": {"seq": gathered.head[0], "hash": gathered.head[1]},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())},
    }
    contents[MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True).encode("ascii")
    if target.suffix == ".zip":
        _zip(target, contents)
    else:
        _folder(target, contents)


def _folder(target: Path, contents: Mapping[str, bytes]) -> None:
    target.mkdir(mode=0o700)
    try:
        for name, content in contents.items():
            descriptor = os.open(target / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _zip(target: Path, contents: Mapping[str, bytes]) -> None:
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    except BaseException:
        target.unlink()
        raise
