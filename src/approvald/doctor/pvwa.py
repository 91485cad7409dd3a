"""Checks that the confirming accounts work in PVWA, and that its confirmers' names match the approver groups."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from approvald.approval.facts import group_of
from approvald.core.errors import Unreadable
from approvald.core.model import AccessRequest, ConfirmingAccount, GroupBook
from approvald.doctor.accounts import compare_clocks
from approvald.doctor.findings import Finding, Status, examined, ok, unknown, wrong
from approvald.doctor.questions import SurveyedPvwa

if TYPE_CHECKING:
    from approvald.config.settings import PvwaSettings
    from approvald.core.ports import Clock

READ: Final = 30
"""How many requests of an account are read; the newest of each safe first."""

Records = dict[ConfirmingAccount, dict[str, AccessRequest]]


def check_pvwa(
    pvwa: SurveyedPvwa, settings: PvwaSettings, clock: Clock, book: GroupBook | None, pvwa_names: Mapping[str, str]
) -> list[Finding]:
    """Log each account on and look at requests as it sees them. `book`: None if the directory did not answer."""
    accounts = tuple(ConfirmingAccount) if settings.second_level_secret else (ConfirmingAccount.FIRST,)
    records: Records = {}
    findings: list[Finding] = []
    for level in accounts:
        check = f"pvwa account {level.value}"
        findings += examined(check, partial(_account, pvwa, level, clock, records.setdefault(level, {})))
    together = {key: record for seen in records.values() for key, record in seen.items()}
    if any(finding.status is Status.OK for finding in findings):
        findings += _details(records, settings)
        findings += _handled(records)
        findings += check_confirmers(tuple(together.values()), book, pvwa_names)
    return findings


def _account(
    pvwa: SurveyedPvwa, account: ConfirmingAccount, clock: Clock, records: dict[str, AccessRequest]
) -> Iterator[Finding]:
    check = f"pvwa account {account.value}"
    ids = pvwa.incoming(account)
    now, user = clock.now(), pvwa.user_name(account)
    yield ok(check, f"{user}: the log-on is accepted, and requests can be listed ({len(ids)})")
    if account is ConfirmingAccount.FIRST:
        yield compare_clocks("PVWA", pvwa.date(account), now)
    closed: list[str] = []
    for request_id in _chosen(ids):
        try:
            answer = pvwa.details(request_id, account)
        except Unreadable as error:
            yield wrong(check, f"{request_id}: {error}")
            continue
        if isinstance(answer, AccessRequest):
            records[request_id] = answer
        else:
            closed.append(request_id)
    if closed:
        yield wrong(
            check,
            f"{user} has {', '.join(closed)} in its list, but PVWA does not let it read them.",
            f"Give it the right to authorize requests of level {account.value} in these safes; a request deleted "
            "a moment ago looks the same.",
        )


def _chosen(ids: Sequence[str]) -> Sequence[str]:
    """Return the ids to read: the newest of each safe, then the second newest, and so on."""
    by_safe: dict[str, int] = {}
    ranked: list[tuple[int, str]] = []
    for request_id in sorted(ids, key=_number, reverse=True):
        safe = request_id.rpartition("_")[0]
        by_safe[safe] = by_safe.get(safe, 0) + 1
        ranked.append((by_safe[safe], request_id))
    return [request_id for _, request_id in sorted(ranked, key=lambda each: each[0])][:READ]


def _number(request_id: str) -> int:
    digits = request_id.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= len("999999999") else 0


def _details(records: Records, settings: PvwaSettings) -> Iterator[Finding]:
    """Say whether a confirming account sees which account a request is about: a hidden one counts as altered."""
    for level, seen in records.items():
        hidden = sorted({record.safe for record in seen.values() if record.account is None})
        check = f"account details {level.value}"
        if not hidden:
            if seen:
                yield ok(check, f"shown on all {len(seen)} requests that were read")
        elif settings.compare.account == "note":
            yield ok(check, f"not shown on requests of {', '.join(hidden)}; allowed, as pvwa.compare.account is note")
        else:
            yield wrong(
                check,
                f"not shown on requests of {', '.join(hidden)}: mails with an account would be refused as altered.",
                f"Give the level-{level.value} account the right to list accounts in these safes, "
                'or set pvwa.compare.account = "note".',
            )


def _handled(records: Records) -> Iterator[Finding]:
    """Say whether PVWA's list shows requests that were acted on: a stolen password is found by them."""
    for level, seen in records.items():
        check = f"handled requests {level.value}"
        if any(confirmer.acted_at for record in seen.values() for confirmer in record.confirmers):
            yield ok(check, "PVWA lists requests that were acted on, so confirmations by a stolen password are found")
        else:
            yield ok(
                check,
                "PVWA lists no request that somebody has acted on: there is none, or it does not list them. Confirm a "
                "test request and run this again; if it stays so, [reconcile] cannot find a confirmation that was made "
                "with a stolen password, and PVWA's own audit has to be watched for this account",
            )


def check_confirmers(
    requests: Sequence[AccessRequest], book: GroupBook | None, pvwa_names: Mapping[str, str]
) -> Iterator[Finding]:
    """Match PVWA's names of confirmers with the approver groups. `pvwa_names` as in [groups.pvwa_names]."""
    check = "confirmers"
    named = [request for request in requests if request.confirmers]
    if book is None:
        yield unknown(check, "the approver groups are not known, so PVWA's names were not matched with them.")
        return
    if not named:
        yield unknown(
            check,
            "PVWA lists no request with confirmers at present, so its names were not matched with the approver groups.",
            "Make a test request, and run this again.",
        )
        return
    folded = {name.casefold(): group for name, group in pvwa_names.items()}
    unmapped: dict[str, bool] = {}
    for request in named:
        missing = [each.name for each in request.confirmers if group_of(each.name, book, folded) is None]
        nobody = len(missing) == len(request.confirmers)
        for name in missing:
            unmapped[name] = unmapped.get(name, False) or nobody
    others = sorted(name for name, blocks in unmapped.items() if not blocks)
    for name in sorted(name for name, blocks in unmapped.items() if blocks):
        yield _unmapped(name, book, requests)
    if not any(unmapped.values()):
        extra = f"; not approver groups, and not needed as such: {', '.join(others)}" if others else ""
        yield ok(check, f"each of {len(named)} requests names an approver group{extra}")


def _unmapped(name: str, book: GroupBook, requests: Sequence[AccessRequest]) -> Finding:
    safes = sorted({each.safe for each in requests if name in {confirmer.name for confirmer in each.confirmers}})
    groups = {group.name.casefold(): group.name for group in book.all()}
    close = difflib.get_close_matches(name.casefold(), groups, n=1)
    target = groups[close[0]] if close else "sAMAccountName of the group"
    line = f'"{name}" = "{target}"'
    return wrong(
        "confirmers",
        f"{name} confirms requests in {', '.join(safes)}, but no approver group has this name: nobody can approve them "
        "by mail.",
        f"If it is one of your approver groups, add to [groups.pvwa_names] the line {line}.",
    )
