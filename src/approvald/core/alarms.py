"""The alarms: every kind of mail that warns the CyberArk team, and its words. Pure.

An alarm never goes to the sender of a mail, and holds no text of its body. It shows header fields only as
`sender.py` has made them harmless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from approvald.core.text import harmless

_SHOWN_NAMES: Final = 10

FactRows = tuple[tuple[str, str], ...]


class AlarmKind(StrEnum):
    """The kinds of alarm, each throttled on its own. Mails that are due together leave in this order."""

    SENDER_UNPROVEN = "sender_unproven"
    SENDER_RULES_WRONG = "sender_rules_wrong"
    NOT_VISIBLE = "not_visible"
    CONFIRMERS_UNMAPPED = "confirmers_unmapped"
    GROUP_DISABLED = "group_disabled"
    LINK_SHARED = "link_shared"
    PROBING = "probing"
    TOO_FAST = "too_fast"
    CLOCKS_DIFFER = "clocks_differ"
    REPLY_FAILED = "reply_failed"
    MAIL_WAITS = "mail_waits"
    OUTAGE = "outage"
    LEDGER_AWAY = "ledger_away"
    LOGON_REFUSED = "logon_refused"
    OUTAGE_OVER = "outage_over"
    LOGON_ACCEPTED = "logon_accepted"
    COPIES_HELD_BACK = "copies_held_back"
    UNEXPLAINED_CONFIRMATION = "unexplained_confirmation"
    CONFIRMATION_NOT_SHOWN = "confirmation_not_shown"
    AUDIT_CUT = "audit_cut"
    ANCHOR_FAILED = "anchor_failed"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One warning for the team.

    `name` is who or what it is about, for counting: an approver's address, a group, a code. `facts`: pairs of label
    and value for the table of the mail.
    """

    kind: AlarmKind
    why: str
    name: str = ""
    facts: FactRows = ()


@dataclass(frozen=True)
class AlarmWords:
    """The texts of one alarm mail."""

    subject: str
    outcome: str
    next_step: str
    facts: FactRows


def alarm_words(latest: Alarm, raised: Sequence[datetime], names: Iterable[str], mails: Iterable[str]) -> AlarmWords:
    """Return the mail about one or more alarms of a kind; all but the latest were held back.

    `raised`: the instant of each, in order (UTC). `names`: the name of each. `mails`: ledger ids of the latest ones.
    """
    subject, step = _WORDS[latest.kind]
    facts = [(label, harmless(value)) for label, value in (("About", latest.name), *latest.facts) if value]
    held_back = len(raised) - 1
    if held_back:
        since = f"{raised[0]:%Y-%m-%d %H:%M} UTC"
        facts.append(("Held back", f"{held_back} more of this kind since {since}; approvald mails them together"))
    counted = Counter(name for name in names if name)
    if counted and (held_back or latest.kind is AlarmKind.COPIES_HELD_BACK):
        listed = ", ".join(f"{harmless(name)}: {count}" for name, count in counted.most_common(_SHOWN_NAMES))
        rest = len(counted) - _SHOWN_NAMES
        facts.append(("How often", f"{listed}, and {rest} others" if rest > 0 else listed))
    known = [mail for mail in mails if mail]
    if known:
        facts.append(("Ledger ids of the mails", ", ".join(known)))
    facts.append(("Alarm", latest.kind.value))
    return AlarmWords(subject, harmless(latest.why), step, tuple(facts))


TOLD_AT_ONCE: Final = frozenset(
    {
        AlarmKind.OUTAGE,
        AlarmKind.OUTAGE_OVER,
        AlarmKind.LOGON_REFUSED,
        AlarmKind.LOGON_ACCEPTED,
        AlarmKind.UNEXPLAINED_CONFIRMATION,
    }
)
"""Kinds that are raised once per subject, so a mail about one subject never waits for a mail about another."""

