"""Every way a mail can end: its code, its folder, and who is told. The table of docs/endings.md is made from this one.

An `Ending` holds only what a reply or an operator may need, as plain texts and UTC instants, so that it can be written
down before the reply is sent and be read again after a crash. It never holds a text of the mail.

The words around it: `decide` says Confirm or Refuse. A mail ends with an `Ending`, whose `Code` names how; `Ended`
is an ending with whom to tell. `confirmation.approve.Outcome` is an ending with PVWA's record. `RequestState` is not
about a mail: it says where CyberArk's request stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from approvald.core.alarms import Alarm
from approvald.core.model import AccessRequest, Folder, Level


class Code(StrEnum):
    """The name of an ending, as it stands in logs, ledger and replies."""

    DUPLICATE = "duplicate"
    AUTOMATIC = "automatic"
    RULE_FORWARD = "rule_forward"
    NOT_A_REQUEST = "not_a_request"
    UNREADABLE = "unreadable"
    SENDER_UNPROVEN = "sender_unproven"
    SENDER_ROUTE = "sender_route"
    ON_BEHALF = "on_behalf"
    SENDER_UNKNOWN = "sender_unknown"
    SENDER_AMBIGUOUS = "sender_ambiguous"
    SENDER_DISABLED = "sender_disabled"
    SHARED_MAILBOX = "shared_mailbox"
    LINKED_MAILBOX_UNSUPPORTED = "linked_mailbox_unsupported"
    NOT_AN_APPROVER = "not_an_approver"
    INCOMPLETE = "incomplete"
    AMBIGUOUS = "ambiguous"
    STALE = "stale"
    REQUEST_GONE = "request_gone"
    NOT_VISIBLE = "not_visible"
    ALTERED = "altered"
    ALREADY_CONFIRMED = "already_confirmed"
    ALREADY_REJECTED = "already_rejected"
    EXPIRED = "expired"
    WINDOW_OVER = "window_over"
    REQUESTOR_UNKNOWN = "requestor_unknown"
    OWN_REQUEST = "own_request"
    OTHER_TEAM = "other_team"
    CONFIRMERS_UNMAPPED = "confirmers_unmapped"
    WRONG_LEVEL = "wrong_level"
    SAME_PERSON_TWICE = "same_person_twice"
    NEEDS_OTHER_CONFIRMER = "needs_other_confirmer"
    SAFE_BARRED = "safe_barred"
    OUT_OF_HOURS = "out_of_hours"
    REJECT_DISABLED = "reject_disabled"
    ON_HOLD = "on_hold"
    CHALLENGE_SENT = "challenge_sent"
    CHALLENGE_WRONG = "challenge_wrong"
    CHALLENGE_LATE = "challenge_late"
    REJECTED = "rejected"
    CONFIRMED = "confirmed"
    NOT_PERMITTED = "not_permitted"
    PVWA_REFUSED = "pvwa_refused"
    EXPIRED_WAITING = "expired_waiting"


class Team(StrEnum):
    """How the CyberArk team hears of an ending."""

    NOTHING = "nothing"
    COPY = "copy"
    ALARM = "alarm"
    """A copy where the sender is told, and an alarm of its own, throttled, in any case."""


@dataclass(frozen=True)
class Treatment:
    """The treatment of mails with one ending."""

    folder: Folder
    tells_sender: bool
    team: Team


_SILENT: Final = Treatment(Folder.IGNORED, tells_sender=False, team=Team.NOTHING)
_REFUSED: Final = Treatment(Folder.REFUSED, tells_sender=True, team=Team.COPY)
_ALARMED: Final = Treatment(Folder.REFUSED, tells_sender=True, team=Team.ALARM)
_SPECIAL: Final[Mapping[Code, Treatment]] = {
    Code.DUPLICATE: _SILENT,
    Code.AUTOMATIC: _SILENT,
    Code.RULE_FORWARD: _SILENT,
    Code.NOT_A_REQUEST: _SILENT,
    Code.SENDER_UNPROVEN: Treatment(Folder.QUARANTINE, tells_sender=False, team=Team.ALARM),
    Code.NOT_VISIBLE: _ALARMED,
    Code.CONFIRMERS_UNMAPPED: _ALARMED,
    Code.CHALLENGE_SENT: Treatment(Folder.DONE, tells_sender=True, team=Team.NOTHING),
    Code.CHALLENGE_LATE: Treatment(Folder.REFUSED, tells_sender=True, team=Team.NOTHING),
    Code.REJECTED: Treatment(Folder.DONE, tells_sender=True, team=Team.NOTHING),
    Code.CONFIRMED: Treatment(Folder.DONE, tells_sender=True, team=Team.NOTHING),
}


def treatment(code: Code) -> Treatment:
    """Return the treatment of mails with this ending. One not listed as special is a refusal and is answered."""
    return _SPECIAL.get(code, _REFUSED)


@dataclass(frozen=True, kw_only=True)
class RequestFacts:
    """PVWA's facts of a request as a reply may show them. Instants are ISO 8601 UTC, None where PVWA gave none."""

    safe: str
    number: str
    account: str | None = None
    requestor: str = ""
    level: int | None = None
    window_from: str | None = None
    window_to: str | None = None
    reason: str = ""

    @classmethod
    def from_record(cls, request: AccessRequest, *, requestor: str = "") -> RequestFacts:
        """Take the facts out of PVWA's record; `requestor` is the person as the directory names them, when known."""
        return cls(
            safe=request.safe,
            number=request.number,
            account=request.account,
            requestor=requestor or request.requestor_full_name or request.requestor_user_name,
            level=request.level.value if request.level else None,
            window_from=_iso(request.access_from),
            window_to=_iso(request.access_to),
            reason=request.user_reason or request.requestor_reason,
        )


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How one mail ended. `why`: the check's own finding, in words that may be shown to the sender.

    `request_id`: what the mail pointed to, if it was read that far. `request`: PVWA's facts, only where the sender may
    read them. `who`/`when`: who acted before, in words, and the ISO instant. `names`: what a check lists (missing
    values, changed fields, unmapped groups). `words`: PVWA's own words. `confirmations_left`: as PVWA read back.
    """

    code: Code
    why: str = ""
    request_id: str | None = None
    request: RequestFacts | None = None
    level: Level | None = None
    who: str = ""
    when: str | None = None
    names: tuple[str, ...] = ()
    words: str = ""
    confirmations_left: int | None = None
    second_level_waits: bool = False
    confirmer: str | None = None
    checks: tuple[str, ...] = field(default=())
    """Names of the checks that were passed before this one decided."""

    def to_json(self) -> str:
        """Return the ending as one line of JSON, for the ledger."""
        return json.dumps(asdict(self), ensure_ascii=True, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Ending:
        """Read an ending back. Raises ValueError when the text is not one."""
        try:
            data = {**json.loads(text)}
            request, level = data.pop("request"), data.pop("level")
            return cls(
                code=Code(data.pop("code")),
                request=RequestFacts(**request) if request else None,
                level=Level(level) if level else None,
                names=tuple(data.pop("names")),
                checks=tuple(data.pop("checks")),
                **data,
            )
        except (KeyError, TypeError) as error:
            message = "the ledger holds an ending of another form"
            raise ValueError(message) from error


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a mail ended, and whom to tell: `reply_to` is empty where nobody may be told.

    `proof`: how far the sender was proven (`AuthAs/AuthMechanism`), empty where not at all. `alarms`: what the team is
    told besides. `note_to`: a proven sender whose mailbox forwards by rule, else empty.
    """

    ending: Ending
    reply_to: str = ""
    sender: str = ""
    proof: str = ""
    alarms: tuple[Alarm, ...] = ()
    note_to: str = ""
