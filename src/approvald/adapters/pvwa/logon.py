"""Log on: a user name and a password into a token, or the exact kind of failure.

What counts as "not accepted" decides how soon we try again, and so whether an account can be locked: see `_refusal`.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from approvald.adapters.pvwa.answers import BUSY_OR_LATE, Answer, Complaint, Value
from approvald.adapters.pvwa.fields import Fields
from approvald.adapters.pvwa.wire import Wire
from approvald.core.errors import System, Unavailable
from approvald.core.ports import Secret

TOKEN_KEYS: Final = ("CyberArkLogonResult", "LogonResult", "value")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{16,8192}", re.ASCII)
_PLAIN_TOKEN: Final = re.compile(r'"?([A-Za-z0-9+/=_-]{64,8192})"?', re.ASCII)
_REFUSING: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT}
)
_CHALLENGE: Final = "ITATS542I"
_REFUSING_WORDS: Final = re.compile(
    r"PASWS013E|PASWS035E|ITATS00[4569]E|authentication failure|has been suspended", re.IGNORECASE
)
_FULL_WORDS: Final = re.compile(r"concurrent\b.*\bsessions", re.IGNORECASE)


class LogonRefused(Exception):
    """PVWA does not accept this user name and password. `words`: PVWA's own, or ours where it had none."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


def log_on(wire: Wire, authentication: str, secret: Secret) -> str:
    """Return the token. Raises LogonRefused, or Unavailable when PVWA did not judge the password.

    A log-on that only satisfied the IIS in front of PVWA (an object with UserName, no token) is repeated once on the
    same cookies (pvwa-rest 1).
    """
    answer = _send(wire, authentication, secret)
    if _is_half_way(answer):
        answer = _send(wire, authentication, secret)
    token = _token(answer)
    if token is not None:
        return token
    words = _refusal(answer)
    if words is not None:
        raise LogonRefused(words)
    raise Unavailable(System.PVWA, _not_judged(answer), retry_after_seconds=answer.retry_after_seconds)


def _send(wire: Wire, authentication: str, secret: Secret) -> Answer:
    body: dict[str, str | bool] = {"username": secret.username, "password": secret.password, "concurrentSession": True}
    return wire.send("POST", f"/API/auth/{authentication}/Logon/", body=body)


def _token(answer: Answer) -> str | None:
    if not answer.is_success or answer.is_page:
        return None
    reading = answer.reading
    if isinstance(reading, Value):
        fields = Fields(reading.content)
        for value in (reading.content, *(fields.raw(key) for key in TOKEN_KEYS)):
            if isinstance(value, str) and _TOKEN.fullmatch(value.strip('"')):
                return value.strip('"')
    plain = _PLAIN_TOKEN.fullmatch(answer.body.decode("latin-1").strip())
    return plain[1] if plain else None


def _refusal(answer: Answer) -> str | None:
    """Return PVWA's words when it judged and refused the account, else None.

    400, 401, 403 and 409 refuse, whatever they say, unless they are a web page: that is a load balancer or the IIS,
    which never saw the password. A 500 refuses when the Vault's refusal is wrapped in it, or when a second factor is
    asked for: an unanswered challenge can count as a bad try, so it is treated as one. A user with too many sessions
    is not refused.
    """
    reading = answer.reading
    if not isinstance(reading, Complaint):
        refuses = answer.status in _REFUSING and not answer.is_page
        return f"HTTP {answer.status}, without a reason" if refuses else None
    said = f"{reading.code}: {reading.words}"
    if _FULL_WORDS.search(said):
        return None
    if _CHALLENGE in said.upper():
        return f"{said} (PVWA asks for a second factor, which a service account cannot give)"
    return said if reading.status in _REFUSING or _REFUSING_WORDS.search(said) else None


def _is_half_way(answer: Answer) -> bool:
    reading = answer.reading
    return isinstance(reading, Value) and "UserName" in Fields(reading.content) and _token(answer) is None


def _not_judged(answer: Answer) -> str:
    reading = answer.reading
    if isinstance(reading, Complaint):
        what = f"{reading.code}: {reading.words}"
    elif answer.status in BUSY_OR_LATE:
        what = "it is busy or being maintained"
    else:
        what = "its answer was no token and no refusal, probably from a load balancer or an IIS in front of it"
    trace = f" (correlation id {answer.trace})" if answer.trace else ""
    return (
        f"PVWA gave no session at log-on (HTTP {answer.status}): {what}{trace}. "
        "The mail waits and is tried again; if this lasts, look at PVWA."
    )
