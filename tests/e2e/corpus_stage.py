"""A corpus folder as a stage: its world moved to the present, its mails fed, and what the outside saw of each.

Nothing here knows a file by name or content; what a mail must lead to stands in its manifest line and in world.json.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from lxml import html as lxml_html

from approvald_sandbox.world.world import SERVICE_ACCOUNTS
from e2e.stage import HANDLED, Stage
from mailbag import Case, corpus

FILED_SECONDS: Final = 10.0
BEFORE_RECEIPT: Final = timedelta(minutes=4)
FOLDERS: Final = {"approve": "Done", "refuse": "Refused", "drop": "Ignored", "alert": "Quarantine"}
_ACCOUNTS: Final = {1: SERVICE_ACCOUNTS[2], 2: SERVICE_ACCOUNTS[3]}
_TAGS: Final = frozenset(
    {"html", "head", "meta", "title", "body", "p", "b", "table", "tbody", "tr", "td", "a", "br", "ul", "li"}
)
_ATTRIBUTES: Final = frozenset({"lang", "charset", "name", "content", "style", "href"})

Sent = Mapping[str, Any]


@dataclass(frozen=True)
class Corpus:
    """The mails of a folder in the manifest's order, and the world around them."""

    folder: Path

    @cached_property
    def cases(self) -> list[Case]:
        """Every mail."""
        return corpus(self.folder)

    @cached_property
    def world(self) -> dict[str, Any]:
        """The content of world.json."""
        read: dict[str, Any] = json.loads((self.folder / "world.json").read_text(encoding="utf-8"))
        return read

    def received(self, now: datetime) -> list[datetime]:
        """Return when each mail was received: in order, a second apart, the last one two minutes ago."""
        first = now - timedelta(seconds=len(self.cases) + 120)
        return [first + timedelta(seconds=number) for number in range(len(self.cases))]

    def present(self, now: datetime) -> dict[str, Any]:
        """Return the world as it is at `now`: each request was made four minutes before its mail was received."""
        received = self.received(now)
        made = {self.key(case): at for case, at in zip(self.cases, received, strict=True)}
        requests = {
            key: {"created": (made.get(key, received[0]) - BEFORE_RECEIPT).isoformat()} | fields
            for key, fields in self.world["requests"].items()
        }
        return self.world | {"requests": requests}

    def key(self, case: Case) -> str | None:
        """Return PVWA's RequestID of the request that a mail is about, None where the manifest does not say."""
        safe, number = case.expected["safe"], case.expected["request_id"]
        return f"{safe}_{number}" if safe and number else None

    def configuration(self) -> dict[str, Any]:
        """Return what of this world stands in approvald's configuration and not in the sandbox's endpoints."""
        return {
            "pvwa_sender": self.world["pvwa_sender"],
            "auth_sources": self.world["trusted_auth_sources"],
            "auth_mechanisms": self.world["trusted_auth_mechanisms"],
        }


@dataclass(frozen=True, kw_only=True)
class Witness:
    """What the outside saw of one mail: its folder, what was sent, what PVWA was asked and what it took.

    `folder` is None while it is in the Inbox, `code` is of its summary line, `seconds` from delivered to filed.
    """

    folder: str | None
    code: str
    seconds: float
    sent: Sequence[Sent]
    attempts: Sequence[Mapping[str, Any]]
    votes: Sequence[Mapping[str, Any]]


@dataclass
class Feeder:
    """Delivers mails to a stage and watches."""

    stage: Stage
    _sent: int = 0
    _attempts: int = 0
    _votes: int = 0
    _read: int = 0

    def one(self, case: Case, received: datetime) -> Witness:
        """Deliver one mail and watch until it is filed, at most FILED_SECONDS."""
        since = time.monotonic()
        self.deliver(case, received)
        while self._waits(received) and time.monotonic() - since < FILED_SECONDS:
            time.sleep(0.01)
        return self._witness(self.folders().get(received), time.monotonic() - since)

    def _waits(self, received: datetime) -> bool:
        inbox = self.stage.sandbox.mailbox("Inbox")["Inbox"]
        return received in {datetime.fromisoformat(mail["received"]) for mail in inbox}

    def _witness(self, folder: str | None, seconds: float) -> Witness:
        """Take down what is new since the mail before."""
        sandbox = self.stage.sandbox
        sent = sandbox.sent(after=self._sent)
        attempts, votes = sandbox.confirm_attempts()[self._attempts :], sandbox.confirmations()[self._votes :]
        self._sent += len(sent)
        self._attempts += len(attempts)
        self._votes += len(votes)
        return Witness(folder=folder, code=self._code(), seconds=seconds, sent=sent, attempts=attempts, votes=votes)

    def deliver(self, case: Case, received: datetime) -> None:
        """Deliver a mail with the class that Exchange would give it."""
        self.stage.sandbox.deliver(case.raw, item_class=item_class(case), received=received)

    def folders(self) -> dict[datetime, str]:
        """Return where each handled mail is, by the time it was received."""
        mailbox = self.stage.sandbox.mailbox()
        return {
            datetime.fromisoformat(mail["received"]): name
            for name in HANDLED
            for mail in mailbox.get(f"Inbox/{name}", [])
        }

    def _code(self) -> str:
        """Return the codes of the summary lines that are new in the log; no line is read twice."""
        with self.stage.daemon.log.open("rb") as log:
            log.seek(self._read)
            lines = [json.loads(line) for line in log]
            self._read = log.tell()
        return " ".join(line["code"] for line in lines if line["event"] == "mail.done")


