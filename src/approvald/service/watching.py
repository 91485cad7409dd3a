"""The parts that alarm, bound and doubt, put together from the configuration; they share one ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from approvald.config.settings import Settings
from approvald.core.alarms import Alarm, AlarmKind
from approvald.core.model import GroupProblem
from approvald.health.alarm_desk import AlarmDesk, AlarmRules
from approvald.ledger.letters import AlarmBook, Letters
from approvald.ledger.limits import Answers, Haste
from approvald.ledger.mails import Mails
from approvald.ledger.store import Store
from approvald.mail.plausibility import Plausibility, PlausibilityRules
from approvald.mail.rates import RateRules, Rates


@dataclass(frozen=True, kw_only=True)
class Watching:
    """What stands beside the way of a mail."""

    alarms: AlarmDesk
    letters: Letters
    rates: Rates
    plausibility: Plausibility
    settle: timedelta
    """How long Exchange may still work on a sending whose answer was lost."""

    @classmethod
    def from_settings(cls, settings: Settings, store: Store, mails: Mails, *, settle: timedelta) -> Watching:
        """Put them together. `settle`: how long Exchange may still work on a sending whose answer was lost."""
        rates, doubts = settings.rates, settings.plausibility
        letters = Letters(store, settle=settle)
        alarms = AlarmDesk(
            book=AlarmBook(store),
            mails=mails,
            rules=AlarmRules(
                team_address=settings.team.address,
                pause=timedelta(minutes=rates.alarm_pause_minutes),
                unproven_an_hour=rates.unproven_an_hour,
                probes_an_hour=rates.probes_an_hour,
            ),
        )
        return cls(
            settle=settle,
            alarms=alarms,
            letters=letters,
            rates=Rates(
                answers=Answers(store),
                letters=letters,
                alarms=alarms,
                rules=RateRules(answers_an_hour=rates.answers_an_hour, team_copies_an_hour=rates.team_copies_an_hour),
            ),
            plausibility=Plausibility(
                haste=Haste(store),
                alarms=alarms,
                rules=PlausibilityRules(
                    least=timedelta(seconds=doubts.min_seconds),
                    alarm_after=doubts.alarm_after,
                    bar_after=doubts.bar_after,
                ),
            ),
        )

    def link_shared(self, link: str, count: int) -> None:
        """Tell the team that a link value joins nobody, because so many people (at most ten are counted) bear it."""
        facts = (("People with this value", f"{count} or more"),)
        why = f"{count} or more people have this value in people.link_attribute, and no person has that many accounts."
        self.alarms.raise_alarm(Alarm(kind=AlarmKind.LINK_SHARED, why=why, name=link, facts=facts))

    def audit_cut(self, what: str) -> None:
        """Tell the team that somebody has cut the audit trail's file."""
        self.alarms.raise_alarm(Alarm(kind=AlarmKind.AUDIT_CUT, why=f"The audit trail was changed: {what}."))

    def anchor_failed(self, why: str) -> None:
        """Tell the team that the audit trail could not be anchored."""
        self.alarms.raise_alarm(Alarm(kind=AlarmKind.ANCHOR_FAILED, why=f"The audit trail is not anchored: {why}."))

    def group_disabled(self, problem: GroupProblem) -> None:
        """Tell the team that an approver group cannot be used."""
        self.alarms.raise_alarm(Alarm(kind=AlarmKind.GROUP_DISABLED, why=problem.why, name=problem.name))
