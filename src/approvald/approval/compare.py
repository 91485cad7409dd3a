"""Compares what a forwarded notification says with PVWA's record. Pure.

Dates and windows printed in a mail are local text without a zone and are never compared.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from approvald.core.model import AccessRequest, Notification, Person, PersonLookup

CUT_AT_LEAST: Final = 40
"""A printed reason may be a cut beginning of the real one, when it has this many characters or more."""
_OUR_CUT: Final = 1_900
"""PVWA's texts are taken up to 2,000 characters: beyond that, a printed reason is compared as far as ours goes."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs"})
_REPLACED: Final = "\ufffd"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The effect of a difference by field: `refuse`, or `note` to only write it down. Other fields always refuse."""

    account: Literal["refuse", "note"] = "refuse"
    device_user: Literal["refuse", "note"] = "refuse"
    reason: Literal["refuse", "note"] = "refuse"


def differences(
    notification: Notification, request: AccessRequest, requestor: PersonLookup, comparison: Comparison
) -> tuple[str, ...]:
    """Return the names of the fields that differ and refuse, for the sender. Never a value."""
    found = []
    if _folded(notification.safe) != _folded(request.safe) or notification.number != request.number:
        found.append("request id")
    # An unknown requestor has a check and a code of its own, later on.
    if isinstance(requestor, Person) and not has_address(requestor, notification.requestor):
        found.append("requestor")
    refusing = {name for name in ("account", "device_user", "reason") if getattr(comparison, name) == "refuse"}
    found += [name.replace("_", " ") for name in noted(notification, request) if name in refusing]
    return tuple(found)


def noted(notification: Notification, request: AccessRequest) -> tuple[str, ...]:
    """Return those of account, device_user and reason that the mail shows and that differ from PVWA's.

    A value that PVWA does not show counts as different, because it cannot be compared.
    """
    found = []
    if notification.account is not None and _folded(notification.account) != _folded(request.account or ""):
        found.append("account")
    if notification.device_user is not None and _folded(notification.device_user) != _folded(request.device_user or ""):
        found.append("device_user")
    if notification.reason is not None and not _same_reason(notification.reason, request):
        found.append("reason")
    return tuple(found)


def has_address(person: Person, address: str) -> bool:
    """Whether this is one of the person's SMTP addresses."""
    return address.casefold() in {person.address.casefold(), *person.addresses}


def _same_reason(printed: str, request: AccessRequest) -> bool:
    shown = _seen(printed)
    cut = shown.removesuffix("...").removesuffix("…").rstrip()
    for real in (_seen(request.user_reason), _seen(request.requestor_reason)):
        is_cut_beginning = len(cut) >= CUT_AT_LEAST and real.startswith(cut)
        if shown == real or is_cut_beginning or (len(real) >= _OUR_CUT and shown.startswith(real)):
            return True
    return False


def _seen(text: str) -> str:
    """Return what people see of a text, white space folded: adapters drop control characters, mails carry them.

    Quote marks at the beginning may be the mail client's and do not count.
    """
    kept = (each for each in " ".join(text.split()) if unicodedata.category(each) not in _UNSEEN and each != _REPLACED)
    return " ".join("".join(kept).lstrip("> ").split())


def _folded(value: str) -> str:
    return " ".join(value.split()).casefold()
