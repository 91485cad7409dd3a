"""How this PVWA behaves where real ones differ or where nobody outside CyberArk knows: one switch for each doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

TOKEN_STEP: Final = 4
SHORTEST_TOKEN: Final = 120


@dataclass(kw_only=True)
class Profile:
    """The switches; the defaults are what the public sources make most likely."""

    closed_answer: Literal["500", "409", "404", "403", "500html"] = "500"
    """What Confirm answers for a request that is confirmed, rejected, used, expired or out of its window."""
    wrong_level_answer: Literal["403", "500"] = "403"
    """What Confirm answers to a wrong level, to the requestor and to somebody who is no confirmer."""
    no_access_answer: Literal["403", "404", "500"] = "403"
    """What Details answers to somebody who is no confirmer of the request."""
    token_shape: Literal["string", "object"] = "string"
    """A bare JSON string, or {"CyberArkLogonResult": ...}."""
    token_length: int = 180
    """Characters, a multiple of four; 180 and 244 were seen."""
    sticky_nodes: bool = False
    """Two nodes behind a load balancer, chosen by the cookie SERVERID; a token is valid on its node only."""
    idle_timeout_seconds: float = 1200.0
    one_call_per_token: bool = False
    """A second call with a token is refused while the first is under way."""
    lockout_threshold: int = 5
    """Bad passwords in a row after which a user is suspended."""
    logon_types: tuple[str, ...] = ("cyberark", "ldap", "windows")
    expired_passwords: tuple[str, ...] = ()
    """Users whose password must be changed first: 409."""
    status_map: Literal["a", "b"] = "a"
    """a: bit flags; b: enumeration. Waiting is 1 in both."""
    action_confirmed: int = 1
    action_rejected: int = 3
    """Confirmers[].Action; no public source has these two. 2 is: has not acted."""
    members: Literal["actor", "all"] = "actor"
    """Members of a group that has acted: the one who did, or everybody."""
    confirmer_names: Literal["plain", "domain", "upn"] = "plain"
    """Confirmers[].Name as X, CORP\\X or X@corp.example."""
    requestor_names: Literal["plain", "domain", "upn"] = "plain"
    """RequestorUserName, in the same three spellings."""
    list_confirmers: Literal["all", "current"] = "all"
    """Confirmers of all levels, or of the level the request waits for."""
    confirmers_needed: int | None = None
    """Votes needed at each level, instead of the request's own number."""
    level2_blind_to_level1: bool = False
    """Second-level confirmers do not see a request before it is at level 2: 404, and in no list."""
    single_level_second_group: bool = False
    """Every safe has one level, and its only confirmer is the second-level group."""
    handled_hidden: bool = False
    """Requests that are closed, or in which the user's vote is spent, leave the list."""
    upgrade_window: bool = False
    """Every route answers an HTML page, 404 and 503 in turn."""
    vault_away: bool = False
    """CyberArk's Vault fails over: every session ends, and every call answers 500 with the Vault's words in it."""

    def update(self, changes: Mapping[str, Any]) -> None:
        """Set several switches, or none: raises ValueError naming the first unknown key or unusable value."""
        hints = get_type_hints(type(self))
        known = {each.name for each in fields(self)}
        checked: dict[str, Any] = {}
        for key, value in changes.items():
            if key not in known:
                message = f"unknown PVWA profile switch {key!r}; known are {', '.join(sorted(known))}"
                raise ValueError(message)
            checked[key] = _checked(key, hints[key], value)
        for key, value in checked.items():
            setattr(self, key, value)


def _checked(key: str, hint: Any, value: Any) -> Any:
    """Return the value in the switch's type. Raises ValueError naming the key."""
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint is bool and isinstance(value, bool):
        return value
    if _is_number(value) and hint is float:
        return float(value)
    if isinstance(hint, UnionType) and (value is None or _is_count(value)):
        return value
    if hint is int and _is_count(value):
        if key != "token_length" or (value >= SHORTEST_TOKEN and value % TOKEN_STEP == 0):
            return value
    elif get_origin(hint) is tuple and isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return tuple(item.casefold() for item in value)
    choices = f", one of {', '.join(get_args(hint))}" if get_origin(hint) is Literal else ""
    message = f"PVWA profile switch {key!r} cannot be {value!r}{choices}"
    raise ValueError(message)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
