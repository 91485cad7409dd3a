"""What a decision was made of, for those who ask later: each check with the value it saw, and the facts. Pure.

The names of the checks are those of `decide`; here they are only described, and nothing is decided. What it holds goes
into the ledger and the audit trail: names, ids and PVWA's record, and no text of the mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from approvald.approval.actors import COMMENT
from approvald.approval.compare import differences, noted
from approvald.approval.decide import Confirm, Refuse
from approvald.approval.endings import Ending
from approvald.approval.facts import Facts, held
from approvald.approval.request import request_state
from approvald.core.model import AccessRequest, ApproverGroup, Person, PersonLookup

PASSED: Final = "passed"
REFUSED: Final = "refused"
NOT_REACHED: Final = "not reached"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check: its name, `passed`, `refused` or `not reached`, and the value it looked at, in words."""

    check: str
    verdict: str
    value: str


def findings(facts: Facts, decision: Confirm | Refuse) -> tuple[Finding, ...]:
    """Return every check of this decision, in order, with its value."""
    passed = decision.checks if isinstance(decision, Confirm) else decision.ending.checks
    values = _values(facts)
    refused = isinstance(decision, Refuse)
    names = list(values)
    # What refused is the first check that was not passed; `decide` stops there.
    first = next((name for name in names if name not in _BEFORE and name not in passed), None) if refused else None
    seen = (*_BEFORE, *passed)
    return tuple(
        Finding(
            check=name,
            verdict=PASSED if name in seen else REFUSED if name == first else NOT_REACHED,
            value=value,
        )
        for name, value in values.items()
    )


_BEFORE: Final = ("sender", "group")
"""Checks that were passed before there were any facts to decide on."""


def _values(facts: Facts) -> Mapping[str, str]:
    now, request = facts.now, facts.request
    listed = facts.confirmers()
    changed = differences(facts.notification, request, facts.requestor, facts.comparison)
    tolerated = [name for name in noted(facts.notification, request) if name not in changed]
    acted = [f"{actor.words} at {actor.at.isoformat()}" for actor in facts.actors()]
    return {
        "sender": f"{facts.sender.address}, proven as {facts.sender.proof}, is {_person(facts.sender.person)}",
        "group": _listed(f"{group.name} ({group.sid}, level {group.level})" for group in facts.sender_groups),
        "as_notified": (f"differs: {_listed(changed)}" if changed else "as in PVWA's record")
        + (f"; differs and is only noted: {_listed(tolerated)}" if tolerated else ""),
        "still_waits": f"{request_state(request, now).name.casefold()} (PVWA: {request.status} {request.status_title})",
        "requestor_known": _looked_up(facts.requestor),
        "not_own_request": "the sender is the requestor" if _is_own(facts) else "sender and requestor are two people",
        "own_team": f"confirmers {_listed(group.name for group in listed)}; the sender's: "
        f"{_listed(group.name for group in held(listed, facts.sender_groups))}",
        "level": f"PVWA waits for level {request.level}" if request.level else "PVWA names no level",
        "own_vote": _listed(acted) if acted else "nobody has acted before",
    }


def _is_own(facts: Facts) -> bool:
    return isinstance(facts.requestor, Person) and facts.is_sender(facts.requestor)


def _looked_up(requestor: PersonLookup) -> str:
    return _person(requestor) if isinstance(requestor, Person) else type(requestor).__name__


def _person(person: Person) -> str:
    return f"{person.display_name} ({person.account_name}, {person.guid})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def decision_event(facts: Facts, decision: Confirm | Refuse, found: Sequence[Finding]) -> dict[str, object]:
    """Return the facts of a decision as plain JSON values, for the audit trail and for evidence."""
    event: dict[str, object] = {
        "code": decision.code.value,
        "checks": [asdict(each) for each in found],
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


def ending_findings(ending: Ending) -> tuple[Finding, ...]:
    """Return what is known of a mail that ended before there were facts to decide on."""
    passed = [Finding(check=name, verdict=PASSED, value="") for name in ending.checks]
    said = {"why": ending.why, "names": ending.names, "words": ending.words}
    return (*passed, Finding(check=ending.code.value, verdict=REFUSED, value=reason(said)))


def reason(ending: Mapping[str, Any]) -> str:
    """Return what an ending, as the audit trail has it, says of itself; empty where its code says all."""
    said = (ending.get("why"), ", ".join(ending.get("names") or ()), ending.get("words"))
    return "; ".join(str(each) for each in said if each)


def person_facts(person: Person) -> dict[str, object]:
    """Return what tells this person from another."""
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
