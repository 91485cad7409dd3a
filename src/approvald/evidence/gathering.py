"""Puts together what is known of one request, file by file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from approvald.audit.chain import Line
from approvald.endings import Ending
from approvald.ledger.audit_rows import AuditKind, AuditRows
from approvald.ledger.cases import Case

_PAGE: Final = 1000
_SHOWN_KINDS: Final = frozenset({AuditKind.START.value, AuditKind.POLICY.value})
"""Lines that are shown though they speak of no request: who worked, and by which rules."""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Contents by file name, all but the audit excerpt; and the head up to which that one goes."""

    files: Mapping[str, bytes]
    excerpt_from: int
    head: tuple[int, str]


def gather(case: Case, rows: AuditRows) -> Gathered:
    """Return the files of this case, which has lines in the audit trail. Raises Unavailable (ledger)."""
    first = case.lines[0].seq
    decisions = [line for line in case.lines if line.kind == AuditKind.DECISION]
    policy = rows.newest_before((decisions[-1] if decisions else case.lines[-1]).seq, AuditKind.POLICY)
    starts = rows.newest_before(first, AuditKind.START)
    excerpt_from = min(line.seq for line in (case.lines[0], policy, starts) if line is not None)
    outcomes = [line.event for line in case.lines if line.kind == AuditKind.OUTCOME and line.event]
    events = [line.event for line in decisions if line.event]
    files = {
        "decisions.json": events,
        "directory.json": [{key: event[key] for key in ("approver", "requestor")} for event in events],
        "pvwa_before.json": [event["pvwa"] for event in events],
        "pvwa_after.json": [event.get("pvwa_after") for event in outcomes],
        "mails.json": _mails(case),
        "policy.json": dict(policy.event) if policy and policy.event else None,
    }
    contents = {name: json.dumps(value, indent=1, sort_keys=True).encode("ascii") for name, value in files.items()}
    contents["summary.txt"] = "".join(f"{line}\n" for line in summary(case)).encode("utf-8")
    return Gathered(files=contents, excerpt_from=excerpt_from, head=rows.head())


def excerpt(case: Case, rows: AuditRows, gathered: Gathered) -> Iterator[Line]:
    """Yield every line from the first that matters to the head: in full what concerns the case, else its skeleton."""
    shown = {line.seq for line in case.lines}
    after = gathered.excerpt_from - 1
    while page := rows.rows_after(after, _PAGE):
        for line in page:
            if line.seq > gathered.head[0]:
                return
            yield line if line.seq in shown or line.kind in _SHOWN_KINDS else line.skeleton()
        after = page[-1].seq


def _mails(case: Case) -> list[dict[str, Any]]:
    facts = {
        line.event["mail_id"]: line.event["mail"]
        for line in case.lines
        if line.event and line.event.get("mail") and "mail_id" in line.event
    }
    return [
        {
            "ledger_id": mail.id,
            "message_id": mail.message_id,
            "from": mail.sender,
            "received": mail.received.isoformat(),
            "ended_as": mail.ending.code.value if mail.ending else None,
            "attempt_of": mail.attempt_of,
            "mail": facts.get(mail.id),
        }
        for mail in case.mails
    ]


def summary(case: Case) -> Iterator[str]:
    """Yield one page for an auditor: who approved what, how that is known, and what CyberArk shows."""
    yield f"Request {case.request_id}"
    yield ""
    for mail in case.mails:
        decision = case.newest(AuditKind.DECISION, mail.id)
        yield f"Mail {mail.id}, received {mail.received:%Y-%m-%d %H:%M:%S} UTC: {_ended(mail.ending)}"
        if decision is None:
            yield "  It ended before there was anything to decide."
            continue
        approver = decision["approver"]
        person = approver["person"]
        yield f"  Approver (human): {person['name']}, {approver['address']}, objectGUID {person['guid']}"
        yield f"  How we know: Exchange vouched for the sender as {approver['rung']} (AuthAs/AuthMechanism);"
        yield f"    member of {', '.join(group['name'] for group in approver['groups'])} at that time (directory.json)"
        for check in decision["checks"]:
            yield f"  {check['verdict']:<12} {check['check']}: {check['value']}"
        outcome = case.newest(AuditKind.OUTCOME, mail.id)
        if outcome is not None:
            user = outcome["submitter"]["user_name"] or f"account of level {outcome['submitter']['account']}"
            yield f"  Submitter (service account): {user}; outcome: {outcome['outcome']} ({outcome['how']})"
        yield f"  Rules: policy hash {decision['policy_hash']}, approvald {decision['version']}"
        yield ""
    yield "audit.jsonl proves these lines and their place in the chain; other lines are left out but for their hashes."
    yield "Check it with: approvald audit verify THIS_FOLDER"


def _ended(ending: Ending | None) -> str:
    return f"ended as {ending.code.value}" if ending else "not ended yet"
