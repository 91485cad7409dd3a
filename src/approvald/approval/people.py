"""Tells which directory accounts belong to one human. Pure.

Two accounts do if they are one object or have the same link attribute, or if one is the other's admin account. A
requestor's line manager is another human: `manager` counts for accounts that match people.admin_accounts only (the
directory says so by `owner`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from typing import Final, Never, Protocol, final

from approvald.core.model import Person

LINK_JOINS_AT_MOST: Final = 3
"""A link value that more people bear is a filler or a slip: it joins nobody."""


CHECKED: Final = object()
"""Proves that a checker made a value. Only `mail.sender` may import it; a test holds that."""


class Human(Protocol):
    """The marks that tell one human from another: objectGUID, the link attribute, and whose admin account it is."""

    @property
    def guid(self) -> str: ...  # noqa: D102 - see the class

    @property
    def link(self) -> str | None: ...  # noqa: D102 - see the class

    @property
    def owner(self) -> str | None: ...  # noqa: D102 - see the class


@dataclass(frozen=True, kw_only=True)
class ApprovedBy:
    """A human on whose behalf we confirmed, as the ledger knows them, and the id in the comment.

    `guid`: of the person, or of the owner where an admin account approved; so `owner` says nothing more.
    """

    guid: str
    link: str | None
    ledger_id: str
    owner: None = None


@final
@dataclass(frozen=True, kw_only=True)
class VerifiedApprover:
    """A proven address that belongs to exactly one enabled person. Made by `verify` alone, and not copied."""

    address: str
    person: Person
    proof: str
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        check_seal(seal, "verify")

    def __reduce__(self) -> Never:
        message = "a VerifiedApprover is made by verify() for each mail; it is neither copied nor stored"
        raise TypeError(message)


def same_person(one: Human, other: Human, bearers: Mapping[str, int]) -> bool:
    """Whether two accounts are one human. `bearers`: how many people bear a link; an uncounted link joins."""
    return _joined_without_link(one, other) or (
        one.link == other.link and bool(one.link) and bearers.get(one.link or "", 0) <= LINK_JOINS_AT_MOST
    )


def links_to_count(some: Iterable[Human], others: Iterable[Human]) -> frozenset[str]:
    """Return the links that alone would join one of `some` and one of `others`: how many people bear them matters."""
    others = tuple(others)
    return frozenset(
        one.link
        for one in some
        for other in others
        if one.link and one.link == other.link and not _joined_without_link(one, other)
    )


def _joined_without_link(one: Human, other: Human) -> bool:
    return not {one.guid, one.owner or one.guid}.isdisjoint({other.guid, other.owner or other.guid})


def check_seal(seal: object, maker: str) -> None:
    """Refuse what was not made by its checker. Raises TypeError."""
    if seal is not CHECKED:
        message = f"only {maker}() makes this, after its checks"
        raise TypeError(message)
