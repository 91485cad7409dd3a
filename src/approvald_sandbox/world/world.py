"""What all pretend systems share: people, groups, safes, requests, passwords and the clock.

A world is read from a `world.json` (format: tests/corpus/README.md, and the optional keys named at each class here).
Times in a file are ISO 8601 with an offset; inside they are epoch seconds UTC, because that is what PVWA speaks.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

SERVICE_ACCOUNTS: Final = ("svc-mail", "svc-directory", "svc-pam-l1", "svc-pam-l2")
REQUEST_LIFE_SECONDS: Final = 30 * 24 * 3600
DEFAULT_PASSWORD: Final = "Sandbox-Passw0rd!"


@dataclass(kw_only=True)
class Person:
    """One user object of the directory. Keys in `people` of world.json: the fields below, all optional."""

    sam: str
    mail: str | None
    display_name: str
    proxy_addresses: list[str] = field(default_factory=list)
    employee_id: str | None = None
    manager: str | None = None
    """sAMAccountName of the manager."""
    disabled: bool = False
    expired: bool = False
    kind: str = "user"
    """user, admin, shared, linked, contact."""
    primary_group: str | None = None


@dataclass(kw_only=True)
class Group:
    """One group. Members are sAMAccountNames of people or names of groups. `kind`: security or distribution."""

    name: str
    members: list[str] = field(default_factory=list)
    kind: str = "security"
    generation: int = 0
    """How often the group was deleted and made again: each time it has another SID."""


@dataclass(kw_only=True)
class Safe:
    """A safe and the names of the groups (or users) that confirm its requests at each level."""

    name: str
    level1: list[str]
    level2: list[str]


@dataclass(kw_only=True)
class Confirmation:
    """What a confirmer did: `actor` is a PVWA user name, `principal` the user or group whose vote it spent."""

    principal: str
    actor: str
    level: int
    action: str
    reason: str
    at: int
    full_name: str = ""


@dataclass(kw_only=True)
class Request:
    """One dual-control request as PVWA keeps it. `status`: waiting, confirmed, rejected, expired, deleted, used."""

    safe: str
    number: str
    requestor: str
    """PVWA user name."""
    account: str
    device_user: str
    reason: str
    created: int
    expires: int
    access_from: int = 0
    access_to: int = 0
    levels: int = 1
    confirmers_needed: int = 1
    """Votes needed at each level."""
    status: str = "waiting"
    level: int = 1
    confirmations: list[Confirmation] = field(default_factory=list)

    @property
    def key(self) -> str:
        """PVWA's RequestID."""
        return f"{self.safe}_{self.number}"


