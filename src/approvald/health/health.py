"""The state of the outside systems as one program keeps it: its alarms, outages and breakers."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from approvald.config.settings import Settings
from approvald.core.clock import Patience
from approvald.health.alarm_desk import AlarmDesk, AlarmRules
from approvald.health.breaker import Breakers
from approvald.health.outages import Outages
from approvald.ledger.letters import AlarmBook
from approvald.ledger.mails import Mails
from approvald.ledger.store import Store


class Health:
    """Alarms, outages and breakers, made before the adapters, which ask the secret store behind a breaker.

    `store` keeps the outages, `alarms_in` the alarms: in shadow mode another ledger, whose alarms are sent to nobody.
    `beat` is called when a question to a system begins and ends; `chance` returns numbers from 0 to 1.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        alarms_in: Store | None = None,
        beat: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        book = alarms_in or store
        rates = settings.rates
        self.patience: Final = patience_of(settings, chance)
        self.alarms: Final = AlarmDesk(
            book=AlarmBook(book),
            mails=Mails(book),
            rules=AlarmRules(
                team_address=settings.team.address,
                pause=timedelta(minutes=rates.alarm_pause_minutes),
                unproven_an_hour=rates.unproven_an_hour,
                probes_an_hour=rates.probes_an_hour,
            ),
        )
        self.outages: Final = Outages.in_ledger(store, alarms=self.alarms, tell_after=self.patience.tell_after)
        self.breakers: Final = Breakers(clock=store.clock, patience=self.patience, health=self.outages, beat=beat)


def patience_of(settings: Settings, chance: Callable[[], float] = random.random) -> Patience:
    """Return how long to wait after failures, by the configuration."""
    return Patience(tell_after=timedelta(minutes=settings.daemon.tell_after_minutes), chance=chance)
