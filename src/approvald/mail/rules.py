"""Rules of the mail door's pure steps, taken from the settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from approvald.config.settings import Settings
from approvald.mail.explain import ExplainRules
from approvald.mail.intake import IntakeRules, fold
from approvald.mail.parse.rules import ParseRules, ViewLimits, codec_name
from approvald.mail.reader.worker import Task
from approvald.mail.reply import ReplyRules
from approvald.mail.sender import SenderRules


def intake_rules(settings: Settings) -> IntakeRules:
    """Return the IntakeRules of the configuration."""
    return IntakeRules(
        own_addresses=frozenset({settings.mailbox.address.casefold(), settings.mail.pvwa_sender.casefold()}),
        subject_phrases=tuple(fold(phrase) for phrase in settings.mail.subject_phrases),
        automatic_subjects=tuple(fold(words) for words in settings.mail.automatic_subjects),
        fetch_bytes=settings.parse.limits.fetch_bytes,
        header_chars=settings.parse.limits.header_bytes,
    )


def sender_rules(settings: Settings) -> SenderRules:
    """Return the SenderRules of the configuration."""
    return SenderRules(
        auth_as=frozenset(settings.sender.auth_as),
        auth_mechanisms=frozenset(value.casefold() for value in settings.sender.auth_mechanisms),
        auth_sources=tuple(value.casefold() for value in settings.sender.auth_sources),
    )


def parse_rules(settings: Settings) -> ParseRules:
    """Return the ParseRules of the configuration."""
    limits = settings.parse.limits
    return ParseRules(
        labels=tuple((name, tuple(words)) for name, words in settings.parse.labels.model_dump().items()),
        domains=frozenset(domain.casefold() for domain in settings.mail.domains),
        safe_extra_characters=settings.parse.safe_extra_characters,
        charsets=frozenset(filter(None, map(codec_name, settings.parse.charsets))),
        limits=ViewLimits(
            mime_bytes=limits.fetch_bytes,
            view_bytes=limits.view_bytes,
            parts=limits.parts,
            depth=limits.depth,
            attached_depth=limits.attached_depth,
            header_chars=limits.header_bytes,
            line_chars=limits.line_chars,
            value_chars=limits.value_chars,
        ),
    )


def reply_rules(settings: Settings) -> ReplyRules:
    """Return the ReplyRules of the configuration."""
    return ReplyRules(
        team_name=settings.team.name,
        team_address=settings.team.address,
        zone=ZoneInfo(settings.reply.time_zone),
        portal_url=settings.reply.portal_url,
    )


def explain_rules(settings: Settings) -> ExplainRules:
    """Return the ExplainRules of the configuration."""
    return ExplainRules(
        intake=intake_rules(settings),
        sender=sender_rules(settings),
        parse=parse_rules(settings),
    )


def reading_task(settings: Settings) -> Task:
    """Return what the reading process is given."""
    limits = settings.parse.limits
    return Task(rules=parse_rules(settings), seconds=limits.seconds, memory_mib=limits.memory_mib)
