"""The sections about how much is answered, and about what looks odd."""

from __future__ import annotations

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from approvald.config.settings.values import Section


class RateSettings(Section):
    """[rates]: bounds on refusals and notices. No confirmation, and no answer to one, is ever held back."""

    answers_an_hour: PositiveInt = 20
    team_copies_an_hour: PositiveInt = 60
    alarm_pause_minutes: PositiveFloat = 60.0
    unproven_an_hour: PositiveInt = 3
    probes_an_hour: PositiveInt = 3


class ReconcileSettings(Section):
    """[reconcile]: how often PVWA and the ledger are compared, and how far back."""

    every_minutes: PositiveFloat = 15.0
    days: PositiveFloat = 7.0


class PlausibilitySettings(Section):
    """[plausibility]: approvers who forward faster than people do."""

    min_seconds: NonNegativeFloat = 10.0
    alarm_after: PositiveInt = 3
    bar_after: NonNegativeInt = 0
