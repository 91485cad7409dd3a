"""Renders an ending as the mail to its sender, and says who is in copy. Pure, but for reading its two templates.

The subject and every sentence are our own; PVWA's values are escaped by Jinja2 and stand only in the table of facts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import jinja2

from approvald.approval.endings import Code, Ending, RequestFacts, Team, treatment
from approvald.approval.sentences import Sentences, sentences
from approvald.core.errors import WaitCause
from approvald.core.model import Reply
from approvald.core.text import one_line

_MESSAGE_ID: Final = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{3,250}>", re.ASCII)
_GREEN: Final = "#2e7d32"
_RED: Final = "#b3261e"
_AMBER: Final = "#b26a00"


_GOES_ON: Final = (
    "approvald keeps trying and will tell you the result; if it is urgent, approve in the CyberArk portal (PVWA)."
)
_AWAY: Final = Sentences(
    "Not decided yet",
    "A system needed to check your approval is unavailable, so nothing has been decided yet.",
    _GOES_ON,
)
_WAITING: Final[Mapping[str, Sentences]] = {
    WaitCause.CAP: Sentences(
        "Not decided yet",
        "You have reached the number of approvals that approvald accepts from one person per hour, so this one waits.",
        "approvald continues when the hour is over and will tell you the result; if it is urgent, "
        "approve in the CyberArk portal (PVWA).",
    ),
    WaitCause.PAUSE: Sentences(
        "Not decided yet", "approvald is paused for maintenance, so nothing has been decided yet.", _GOES_ON
    ),
}


@dataclass(frozen=True, kw_only=True)
class ReplyRules:
    """What every reply has in common. `zone` is the time zone that times are shown in."""

    team_name: str
    team_address: str
    zone: ZoneInfo
    portal_url: str | None = None


def compose(
    ending: Ending, *, ledger_id: str, to: str, message_id: str, rules: ReplyRules, copy_team: bool = True
) -> Reply:
    """Write the final answer to one mail. `to` is the sender's address by the directory, never one the mail chose.

    `copy_team` False leaves the team out of copy where it gets a digest instead.
    """
    said = sentences(ending, _shown(ending.when, rules.zone))
    copy = (rules.team_address,) if copy_team and treatment(ending.code).team is not Team.NOTHING else ()
    facts = _facts(ending, rules.zone)
    return _reply(said, facts, ledger_id=ledger_id, kind="final", to=to, cc=copy, message_id=message_id, rules=rules,
                  about=_about(ending), colour=_colour(ending.code))  # fmt: skip


def compose_challenge(
    ending: Ending, *, code: str, until: datetime, ledger_id: str, to: str, message_id: str, rules: ReplyRules
) -> Reply:
    """Write the final answer to a mail whose approval needs a code: PVWA's facts, and the code in the subject."""
    said = sentences(ending, _shown(until.isoformat(), rules.zone))
    return _reply(said, _facts(ending, rules.zone), ledger_id=ledger_id, kind="final", to=to, cc=(),
                  message_id=message_id, rules=rules, about=f"{_about(ending)} [approvald {code}]",
                  colour=_colour(ending.code))  # fmt: skip


def compose_waiting(cause: str, *, ledger_id: str, to: str, message_id: str, rules: ReplyRules) -> Reply:
    """Write the one notice that a mail waits. `cause`: a WaitCause, or what is said of a system that is away."""
    return _reply(_WAITING.get(cause, _AWAY), [], ledger_id=ledger_id, kind="waiting", to=to, cc=(),
                  message_id=message_id, rules=rules, about="", colour=_AMBER)  # fmt: skip


def compose_letter(
    said: Sentences, facts: Sequence[tuple[str, str]], *, marker: str, to: str, message_id: str, rules: ReplyRules
) -> Reply:
    """Write a mail of our own that answers no single mail: an alarm, a digest, a note. `marker`: what, dot, kind."""
    what, _, kind = marker.partition(".")
    colour = _RED if to.casefold() == rules.team_address.casefold() else _AMBER
    return _reply(said, list(facts), ledger_id=what, kind=kind, to=to, cc=(), message_id=message_id, rules=rules,
                  about="", colour=colour)  # fmt: skip


def final_marker(ledger_id: str) -> str:
    """Return the marker of a mail's final answer, which is looked for in Sent Items."""
    return f"{ledger_id}.final"


def _reply(
    said: Sentences, facts: list[tuple[str, str]], *, ledger_id: str, kind: str, to: str, cc: tuple[str, ...],
    message_id: str, rules: ReplyRules, about: str, colour: str,
) -> Reply:  # fmt: skip
    headline = one_line(f"{said.subject}: {about}" if about else said.subject)
    values = {
        "headline": headline,
        "outcome": one_line(said.outcome),
        "next_step": one_line(said.next_step),
        "facts": [(name, one_line(value)) for name, value in facts],
        "portal_url": rules.portal_url,
        "team_name": rules.team_name,
        "team_address": rules.team_address,
        "ledger_id": ledger_id,
        "colour": colour,
    }
    return Reply(
        marker=f"{ledger_id}.{kind}",
        to=(to,),
        cc=tuple(address for address in cc if address.casefold() != to.casefold()),
        subject=headline,
        text=_environment().get_template("reply.txt.j2").render(values),
        html=_environment().get_template("reply.html.j2").render(values),
        in_reply_to=message_id if _MESSAGE_ID.fullmatch(message_id) else None,
        important=colour == _RED,
    )


def _about(ending: Ending) -> str:
    if ending.request is not None:
        return f"request {ending.request.number}, safe {ending.request.safe}"
    if ending.request_id is not None:
        return f"request {ending.request_id.rpartition('_')[2]}"
    return ""


def _colour(code: Code) -> str:
    return {Code.CONFIRMED: _GREEN, Code.REJECTED: _AMBER, Code.CHALLENGE_SENT: _AMBER}.get(code, _RED)


def _facts(ending: Ending, zone: ZoneInfo) -> list[tuple[str, str]]:
    facts = _request_facts(ending.request, zone) if ending.request else []
    if _colour(ending.code) == _RED:
        facts.append(("Check that failed", ending.code.value))
    return facts


def _request_facts(request: RequestFacts, zone: ZoneInfo) -> list[tuple[str, str]]:
    levels = {1: "first", 2: "second"}
    rows = [
        ("Request id", request.number),
        ("Safe", request.safe),
        ("Account", request.account or "not shown by CyberArk"),
        ("Requestor", request.requestor),
        ("Level", levels.get(request.level or 0, "not shown by CyberArk")),
    ]
    if request.window_from or request.window_to:
        start, end = _shown(request.window_from, zone), _shown(request.window_to, zone)
        rows.append(("Access window", f"{start or 'at once'} to {end or 'without end'}"))
    rows.append(("Reason", request.reason or "none given"))
    return rows


def _shown(instant: str | None, zone: ZoneInfo) -> str:
    """Return an ISO instant as people read it, with its zone: Mon 9 Nov 2026 09:20 CET."""
    if not instant:
        return ""
    local = datetime.fromisoformat(instant).astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M %Z}"


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("approvald.mail", "templates"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
