"""What a story is: mails that arrive, and what must become of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from approvald_sandbox.systems.faults import System

WHEN: Final = "<when>"
"""Stands in `Outcome.says` for the time of the last confirmation, as a reply writes it."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one mail, as the pretend systems saw it and approvald's log named it."""

    code: str
    folder: str
    confirmations: tuple[tuple[str, int], ...] = ()
    """The votes that PVWA took: account and level."""
    confirm_calls: int = 0
    """How many Confirm calls arrived at PVWA, taken or not."""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    says: str = ""
    """Words that the reply must hold; of what happened, the same words where the reply does hold them."""
    waited_for: System | None = None
    """The system for which the mail waited in the Inbox."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One mail that arrives. `away` is down when it arrives, and comes back once the mail waits."""

    what: str
    mail: bytes
    expected: Outcome
    away: System | None = None


@dataclass(frozen=True, kw_only=True)
class Story:
    """Some mails, one after the other. `requests` are changes of PVWA's requests, in the words of world.json."""

    title: str
    why: str
    requests: tuple[Mapping[str, Any], ...]
    acts: tuple[Act, ...]
    shows_reply: bool = False
    """Whether the last reply is worth to be printed in full."""