# ------------------------------------------------------------------------------------------------- what a mail must do


def item_class(case: Case) -> str:
    """Return the class that Exchange would give a mail."""
    return str(case.expected.get("item_class", "IPM.Note"))


def wanted_outcome(case: Case, reading: str) -> str:
    """Return what must become of a mail that was read so: the manifest's outcome, or that of an answer it accepts."""
    if reading in case.answers - {case.expected["expect"]} and case.expected["trust"] == "internal":
        return "approve" if reading == "parsed" else "refuse"
    return str(case.expected["outcome"])


def misread(case: Case, explanation: Mapping[str, Any], world: Mapping[str, Any]) -> list[str]:
    """Return how the reading of a mail differs from the manifest."""
    reading = explanation["reading"]
    if reading not in case.answers:
        return [f"read as {reading} ({explanation['why']}), expected {' or '.join(sorted(case.answers))}"]
    found = tuple(explanation[name] for name in ("requestor", "safe", "request_number"))
    if reading != "parsed":
        return [] if found == (None, None, None) else [f"read as {reading} with values {found}"]
    if case.expected["expect"] == "parsed":
        truth = tuple(case.expected[name] for name in ("requestor", "safe", "request_id"))
    else:
        record = world["requests"].get(f"{found[1]}_{found[2]}", {})
        truth = (str(record.get("requestor")).casefold(), record.get("safe"), record.get("request_id"))
    return [] if found == truth else [f"read as {found}, expected {truth}"]


def mishandled(case: Case, outcome: str, key: str | None, witness: Witness, world: Mapping[str, Any]) -> list[str]:
    """Return how what became of a mail differs from the outcome wanted; `key` is the request it is about."""
    found = []
    if witness.folder != FOLDERS[outcome]:
        found.append(f"{outcome} wanted, but filed in {witness.folder} as {witness.code}")
    if outcome == "approve":
        found += _misconfirmed(case, world["requests"].get(key, {}), witness)
    elif witness.attempts or witness.votes:
        found.append(f"{outcome} wanted, but PVWA got {witness.attempts}")
    return found + _misanswered(case, outcome, witness, world["cyberark_team"]) + _unsafe(case, witness)


def _misconfirmed(case: Case, record: Mapping[str, Any], witness: Witness) -> list[str]:
    level = record.get("waits_for_level", 0)
    wanted = [(f"{record.get('safe')}_{record.get('request_id')}", _ACCOUNTS.get(level), level)]
    votes = [(vote["key"], vote["user"], vote["level"]) for vote in witness.votes]
    if votes != wanted or len(witness.attempts) != 1:
        return [f"PVWA took {votes} by {len(witness.attempts)} calls, expected {wanted} by one"]
    sender = re.escape(case.expected["sender"])
    if not re.fullmatch(rf"Approved on behalf of {sender} \(approvald [a-z0-9]{{12}}\)", witness.votes[0]["reason"]):
        return [f"the comment is {witness.votes[0]['reason']!r}"]
    return []


def _misanswered(case: Case, outcome: str, witness: Witness, team: str) -> list[str]:
    """Hold the letters against the outcome; the team may be told of anything."""
    sender = case.expected["sender"].casefold()
    letters = [(mail["to"], mail["cc"]) for mail in witness.sent if (mail["to"], mail["cc"]) != ([team], [])]
    if outcome == "drop" and witness.code == "rule_forward" and letters == [([sender], [])]:
        return []  # the one note a day to the rule's owner
    wanted = {"approve": [([sender], [])], "refuse": [([sender], [team])]}.get(outcome, [])
    return [] if letters == wanted else [f"sent to {letters}, expected {wanted}"]


def _unsafe(case: Case, witness: Witness) -> list[str]:
    """Return what in the letters sent came out of the mail and may not."""
    found = []
    for letter in witness.sent:
        # The sandbox's own rendering as text is not what was sent.
        whole = "\n".join(str(value) for name, value in letter.items() if name != "text")
        found += [
            f"a reply contains {text!r}" for text in case.expected.get("reply_must_not_contain", ()) if text in whole
        ]
        strange = _strange_markup(letter["html"])
        if strange:
            found.append(f"a reply's HTML contains {sorted(strange)}")
        if any(not str(value).isprintable() for value in (letter["subject"], *letter["headers"].values())):
            found.append("a reply's header contains control characters")
    return found


def _strange_markup(text: str) -> set[str]:
    """Return every element and attribute that no reply of ours has: something was not escaped."""
    elements = [node for node in lxml_html.document_fromstring(text).iter() if not callable(node.tag)]
    links = {str(node.get("href", "https://localhost:")) for node in elements}
    return (
        {str(node.tag) for node in elements} - _TAGS
        | {str(name) for node in elements for name in node.attrib} - _ATTRIBUTES
        | {link for link in links if not link.startswith("https://localhost:")}
    )
