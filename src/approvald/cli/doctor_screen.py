"""What the doctor found, as lines for a person and as JSON. What a mail or a server said is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from approvald.core.logs.redaction import escape, without_secrets
from approvald.doctor.findings import Finding, Status, worst
from approvald.doctor.senders import SenderTable

COLOURS: Final = {Status.OK: "green", Status.WRONG: "red", Status.UNKNOWN: "yellow"}
HEAD: Final = ("mails", "AuthAs", "AuthMechanism", "AuthSource", "newest (UTC)", "example", "proven now")


def findings_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Return one line a finding, its first word in colour, and one that counts them."""
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        word = click.style(f"{finding.status:<7}", fg=COLOURS[finding.status], bold=finding.status is not Status.OK)
        do = f" {finding.do}" if finding.do else ""
        yield f"{word} {finding.check:<{width}}  {escape(without_secrets(finding.found) + do)}"
    count = {status: sum(finding.status is status for finding in findings) for status in Status}
    yield ", ".join(f"{number} {status}" for status, number in count.items())
    if count[Status.UNKNOWN]:
        yield "Where a system does not answer in time, look for a filter: a firewall, or IPAddressAllow= in the unit."


def findings_json(findings: Sequence[Finding]) -> Mapping[str, object]:
    """Return the same for programs."""
    checks = [
        {"check": each.check, "status": each.status, "found": without_secrets(each.found), "do": each.do}
        for each in findings
    ]
    return {"status": worst(findings), "checks": checks}


def senders_lines(table: SenderTable) -> Iterator[str]:
    """Return the table, the proposal and the warnings."""
    rows = [HEAD, *_rows(table)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if table.unread:
        yield f"{table.unread} mails could not be fetched and are left out."
    yield ""
    yield from _proposal(table)
    for warning in table.warnings:
        yield f"{click.style('beware', fg='yellow', bold=True)} {escape(warning)}"


def senders_json(table: SenderTable) -> Mapping[str, object]:
    """Return the same for programs; `newest` is ISO 8601 in UTC."""
    return {
        "mails": table.count,
        "unread": table.unread,
        "combinations": [
            {
                "auth_as": each.auth_as,
                "auth_mechanism": each.auth_mechanism,
                "auth_source": each.auth_source,
                "count": each.count,
                "newest": each.newest.isoformat(),
                "example": each.example,
                "proven": each.proven,
                "why": each.why,
            }
            for each in table.combinations
        ],
        "proposal": _values(table),
        "fits": table.fits,
        "warnings": list(table.warnings),
    }


def _rows(table: SenderTable) -> Iterator[tuple[str, ...]]:
    for each in table.combinations:
        believed = "yes" if each.proven == each.count else f"{each.proven} of {each.count}" if each.proven else "no"
        yield (
            str(each.count),
            escape(each.auth_as),
            escape(each.auth_mechanism),
            escape(each.auth_source),
            f"{each.newest:%Y-%m-%d %H:%M}",
            escape(each.example),
            f"{believed}: {each.why}" if each.why else believed,
        )


def _proposal(table: SenderTable) -> Iterator[str]:
    if not table.auth_sources:
        yield (
            "No mail of a logged-on mailbox user was found, so nothing can be proposed. Send the mailbox one from "
            "Outlook and one from a phone, and run this again."
        )
        return
    yield "The present [sender] fits these mails." if table.fits else "Proposed, after a look at the table:"
    yield "[sender]"
    for name, values in _values(table).items():
        yield f"{name} = {json.dumps(values)}"


def _values(table: SenderTable) -> Mapping[str, list[str]]:
    return {
        "auth_as": list(table.auth_as),
        "auth_mechanisms": list(table.auth_mechanisms),
        "auth_sources": list(table.auth_sources),
    }
