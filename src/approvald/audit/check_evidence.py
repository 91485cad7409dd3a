"""Checks an evidence folder or zip: its excerpt must prove its place, and every file must say what the excerpt says."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from approvald.audit.evidence import AUDIT, FORMAT, MANIFEST, derived
from approvald.audit.verify import Report, split, verify
from approvald.ledger.chain import Edited, Line, read

_MOST_BYTES: Final = 256 << 20
_UNREADABLE: Final = (OSError, KeyError, ValueError, TypeError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile)
"""The errors that a zip or manifest made by somebody else may raise."""


def check_evidence(path: Path, anchors: Mapping[int, str]) -> Report:
    """Return what is wrong with it. `anchors`: hashes of lines, as somebody else has kept them."""
    report = Report()
    try:
        contents = _contents(path)
        manifest: Mapping[str, Any] = json.loads(contents.pop(MANIFEST))
        head, hashes, made_by_format = manifest["head"], dict(manifest["files"]), int(manifest["format"])
        last, request_id = int(head["seq"]), str(manifest["request_id"])
        known = {last: str(head["hash"]), **anchors}
    except _UNREADABLE as error:
        report.find(str(path), 0, f"is not evidence that can be read ({type(error).__name__}: {error})")
        return report
    excerpt = contents.get(AUDIT, b"")
    report = verify([(f"{path}/{AUDIT}", split(excerpt))], anchors=known, at_least=last, is_excerpt=True)
    unlike = _unlike_excerpt(contents, excerpt, made_by_format, request_id)
    for name, what in dict.fromkeys((*_unlike_manifest(contents, hashes), *unlike)):
        report.find(f"{path}/{name}", 0, what)
    return report


def _unlike_manifest(contents: Mapping[str, bytes], hashes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted(contents.keys() | hashes.keys()):
        if name not in contents:
            yield name, "is missing"
        elif name not in hashes:
            yield name, "was added"
        elif hashlib.sha256(contents[name]).hexdigest() != hashes[name]:
            yield name, "is not as it was written"


def _unlike_excerpt(
    contents: Mapping[str, bytes], excerpt: bytes, made_by_format: int, request_id: str
) -> Iterator[tuple[str, str]]:
    """Find files that do not say what the chained lines say: a manifest can be rewritten, the chain cannot."""
    if made_by_format != FORMAT:
        yield MANIFEST, f"is of format {made_by_format}; this approvald checks format {FORMAT}, so use one that made it"
        return
    lines = list(_shown(split(excerpt)))
    try:
        said = derived(lines)
    except (KeyError, TypeError, AttributeError, IndexError):
        yield AUDIT, "has lines that approvald does not write"
        return
    told = {str(line.event["request_id"]).casefold() for line in lines if line.event and line.event.get("request_id")}
    if told and request_id.casefold() not in told:
        yield MANIFEST, "names another request than the lines do"
    for name in sorted((contents.keys() | said.keys()) - {AUDIT}):
        if name not in said:
            yield name, "was added"
        elif name not in contents:
            yield name, "is missing"
        elif contents[name] != said[name]:
            yield name, f"does not say what {AUDIT} says"


def _shown(lines: Iterable[bytes]) -> Iterator[Line]:
    for raw in lines:
        try:
            line = read(raw)
        except Edited:
            continue
        if line.event is not None:
            yield line


def _contents(path: Path) -> dict[str, bytes]:
    """Return contents by file name. Raises one of _UNREADABLE."""
    if path.suffix == ".zip":
        return _zipped(path)
    return {each.name: b"" if each.is_dir() else each.read_bytes() for each in path.iterdir()}


def _zipped(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(set(names)) != len(names):
            message = "two files with one name"
            raise ValueError(message)
        if sum(each.file_size for each in archive.infolist()) > _MOST_BYTES:
            message = "too large"
            raise ValueError(message)
        return {name: archive.read(name) for name in names}
