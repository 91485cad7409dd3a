"""Find the request a mail points to, as PVWA knows it."""

from __future__ import annotations

from collections.abc import Sequence

from approvald.approval.endings import Code, Ending
from approvald.core.errors import System, Unavailable
from approvald.core.model import AccessRequest, Level
from approvald.core.ports import Absent, Pvwa


def find_request(pvwa: Pvwa, request_id: str, accounts: Sequence[Level]) -> AccessRequest | Ending:
    """Read the request with each account in turn until one sees it.

    Gone only by PVWA's own word: absent for every account and in none of their lists. Raises Unavailable when PVWA
    does not answer, or contradicts itself.
    """
    answers = []
    for account in accounts:
        answer = pvwa.details(request_id, account)
        if isinstance(answer, AccessRequest):
            return answer
        answers.append(answer)
    if not answers or not all(isinstance(answer, Absent) for answer in answers):
        return Ending(code=Code.NOT_VISIBLE, request_id=request_id)
    if any(pvwa.lists(request_id, account) for account in accounts):
        message = "PVWA lists the request and says at the same time that it does not exist"
        raise Unavailable(System.PVWA, message)
    return Ending(code=Code.REQUEST_GONE, request_id=request_id)
