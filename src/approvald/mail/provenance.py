"""Collects what the audit trail keeps of a mail: hash, size, and the fields that say where it came from. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

from approvald.core.model import Mail
from approvald.core.text import harmless

KEPT: Final = (
    "From",
    "Sender",
    "To",
    "Date",
    "Message-ID",
    "X-MS-Exchange-Organization-AuthAs",
    "X-MS-Exchange-Organization-AuthMechanism",
    "X-MS-Exchange-Organization-AuthSource",
)
"""Header fields that are kept, every one of that name, shortened and made harmless; none holds a text of the body."""
_MOST: Final = 20


def mail_facts(mail: Mail) -> dict[str, object]:
    """Return it as plain JSON values. `sha256` is of the MIME content, None where it was too large to fetch."""
    names = {name.casefold() for name in KEPT}
    found = [[name, harmless(value)] for name, value in mail.headers if name.casefold() in names]
    return {
        "sha256": None if mail.mime is None else hashlib.sha256(mail.mime).hexdigest(),
        "size": mail.listed.size,
        "received": mail.listed.received.isoformat(),
        "item_class": mail.listed.item_class,
        "headers": found[:_MOST],
    }