class World:
    """The shared state. Hold `lock` while reading or changing more than one thing."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.domain = "corp.example"
        self.mailbox = "pam-approve@corp.example"
        self.team = "cyberark-team@corp.example"
        self.pvwa_sender = "pvwa-noreply@corp.example"
        self.level2_group = "L2_PAMapprover"
        self.people: dict[str, Person] = {}
        self.groups: dict[str, Group] = {}
        self.safes: dict[str, Safe] = {}
        self.requests: dict[str, Request] = {}
        self.passwords: dict[str, str] = dict.fromkeys(SERVICE_ACCOUNTS, DEFAULT_PASSWORD)
        self._turned = 0.0

    def now(self) -> float:
        """Epoch seconds UTC by the world's clock."""
        return time.time() + self._turned

    def turn_clock(self, seconds: float) -> None:
        """Move the world's clock forward (or back)."""
        self._turned += seconds

    def become(self, other: World) -> None:
        """Take over another world's content and clock; everything that holds this world goes on with it."""
        with self.lock:
            self.__dict__.update({name: value for name, value in vars(other).items() if name != "lock"})

    def person_for(self, address: str) -> Person:
        """Return the person with this address, made from its local part when there is none yet."""
        wanted = address.casefold()
        for person in self.people.values():
            if (person.mail or "").casefold() == wanted:
                return person
        local = address.partition("@")[0]
        name = " ".join(part.capitalize() for part in local.split("."))
        person = Person(sam=local, mail=address, display_name=name, proxy_addresses=[f"SMTP:{address}"])
        self.people[local] = person
        return person

    def members_of(self, group: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """Return the sAMAccountNames in a group, nested groups included."""
        found: set[str] = set()
        for member in self.groups[group].members if group in self.groups else []:
            if member in self.groups:
                if member not in seen:
                    found |= self.members_of(member, seen | {group})
            else:
                found.add(member)
        return found


def load(path: Path) -> World:
    """Read a world.json. Raises ValueError naming the key that is wrong."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        message = f"{path}: not JSON: {error}"
        raise ValueError(message) from error
    return build(data)


def build(data: dict[str, Any]) -> World:
    """Make a world from the content of a world.json."""
    world = World()
    for name in ("domain", "mailbox", "pvwa_sender", "level2_group"):
        setattr(world, name, data.get(name, getattr(world, name)))
    world.team = data.get("cyberark_team", world.team)
    for sam, fields in data.get("people", {}).items():
        add_person(world, sam, fields)
    for address in data.get("not_approvers", []):
        world.person_for(address)
    kinds = data.get("group_kinds", {})
    names = set(data.get("groups", {}))
    for name, members in data.get("groups", {}).items():
        resolved = [m if m in names or m in world.people else world.person_for(m).sam for m in members]
        world.groups[name] = Group(name=name, members=resolved, kind=kinds.get(name, "security"))
    for name in SERVICE_ACCOUNTS:
        world.people[name] = Person(sam=name, mail=None, display_name=name)
    for name, confirmers in data.get("safes", {}).items():
        level1 = [confirmers] if isinstance(confirmers, str) else list(confirmers)
        world.safes[name] = Safe(name=name, level1=level1, level2=[world.level2_group])
    for key, fields in data.get("requests", {}).items():
        add_request(world, fields | {"key": key})
    return world


def add_person(world: World, sam: str, fields: dict[str, Any]) -> None:
    """Add one person with the keys of `people` in a world.json."""
    mail = fields.get("mail", f"{sam}@{world.domain}")
    proxies = fields.get("proxy_addresses", [f"SMTP:{mail}"] if mail else [])
    rest = {name: value for name, value in fields.items() if name not in {"mail", "proxy_addresses", "display_name"}}
    name = fields.get("display_name", " ".join(part.capitalize() for part in sam.split(".")))
    world.people[sam] = Person(sam=sam, mail=mail, display_name=name, proxy_addresses=proxies, **rest)


def _instant(world: World, value: str | float | None, otherwise: float) -> int:
    """Epoch seconds of an ISO text, of a number of seconds from now, or of the default."""
    if value is None:
        return int(otherwise)
    if isinstance(value, str):
        return int(datetime.fromisoformat(value).timestamp())
    return int(world.now() + value)


def add_request(world: World, fields: dict[str, Any]) -> Request:
    """Add one request.

    Besides the corpus's keys: created, expires, access_from, access_to (ISO text or seconds from now), levels,
    confirmers_needed, confirmed_by {user, full_name, principal, reason, at}, rejected_by (same).
    """
    created = _instant(world, fields.get("created"), world.now() - 240)
    waits_for = int(fields.get("waits_for_level", 1))
    request = Request(
        safe=fields["safe"],
        number=str(fields["request_id"]),
        requestor=world.person_for(fields["requestor"]).sam,
        account=fields.get("account", "Operating System-UnixSSH-db7.corp.example-root"),
        device_user=fields.get("device_user", "root"),
        reason=fields.get("reason", "Kernel patch in the agreed window"),
        created=created,
        expires=_instant(world, fields.get("expires"), created + REQUEST_LIFE_SECONDS),
        access_from=_instant(world, fields.get("access_from"), 0),
        access_to=_instant(world, fields.get("access_to"), 0),
        levels=int(fields.get("levels", waits_for)),
        confirmers_needed=int(fields.get("confirmers_needed", 1)),
        status=fields.get("status", "waiting"),
        level=waits_for,
    )
    if request.status == "expired" and "expires" not in fields:
        request.created, request.expires = created - REQUEST_LIFE_SECONDS - 600, created - 600
    _add_history(world, request, fields)
    with world.lock:
        world.requests[request.key] = request
    return request


def _add_history(world: World, request: Request, fields: dict[str, Any]) -> None:
    """Add what happened before the world began: level 1 of a request at level 2, and who ended a closed one."""
    safe = world.safes.get(request.safe)
    group = safe.level1[0] if safe else ""
    earlier = {
        "principal": group,
        "actor": "portal.user",
        "full_name": "Portal User",
        "action": "confirmed",
        "reason": "",
    }
    if request.level > 1:
        request.confirmations.append(Confirmation(level=1, at=request.created + 60, **earlier))
    ended = {"confirmed": fields.get("confirmed_by"), "rejected": fields.get("rejected_by")}.get(request.status, ())
    if ended == ():
        return
    known = dict(ended or {})
    at = _instant(world, known.pop("at", None), request.created + 120)
    if "user" in known:
        known["actor"] = known.pop("user")
    request.confirmations.append(
        Confirmation(level=request.level, at=at, **(earlier | {"action": request.status} | known))
    )
