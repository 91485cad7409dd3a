"""Which ledger a configuration means."""

from __future__ import annotations

from approvald.config.settings.running import LedgerSettings
from approvald.core.ports import Clock
from approvald.ledger.store import Store


def store_for(settings: LedgerSettings, clock: Clock) -> Store:
    """Return the ledger of these settings, not opened yet: the shared one of `url`, else the file."""
    url = settings.url or f"sqlite:///{settings.file}"
    return Store(url, clock, password_file=settings.password_file if settings.url else None)


def where(settings: LedgerSettings) -> str:
    """Name the ledger in a sentence for people."""
    return settings.url or str(settings.file)
