"""What became of a confirmation or rejection, by PVWA's record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from approvald.approval.endings import Code
from approvald.approval.request import CLOSED, Standing
from approvald.core.model import AccessRequest, Level
from approvald.core.ports import Declined
from approvald.ledger.intents import Act

DONE: Final[Mapping[Act, Code]] = {Act.CONFIRM: Code.CONFIRMED, Act.REJECT: Code.REJECTED}
"""How a mail ends whose act PVWA has taken."""
_NOT_PERMITTED: Final = frozenset({"PASWS041E"})
_FORBIDDEN: Final = 403


def code_of_declined(where: Standing, found: AccessRequest, level: Level, answer: Declined) -> Code:
    """Return what an act at this level ended as that PVWA has declined; `found`: the record as it is afterwards."""
    if where in CLOSED:
        return CLOSED[where]
    if found.level is not None and found.level is not level:
        return Code.WRONG_LEVEL
    if answer.status == _FORBIDDEN or answer.code in _NOT_PERMITTED:
        return Code.NOT_PERMITTED
    return Code.PVWA_REFUSED
