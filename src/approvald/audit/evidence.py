"""Takes from the ledger what is known about one request: its lines in the audit trail, and their place in the chain."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from approvald import __version__
from approvald.approval.findings import reason
from approvald.core.text import printable
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.cases import Case
from approvald.ledger.chain import Line

_PAGE = 1000
FORMAT: Final = 3
"""Evidence is checked by the rules it was made by: whoever changes what `derived` returns raises this number."""
SHOWN_KINDS: Final = frozenset({AuditKind.START.value, AuditKind.POLICY.value})
"""Lines that are shown although they are about no request: who worked, and by which rules."""
ENDINGS: Final = (AuditKind.REFUSAL, AuditKind.FORGED, AuditKind.ENDING)
"""Lines that say how a mail ended."""
AUDIT: Final = "audit.jsonl"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """`excerpt`: lines of the audit trail up to its head, which has a number and a hash; `files`: what they say."""

    excerpt: bytes
    head: tuple[int, str]
    files: Mapping[str, bytes]


def gather(case: Case, rows: AuditRows) -> Gathered:
    """Return the evidence of a case that has lines in the audit trail. Raises Unavailable (ledger).

    The excerpt has every line from the first that matters on: in full if it concerns the case, else as a skeleton.
    """
    head, after = rows.head(), _first(case, rows) - 1
    ours = {line.seq for line in case.lines}
    raw: list[bytes] = []
    shown: list[Line] = []
    while after < head[0] and (page := rows.rows_after(after, min(_PAGE, head[0] - after))):
        for line in page:
            if line.seq in ours or line.kind in SHOWN_KINDS:
                shown.append(line)
                raw.append(line.to_bytes())
            else:
                raw.append(line.skeleton().to_bytes())
        after = page[-1].seq
    return Gathered(excerpt=b"".join(raw), head=head, files=derived(shown))


def _first(case: Case, rows: AuditRows) -> int:
    """Return the first line that matters: of the case, of the program that decided it, or of its rules."""
    decided = [line.seq for line in case.lines if line.kind == AuditKind.DECISION]
    policy = rows.newest_before(decided[-1] if decided else case.lines[-1].seq, AuditKind.POLICY)
    start = rows.newest_before(case.lines[0].seq, AuditKind.START)
    return min(line.seq for line in (case.lines[0], policy, start) if line is not None)


def derived(lines: Sequence[Line]) -> Mapping[str, bytes]:
    """Return contents by file name. `lines`: those of an excerpt that say something, in order."""
    case = [line for line in lines if line.kind not in SHOWN_KINDS]
    decisions, mails = _events(case, AuditKind.DECISION), _by_mail(case)
    files = {
        "decisions.json": decisions,
        "directory.json": [{key: event.get(key) for key in ("approver", "requestor")} for event in decisions],
        "pvwa_before.json": [event.get("pvwa") for event in decisions],
        "pvwa_after.json": [event.get("pvwa_after") for event in _events(case, AuditKind.OUTCOME)],
        "mails.json": [_mail(mail_id, said) for mail_id, said in mails.items()],
        "policy.json": _policy(lines, case),
        "shadow.json": _events(case, AuditKind.SHADOW),
    }
    contents = {name: json.dumps(value, indent=1, sort_keys=True).encode("ascii") for name, value in files.items()}
    contents["summary.txt"] = "".join(f"{printable(text)}\n" for text in _summary(case, mails)).encode("utf-8")
    return contents


def _by_mail(case: Sequence[Line]) -> Mapping[str, Sequence[Line]]:
    """Return the lines about each mail, by its id, in their order."""
    mails: dict[str, list[Line]] = {}
    for line in case:
        if line.event and (mail_id := line.event.get("mail_id")):
            mails.setdefault(str(mail_id), []).append(line)
    return mails


def _events(lines: Sequence[Line], *kinds: AuditKind) -> list[Mapping[str, Any]]:
    return [line.event for line in lines if line.kind in kinds and line.event is not None]


def _policy(lines: Sequence[Line], case: Sequence[Line]) -> Mapping[str, Any] | None:
    """Return the rules that were in force at the newest decision, or at the end of what was not decided."""
    until = max((line.seq for line in case if line.kind == AuditKind.DECISION), default=case[-1].seq if case else 0)
    return next(iter(_events([line for line in reversed(lines) if line.seq <= until], AuditKind.POLICY)), None)


def _mail(mail_id: str, said: Sequence[Line]) -> Mapping[str, Any]:
    """Return a mail as its lines describe it last."""
    would = [event["would_end_as"] for event in _events(said, AuditKind.SHADOW)]
    endings = _events(said, *ENDINGS)
    told: list[Any] = [line.event["mail"] for line in said if line.event and line.event.get("mail")]
    return {
        "ledger_id": mail_id,
        "ended_as": endings[-1].get("code") if endings else None,
        "would_have_ended_as": would[-1] if would else None,
        "attempt_of": endings[-1].get("attempt_of") if endings else None,
        "mail": told[-1] if told else None,
    }


def _summary(case: Sequence[Line], mails: Mapping[str, Sequence[Line]]) -> Iterator[str]:
    """Yield one page for an auditor: who approved what, how that is known, and what CyberArk shows."""
    requests = [line.event["request_id"] for line in case if line.event and line.event.get("request_id")]
    yield f"Request {requests[-1]}" if requests else "No request: the mail ended before it was read that far."
    yield ""
    for mail_id, said in mails.items():
        mail = _mail(mail_id, said)
        received = (mail["mail"] or {}).get("received", "unknown")
        ended = f"ended as {mail['ended_as']}" if mail["ended_as"] else "not ended yet"
        if mail["would_have_ended_as"]:
            ended = f"would have ended as {mail['would_have_ended_as']}; shadow mode, so nothing was done"
        yield f"Mail {mail_id}, received {received}: {ended}"
        yield from _of_mail(said)
        yield ""
    yield "audit.jsonl proves these lines and their place in the chain; other lines are left out but for their hashes."
    yield "Check it with: approvald audit verify THIS_FOLDER"


def _of_mail(said: Sequence[Line]) -> Iterator[str]:
    decisions, outcomes = _events(said, AuditKind.DECISION), _events(said, AuditKind.OUTCOME)
    decisions += [event["decision"] for event in _events(said, AuditKind.SHADOW) if event.get("decision")]
    if not decisions:
        yield "  It ended before there was anything to decide."
        yield from _undecided(said)
        return
    approver = decisions[-1]["approver"]
    person = approver["person"]
    yield f"  Approver (human): {person['name']}, {approver['address']}, objectGUID {person['guid']}"
    yield f"  How we know: Exchange vouched for the sender as {approver['proof']} (AuthAs/AuthMechanism);"
    yield f"    member of {', '.join(group['name'] for group in approver['groups'])} at that time (directory.json)"
    for check in decisions[-1]["checks"]:
        yield f"  {check['verdict']:<12} {check['check']}: {check['value']}"
    if outcomes:
        submitter = outcomes[-1]["submitter"]
        user = submitter["user_name"] or f"account of level {submitter['account']}"
        yield f"  Submitter (service account): {user}; outcome: {outcomes[-1]['outcome']} ({outcomes[-1]['how']})"
    yield f"  Rules: policy hash {decisions[-1]['policy_hash']}, approvald {decisions[-1]['version']}"


def _undecided(said: Sequence[Line]) -> Iterator[str]:
    """Say why, and what the mail says of where it came from."""
    for event in _events(said, *ENDINGS):
        yield f"  Reason: {reason(event) or event.get('code')}"
        yield from (f"  {name}: {value}" for name, value in (event.get("mail") or {}).get("headers", []))


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
