"""Checks an evidence folder or zip: that every file is as the manifest says, and that its excerpt proves its place."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from approvald.audit.verify import Report, split, verify
from approvald.evidence.writing import AUDIT, MANIFEST

_MOST_BYTES: Final = 256 << 20


def check_evidence(path: Path, anchors: Mapping[int, str]) -> Report:
    """Return what is wrong with it. `anchors`: hashes of lines, as somebody else has kept them."""
    try:
        contents = _zipped(path) if path.suffix == ".zip" else {each.name: each.read_bytes() for each in path.iterdir()}
        manifest: Mapping[str, Any] = json.loads(contents.pop(MANIFEST))
        head, hashes = manifest["head"], dict(manifest["files"])
        known = {int(head["seq"]): str(head["hash"]), **anchors}
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        report = Report()
        report.find(str(path), 0, f"is no evidence: its manifest cannot be read ({type(error).__name__})")
        return report
    lines = split(contents.get(AUDIT, b""))
    report = verify([(f"{path}/{AUDIT}", lines)], anchors=known, at_least=int(head["seq"]), from_start=False)
    for name in sorted(contents.keys() | hashes.keys()):
        if name not in contents:
            report.find(f"{path}/{name}", 0, "is missing")
        elif name not in hashes:
            report.find(f"{path}/{name}", 0, "was added")
        elif hashlib.sha256(contents[name]).hexdigest() != hashes[name]:
            report.find(f"{path}/{name}", 0, "is not as it was written")
    return report


def _zipped(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        if sum(each.file_size for each in archive.infolist()) > _MOST_BYTES:
            message = "too large"
            raise ValueError(message)
        return {each.filename: archive.read(each) for each in archive.infolist()}
