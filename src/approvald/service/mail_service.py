"""Puts together what works through the Inbox: in earnest, or in shadow mode with its hands tied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from approvald.approval.compare import Comparison
from approvald.approval.policy import Policy
from approvald.config.fingerprint import Stamp
from approvald.config.settings import Settings
from approvald.confirmation.challenge import Challenging
from approvald.confirmation.confirm import CarryOut, carry_out
from approvald.confirmation.gather import Approvers, People
from approvald.confirmation.groups import ApproverGroups, GroupPins
from approvald.confirmation.permission import Permission
from approvald.confirmation.settle import Confirming
from approvald.confirmation.sweep import ReconcileRules, Reconciling
from approvald.core.clock import Patience
from approvald.core.model import Level, Reading
from approvald.core.ports import Directory, Mailbox, Pvwa
from approvald.health.outages import Outages
from approvald.health.uptime import Uptime
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.confirmations import Confirmations
from approvald.ledger.halts import Halts
from approvald.ledger.mails import Mails
from approvald.ledger.retries import Retries
from approvald.ledger.shadow import Shadow
from approvald.ledger.store import Store
from approvald.mail.identify import Senders
from approvald.mail.inbox import Mailroom
from approvald.mail.intake import IntakeRules, SenderRules
from approvald.mail.outbox import Outbox
from approvald.mail.pipeline import Pipeline, Rules
from approvald.mail.reply import ReplyRules
from approvald.mail.retry import Retrying
from approvald.mail.shadow import LookingPvwa, ShadowFollowing, ShadowRoom, would_carry_out
from approvald.service.daemon import Room
from approvald.service.watching import Watching


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What both kinds are made of. `kept`: the ledger for what a mail's way writes; in shadow mode not the real one."""

    settings: Settings
    store: Store
    kept: Store
    watching: Watching
    read: Callable[[bytes], Reading]
    mailbox: Mailbox
    directory: Directory
    pvwa: Pvwa
    outages: Outages

    @property
    def is_shadow(self) -> bool:
        """Whether nothing may be confirmed, sent or moved."""
        return self.kept is not self.store


@dataclass(frozen=True, kw_only=True)
class Made:
    """A room, and what the daemon calls beside it. `beat` at every poll, `rest` after it."""

    room: Room
    groups: ApproverGroups
    beat: Callable[[], None]
    rest: Callable[[], None]


def live(parts: Parts, patience: Patience) -> Made:
    """Return what confirms, answers and files."""
    settings, store, watching = parts.settings, parts.store, parts.watching
    uptime, groups, mails = _uptime(parts), _groups(parts), Mails(store)
    challenging = Challenging.from_settings(settings, store)
    outbox = Outbox(
        mailbox=parts.mailbox, mails=mails, letters=watching.letters, alarms=watching.alarms, rates=watching.rates,
        clock=store.clock, patience=patience, rules=ReplyRules.from_settings(settings), settle=watching.settle,
        challenging=challenging,
    )  # fmt: skip
    retrying = Retrying(
        mailbox=parts.mailbox, mails=mails, retries=Retries(store), age=uptime.age, max_age=_max_age(settings)
    )
    room = Mailroom(
        mailbox=parts.mailbox,
        pipeline=_pipeline(parts, parts.pvwa, groups, uptime, challenging=challenging, act=carry_out),
        mails=mails, clock=store.clock, patience=patience, outbox=outbox, alarms=watching.alarms, rates=watching.rates,
        retrying=retrying, fetch_bytes=settings.parse.limits.fetch_bytes,
        is_known_away=parts.outages.lasts,
    )  # fmt: skip
    return Made(room=room, groups=groups, beat=uptime.beat, rest=_nothing)


