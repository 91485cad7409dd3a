"""Who may confirm a request, at which level, and whose votes it has."""

from __future__ import annotations

import zlib
from typing import Final

from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.world.world import Confirmation, Request, World

FIRST_LEVEL_ACCOUNT: Final = "svc-pam-l1"
SECOND_LEVEL_ACCOUNT: Final = "svc-pam-l2"
TEAM_GROUP_SUFFIX: Final = "_pamapprover"
CONFIRMED: Final = "confirmed"
REJECTED: Final = "rejected"
BOTH_LEVELS: Final = (1, 2)


def same(one: str, other: str) -> bool:
    """Whether two names of the Vault mean the same: it does not tell upper case from lower case."""
    return one.casefold() == other.casefold()


def number_of(name: str) -> int:
    """Make up a small stable number for a user, a group or a safe; the Vault would have given one."""
    return zlib.crc32(name.casefold().encode()) % 9000 + 10


class Confirmers:
    """The confirmers of every request, from the world's safes and groups and the profile in force."""

    def __init__(self, world: World, profile: Profile) -> None:
        self._world = world
        self._profile = profile

    def levels(self, request: Request) -> int:
        """How many levels the request goes through."""
        return 1 if self._profile.single_level_second_group else request.levels

    def level(self, request: Request) -> int:
        """Return the level it waits for, or was closed at."""
        return min(request.level, self.levels(request))

    def needed(self, request: Request) -> int:
        """Votes needed at each level."""
        return self._profile.confirmers_needed or request.confirmers_needed

    def at(self, request: Request, level: int) -> list[str]:
        """Return the users and groups that confirm the request at this level."""
        return self._authorized(request, level) if level <= self.levels(request) else []

    def _authorized(self, request: Request, level: int) -> list[str]:
        """Return who has this level's right on the safe, whether or not the request goes through the level."""
        if self._profile.single_level_second_group:
            return [self._world.level2_group] if level == 1 else []
        safe = self._world.safes.get(request.safe)
        if safe is None:
            return []
        return list(safe.level1 if level == 1 else safe.level2)

    def acts(self, request: Request, level: int) -> list[Confirmation]:
        """Return what was done at this level.

        With the one level of the second-level group, votes of other groups before this profile was set count for
        nothing while the request waits, and still tell who closed a closed one.
        """
        if not self._profile.single_level_second_group:
            return [act for act in request.confirmations if act.level == level]
        names = self.at(request, level)
        return [act for act in request.confirmations if request.status != "waiting" or act.principal in names]

    def votes_left(self, request: Request, level: int) -> int:
        """Count the confirmations still missing at this level; a group or user counts once."""
        given = {act.principal for act in self.acts(request, level) if act.action == CONFIRMED}
        return max(self.needed(request) - len(given), 0)

    def is_group(self, name: str) -> bool:
        """Whether a confirmer is a group: also one that the world names for a safe without listing its members."""
        if name in self._world.groups:
            return True
        if name in self._world.people or name in self._world.passwords:
            return False
        return name == self._world.level2_group or any(name in s.level1 + s.level2 for s in self._world.safes.values())

    def members(self, group: str) -> list[str]:
        """Return the user names in a group, nested groups included, and the confirming account that belongs there."""
        found = self._world.members_of(group)
        if group == self._world.level2_group:
            found |= self._unless_listed(SECOND_LEVEL_ACCOUNT)
        elif group.casefold().endswith(TEAM_GROUP_SUFFIX) and any(
            group in s.level1 for s in self._world.safes.values()
        ):
            found |= self._unless_listed(FIRST_LEVEL_ACCOUNT)
        return sorted(found)

    def _unless_listed(self, account: str) -> set[str]:
        listed = any(account in group.members for group in self._world.groups.values())
        return set() if listed else {account}

    def votes_of(self, user: str, request: Request, level: int) -> list[str]:
        """Return the confirmers of this level in whose name the user may act: himself first, then his groups."""
        return self._names_of(user, self.at(request, level))

    def _names_of(self, user: str, names: list[str]) -> list[str]:
        own = [name for name in names if not self.is_group(name) and same(name, user)]
        groups = [name for name in names if self.is_group(name)]
        return own + [name for name in groups if any(same(user, member) for member in self.members(name))]

    def sees(self, user: str, request: Request) -> bool:
        """Whether the user has a right to confirm on the safe, at a level that lets him see the request now."""
        seen = range(1, self.level(request) + 1) if self._profile.level2_blind_to_level1 else BOTH_LEVELS
        return any(self._names_of(user, self._authorized(request, level)) for level in seen)

    def is_blind(self, user: str, request: Request) -> bool:
        """Whether only the profile keeps the user from seeing a request that has not come to his level."""
        authorized = any(self._names_of(user, self._authorized(request, level)) for level in BOTH_LEVELS)
        return authorized and not self.sees(user, request)
