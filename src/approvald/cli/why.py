"""`approvald why`: shows every check of one mail or request with its value, on one screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import click

from approvald.approval.findings import reason
from approvald.approval.verdicts import Verdict
from approvald.audit.evidence import ENDINGS
from approvald.cli.context import config_option, reading_ledger
from approvald.core.text import printable
from approvald.ledger.audit import AuditKind
from approvald.ledger.cases import Case, Cases
from approvald.ledger.entries import Entry

_WIDTH: Final = 100
_INDENT: Final = 17
_NO_REQUEST: Final = "none: the mail ended before it was read that far"
_MARKS: Final = {Verdict.PASSED: "ok", Verdict.REFUSED: "NO", Verdict.NOT_REACHED: "--"}


@click.command("why")
@config_option
@click.argument("name", metavar="REQUEST|MAIL")
@click.option("--json", "as_json", is_flag=True, help="What the audit trail says about it, as JSON lines.")
def command(*, name: str, as_json: bool) -> None:
    """Show why a request was confirmed or refused: each check, with the value it saw.

    REQUEST is PVWA's request id, such as DB-PROD-01_1101, or its number alone; MAIL is the ledger id shown in
    the answer, the log and PVWA's comment, or a Message-ID. Reads only the ledger.
    """
    with reading_ledger() as store:
        case = Cases(store).find(name)
    if case is None:
        message = f"the ledger knows no request and no mail called {name}; look for it with: approvald history"
        raise click.ClickException(message)
    if as_json:
        for line in case.lines:
            click.echo(line.to_bytes().decode("ascii"), nl=False)
        return
    for text in lines_of(case):
        click.echo(text)


def lines_of(case: Case) -> Iterator[str]:
    """Yield the screen: the mail that was named, else the newest, in full, and the others in a line each."""
    shadows = _in_shadow(case)
    live = {mail.id: mail for mail in case.mails}
    shown = case.asked_for if case.asked_for in live.keys() | shadows.keys() else next(iter([*live, *shadows]), "")
    if shown in live:
        yield from _live_rows(case, live.pop(shown))
    elif shown:
        yield from _shadow_rows(case, shown, shadows.pop(shown))
    for other in live.values():
        code = other.ending.code.value if other.ending else other.state.value
        yield _row("Also", f"{other.id}, received {other.received:%Y-%m-%d %H:%M} UTC, from {other.sender}: {code}")
    for mail_id, said in shadows.items():
        yield _row(
            "Also", f"{mail_id}, in shadow mode, from {said['sender']}: would have ended as {said['would_end_as']}"
        )


def _in_shadow(case: Case) -> dict[str, Mapping[str, Any]]:
    """Return what shadow mode has decided, by the mails' ids, the newest first."""
    found = [line.event for line in reversed(case.lines) if line.kind == AuditKind.SHADOW and line.event]
    return {str(event.get("mail_id", "")): event for event in found}


def _live_rows(case: Case, mail: Entry) -> Iterator[str]:
    decision, ending = case.newest(AuditKind.DECISION, mail.id), mail.ending
    yield _row("Mail", f"{mail.id}, received {mail.received:%Y-%m-%d %H:%M:%S} UTC, {mail.message_id}")
    yield _row("Request", case.request_id or _NO_REQUEST)
    yield _row("Ended as", ending.code.value if ending else f"not decided yet ({mail.state.value}) {mail.cause}")
    if ending and ending.why:
        yield _row("", ending.why)
    yield from _decision_rows(decision) if decision else _early_rows(case, mail.id)
    outcome = case.newest(AuditKind.OUTCOME, mail.id)
    if outcome:
        yield _row("At PVWA", f"{outcome['outcome']}, {outcome['how']}, by {_submitter(outcome)}")
    reply = case.newest(AuditKind.REPLY, mail.id)
    yield _row("Answered", f"{reply['to']} ({reply['marker']})" if reply else "nobody, or not yet")


def _shadow_rows(case: Case, mail_id: str, said: Mapping[str, Any]) -> Iterator[str]:
    received = (said.get("mail") or {}).get("received", "unknown")
    yield _row("Mail", f"{mail_id}, received {received}")
    yield _row("Request", case.request_id or _NO_REQUEST)
    yield _row("In shadow mode", f"would have ended as {said['would_end_as']}; nothing was done")
    yield _row("Sender", said["sender"])
    yield from _decision_rows(said["decision"]) if said.get("decision") else _check_rows(said["checks"])


def _decision_rows(decision: Mapping[str, Any]) -> Iterator[str]:
    approver = decision["approver"]
    person = approver["person"]
    yield _row("Approver", f"{person['name']} <{approver['address']}>, {person['guid']}, proven as {approver['proof']}")
    requestor = decision.get("requestor")
    yield _row("Requestor", f"{requestor['name']} ({requestor['account']}), {requestor['guid']}" if requestor else "?")
    pvwa = decision["pvwa"]
    yield _row("PVWA said", f"{pvwa['status_title'] or pvwa['status']}, account {pvwa['account']}")
    yield _row("Rules", f"policy {decision['policy_hash'][:16]}, approvald {decision['version']}")
    yield from _check_rows(decision["checks"])


def _check_rows(checks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for check in checks:
        yield _row(f"  {_MARKS.get(check['verdict'], '?')} {check['check']}", check["value"])


def _early_rows(case: Case, mail_id: str) -> Iterator[str]:
    """Say what is known of a mail that ended before there was anything to decide."""
    for line in case.lines:
        if line.event and line.event.get("mail_id") == mail_id and line.kind in ENDINGS:
            event: Mapping[str, Any] = line.event
            proven = f"{event['sender']}, proven as {event['proof']}" if event.get("proof") else "not proven"
            yield _row("Sender", proven)
            yield _row(f"  NO {event['code']}", reason(event) or "see docs/endings.md")
            for name, value in (event.get("mail") or {}).get("headers", []):
                yield _row("  Header", f"{name}: {value}")


def _submitter(outcome: Mapping[str, Any]) -> str:
    submitter = outcome["submitter"]
    return submitter["user_name"] or f"the account of level {submitter['account']}"


def _row(label: str, value: str) -> str:
    first, *rest = textwrap.wrap(printable(value), _WIDTH - _INDENT) or [""]
    return "\n".join([f"{label:<{_INDENT - 1}} {first}", *(" " * _INDENT + line for line in rest)])
