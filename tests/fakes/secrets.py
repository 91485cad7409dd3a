"""A secret store and a log-on guard in memory."""

from __future__ import annotations

from datetime import UTC, datetime

from approvald.core.errors import AuthenticationFailed, System, Unavailable
from approvald.core.ports import Secret


class FakeSecretStore:
    """The port SecretStore: `put` changes what the store holds; who asks without `fresh` goes on getting the old one.

    `reads` holds (name, fresh) of every question. `away` makes it unavailable, `away_if_fresh` for who goes past it.
    """

    def __init__(self, secrets: dict[str, Secret]) -> None:
        self._held = dict(secrets)
        self._cached = dict(secrets)
        self.reads: list[tuple[str, bool]] = []
        self.away = False
        self.away_if_fresh = False
        self.closed = False

    def put(self, name: str, secret: Secret) -> None:
        """Rotate a password."""
        self._held[name] = secret

    def get(self, name: str, *, fresh: bool = False) -> Secret:
        """Return the secret."""
        self.reads.append((name, fresh))
        if self.away or (fresh and self.away_if_fresh):
            raise Unavailable(System.SECRET_STORE, "the secret store does not answer")
        if fresh:
            self._cached[name] = self._held[name]
        return self._cached[name]

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class FakeGuard:
    """The port LogonGuard: a version that failed once is not tried again until the account has logged on.

    `tries`, `failures` and `successes` hold (account, version) in order, `unjudged` the accounts of other tries.
    """

    def __init__(self, *, next_try: datetime | None = datetime(2026, 11, 20, 12, 15, tzinfo=UTC)) -> None:
        self._next_try = next_try
        self._refused: set[tuple[str, str]] = set()
        self.tries: list[tuple[str, str]] = []
        self.failures: list[tuple[str, str]] = []
        self.successes: list[tuple[str, str]] = []
        self.unjudged: list[str] = []

    def claim(self, account: str, version: str) -> None:
        """Refuse what has failed."""
        if (account, version) in self._refused:
            message = f"the password of {account} was refused before, so it is not tried again"
            raise AuthenticationFailed(System.PVWA, message, account=account, next_try=self._next_try)
        self.tries.append((account, version))

    def failed(self, account: str, version: str) -> datetime | None:
        """Note a refused log-on."""
        self.failures.append((account, version))
        self._refused.add((account, version))
        return self._next_try

    def succeeded(self, account: str, version: str) -> None:
        """Forget the account's failures."""
        self.successes.append((account, version))
        self._refused = {each for each in self._refused if each[0] != account}

    def has_failed(self, account: str, version: str) -> bool:
        """Whether it is known to be refused."""
        return (account, version) in self._refused

    def not_judged(self, account: str) -> None:
        """Note a log-on of which nothing came."""
        self.unjudged.append(account)
