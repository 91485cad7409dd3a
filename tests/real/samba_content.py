"""Writes the people and groups of a world into a Samba domain's own database; runs in Debian's Python (samba_ad.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import ldb  # type: ignore[import-not-found]  # Samba's bindings belong to Debian's Python
from samba.auth import system_session  # type: ignore[import-not-found]  # see above
from samba.dcerpc import security  # type: ignore[import-not-found]  # see above
from samba.ndr import ndr_unpack  # type: ignore[import-not-found]  # see above
from samba.samdb import SamDB  # type: ignore[import-not-found]  # see above

SERVICE_ACCOUNTS: Final = ("svc-directory",)
SECURITY_GROUP: Final = "-2147483646"
DISTRIBUTION_GROUP: Final = "2"
NORMAL_ACCOUNT: Final = 0x200
DISABLED: Final = 0x2
LOCKOUT_AFTER: Final = "5"
LOCKOUT_TIME: Final = str(-30 * 60 * 10**7)
"""Half an hour, as Active Directory writes durations."""


class Content:
    """Fills one domain, in one transaction."""

    def __init__(self, folder: Path, parameters: Any, *, base: str, domain: str, password: str) -> None:
        self._base = base
        self._domain = domain
        self._password = password
        database = folder / "private" / "sam.ldb"
        self._db: Any = SamDB(url=str(database), session_info=system_session(parameters), lp=parameters)
        self._dns: dict[str, Any] = {}

    def fill(self, world: dict[str, Any]) -> None:
        """Add everything. Keys as in the sandbox's world.json; what needs Exchange's schema is left out."""
        lockout = {"lockoutThreshold": LOCKOUT_AFTER, "lockoutDuration": LOCKOUT_TIME}
        lax = {"maxPwdAge": "0", "minPwdAge": "0", "minPwdLength": "1", "pwdProperties": "0"}
        self._set(ldb.Dn(self._db, self._base), lockout | {"lockOutObservationWindow": LOCKOUT_TIME} | lax)
        for unit in ("OU=PAM", "OU=People,OU=PAM", "OU=Groups,OU=PAM", "OU=Services,OU=PAM"):
            self._db.add({"dn": f"{unit},{self._base}", "objectClass": "organizationalUnit"})
        self._db.transaction_start()
        try:
            for name in SERVICE_ACCOUNTS:
                self._add_user(name, "Services", {"mail": None, "proxy_addresses": []})
            for name, fields in world["people"].items():
                self._add_person(name, fields)
            self._link_managers(world["people"])
            self._add_groups(world["groups"], world.get("group_kinds", {}))
            self._set_primary_groups(world["people"])
        except BaseException:
            self._db.transaction_cancel()
            raise
        self._db.transaction_commit()

    def _add_person(self, name: str, fields: dict[str, Any]) -> None:
        if fields.get("kind") == "contact":
            dn = self._dn(fields.get("display_name", name), "People")
            self._db.add({"dn": dn, "objectClass": "contact", "mail": fields["mail"]})
            return
        self._add_user(name, "People", fields)

    def _add_user(self, name: str, unit: str, fields: dict[str, Any]) -> None:
        mail = fields.get("mail", f"{name}@{self._domain}")
        shown = fields.get("display_name", " ".join(part.capitalize() for part in name.split(".")))
        off = fields.get("disabled") or fields.get("kind") in {"shared", "linked"}
        expires = datetime.now(UTC) - timedelta(days=30) if fields.get("expired") else None
        written = {
            "dn": self._dn(shown, unit),
            "objectClass": "user",
            "sAMAccountName": name,
            "displayName": shown,
            "userPrincipalName": f"{name}@{self._domain}",
            "unicodePwd": f'"{self._password}"'.encode("utf-16-le"),
            "userAccountControl": str(NORMAL_ACCOUNT | (DISABLED if off else 0)),
            "mail": mail,
            "proxyAddresses": fields.get("proxy_addresses", [f"SMTP:{mail}"]),
            "employeeID": fields.get("employee_id"),
            "accountExpires": filetime(expires) if expires else None,
        }
        self._db.add({key: value for key, value in written.items() if value})
        self._dns[name] = written["dn"]

    def _link_managers(self, people: dict[str, dict[str, Any]]) -> None:
        for name, fields in people.items():
            if "manager" in fields:
                self._set(self._dns[name], {"manager": str(self._dns[fields["manager"]])})

    def _add_groups(self, groups: dict[str, Sequence[str]], kinds: dict[str, str]) -> None:
        """Add all groups first and their members then, so that they may hold one another."""
        for name in groups:
            self._dns[name] = self._dn(name, "Groups")
            kind = DISTRIBUTION_GROUP if kinds.get(name) == "distribution" else SECURITY_GROUP
            self._db.add({"dn": self._dns[name], "objectClass": "group", "sAMAccountName": name, "groupType": kind})
        for name, members in groups.items():
            if members:
                self._set(self._dns[name], {"member": [str(self._dns[member]) for member in members]})

    def _set_primary_groups(self, people: dict[str, dict[str, Any]]) -> None:
        """Make the group somebody is already in their primary group; the directory then drops the membership itself."""
        for name, fields in people.items():
            if "primary_group" in fields:
                found = self._db.search(self._dns[fields["primary_group"]], scope=ldb.SCOPE_BASE, attrs=["objectSid"])
                sid = ndr_unpack(security.dom_sid, found[0]["objectSid"][0])
                self._set(self._dns[name], {"primaryGroupID": str(sid.split()[1])})

    def _set(self, dn: Any, values: Mapping[str, str | list[str]]) -> None:
        message = ldb.Message(dn)
        for name, value in values.items():
            message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
        self._db.modify(message)

    def _dn(self, name: str, unit: str) -> Any:
        escaped = "".join(f"\\{each}" if each in ',+"\\<>;=#' else each for each in name)
        return ldb.Dn(self._db, f"CN={escaped},OU={unit},OU=PAM,{self._base}")


def filetime(instant: datetime) -> str:
    """Return Windows' time of an instant: 100 ns since 1601, UTC."""
    return str(int((instant - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)
