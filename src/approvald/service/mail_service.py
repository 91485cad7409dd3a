"""Builds what works through the Inbox from settings, ledger and the outside: in earnest, or in shadow mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from approvald.approval.compare import Comparison
from approvald.audit.trail import AuditTrail
from approvald.config.fingerprint import Fingerprint
from approvald.config.rules import policy_rules
from approvald.config.settings import Settings
from approvald.confirmation.approve import Approve
from approvald.confirmation.challenge import Challenging
from approvald.confirmation.confirm import CarryOut, carry_out
from approvald.confirmation.gather import Approvers, Gather, People
from approvald.confirmation.groups import ApproverGroups, GroupPins
from approvald.confirmation.permission import Permission
from approvald.confirmation.settle import Confirming
from approvald.confirmation.sweep import ReconcileRules, Reconciling
from approvald.core.errors import LeaseLost, System, Unavailable
from approvald.core.model import ConfirmingAccount
from approvald.core.ports import Directory, Mailbox, Outside, Pvwa, ReadingMailbox, ReadingPvwa
from approvald.health.alarm_desk import AlarmDesk
from approvald.health.health import Health
from approvald.health.uptime import Uptime
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.confirmations import Confirmations
from approvald.ledger.halts import Halts
from approvald.ledger.letters import Letters
from approvald.ledger.limits import Haste, MessageCounts
from approvald.ledger.mails import Mails
from approvald.ledger.retries import Retries
from approvald.ledger.shadow import Shadow
from approvald.ledger.store import Store
from approvald.mail.correspondence import Correspondence
from approvald.mail.identify import Doorkeeper
from approvald.mail.inbox import Inbox, Round
from approvald.mail.ledger_away import LedgerAlarm
from approvald.mail.outbox import Outbox
from approvald.mail.pipeline import Pipeline
from approvald.mail.plausibility import Plausibility, PlausibilityRules
from approvald.mail.rates import RateRules, Rates
from approvald.mail.retry import Retrying
from approvald.mail.rules import intake_rules, reply_rules, sender_rules
from approvald.mail.shadow import ShadowFollowing, ShadowRoom, would_carry_out

_EXCHANGE_MARGIN_SECONDS: Final = 5.0


def _nothing() -> None:
    """Make sure of nothing, for a pipeline that cannot send."""


class Room(Protocol):
    """Works through the Inbox."""

    def round(self, stopping: Callable[[], bool]) -> Round:
        """Do one round. Raises Unavailable. Once `stopping` is true, no other mail is begun."""


class MailService:
    """What the daemon calls: at each poll, after it, and when a reload is asked for.

    `after_poll`: what is done when a poll has done its work; each may raise Unavailable. `ledger_alarm`: tells the team
    of a ledger that is away, None where nothing may be sent.
    """

    def __init__(
        self, *, room: Room, uptime: Uptime, groups: ApproverGroups, audit_trail: AuditTrail,
        after_poll: Sequence[Callable[[], None]], ledger_alarm: LedgerAlarm | None,
    ) -> None:  # fmt: skip
        self.uptime = uptime
        self.audit_trail = audit_trail
        self._room = room
        self._groups = groups
        self._after_poll = after_poll
        self._ledger_alarm = ledger_alarm

    def round(self, stopping: Callable[[], bool]) -> Round:
        """Do one round. Raises Unavailable where Exchange or the ledger is away; the Inbox is read all the same."""
        unwritten: Unavailable | None = None
        try:
            self.uptime.mark_alive()
        except LeaseLost:
            raise
        except Unavailable as away:
            unwritten = away
        done = self._room.round(stopping)
        if unwritten is not None:
            raise unwritten
        return done

    def housekeep(self) -> None:
        """Do what is done between two polls. Raises Unavailable."""
        for act in self._after_poll:
            act()

    def reload(self) -> None:
        """Read the approver groups afresh. Raises Unavailable where the directory is away."""
        self._groups.read()

    def failed(self, away: Unavailable) -> None:
        """Take note why a poll did not do all its work. Never raises."""
        if self._ledger_alarm is not None:
            self._ledger_alarm.failed(away)

    def recovered(self) -> None:
        """Take note that a poll did all its work. Never raises."""
        if self._ledger_alarm is not None:
            self._ledger_alarm.recovered()


def build(settings: Settings, store: Store, outside: Outside, health: Health) -> MailService:
    """Return what confirms, answers and files."""
    breakers, alarms, mails = health.breakers, health.alarms, Mails(store)
    mailbox = breakers.behind(System.EXCHANGE, Mailbox, outside.mailbox)
    pvwa = breakers.behind(System.PVWA, Pvwa, outside.pvwa)
    directory = breakers.behind(System.DIRECTORY, Directory, outside.directory)
    uptime, groups = _uptime(settings, store), _groups(settings, store, directory, health)
    trail, rules = _audit_trail(settings, store, health), reply_rules(settings)
    confirming = _confirming(settings, store, pvwa, uptime, before_sending=trail.bring_up_to_date)
    letters = Letters(
        store, longest_work=timedelta(seconds=settings.mailbox.read_timeout_seconds + _EXCHANGE_MARGIN_SECONDS)
    )
    outbox = Outbox(
        mailbox=mailbox, mails=mails, letters=letters, alarms=alarms, patience=health.patience,
        correspondence=Correspondence(
            rules=rules,
            rates=_rates(settings, store, letters, alarms),
            challenging=Challenging.from_settings(settings, store),
        ),
        is_known_away=health.outages.lasts,
    )  # fmt: skip
    inbox = Inbox(
        mailbox=mailbox, mails=mails, outbox=outbox, patience=health.patience,
        pipeline=_pipeline(
            settings, store, outside, health, groups=groups, directory=directory, confirming=confirming,
            act=partial(carry_out, pvwa),
        ),
        retrying=Retrying(
            mailbox=mailbox, mails=mails, retries=Retries(store), age=uptime.age, max_age=_max_age(settings)
        ),
        fetch_bytes=settings.parse.limits.fetch_bytes,
    )  # fmt: skip
    return MailService(
        room=inbox, uptime=uptime, groups=groups, audit_trail=trail,
        after_poll=(
            outside.reader.end_if_idle, pvwa.log_off_idle, groups.keep_fresh, health.outages.housekeep,
            _reconciling(settings, store, store, pvwa, health).housekeep, partial(_bring_up, trail, health),
        ),
        ledger_alarm=LedgerAlarm(
            mailbox=mailbox, rules=rules, clock=store.clock, tell_after=health.patience.tell_after
        ),
    )  # fmt: skip


def build_shadow(settings: Settings, store: Store, outside: Outside, health: Health, scratch: Store) -> MailService:
    """Return what decides and writes that down. It is handed nothing that could confirm, send or move.

    `scratch`: the ledger for what a mail's way writes; it is thrown away.
    """
    breakers, shadow = health.breakers, Shadow(store)
    mailbox = breakers.behind(System.EXCHANGE, ReadingMailbox, outside.mailbox)
    pvwa = breakers.behind(System.PVWA, ReadingPvwa, outside.pvwa)
    directory = breakers.behind(System.DIRECTORY, Directory, outside.directory)
    uptime, groups = _uptime(settings, store), _groups(settings, store, directory, health)
    trail, confirming = _audit_trail(settings, store, health), _confirming(settings, store, pvwa, uptime)
    room = ShadowRoom(
        mailbox=mailbox, scratch=Mails(scratch), decisions=AuditRows(scratch), shadow=shadow, patience=health.patience,
        pipeline=_pipeline(
            settings, store, outside, health, groups=groups, directory=directory, confirming=confirming,
            act=would_carry_out, scratch=scratch,
        ),
        fetch_bytes=settings.parse.limits.fetch_bytes,
    )  # fmt: skip
    following = ShadowFollowing(shadow=shadow, pvwa=pvwa, accounts=confirming.accounts, clock=store.clock)
    return MailService(
        room=room, uptime=uptime, groups=groups, audit_trail=trail,
        after_poll=(
            outside.reader.end_if_idle, pvwa.log_off_idle, groups.keep_fresh, following.housekeep,
            health.outages.housekeep, _reconciling(settings, store, scratch, pvwa, health).housekeep,
            partial(_bring_up, trail, health),
        ),
        ledger_alarm=None,
    )  # fmt: skip


def accounts(settings: Settings) -> tuple[ConfirmingAccount, ...]:
    """Return the levels that have a confirming account."""
    return tuple(ConfirmingAccount) if settings.pvwa.second_level_secret else (ConfirmingAccount.FIRST,)


def _max_age(settings: Settings) -> timedelta:
    return timedelta(hours=settings.mail.max_age_hours)


def _audit_trail(settings: Settings, store: Store, health: Health) -> AuditTrail:
    alarms = health.alarms
    return AuditTrail.from_settings(settings, store, tell_cut=alarms.audit_cut, tell_failed=alarms.anchor_failed)


def _bring_up(trail: AuditTrail, health: Health) -> None:
    with health.breakers.breaker(System.AUDIT).call():
        trail.housekeep()


def _uptime(settings: Settings, store: Store) -> Uptime:
    return Uptime(store, store.clock, poll_seconds=settings.daemon.poll_seconds, keep=2 * _max_age(settings),
                  paused=Halts(store).pauses)  # fmt: skip


def _groups(settings: Settings, store: Store, directory: Directory, health: Health) -> ApproverGroups:
    """Read the groups; their SIDs are pinned in the real ledger, in shadow mode too."""
    return ApproverGroups(
        directory, store.clock, refresh_seconds=settings.groups.refresh_minutes * 60,
        pins=GroupPins(store, partial(AuditRows(store).add, AuditKind.GROUP)), tell=health.alarms.group_disabled,
    )  # fmt: skip


def _reconciling(settings: Settings, store: Store, told_in: Store, pvwa: ReadingPvwa, health: Health) -> Reconciling:
    """Return what sweeps; what it told is remembered where the alarms are, so that shadow mode uses none up."""
    rules = settings.reconcile
    return Reconciling(
        pvwa=pvwa, accounts=accounts(settings), confirmations=Confirmations(store), names=told_in, clock=store.clock,
        rules=ReconcileRules(every=timedelta(minutes=rules.every_minutes), span=timedelta(days=rules.days)),
        tell=health.alarms.raise_alarm,
    )  # fmt: skip


def _rates(settings: Settings, store: Store, letters: Letters, alarms: AlarmDesk) -> Rates:
    rates = settings.rates
    rules = RateRules(answers_an_hour=rates.answers_an_hour, team_copies_an_hour=rates.team_copies_an_hour)
    return Rates(answers=MessageCounts(store), letters=letters, alarms=alarms, rules=rules)


def _confirming(
    settings: Settings, store: Store, pvwa: ReadingPvwa, uptime: Uptime, before_sending: Callable[[], None] = _nothing
) -> Confirming:
    timeouts = settings.pvwa
    return Confirming(
        pvwa=pvwa,
        confirmations=Confirmations(store),
        clock=store.clock,
        accounts=accounts(settings),
        longest_work=timedelta(seconds=timeouts.connect_timeout_seconds + 2 * timeouts.read_timeout_seconds),
        shown_within=_max_age(settings),
        age=uptime.age,
        before_sending=before_sending,
    )


def _pipeline(
    settings: Settings, store: Store, outside: Outside, health: Health, *, groups: ApproverGroups,
    directory: Directory, confirming: Confirming, act: CarryOut, scratch: Store | None = None,
) -> Pipeline:  # fmt: skip
    """Return a mail's way. `scratch`: in place of the ledger, for what is written on it."""
    written = scratch or store
    mails, people = Mails(written), People(directory, tell=health.alarms.link_shared)
    approvers = Approvers(groups, people, by_linked_account=settings.people.approver_by_linked_account)
    compare, doubts = settings.pvwa.compare, settings.plausibility
    gather = Gather(
        people=people,
        approvers=approvers,
        confirming=confirming,
        comparison=Comparison(account=compare.account, device_user=compare.device_user, reason=compare.reason),
        pvwa_names={name.casefold(): group for name, group in settings.groups.pvwa_names.items()},
    )
    permission = Permission(
        policy=policy_rules(settings),
        halts=Halts(store),
        confirmations=confirming.confirmations,
        challenging=Challenging.from_settings(settings, written),
        clock=store.clock,
    )
    return Pipeline(
        doorkeeper=Doorkeeper(
            intake_rules(settings), sender_rules(settings), directory, groups
        ),
        approvers=approvers,
        approve=Approve(
            gather=gather, permission=permission, confirming=confirming, act=act, decisions=mails,
            max_age=_max_age(settings), fingerprint=Fingerprint.from_settings(settings),
        ),
        plausibility=Plausibility(
            haste=Haste(written),
            alarms=health.alarms,
            rules=PlausibilityRules(
                least=timedelta(seconds=doubts.min_seconds),
                alarm_after=doubts.alarm_after,
            ),
        ),
        mails=mails,
        read=outside.reader.read,
        age=confirming.age,
    )  # fmt: skip