_WORDS: Final[Mapping[AlarmKind, tuple[str, str]]] = {
    AlarmKind.SENDER_UNPROVEN: (
        "Alarm: a mail with an unproven sender was quarantined",
        (
            "The sender got no answer. If the fields below are those of your Exchange servers, widen sender.auth_as, "
            "sender.auth_mechanisms or sender.auth_sources; if not, somebody has forged a mail."
        ),
    ),
    AlarmKind.SENDER_RULES_WRONG: (
        "Alarm: approvers' mails cannot be proven; the rules for senders are probably wrong",
        (
            "Compare the fields below with your Exchange servers. If they are yours, set sender.auth_as, "
            "sender.auth_mechanisms and sender.auth_sources; if not, approvers are being imitated."
        ),
    ),
    AlarmKind.NOT_VISIBLE: (
        "Alarm: CyberArk does not show a request to approvald",
        "Give approvald's confirming accounts the right to see and confirm requests in this safe.",
    ),
    AlarmKind.CONFIRMERS_UNMAPPED: (
        "Alarm: confirmers of a request are not known as approver groups",
        "Add them to [groups.pvwa_names], or create groups with these names in the directory.",
    ),
    AlarmKind.GROUP_DISABLED: (
        "Alarm: an approver group cannot be used",
        "Its members cannot approve by mail until it is corrected in the directory or in [groups].",
    ),
    AlarmKind.LINK_SHARED: (
        "Alarm: too many accounts share a value that should join one person's accounts",
        (
            "The value joins nobody, so these accounts count as different people. If it is a filler, add it to "
            "people.link_ignore; if not, have it corrected in the directory."
        ),
    ),
    AlarmKind.PROBING: (
        "Alarm: one sender keeps naming requests that are not theirs",
        (
            "Ask the sender why. Several mails within an hour named requests that do not exist, are another team's, or "
            "differ from CyberArk's record; none of them confirmed anything."
        ),
    ),
    AlarmKind.TOO_FAST: (
        "Alarm: an approver forwards faster than people do",
        (
            "Ask the approver whether a rule or program forwards CyberArk's notifications; approving needs a person. "
            "Take anyone who should not approve at all out of the approver group in the directory."
        ),
    ),
    AlarmKind.CLOCKS_DIFFER: (
        "Alarm: the clocks of Exchange and CyberArk differ",
        "Set both clocks right; a mail was received before its request was made.",
    ),
    AlarmKind.REPLY_FAILED: (
        "Alarm: an answer could not be sent",
        "Check the cause and the mailbox's rights; approvald looks into Sent Items and tries again.",
    ),
    AlarmKind.MAIL_WAITS: (
        "Alarm: a mail is waiting, and no known outage is the cause",
        "Look for its ledger id in the log (mail.waiting, mail.failed); approvald keeps trying.",
    ),
    AlarmKind.OUTAGE: (
        "Alarm: a system is away, and mails are waiting",
        "Look at the system named below; approvald keeps trying, and approvers can use the portal.",
    ),
    AlarmKind.OUTAGE_OVER: (
        "All clear: a system is back",
        "There is nothing to do: waiting mails are being decided now, and their senders answered.",
    ),
    AlarmKind.LEDGER_AWAY: (
        "Alarm: the ledger cannot be written, so nothing is being approved",
        (
            "Make room on its disk, restore approvald's right to write it, or bring its database back. Mails "
            "are read and wait; approvers can use the portal."
        ),
    ),
    AlarmKind.LOGON_REFUSED: (
        "Alarm: one of approvald's passwords is not accepted",
        "Set the right password in the secret store; approvald notices it by itself, and does not lock the account.",
    ),
    AlarmKind.LOGON_ACCEPTED: (
        "All clear: one of approvald's passwords is accepted again",
        "There is nothing to do: mails that waited for it are being decided now, and their senders answered.",
    ),
    AlarmKind.UNEXPLAINED_CONFIRMATION: (
        "Alarm: our account confirmed a request that approvald knows nothing about",
        (
            "Somebody else is using this account: change its password now, end its sessions in CyberArk, and look at "
            "the request and at what was done with it. If you used the account's password yourself, stop using it."
        ),
    ),
    AlarmKind.CONFIRMATION_NOT_SHOWN: (
        "Alarm: CyberArk does not show one of our confirmations",
        "Look the request up in CyberArk, and run approvald why REQUEST. CyberArk may have been restored from backup.",
    ),
    AlarmKind.AUDIT_CUT: (
        "Alarm: the audit file has been changed",
        (
            "Find out who could write to it. What is missing at its end is written again from the ledger; run approvald"
            " audit verify on it and on the rotated files, and compare them with copies kept elsewhere."
        ),
    ),
    AlarmKind.ANCHOR_FAILED: (
        "Alarm: the audit trail could not be anchored",
        "Check audit.anchor_command. Approvals go on; until it works, nothing kept elsewhere proves the newest lines.",
    ),
    AlarmKind.COPIES_HELD_BACK: (
        "Digest: more refusals than rates.team_copies_an_hour",
        (
            "Only your copies are held back; each sender still gets up to rates.answers_an_hour. The log has a line "
            "mail.done for each refusal."
        ),
    ),
}
