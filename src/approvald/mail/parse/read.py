"""Reads from a raw mail what the forwarded notification says. Pure, and never raises.

views (MIME) -> html (text, hidden text) -> fields (labelled lines) -> agree (one value each, or a refusal).
"""

from __future__ import annotations

from approvald.core.errors import Unreadable
from approvald.core.model import Incomplete, Reading
from approvald.mail.parse.agree import agree
from approvald.mail.parse.rules import CORE, ParseRules
from approvald.mail.parse.views import views_of

_ADVICE = "Forward CyberArk's notification alone, unchanged, or approve in PVWA."


def read(mime: bytes, rules: ParseRules) -> Reading:
    """Return the one reading of a raw mail. What cannot be read for certain is Incomplete and `unreadable`."""
    try:
        return agree(views_of(mime, rules), rules)
    except Unreadable as error:
        return Incomplete(missing=CORE, why=f"{error} {_ADVICE}", unreadable=True)
    except Exception:  # noqa: BLE001 - untrusted bytes; RecursionError and MemoryError included
        return Incomplete(missing=CORE, why=f"The mail cannot be read. {_ADVICE}", unreadable=True)
