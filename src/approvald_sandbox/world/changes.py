"""What a test may change in a world while it runs, in the words of world.json."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from approvald_sandbox.world.world import Group, Person, Request, Safe, World, add_person, add_request

PERSON_KEYS: Final = frozenset(Person.__dataclass_fields__)
Fields = dict[str, Any]


def change_request(world: World, fields: Fields) -> str | None:
    """Add a request, change the keys given of one that is there, or take it out by `delete`. Returns PVWA's RequestID.

    Keys as in world.json; a request that is changed keeps its confirmations. Raises KeyError for a missing key.
    """
    wanted = dict(fields)
    key = f"{wanted['safe']}_{wanted['request_id']}"
    with world.lock:
        if wanted.pop("delete", False):
            world.requests.pop(key, None)
            return None
        existing = world.requests.get(key)
        if existing is None:
            return add_request(world, wanted).key
        changed = add_request(world, _as_fields(world, existing) | wanted)
        kept = list(existing.confirmations)
        known = {(each.level, each.action) for each in kept}
        changed.confirmations = kept + [
            each for each in changed.confirmations if (each.level, each.action) not in known
        ]
        return key


def change_person(world: World, fields: Fields) -> None:
    """Add a person, change the keys given of one who is there, or take one out by `delete`; `sam` names the person."""
    wanted = dict(fields)
    sam = wanted.pop("sam")
    with world.lock:
        if wanted.pop("delete", False):
            world.people.pop(sam, None)
        elif sam not in world.people:
            add_person(world, sam, wanted)
        else:
            _refuse_unknown(wanted, PERSON_KEYS)
            for name, value in wanted.items():
                setattr(world.people[sam], name, value)


def change_group(world: World, fields: Fields) -> None:
    """Add a group, change its `members` or `kind`, take it out by `delete`, or by `recreate` give it another SID.

    Members are sAMAccountNames, names of groups, or addresses.
    """
    wanted = dict(fields)
    name = wanted.pop("name")
    _refuse_unknown(wanted, frozenset({"members", "kind", "delete", "recreate"}))
    with world.lock:
        if wanted.get("delete"):
            world.groups.pop(name, None)
            return
        group = world.groups.setdefault(name, Group(name=name))
        group.generation += bool(wanted.get("recreate"))
        group.kind = wanted.get("kind", group.kind)
        if "members" in wanted:
            known = world.people.keys() | world.groups.keys()
            group.members = [each if each in known else world.person_for(each).sam for each in wanted["members"]]


def change_safe(world: World, fields: Fields) -> None:
    """Add or replace the safe `name`; its confirmers are `level1` and `level2` (by default the second-level group)."""
    name = fields["name"]
    with world.lock:
        level2 = list(fields.get("level2", [world.level2_group]))
        world.safes[name] = Safe(name=name, level1=list(fields["level1"]), level2=level2)


def _as_fields(world: World, request: Request) -> Fields:
    """Return a request in the words of world.json."""
    instants = {name: getattr(request, name) for name in ("created", "expires", "access_from", "access_to")}
    return {
        "safe": request.safe,
        "request_id": request.number,
        "requestor": world.people[request.requestor].mail,
        "account": request.account,
        "device_user": request.device_user,
        "reason": request.reason,
        "levels": request.levels,
        "confirmers_needed": request.confirmers_needed,
        "status": request.status,
        "waits_for_level": request.level,
    } | {name: datetime.fromtimestamp(value, UTC).isoformat() for name, value in instants.items() if value}


def _refuse_unknown(fields: Fields, known: frozenset[str]) -> None:
    unknown = sorted(fields.keys() - known)
    if unknown:
        message = f"unknown: {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        raise ValueError(message)
