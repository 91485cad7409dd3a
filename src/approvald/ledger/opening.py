"""Which ledger a configuration means."""

from __future__ import annotations

from approvald.instance import OnlyInstance
from approvald.ledger.store import Store
from approvald.ports import Clock
from approvald.settings import LedgerSettings


def store_for(settings: LedgerSettings, clock: Clock) -> Store:
    """Return the ledger of these settings, not opened yet: the shared one of `url`, else the file."""
    url = settings.url or f"sqlite:///{settings.file}"
    return Store(url, clock, password_file=settings.password_file if settings.url else None)


def where(settings: LedgerSettings) -> str:
    """Name the ledger in a sentence for people."""
    return settings.url or str(settings.file)


def make_usable(store: Store, lock: OnlyInstance) -> None:
    """Make sure of a ledger file, which no other host guards, and open the ledger. Raises as both do."""
    if not store.is_shared:
        lock.hold()
    store.open()
