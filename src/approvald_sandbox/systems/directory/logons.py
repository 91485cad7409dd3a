"""Who may bind: names, passwords and the lock-out after too many wrong ones."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from approvald_sandbox.systems.directory.entries import (
    DISABLED,
    FILETIME_EPOCH,
    NEVER,
    Entry,
    Snapshot,
    norm_dn,
    take_snapshot,
)
from approvald_sandbox.world.world import World

SUCCESS: Final = 0
BAD_CREDENTIALS: Final = 49
LOCKOUT_THRESHOLD: Final = 5
LOCKOUT_SECONDS: Final = 15 * 60
NO_SUCH_USER, WRONG_PASSWORD, ACCOUNT_DISABLED, ACCOUNT_EXPIRED, ACCOUNT_LOCKED = "525", "52e", "533", "701", "775"


class Logons:
    """Judges simple binds and remembers the failed ones. Passwords are the world's; who has none there cannot bind."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._failed: Counter[str] = Counter()
        self._wrong_in_a_row: Counter[str] = Counter()
        self._locked_at: dict[str, float] = {}

    def failed(self) -> dict[str, int]:
        """Return how many binds failed, by sAMAccountName (by the name given where there is no such account)."""
        with self._lock:
            return dict(self._failed)

    def forget(self) -> None:
        """Forget every failed bind and unlock everybody."""
        with self._lock:
            self._failed.clear()
            self._wrong_in_a_row.clear()
            self._locked_at.clear()

    def bind(self, name: str, password: str) -> tuple[int, str]:
        r"""Return the LDAP result of a bind and Active Directory's message.

        The name is a DN, a UPN or DOMAIN\account.
        """
        found = _named(take_snapshot(self._world), name)
        with self._lock:
            if len(found) != 1:
                self._failed[name] += 1
                return refusal(NO_SUCH_USER)
            account = found[0].texts("sAMAccountName")[0]
            why = self._objection(found[0], account, password)
            if why:
                self._failed[account] += 1
                return refusal(why)
            self._wrong_in_a_row[account] = 0
            return SUCCESS, ""

    def _objection(self, entry: Entry, account: str, password: str) -> str | None:
        """Return Active Directory's code for why this account may not bind, None when it may."""
        now = self._world.now()
        if now - self._locked_at.get(account, now - LOCKOUT_SECONDS) < LOCKOUT_SECONDS:
            return ACCOUNT_LOCKED
        if self._world.passwords.get(account) != password:
            self._wrong_in_a_row[account] += 1
            if self._wrong_in_a_row[account] >= LOCKOUT_THRESHOLD:
                self._locked_at[account] = now
                self._wrong_in_a_row[account] = 0
            return WRONG_PASSWORD
        if int(entry.texts("userAccountControl")[0]) & DISABLED:
            return ACCOUNT_DISABLED
        expires = int(entry.texts("accountExpires")[0])
        if 0 < expires < NEVER and expires / 1e7 - FILETIME_EPOCH < now:
            return ACCOUNT_EXPIRED
        return None


def refusal(code: str) -> tuple[int, str]:
    """Return LDAP 49 with Active Directory's sub-code."""
    return (
        BAD_CREDENTIALS,
        f"80090308: LdapErr: DSID-0C09050F, comment: AcceptSecurityContext error, data {code}, v4563",
    )


def _named(snapshot: Snapshot, name: str) -> list[Entry]:
    """Return the accounts that a bind name means."""
    wanted, key = name.casefold(), norm_dn(name)
    account = wanted.partition("\\")[2]
    return [
        entry
        for entry in snapshot.entries.values()
        if "userprincipalname" in entry.values
        and (
            entry.key == key
            or wanted == entry.texts("userPrincipalName")[0].casefold()
            or (account and account == entry.texts("sAMAccountName")[0].casefold())
        )
    ]
