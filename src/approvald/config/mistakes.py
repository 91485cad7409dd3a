"""Turns what pydantic found wrong into sentences "key.path: what is wrong; what to do".

No sentence holds a value of the file: a password may be where it does not belong.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import ValidationError

from approvald.config.settings import FileSecret, Settings, VaultSecret
from approvald.config.values import Section
from approvald.core.text import escape

LOOKS_SECRET: Final = re.compile(
    r"(.*[_-])?(pass(word|wd|phrase)?|pwd|token|secret_?id|api_?key|private_?key)", re.IGNORECASE
)
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
KINDS: Final[dict[str, type[Section]]] = {"file": FileSecret, "hashicorp_vault": VaultSecret}

SENTENCES: Final = {
    "string_type": "is not a text; write it in quotes",
    "path_type": "is not a text; write the path in quotes",
    "bool_type": "is neither true nor false; write one of them, without quotes",
    "int_type": "is not a whole number; write it without quotes, as in 200",
    "float_type": "is not a number; write it without quotes, as in 15",
    "finite_number": "is not a finite number; write one, as in 15",
    "greater_than": "is not above zero; write a number above 0",
    "greater_than_equal": "is below zero; write 0 or a number above it",
    "list_type": 'is not a list; write it in brackets, as in ["one", "two"]',
    "dict_type": "is not a section; write its name in brackets on a line of its own, and its keys below",
    "model_type": "is not a section; write its name in brackets on a line of its own, and its keys below",
    "too_short": "is empty; name at least one",
    "union_tag_not_found": 'is missing; write source = "hashicorp_vault" or source = "file"',
    "union_tag_invalid": 'is not one of the allowed words; write source = "hashicorp_vault" or source = "file"',
}
NO_SECRETS_HERE: Final = (
    "looks like a secret; secrets never belong in this file: take it out, change it, and keep it in HashiCorp Vault "
    "or a credential file that [secrets.accounts] names"
)

NO_ACCOUNTS: Final = (
    "is missing; add a section [secrets.accounts.NAME] for each of mailbox, directory, level1 and level2"
)

Place = tuple[str | int, ...]


def sentences(error: ValidationError, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each mistake. `values` is what the file holds; only its keys are looked at.

    A required option under a misspelled name is one mistake, though it is both unknown and missing.
    """
    found = error.errors(include_url=False, include_input=False)
    meant = {_meant(*_section_of(each["loc"])) for each in found if each["type"] == "extra_forbidden"}
    for details in found:
        kind, context = details["type"], details.get("ctx", {})
        section, place = _section_of(details["loc"])
        if kind == "value_error" and not place:
            yield from str(context["error"]).split("\n")
        elif kind != "missing" or place not in meant:
            if kind.startswith("union_tag"):
                place = (*place, "source")
            yield f"{dotted(place)}: {_what(kind, context, place, section, values)}"


def dotted(place: Place) -> str:
    """Write a place as an operator would: mail.domains[0]."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if BARE_KEY.fullmatch(part) else f'"{escape(part)}"')
    return text


def _what(
    kind: str, context: Mapping[str, Any], place: Place, section: type[Section] | None, values: Mapping[str, Any]
) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return _missing(place, section)
    if kind == "extra_forbidden":
        return _unknown(place, section, values)
    if kind == "literal_error":
        return f"is not one of the allowed words; write {context['expected']}"
    return SENTENCES.get(kind, "is not in a usable form; see its comment in config/approvald.toml")


def _missing(place: Place, section: type[Section] | None) -> str:
    if place in (("secrets",), ("secrets", "accounts")):
        return NO_ACCOUNTS
    wanted = _inner(section, str(place[-1])) if section else None
    if wanted is None:
        home = dotted(place[:-1])
        return f"is missing; add a line {place[-1]} = ... to [{home}]"
    required = " and ".join(name for name, field in wanted.model_fields.items() if field.is_required())
    return f"is missing; add the section [{dotted(place)}] with {required}"


def _unknown(place: Place, section: type[Section] | None, values: Mapping[str, Any]) -> str:
    name = str(place[-1])
    if LOOKS_SECRET.fullmatch(name) or _holds_secret(_value_at(values, place)):
        return NO_SECRETS_HERE
    home = f"[{dotted(place[:-1])}]" if len(place) > 1 else "this file"
    if meant := _meant(section, place):
        return f"is not an option of {home}; did you mean {meant[-1]}?"
    elsewhere = [f"[{each}]" for each, options in _all_sections(Settings) if name in options]
    if elsewhere:
        return f"is not an option of {home}; move it to {' or '.join(elsewhere)}"
    known = ", ".join(section.model_fields if section else ())
    return f"is not an option of {home}; take it out, or write one of: {known}"


def _meant(section: type[Section] | None, place: Place) -> Place | None:
    """Return the place of the option whose name is like this unknown one's."""
    close = difflib.get_close_matches(str(place[-1]).casefold(), section.model_fields if section else (), n=1)
    return (*place[:-1], close[0]) if close else None


def _section_of(place: Place) -> tuple[type[Section] | None, Place]:
    """Return the section that the last part of the place belongs to, and the place as it is written in the file.

    pydantic puts a mark into the place of a wrong key, and the kind of a secret's source into the place of an error
    inside it; the file has no such parts.
    """
    place = tuple(part for part in place if part != "[key]")
    if len(place) > 2 and place[:2] == ("secrets", "accounts"):  # noqa: PLR2004 - secrets, accounts, NAME
        kind = KINDS.get(str(place[3])) if len(place) > 3 else None  # noqa: PLR2004 - secrets, accounts, NAME, kind
        return kind, place[:3] + (place[4:] if kind else ())
    section: type[Section] | None = Settings
    for part in (part for part in place[:-1] if isinstance(part, str)):
        section = _inner(section, part) if section else None
    return section, place


def _inner(section: type[Section], name: str) -> type[Section] | None:
    """Return the section that this key of a section is, or None where it is a plain value."""
    field = section.model_fields.get(name)
    if field is None:
        return None
    kinds = (field.annotation, *get_args(field.annotation))
    return next((each for each in kinds if isinstance(each, type) and issubclass(each, Section)), None)


def _all_sections(section: type[Section], home: str = "") -> Iterator[tuple[str, Mapping[str, object]]]:
    for name in section.model_fields:
        inner = _inner(section, name)
        if inner is not None:
            path = f"{home}.{name}" if home else name
            yield path, inner.model_fields
            yield from _all_sections(inner, path)


def _value_at(values: object, place: Place) -> object:
    for part in place:
        values = values.get(str(part)) if isinstance(values, Mapping) else None
    return values


def _holds_secret(value: object) -> bool:
    return isinstance(value, Mapping) and any(
        LOOKS_SECRET.fullmatch(str(key)) or _holds_secret(inner) for key, inner in value.items()
    )