def shadow(parts: Parts, patience: Patience) -> Made:
    """Return what decides and writes that down. It has no way to confirm, send or move."""
    settings, clock = parts.settings, parts.store.clock
    uptime, groups, pvwa, rows = _uptime(parts), _groups(parts), LookingPvwa(parts.pvwa), Shadow(parts.store)
    challenging = Challenging.from_settings(settings, parts.kept)
    room = ShadowRoom(
        mailbox=parts.mailbox,
        pipeline=_pipeline(parts, pvwa, groups, uptime, challenging=challenging, act=would_carry_out),
        scratch=Mails(parts.kept), decisions=AuditRows(parts.kept), shadow=rows, clock=clock, patience=patience,
        fetch_bytes=settings.parse.limits.fetch_bytes,
    )  # fmt: skip
    following = ShadowFollowing(shadow=rows, pvwa=pvwa, accounts=accounts(settings), clock=clock)
    return Made(room=room, groups=groups, beat=uptime.beat, rest=following.rest)


def reconciling(parts: Parts) -> Reconciling:
    """Return what sweeps; what it told is remembered where the alarms are, so that shadow mode uses none up."""
    store, rules = parts.store, parts.settings.reconcile
    return Reconciling(
        pvwa=parts.pvwa, accounts=accounts(parts.settings), confirmations=Confirmations(store), names=parts.kept,
        clock=store.clock,
        rules=ReconcileRules(every=timedelta(minutes=rules.every_minutes), span=timedelta(days=rules.days)),
        tell=parts.watching.alarms.raise_alarm,
    )  # fmt: skip


def accounts(settings: Settings) -> tuple[Level, ...]:
    """Return the levels that have a confirming account."""
    return (Level.FIRST,) if settings.pvwa.second_level_secret is None else (Level.FIRST, Level.SECOND)


def _nothing() -> None:
    """Do nothing after a poll."""


def _max_age(settings: Settings) -> timedelta:
    return timedelta(hours=settings.mail.max_age_hours)


def _uptime(parts: Parts) -> Uptime:
    daemon, store = parts.settings.daemon, parts.store
    return Uptime(store, store.clock, poll_seconds=daemon.poll_seconds, keep=2 * _max_age(parts.settings),
                  paused=Halts(store).pauses)  # fmt: skip


def _groups(parts: Parts) -> ApproverGroups:
    """Read the groups; their SIDs are pinned in the real ledger, in shadow mode too."""
    return ApproverGroups(
        parts.directory, parts.store.clock, refresh_seconds=parts.settings.groups.refresh_minutes * 60,
        pins=GroupPins(parts.store, partial(AuditRows(parts.store).add, AuditKind.GROUP)),
        tell=parts.watching.group_disabled,
    )  # fmt: skip


def _pipeline(
    parts: Parts, pvwa: Pvwa, groups: ApproverGroups, uptime: Uptime, *, challenging: Challenging, act: CarryOut
) -> Pipeline:
    settings, store = parts.settings, parts.store
    confirmations, people = Confirmations(store), People(parts.directory, tell=parts.watching.link_shared)
    return Pipeline(
        rules=_rules(settings),
        read=parts.read,
        directory=parts.directory,
        people=people,
        approvers=Approvers(groups, people, by_linked_account=settings.people.approver_by_linked_account),
        mails=Mails(parts.kept),
        uptime=uptime,
        confirming=Confirming(
            pvwa=pvwa,
            confirmations=confirmations,
            clock=store.clock,
            accounts=accounts(settings),
            settle=timedelta(seconds=settings.pvwa.connect_timeout_seconds + 2 * settings.pvwa.read_timeout_seconds),
            shown_within=_max_age(settings),
            age=uptime.age,
        ),
        senders=Senders(SenderRules.from_settings(settings), parts.directory, groups),
        plausibility=parts.watching.plausibility,
        permission=Permission(
            policy=Policy.from_settings(settings),
            halts=Halts(store),
            confirmations=confirmations,
            challenging=challenging,
            clock=store.clock,
        ),
        challenging=challenging,
        act=act,
    )


def _rules(settings: Settings) -> Rules:
    compare = settings.pvwa.compare
    return Rules(
        intake=IntakeRules.from_settings(settings),
        comparison=Comparison(account=compare.account, device_user=compare.device_user, reason=compare.reason),
        pvwa_names={name.casefold(): group for name, group in settings.groups.pvwa_names.items()},
        max_age=_max_age(settings),
        stamp=Stamp.of(settings),
    )
