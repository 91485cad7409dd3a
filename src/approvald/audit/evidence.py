"""Takes from the ledger what is known of one request: its lines of the audit trail, and their place in the chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from approvald.audit.deriving import SHOWN_KINDS, derived
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.cases import Case
from approvald.ledger.chain import Line

_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """`excerpt`: lines of the audit trail up to its head, which has a number and a hash; `files`: what they say."""

    excerpt: bytes
    head: tuple[int, str]
    files: Mapping[str, bytes]


def gather(case: Case, rows: AuditRows) -> Gathered:
    """Return it for this case, which has lines in the audit trail. Raises Unavailable (ledger).

    The excerpt has every line from the first that matters on: in full what concerns the case, else its skeleton.
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
