"""Writes frozen values as JSON and reads them back strictly, between the daemon and the process that reads mails.

Only data can come out of it, in exactly the shape that the fields' types give: nothing is guessed or left out.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

_SCALARS: Final = (str, int, float, bool, NoneType)


def dumps(value: object) -> bytes:
    """Return a value made of frozen dataclasses, tuples, frozen sets and scalars as JSON in ASCII.

    The name of the outermost dataclass goes with it. Raises TypeError for any other value.
    """
    return json.dumps({"kind": type(value).__name__, "value": _plain(value)}).encode("ascii")


def loads(data: bytes, *kinds: type) -> Any:
    """Return the value, of one of these dataclasses. Raises ValueError for anything that `dumps` has not written.

    The error never repeats the data.
    """
    try:
        outer = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError):
        raise ValueError(_ODD) from None
    kind = next((kind for kind in kinds if isinstance(outer, dict) and outer.get("kind") == kind.__name__), None)
    if kind is None or len(outer) != len(("kind", "value")):
        raise ValueError(_ODD)
    return _typed(kind, outer.get("value"))


_EXACT: Final = 2**53
_ODD: Final = "unexpected data"


def _plain(value: Any) -> object:
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)  # type: ignore[type-var]  # sets of texts
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    message = f"a {type(value).__name__} is not a plain value"
    raise TypeError(message)


def _typed(hint: Any, found: object) -> Any:
    """Return what was found as this type says. Raises ValueError where it is of another shape."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return _one_of(inner, found)
    if origin is tuple:
        return _tuple(inner, found)
    if origin is frozenset:
        return frozenset(_typed(inner[0], item) for item in _list(found))
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint, found)
    return _scalar(hint, found)


def _scalar(kind: Any, found: object) -> object:
    if kind is float and type(found) is int and abs(found) <= _EXACT:
        return float(found)
    if kind in _SCALARS and type(found) is kind:
        return found
    raise ValueError(_ODD)


def _one_of(kinds: tuple[Any, ...], found: object) -> object:
    """Read a union of scalars, each exactly as it is."""
    if type(found) in kinds:
        return _scalar(type(found), found)
    raise ValueError(_ODD)


def _list(found: object) -> list[Any]:
    if isinstance(found, list):
        return found
    raise ValueError(_ODD)


def _tuple(inner: tuple[Any, ...], found: object) -> tuple[Any, ...]:
    items = _list(found)
    kinds = [inner[0]] * len(items) if inner[-1] is Ellipsis else inner
    if len(kinds) != len(items):
        raise ValueError(_ODD)
    return tuple(_typed(kind, item) for kind, item in zip(kinds, items, strict=True))


def _dataclass(kind: type[Any], found: object) -> Any:
    if not isinstance(found, dict) or set(found) != {each.name for each in fields(kind)}:
        raise ValueError(_ODD)
    hints = get_type_hints(kind)
    return kind(**{name: _typed(hints[name], item) for name, item in found.items()})
