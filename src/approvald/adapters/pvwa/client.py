"""The port `Pvwa` over CyberArk's REST API: three calls for a confirmation, each with an exact outcome.

Nothing is judged here. What a declined confirmation means is found by `confirmation.confirm`, from the record as it
is afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, assert_never
from urllib.parse import quote

from approvald.adapters.pvwa.answers import BUSY_OR_LATE, Answer, Complaint, Empty, Foreign, Value
from approvald.adapters.pvwa.records import access_request, find_record, listed_ids
from approvald.adapters.pvwa.session import PvwaSession
from approvald.adapters.pvwa.wire import AnswerLost
from approvald.config.settings import PvwaSettings
from approvald.core.errors import OutcomeUnknown, System, Unavailable, Unreadable
from approvald.core.model import AccessRequest, ConfirmingAccount
from approvald.core.ports import Absent, Accepted, Clock, Declined, Forbidden, LogonGuard, SecretStore

NO_ACCOUNT: Final = "no_second_level_account"
"""The code of our own answer for a level that has no account in the configuration; PVWA is not asked."""


class PvwaClient:
    """Implements `approvald.core.ports.Pvwa`. Making one does no I/O; the first call logs on.

    Without `pvwa.second_level_secret`, for the second account: `details` is Forbidden, `confirm` Declined (with the
    code `no_second_level_account`), `lists` is False, `user_name` is empty.
    `permit` is asked right before a confirmation or rejection leaves; what it raises is raised, and nothing was sent.
    """

    def __init__(
        self, settings: PvwaSettings, secrets: SecretStore, guard: LogonGuard, clock: Clock,
        *, permit: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._permit = permit
        names = {
            ConfirmingAccount.FIRST: settings.first_level_secret,
            ConfirmingAccount.SECOND: settings.second_level_secret,
        }
        by_name = {
            name: PvwaSession(settings, name, secrets=secrets, guard=guard, clock=clock)
            for name in names.values()
            if name is not None
        }
        self._dates: dict[ConfirmingAccount, str] = {}
        self._sessions = {level: by_name[name] for level, name in names.items() if name is not None}

    def details(self, request_id: str, account: ConfirmingAccount) -> AccessRequest | Absent | Forbidden:
        """Read one request as that account sees it.

        Absent and Forbidden are PVWA's own JSON. Some installations answer an error of general words (a 500) for a
        request that is gone: such an error counts as Absent only if the same account's list can be read and does not
        hold the request. A waiting request is in that list, so it is never taken for absent.
        """
        session = self._sessions.get(account)
        if session is None:
            return Forbidden(code=NO_ACCOUNT)
        answer = session.ask("GET", f"/API/IncomingRequests/{quote(request_id, safe='')}/")
        reading = answer.reading
        if isinstance(reading, Value):
            return _record(answer, reading, request_id)
        if isinstance(reading, Complaint) and _is_verdict(answer):
            if reading.is_forbidden:
                return Forbidden(code=reading.code, words=reading.words)
            if reading.says_gone(request_id) or not self.lists(request_id, account):
                return Absent(code=reading.code)
        raise _unavailable(answer)

    def lists(self, request_id: str, account: ConfirmingAccount) -> bool:
        """Whether the account's list, handled and expired requests included, holds the request.

        Only a list that could be read from end to end says no.
        """
        return request_id.casefold() in {each.casefold() for each in self.incoming(account)}

    def incoming(self, account: ConfirmingAccount) -> Sequence[str]:
        """Return the ids of the account's list, handled and expired requests included; none without an account."""
        session = self._sessions.get(account)
        if session is None:
            return ()
        answer = session.ask("GET", "/API/IncomingRequests/", query={"onlyWaiting": "false", "expired": "true"})
        reading = answer.reading
        ids = listed_ids(reading.content) if isinstance(reading, Value) else None
        if ids is None:
            raise _unavailable(answer)
        self._dates[account] = answer.date
        return ids

    def date(self, account: ConfirmingAccount) -> str:
        """Return the Date header of the account's last list; empty where there was none."""
        return self._dates.get(account, "")

    def confirm(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """Confirm once. See the port for what each error promises.

        Whatever PVWA did not say itself after the call was sent is OutcomeUnknown, a gateway's page too: the PVWA
        behind it may have gone on. 429 alone is certain, because a limit stops calls before they are carried out.
        """
        return self._act("Confirm", request_id, account, comment, permit)

    def reject(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """Reject once; errors mean what they mean for `confirm`."""
        return self._act("Reject", request_id, account, comment, permit)

    def _act(
        self, verb: str, request_id: str, account: ConfirmingAccount, comment: str, permit: Callable[[], None] | None
    ) -> Accepted | Declined:
        session = self._sessions.get(account)
        if session is None:
            return Declined(status=0, code=NO_ACCOUNT, words="")
        path = f"/API/IncomingRequests/{quote(request_id, safe='')}/{verb}/"
        try:
            answer = session.ask("POST", path, body={"Reason": comment}, permit=self._permitted(permit))
        except AnswerLost as lost:
            raise _unknown(verb, request_id, str(lost)) from lost
        reading = answer.reading
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise _unavailable(answer)
        if isinstance(reading, Empty | Value):
            return Accepted()
        if isinstance(reading, Complaint) and _is_verdict(answer):
            return Declined(status=reading.status, code=reading.code, words=reading.words)
        raise _unknown(verb, request_id, f"PVWA answered with {_what(answer)}.")

    def _permitted(self, asked: Callable[[], None] | None) -> Callable[[], None]:
        """Return a check that asks both; our own comes last, because a lease counts from then on."""

        def ask() -> None:
            for permit in (asked, self._permit):
                if permit is not None:
                    permit()

        return ask

    def user_name(self, account: ConfirmingAccount) -> str:
        """Return the user name that PVWA knows the account by; empty for a level without an account."""
        session = self._sessions.get(account)
        return session.user_name() if session else ""

    def log_off_idle(self) -> None:
        """Log off accounts that have been idle for longer than `pvwa.idle_minutes`."""
        for session in self._sessions.values():
            session.log_off_idle()

    def close(self) -> None:
        """Log off everything."""
        for session in self._sessions.values():
            session.close()


def _record(answer: Answer, reading: Value, request_id: str) -> AccessRequest:
    record = find_record(reading.content)
    if record is None:
        raise _unavailable(answer)
    found = access_request(record)
    if found.request_id.casefold() != request_id.casefold():
        message = (
            "PVWA was asked for one request and answered with another, so the answer was not used. "
            "Approve it in PVWA, and tell the CyberArk team."
        )
        raise Unreadable(message)
    return found


def _is_verdict(answer: Answer) -> bool:
    """Whether an error of PVWA's own is about the request: not "busy", not an error under a 2xx, not a dead session."""
    reading = answer.reading
    return (
        isinstance(reading, Complaint)
        and not answer.is_success
        and answer.status not in BUSY_OR_LATE
        and not reading.is_dead_token
    )


def _what(answer: Answer) -> str:
    """Name the answer in words for a person."""
    trace = f", correlation id {answer.trace}" if answer.trace else ""
    reading = answer.reading
    match reading:
        case Complaint():
            what = f"the error {reading.code}: {reading.words}"
        case Foreign():
            what = reading.what
        case Empty():
            what = "nothing"
        case Value():
            what = "JSON of an unexpected form"
        case _:
            assert_never(reading)
    return f"{what} (HTTP {answer.status}{trace})"


def _unavailable(answer: Answer) -> Unavailable:
    message = (
        f"PVWA answered with {_what(answer)}, which says nothing about the request. "
        "The mail waits and is tried again; if this lasts, look at PVWA and the load balancer in front of it."
    )
    return Unavailable(System.PVWA, message, retry_after_seconds=answer.retry_after_seconds)


def _unknown(verb: str, request_id: str, what: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{verb} of request {request_id} was sent, but its answer was lost: {what} "
        "It may have taken effect; PVWA is asked before anything else is done."
    )
