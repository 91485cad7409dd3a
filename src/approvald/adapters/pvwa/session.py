"""The PVWA session of one confirming account: logged on when needed, renewed once, never locked by us."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from approvald.adapters.pvwa.answers import BUSY_OR_LATE, Answer, Complaint, Value
from approvald.adapters.pvwa.records import Fields
from approvald.adapters.pvwa.wire import AnswerLost, Wire
from approvald.config.settings import PvwaSettings
from approvald.core.errors import ApprovaldError, AuthenticationFailed, System, Unavailable
from approvald.core.logs.events import Event, event
from approvald.core.ports import Clock, LogonGuard, Secret, SecretStore

_LOG: Final = logging.getLogger(__name__)
LOGOFF_SECONDS: Final = 5.0
"""A log-off is a courtesy: stopping must not wait long for a PVWA that hangs."""
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


@dataclass(frozen=True, kw_only=True)
class _Open:
    """The state from log-on to log-off: the HTTP session with its cookies, the token, and whose token it is."""

    wire: Wire
    token: str
    user_name: str

    def __repr__(self) -> str:
        return f"_Open({self.user_name}, ****)"


class PvwaSession:
    """One account's session. Thread safe: one call at a time, because a PVWA may refuse two with one token."""

    def __init__(
        self, settings: PvwaSettings, secret_name: str, *, secrets: SecretStore, guard: LogonGuard, clock: Clock
    ) -> None:
        self._settings = settings
        self._secret_name = secret_name
        self._secrets = secrets
        self._guard = guard
        self._clock = clock
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._last_call = 0.0

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str | bool] | None = None,
        permit: Callable[[], None] | None = None,
    ) -> Answer:
        """Make one call. A dead token is renewed and the call repeated, once: it was refused before anything was done.

        `permit` is asked right before each sending, after any log-on; what it raises stops the call.

        Raises Unavailable (AuthenticationFailed too) when the call was certainly not carried out, AnswerLost when it
        may have been.
        """
        with self._lock:
            for _ in range(2):
                session = self._open or self._log_on()
                self._open = session
                self._last_call = self._clock.monotonic()
                if permit is not None:
                    permit()
                answer = session.wire.send(method, path, token=session.token, query=query, body=body)
                if not _is_dead_token(answer):
                    return answer
                self._drop()
                _log(Event.PVWA_SESSION_RENEWED, logging.INFO, session.user_name, why=f"HTTP {answer.status}")
                if method != "GET" and not _was_refused_at_the_door(answer):
                    return answer  # it may have been done: the caller has to find out
        message = (
            "PVWA does not accept the session it has just given us. The mail waits and is tried again; if this lasts, "
            "check that the load balancer in front of PVWA keeps a session on one node (sticky cookies)."
        )
        raise Unavailable(System.PVWA, message)

    def user_name(self) -> str:
        """Return whom PVWA sees: of the open session, else of the secret. Raises Unavailable (secret store)."""
        session = self._open
        return session.user_name if session else self._secrets.get(self._secret_name).username

    def log_off_idle(self) -> None:
        """Log off when idle for longer than `pvwa.idle_minutes`. Never waits for a call that is under way."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            idle_seconds = self._clock.monotonic() - self._last_call
            if idle_seconds > self._settings.idle_minutes * 60:
                self._log_off()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Log off, after the call that is under way."""
        longest_call = self._settings.connect_timeout_seconds + 2 * self._settings.read_timeout_seconds
        if self._lock.acquire(timeout=longest_call):
            try:
                self._log_off()
            finally:
                self._lock.release()

    def _log_on(self) -> _Open:
        """Try the secret we have; when it is not accepted and the store has another one by now, that one, once."""
        secret = self._secrets.get(self._secret_name)
        try:
            return self._try(secret)
        except AuthenticationFailed:
            fresh = self._fresh_secret()
            if fresh is None or (fresh.username, fresh.version) == (secret.username, secret.version):
                raise
        return self._try(fresh)

    def _fresh_secret(self) -> Secret | None:
        try:
            return self._secrets.get(self._secret_name, fresh=True)
        except ApprovaldError:
            return None  # the refused log-on is the news; the secret store will be met again at the next try

    def _try(self, secret: Secret) -> _Open:
        """Log on once, under the guard. Raises AuthenticationFailed; Unavailable when PVWA did not judge."""
        try:
            self._guard.claim(secret.username, secret.version)
        except AuthenticationFailed as held:
            _log(Event.LOGON_HELD_BACK, logging.INFO, secret.username, why=str(held))
            raise
        wire = Wire(self._settings, self._clock)
        try:
            token = log_on(wire, self._settings.authentication, secret)
        except LogonRefused as refused:
            wire.close()
            next_try = self._guard.failed(secret.username, secret.version)
            _log(Event.LOGON_FAILED, logging.ERROR, secret.username, why=refused.words)
            raise self._not_accepted(secret, refused, next_try) from refused
        except AnswerLost as lost:
            wire.close()
            self._guard.not_judged(secret.username)
            raise Unavailable(System.PVWA, str(lost)) from lost  # the call itself was never sent
        except ApprovaldError:
            wire.close()
            self._guard.not_judged(secret.username)
            raise
        self._guard.succeeded(secret.username, secret.version)
        _log(Event.LOGON_DONE, logging.INFO, secret.username)
        return _Open(wire=wire, token=token, user_name=secret.username)

    def _not_accepted(self, secret: Secret, refused: LogonRefused, next_try: datetime | None) -> AuthenticationFailed:
        when = f"at {next_try:%Y-%m-%d %H:%M} UTC" if next_try else "only with another password"
        message = (
            f"PVWA does not accept the confirming account {secret.username} ({refused.words}). Mails wait. "
            f"So that we do not lock it, it is tried again {when}. Check the account in PVWA, and set the right "
            f"password in the secret store ({self._secret_name}): approvald notices it."
        )
        return AuthenticationFailed(System.PVWA, message, account=secret.username, next_try=next_try)

    def _drop(self) -> None:
        """Forget a session whose token is dead, with its cookies: they may point to the node that lost it."""
        session, self._open = self._open, None
        if session is not None:
            session.wire.close()

    def _log_off(self) -> None:
        session = self._open
        if session is not None:
            try:
                session.wire.send("POST", "/API/Auth/Logoff/", token=session.token, longest_seconds=LOGOFF_SECONDS)
            except ApprovaldError as error:
                _log(Event.LOGOFF_FAILED, logging.INFO, session.user_name, why=str(error))
            self._drop()


def _log(what: Event, severity: int, account: str, *, why: str = "") -> None:
    event(_LOG, what, severity, system=System.PVWA.value, account=account, why=why)


def _is_dead_token(answer: Answer) -> bool:
    reading = answer.reading
    if isinstance(reading, Complaint):
        return reading.is_dead_token
    return answer.status == HTTPStatus.UNAUTHORIZED


def _was_refused_at_the_door(answer: Answer) -> bool:
    """Whether an answer about a dead token also proves that nothing was done.

    A 401 or 403 comes before the act. Words such as "has been disconnected" in a 500 may come from the middle of it.
    """
    return answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


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
        what = (
            "its answer was neither token nor refusal, and probably came from a load balancer or an IIS in front of it"
        )
    trace = f" (correlation id {answer.trace})" if answer.trace else ""
    return (
        f"PVWA gave no session at log-on (HTTP {answer.status}): {what}{trace}. "
        "The mail waits and is tried again; if this lasts, look at PVWA."
    )
