"""Makes what is written down of a decision: its checks, and the facts it was made of. Pure.

It goes into the ledger and the audit trail: names, ids and PVWA's record, and no text of the mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from approvald.approval.actors import COMMENT
from approvald.approval.decide import Confirm, Refuse
from approvald.approval.endings import Ending
from approvald.approval.facts import Facts
from approvald.approval.verdicts import Check, Verdict, listed, person_in_words
from approvald.core.model import AccessRequest, ApproverGroup, Person


def decision_event(facts: Facts, decision: Confirm | Refuse, permission: Sequence[Check]) -> dict[str, object]:
    """Return checks and facts of a decision as plain JSON values, for the audit trail and for evidence.

    `permission`: the checks made after a Confirm, of whether it may be carried out now.
    """
    event: dict[str, object] = {
        "code": decision.code.value,
        "checks": [check.to_json() for check in (*_before(facts), *decision.checks, *permission)],
        "approver": {
            "address": facts.sender.address,
            "proof": facts.sender.proof,
            "person": person_facts(facts.sender.person),
            "other_accounts": [person_facts(account) for account in facts.sender_accounts],
            "groups": [_group(group) for group in facts.sender_groups],
        },
        "requestor": person_facts(facts.requestor) if isinstance(facts.requestor, Person) else None,
        "pvwa": record_facts(facts.request),
    }
    if isinstance(decision, Confirm):
        event["level"], event["account"] = decision.level.value, decision.account.value
        event["because_of"] = _group(decision.group)
    return event


def _before(facts: Facts) -> tuple[Check, Check]:
    """Return the checks that were passed before there were any facts to decide on."""
    sender = f"{facts.sender.address}, proven as {facts.sender.proof}, is {person_in_words(facts.sender.person)}"
    groups = listed(f"{group.name} ({group.sid}, level {group.level})" for group in facts.sender_groups)
    return (
        Check(name="sender", verdict=Verdict.PASSED, subject=sender),
        Check(name="group", verdict=Verdict.PASSED, subject=groups),
    )


def ending_checks(ending: Ending) -> tuple[Check, ...]:
    """Return the checks of a mail that ended before there were facts to decide on."""
    said = {"why": ending.why, "names": ending.names, "words": ending.words}
    return (
        *(Check(name=name, verdict=Verdict.PASSED, subject="") for name in ending.checks),
        Check(name=ending.code.value, verdict=Verdict.REFUSED, subject=reason(said)),
    )


def reason(ending: Mapping[str, Any]) -> str:
    """Return the reason that an ending in the audit trail gives; empty where its code says all."""
    said = (ending.get("why"), ", ".join(ending.get("names") or ()), ending.get("words"))
    return "; ".join(str(each) for each in said if each)


def person_facts(person: Person) -> dict[str, object]:
    """Return the facts that tell this person from another."""
    return {
        "name": person.display_name,
        "account": person.account_name,
        "guid": person.guid,
        "sid": person.sid,
        "dn": person.dn,
        "address": person.address,
        "link": person.link,
        "owner": person.owner,
    }


def _group(group: ApproverGroup) -> dict[str, object]:
    return {"name": group.name, "sid": group.sid, "dn": group.dn, "level": group.level.value}


def record_facts(request: AccessRequest) -> dict[str, object]:
    """Return PVWA's record as plain JSON values; instants are ISO 8601 UTC.

    Of a rejection of ours the approver's own words are left out: they are a mail's text.
    """
    facts = {name: _plain(value) for name, value in asdict(request).items()}
    facts["confirmers"] = [
        {**{name: _plain(value) for name, value in asdict(each).items()}, "comment": _without_words(each.comment)}
        for each in request.confirmers
    ]
    return facts


def _without_words(comment: str) -> str:
    ours = COMMENT.fullmatch(comment)
    return comment[: ours.end("id") + 1] if ours else comment


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value
