"""One account on Exchange for life: its secret, the guard against locking it, and the translation of every error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from exchangelib import Credentials
from exchangelib.errors import UnauthorizedError

from approvald.adapters.exchange.failures import CAUGHT, unavailable
from approvald.adapters.exchange.protocol import check_authentication, open_account, quiet_exchangelib
from approvald.config.settings.mail import MailboxSettings
from approvald.core.errors import AuthenticationFailed, System
from approvald.core.ports import LogonGuard, Secret, SecretStore

T = TypeVar("T")


class Connection:
    """Sends one request at a time, logged on as the account of `settings.secret`; to be used by one thread.

    A password that Exchange refuses is not tried again before the guard allows it. The password is read anew at once,
    and from then on before every request until one is accepted: a changed one is used without a restart.
    """

    def __init__(self, settings: MailboxSettings, secrets: SecretStore, guard: LogonGuard) -> None:
        quiet_exchangelib()
        check_authentication(settings)
        self._settings = settings
        self._secrets = secrets
        self._guard = guard
        self._account: Any = None
        self._secret: Secret | None = None
        self._proven = False
        self._refused = False

    def ask(self, operation: str, request: Callable[[Any], T]) -> T:
        """Carry out `request`, which is given the exchangelib account and sends one EWS request.

        Raises NotProcessed, Garbled, AuthenticationFailed or plain Unavailable, and whatever the secret store raises.
        """
        self._log_on(self._current_secret())
        try:
            return self._ask_once(operation, request)
        except UnauthorizedError:
            next_try = self._note_refusal()
        newer = self._current_secret()
        if newer == self._secret:
            raise self._not_accepted(next_try)
        self._log_on(newer)
        try:
            return self._ask_once(operation, request)
        except UnauthorizedError:
            next_try = self._note_refusal()
        raise self._not_accepted(next_try)

    def date(self) -> str:
        """Return the Date header of the last answer; empty where there was none."""
        return "" if self._account is None else str(self._account.protocol.retry_policy.date)

    def close(self) -> None:
        """End the connection; the next request would make a new one."""
        if self._account is not None:
            self._account.protocol.close()

    def _current_secret(self) -> Secret | None:
        """Return the secret to log on with; None for Kerberos, which takes its ticket from the environment."""
        if self._settings.authentication == "kerberos":
            return None
        if self._proven and self._secret is not None:
            if not self._guard.has_failed(self._secret.username, self._secret.version):
                return self._secret
            self._proven, self._refused = False, True  # doctor, or the other host, has been refused since
        return self._secrets.get(self._settings.secret, fresh=self._refused)

    def _log_on(self, secret: Secret | None) -> None:
        """Make `secret` the one that the next request logs on with. Raises AuthenticationFailed where it may not."""
        if secret is not None and not self._proven:
            self._ask_guard(secret)
        if self._account is None:
            self._account = open_account(self._settings, secret)
        elif secret is not None and secret != self._secret:
            self._account.protocol.credentials = Credentials(secret.username, secret.password)
        self._secret = secret

    def _ask_guard(self, secret: Secret) -> None:
        try:
            self._guard.may_try(secret.username, secret.version)
        except AuthenticationFailed as error:
            # The guard does not know for which system it is asked.
            raise AuthenticationFailed(
                System.EXCHANGE, str(error), account=error.account, next_try=error.next_try
            ) from error

    def _ask_once(self, operation: str, request: Callable[[Any], T]) -> T:
        try:
            answer = request(self._account)
        except UnauthorizedError:
            raise
        except Exception as error:
            if not self._proven and self._secret is not None:
                self._guard.not_judged(self._secret.username)
            if isinstance(error, CAUGHT):
                # Not "from error": the library's texts quote requests and answers.
                raise unavailable(error, operation, account=self._name()) from None
            raise
        if not self._proven:
            self._proven, self._refused = True, False
            if self._secret is not None:
                self._guard.succeeded(self._secret.username, self._secret.version)
        return answer

    def _note_refusal(self) -> datetime | None:
        self._proven, self._refused = False, True
        if self._secret is None:
            return None
        return self._guard.failed(self._secret.username, self._secret.version)

    def _not_accepted(self, next_try: datetime | None) -> AuthenticationFailed:
        name = self._name()
        remedy = "check its ticket" if self._secret is None else "put its right password into the secret store"
        return AuthenticationFailed(
            System.EXCHANGE,
            f"Exchange does not accept the log-on of {name}: mails wait. Unlock the account if it is locked, "
            f"and {remedy}.",
            account=name,
            next_try=next_try,
        )

    def _name(self) -> str:
        return self._settings.address if self._secret is None else self._secret.username
