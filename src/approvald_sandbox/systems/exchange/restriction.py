"""The query language of FindItem and FindFolder: restrictions, sort orders, pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from approvald_sandbox.systems.exchange.fields import FieldPath, field_path
from approvald_sandbox.systems.exchange.soap import (
    TYPES,
    Code,
    Element,
    EwsError,
    Value,
    elements,
    is_true,
    local,
    m,
    t,
)

Kind = TypeVar("Kind")
Lookup = Callable[[FieldPath], Value | None]
"""Returns the value that a thing has for a field."""

ORDERED: Final[dict[str, Callable[[int], bool]]] = {
    "IsEqualTo": lambda sign: sign == 0,
    "IsNotEqualTo": lambda sign: sign != 0,
    "IsGreaterThan": lambda sign: sign > 0,
    "IsGreaterThanOrEqualTo": lambda sign: sign >= 0,
    "IsLessThan": lambda sign: sign < 0,
    "IsLessThanOrEqualTo": lambda sign: sign <= 0,
}
MOST_ENTRIES: Final = 1000
"""Exchange's throttling policy EWSFindCountLimit, by default."""


def matches(restriction: Element | None, lookup: Lookup) -> bool:
    """Whether a thing meets a restriction; no restriction is met by everything. Raises EwsError."""
    return all(_meets(node, lookup) for node in elements(restriction))


def _meets(node: Element, lookup: Lookup) -> bool:
    children = elements(node)
    kind = local(node)
    if kind == "And":
        return all(_meets(child, lookup) for child in children)
    if kind == "Or":
        return any(_meets(child, lookup) for child in children)
    if kind == "Not":
        return not _meets(children[0], lookup)
    value = lookup(field_path(children[0]))
    if kind == "Exists":
        return value is not None
    constants = [str(each.get("Value", "")) for each in node.iter(f"{{{TYPES}}}Constant")]
    if kind == "Contains":
        return isinstance(value, str) and _contains(node, value, constants[0])
    if kind in ORDERED:
        return _compares(kind, value, constants[0])
    raise EwsError(Code.UNSUPPORTED_PATH, f"The restriction {kind} is not supported.")


def _contains(node: Element, value: str, wanted: str) -> bool:
    if str(node.get("ContainmentComparison", "Exact")).startswith("IgnoreCase"):
        value, wanted = value.casefold(), wanted.casefold()
    match node.get("ContainmentMode"):
        case "FullString":
            return value == wanted
        case "Prefixed":
            return value.startswith(wanted)
        case _:
            return wanted in value


def _compares(kind: str, value: Value | None, constant: str) -> bool:
    """Compare as the value's type does; texts without regard to case, as Exchange does. What is absent is unequal."""
    if value is None:
        return kind == "IsNotEqualTo"
    try:
        sign = _sign(value, constant)
    except ValueError as error:
        raise EwsError(Code.SCHEMA, "The request failed schema validation: a constant has the wrong type.") from error
    return ORDERED[kind](sign)


def _sign(value: Value, constant: str) -> int:
    if isinstance(value, str):
        left, right = value.casefold(), constant.casefold()
        return (left > right) - (left < right)
    match value:
        case bool():
            mine, given = float(value), float(is_true(constant))
        case datetime():
            instant = datetime.fromisoformat(constant)
            aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
            mine, given = value.timestamp(), aware.timestamp()
        case _:
            mine, given = float(value), float(constant)
    return (mine > given) - (mine < given)


def in_order(order: Element | None, things: list[Kind], lookup: Callable[[Kind], Lookup]) -> list[Kind]:
    """Sort by a SortOrder; things without a value come first, as the smallest."""
    for node in reversed(elements(order)):
        path = field_path(elements(node)[0])
        things = sorted(
            things, key=lambda thing: _sortable(lookup(thing)(path)), reverse=node.get("Order") == "Descending"
        )
    return things


def _sortable(value: Value | None) -> tuple[int, float, str]:
    match value:
        case None:
            return 0, 0.0, ""
        case bool() | int():
            return 1, float(value), ""
        case datetime():
            return 1, value.timestamp(), ""
        case _:
            return 1, 0.0, value.casefold()


def page(view: Element | None, things: list[Kind], container: str, build: Callable[[Kind], Element]) -> Element:
    """Return the RootFolder element with one page of the things, by IndexedPageItemView or IndexedPageFolderView."""
    offset, most = 0, MOST_ENTRIES
    if view is not None:
        offset = int(view.get("Offset", "0"))
        most = min(int(view.get("MaxEntriesReturned", str(MOST_ENTRIES))), MOST_ENTRIES)
        if view.get("BasePoint") == "End":
            things.reverse()
    end = min(offset + most, len(things))
    return m(
        "RootFolder",
        t(container, *(build(thing) for thing in things[offset:end])),
        IndexedPagingOffset=str(end),
        TotalItemsInView=str(len(things)),
        IncludesLastItemInRange="true" if end >= len(things) else "false",
    )
