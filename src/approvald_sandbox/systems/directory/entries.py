"""The entries of the directory, as Active Directory would hold the world's people and groups."""

from __future__ import annotations

import hashlib
import re
import struct
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from approvald_sandbox.systems.directory.ber import text
from approvald_sandbox.world.world import SERVICE_ACCOUNTS, Group, Person, World

DISABLED: Final = 0x2
NORMAL_ACCOUNT: Final = 0x200
SECURITY_GROUP: Final = -2147483646
DISTRIBUTION_GROUP: Final = 2
DOMAIN_USERS: Final = 513
NEVER: Final = 0x7FFFFFFFFFFFFFFF
FILETIME_EPOCH: Final = 11644473600
DAY_SECONDS: Final = 24 * 3600
MAILBOX_KINDS: Final = {"user": 1, "admin": 1, "linked": 2, "shared": 4}
"""msExchRecipientTypeDetails by Person.kind."""
NAMESPACE: Final = uuid.UUID("5c1c6a0e-3a4e-4a5e-9d3f-6f1f5d0b7c11")
SPECIAL_IN_DN: Final = re.compile(r'([,+"\\<>;=])|^([ #])|( )$')

Value = str | int | bytes


def norm_dn(dn: str) -> str:
    """Return a DN's comparable form: case folded, no space around separators, escapes resolved."""
    parts: list[str] = []
    for rdn in re.split(r"(?<!\\),", dn):
        name, _, value = rdn.strip().partition("=")
        raw = re.sub(rb"\\([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), value.strip().encode())
        plain = re.sub(r"\\(.)", r"\1", text(raw)).replace(",", "\0")  # a comma inside a value separates nothing
        parts.append(f"{name.strip()}={plain}".casefold())
    return ",".join(parts)


class Entry:
    """One object: its DN and its attributes, values as bytes under the attribute's lower-case name."""

    def __init__(self, dn: str, attributes: dict[str, Value | Sequence[Value]]) -> None:
        self.dn = dn
        self.key = norm_dn(dn)
        self.names: dict[str, str] = {}
        self.values: dict[str, list[bytes]] = {}
        self.put("distinguishedName", dn)
        for name, values in attributes.items():
            self.put(name, values)

    def put(self, name: str, values: Value | Sequence[Value]) -> None:
        """Set an attribute; one without values is left out, as in Active Directory."""
        several = [values] if isinstance(values, (str, int, bytes)) else values
        if several:
            self.names[name.lower()] = name
            self.values[name.lower()] = [each if isinstance(each, bytes) else str(each).encode() for each in several]

    def texts(self, name: str) -> list[str]:
        """Return an attribute's values as text."""
        return [text(value) for value in self.values.get(name.lower(), [])]


@dataclass(kw_only=True)
class Snapshot:
    """The whole directory at one instant, by normalised DN, and who is a direct member of what."""

    base: str
    entries: dict[str, Entry] = field(default_factory=dict)
    parents: dict[str, set[str]] = field(default_factory=dict)
    primary: dict[str, str] = field(default_factory=dict)
    """Normalised DN of a person -> of the group that is the person's primary group."""

    def add(self, entry: Entry) -> None:
        """Add one entry."""
        self.entries[entry.key] = entry

    def ancestors(self, key: str) -> set[str]:
        """Return the groups an entry is in, nested ones included, its primary group not (as the rule in-chain)."""
        seen: set[str] = set()
        waiting = [key]
        while waiting:
            for parent in self.parents.get(waiting.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return seen

    def token_groups(self, entry: Entry) -> list[bytes]:
        """Return the SIDs of a person's security groups, the primary group included, distribution groups not."""
        groups = self.ancestors(entry.key)
        primary = self.primary.get(entry.key)
        if primary is not None:
            groups |= {primary} | self.ancestors(primary)
        held = [self.entries[key] for key in sorted(groups)]
        sids = [entry.values["objectsid"][0] for entry in held if entry.texts("groupType") == [str(SECURITY_GROUP)]]
        return sids if primary is not None else [domain_sid(self.base, DOMAIN_USERS), *sids]


def take_snapshot(world: World) -> Snapshot:
    """Return the directory as the world is now."""
    base = base_dn(world)
    snapshot = Snapshot(base=base)
    for dn, kind in _containers(base):
        snapshot.add(Entry(dn, {"objectClass": ["top", kind], "name": dn.partition(",")[0].partition("=")[2]}))
    with world.lock:
        names = _common_names(world)
        dns = {
            each.sam: f"CN={escaped(names[each.sam])},OU={_unit(each)},OU=PAM,{base}" for each in world.people.values()
        }
        dns |= {name: f"CN={escaped(name)},OU=Groups,OU=PAM,{base}" for name in world.groups}
        for person in world.people.values():
            snapshot.add(Entry(dns[person.sam], {"cn": names[person.sam]} | _person(world, person, dns)))
        for group in world.groups.values():
            members = [m for m in group.members if m not in world.people or world.people[m].primary_group != group.name]
            snapshot.add(_group(base, group, dns, [dns[each] for each in members if each in dns]))
        for person in world.people.values():
            if person.primary_group in world.groups:
                snapshot.primary[norm_dn(dns[person.sam])] = norm_dn(dns[person.primary_group])
    _link(snapshot)
    return snapshot


def base_dn(world: World) -> str:
    """Return the DN of the world's domain."""
    return ",".join(f"DC={part}" for part in world.domain.split("."))


def escaped(value: str) -> str:
    """Escape a value for use in a DN (RFC 4514)."""
    return SPECIAL_IN_DN.sub(lambda found: "\\" + found[0], value)


def domain_sid(base: str, relative: int) -> bytes:
    """Return the binary SID of an object of the domain."""
    three = struct.unpack("<III", hashlib.blake2s(base.casefold().encode(), digest_size=12).digest())
    return struct.pack("<BB6sIIIII", 1, 5, (5).to_bytes(6, "big"), 21, *three, relative)


def relative_id(name: str) -> int:
    """Return the last part of an object's SID: the same for the same name, above those Windows keeps for itself."""
    found = hashlib.blake2s(name.casefold().encode(), digest_size=4).digest()
    return 1100 + int.from_bytes(found, "big") % (1 << 30)


def _containers(base: str) -> list[tuple[str, str]]:
    units = [f"OU={name},OU=PAM,{base}" for name in ("People", "Admins", "Groups", "Services")]
    return [
        (base, "domainDNS"),
        (f"OU=PAM,{base}", "organizationalUnit"),
        *((dn, "organizationalUnit") for dn in units),
    ]


def _common_names(world: World) -> dict[str, str]:
    """Return everybody's CN by sAMAccountName. Those who share a name get the account's name behind theirs."""
    people = world.people.values()
    shared = Counter((_unit(person), person.display_name.casefold()) for person in people)
    return {
        person.sam: person.display_name
        if shared[_unit(person), person.display_name.casefold()] == 1
        else f"{person.display_name} ({person.sam})"
        for person in people
    }


def _unit(person: Person) -> str:
    if person.sam in SERVICE_ACCOUNTS:
        return "Services"
    return "Admins" if person.kind == "admin" else "People"


def _person(world: World, person: Person, dns: dict[str, str]) -> dict[str, Value | Sequence[Value]]:
    """Return the attributes of a user or contact."""
    base = base_dn(world)
    found: dict[str, Value | Sequence[Value]] = {
        "objectCategory": f"CN=Person,CN=Schema,CN=Configuration,{base}",
        "objectGUID": uuid.uuid5(NAMESPACE, f"person {person.sam}").bytes_le,
        "displayName": person.display_name,
        "proxyAddresses": person.proxy_addresses,
    }
    optional = {"mail": person.mail, "employeeID": person.employee_id, "manager": dns.get(person.manager or "")}
    found |= {name: value for name, value in optional.items() if value}
    if person.kind == "contact":
        return found | {"objectClass": ["top", "person", "organizationalPerson", "contact"]}
    off = person.disabled or person.kind in {"shared", "linked"}  # Exchange disables the account behind such a mailbox
    primary = world.groups.get(person.primary_group or "")
    found |= {
        "objectClass": ["top", "person", "organizationalPerson", "user"],
        "objectSid": domain_sid(base, relative_id(f"person {person.sam}")),
        "sAMAccountName": person.sam,
        "sAMAccountType": 805306368,
        "userPrincipalName": f"{person.sam}@{world.domain}",
        "userAccountControl": NORMAL_ACCOUNT | (DISABLED if off else 0),
        "accountExpires": _filetime(world.now() - DAY_SECONDS) if person.expired else NEVER,
        "primaryGroupID": relative_id(_life(primary)) if primary else DOMAIN_USERS,
    }
    if person.mail:
        found["msExchRecipientTypeDetails"] = MAILBOX_KINDS[person.kind]
    if person.kind == "linked":
        found["msExchMasterAccountSid"] = domain_sid("DC=accounts,DC=example", relative_id(person.sam))
    return found


def _filetime(instant: float) -> int:
    """Return Windows' time (100 ns since 1601, UTC) of an instant in epoch seconds."""
    return int(instant + FILETIME_EPOCH) * 10_000_000


def _life(group: Group) -> str:
    """Return what a group's GUID and SID are made from: its name and how often it was made again."""
    return f"group {group.name} {group.generation}"


def _group(base: str, group: Group, dns: dict[str, str], members: list[str]) -> Entry:
    life = _life(group)
    return Entry(
        dns[group.name],
        {
            "objectClass": ["top", "group"],
            "objectCategory": f"CN=Group,CN=Schema,CN=Configuration,{base}",
            "objectGUID": uuid.uuid5(NAMESPACE, life).bytes_le,
            "objectSid": domain_sid(base, relative_id(life)),
            "cn": group.name,
            "sAMAccountName": group.name,
            "groupType": SECURITY_GROUP if group.kind == "security" else DISTRIBUTION_GROUP,
            "member": members,
        },
    )


def _link(snapshot: Snapshot) -> None:
    """Give everybody `memberOf`, the direct groups."""
    for entry in snapshot.entries.values():
        for member in entry.texts("member"):
            snapshot.parents.setdefault(norm_dn(member), set()).add(entry.key)
    for key, groups in snapshot.parents.items():
        snapshot.entries[key].put("memberOf", sorted(snapshot.entries[group].dn for group in groups))
