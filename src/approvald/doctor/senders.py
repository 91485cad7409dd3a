"""Tables what this site's Exchange writes about senders, and proposes the values of [sender]. Pure.

A proposal is made from what the mailbox holds, and a stranger may have written some of that: only hosts that wrote
Internal and 04, each once, are proposed, and only below one of the site's domains. All else becomes a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from approvald.mail import headers
from approvald.mail.rules import sender_rules
from approvald.mail.sender import (
    AUTH,
    SHOWN_CHARS,
    SMTP_LOGONS,
    OnBehalf,
    ProvenAddress,
    SenderRules,
    Unproven,
    prove,
    takes,
)

if TYPE_CHECKING:
    from approvald.config.settings import Settings
    from approvald.core.model import Mail

MAILS: Final = 200
MISSING: Final = "(missing)"
SEVERAL: Final = "(several)"
INTERNAL: Final = "Internal"
SUBMITTED: Final = "04"
"""Submitted by an authenticated mailbox user: Outlook, Outlook on the web, phones (mail-security A.2)."""
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+", re.ASCII)
"""A host that may be proposed: with a dot, while `mail.sender` believes a single label where it is configured."""
_DC: Final = re.compile(r"(?:^|,)\s*DC=([^,]+)", re.IGNORECASE)
EXTERNALLY_SECURED: Final = "10"
MEANINGS: Final = {
    "00": "no authentication at all",
    "01": "SenderId, which proves no log-on",
    "02": "mutual TLS between servers",
    "03": "MapiSubmit without the proof of 04",
    "05": "mails that Exchange itself writes",
    "08": "the pickup folder of a server",
    "0c": "a log-on between servers",
    "0d": "a mechanism of the site's own",
    "11": "direct trust between servers",
    "12": "the replay folder of a server",
}
"""Mechanisms other than 04, 10 and SMTP log-ons. The names are unofficial (mail-security A.2)."""


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Mails with the same AuthAs, AuthMechanism and AuthSource. The values are as Exchange wrote them, or say why not.

    `newest`: when the newest of them was received, UTC. `example`: the domain in From of that one, empty where none
    is readable. `proven`: how many the present rules believe; `why` is what keeps the newest other one from it.
    """

    auth_as: str
    auth_mechanism: str
    auth_source: str
    count: int
    newest: datetime
    example: str
    proven: int
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class SenderTable:
    """The combinations, the most frequent first; the values that [sender] should have; and warnings.

    `unread`: mails that could not be fetched.
    """

    combinations: tuple[Combination, ...]
    auth_as: tuple[str, ...]
    auth_mechanisms: tuple[str, ...]
    auth_sources: tuple[str, ...]
    warnings: tuple[str, ...]
    fits: bool
    """Whether the present rules take every host that is proposed, and no way in that proves nothing."""
    unread: int = 0

    @property
    def count(self) -> int:
        """How many mails the table is made of."""
        return sum(each.count for each in self.combinations)


@dataclass(frozen=True, kw_only=True)
class Site:
    """The site's configuration: its rules, and the domains below which its own servers may be."""

    rules: SenderRules
    domains: frozenset[str]

    @classmethod
    def from_settings(cls, settings: Settings) -> Site:
        """Take mail domains, and the domain of the directory's base DN."""
        directory = ".".join(part.strip() for part in _DC.findall(settings.directory.base_dn))
        names = {name.lower() for name in (*settings.mail.domains, directory) if name}
        return cls(rules=sender_rules(settings), domains=frozenset(names))

    def is_ours(self, host: str) -> bool:
        """Whether a host is configured already, or lies below a domain of the site's."""
        return self.takes(host) or any(host == name or host.endswith(f".{name}") for name in self.domains)

    def takes(self, host: str) -> bool:
        """Whether [sender] auth_sources names this host (lower case) or its suffix."""
        return any(takes(source, host) for source in self.rules.auth_sources)

    def mechanisms(self) -> tuple[str, ...]:
        """Return 04, and the SMTP log-ons that the site has allowed itself."""
        return (SUBMITTED, *sorted(self.rules.auth_mechanisms & SMTP_LOGONS))

    def is_sound(self) -> bool:
        """Whether the present auth_as and auth_mechanisms take mailbox users, and nothing that proves nobody."""
        return self.rules.auth_as == {INTERNAL} and self.rules.auth_mechanisms == set(self.mechanisms())


def table(mails: Iterable[Mail], site: Site, *, unread: int = 0) -> SenderTable:
    """Count, judge and propose. `mails`: headers suffice. Never raises because of a mail's content."""
    found: dict[tuple[str, str, str], Combination] = {}
    for mail in sorted(mails, key=lambda each: each.listed.received, reverse=True):
        one = _combination(mail, site.rules)
        key = (one.auth_as, one.auth_mechanism.lower(), one.auth_source.lower())
        found[key] = _joined(found[key], one) if key in found else one
    combinations = tuple(sorted(found.values(), key=lambda each: -each.count))
    seen = _sources(combinations)
    unseen = tuple(source for source in site.rules.auth_sources if not any(takes(source, host) for host in seen))
    proposed = tuple(host for host in seen if site.is_ours(host))
    strangers = tuple(host for host in seen if not site.is_ours(host))
    return SenderTable(
        combinations=combinations,
        auth_as=(INTERNAL,),
        auth_mechanisms=site.mechanisms(),
        auth_sources=proposed,
        warnings=tuple(warnings(replace(_ways(combinations), strangers=strangers, unseen=unseen))),
        fits=bool(proposed) and site.is_sound() and all(site.takes(host) for host in proposed),
        unread=unread,
    )


def _combination(mail: Mail, rules: SenderRules) -> Combination:
    auth_as, mechanism, source = (_value(mail, f"{AUTH}{name}") for name in ("As", "Mechanism", "Source"))
    proof = prove(mail, rules)
    believed = isinstance(proof, ProvenAddress | OnBehalf)
    why = ""
    if not believed:
        why = proof.why if isinstance(proof, Unproven) else "an SMTP log-on, which is answered with sender_route"
    author = headers.only(mail.headers, "From")
    address = headers.address(author) if author is not None else None
    return Combination(
        auth_as=auth_as,
        auth_mechanism=mechanism,
        auth_source=source,
        count=1,
        newest=mail.listed.received,
        example=address.rpartition("@")[2] if address else "",
        proven=int(believed),
        why=why,
    )


def _joined(newer: Combination, older: Combination) -> Combination:
    return replace(
        newer,
        count=newer.count + older.count,
        proven=newer.proven + older.proven,
        example=newer.example or older.example,
        why=newer.why or older.why,
    )


def _value(mail: Mail, name: str) -> str:
    """Return the one value of a field, cut, or say that there is none or more than one."""
    found = headers.values(mail.headers, name)
    if len(found) == 1:
        return found[0][:SHOWN_CHARS]
    return SEVERAL if found else MISSING


def _sources(combinations: Sequence[Combination]) -> list[str]:
    """Return, in lower case, the hosts that vouched for mails of logged-on mailbox users."""
    return sorted(
        {
            each.auth_source.lower()
            for each in combinations
            if each.auth_as == INTERNAL and each.auth_mechanism == SUBMITTED and _HOST.fullmatch(each.auth_source)
        }
    )


def _ways(combinations: Sequence[Combination]) -> Ways:
    """Count the mails that did not come from one of the site's mailboxes."""
    mechanisms: dict[str, int] = {}
    outside: dict[str, int] = {}
    missing = several = 0
    for each in combinations:
        values = (each.auth_as, each.auth_mechanism, each.auth_source)
        if SEVERAL in values:
            several += each.count
        elif MISSING in values:
            missing += each.count
        elif each.auth_as != INTERNAL:
            outside[each.auth_as] = outside.get(each.auth_as, 0) + each.count
        elif each.auth_mechanism != SUBMITTED:
            mechanism = each.auth_mechanism.lower()
            mechanisms[mechanism] = mechanisms.get(mechanism, 0) + each.count
    return Ways(mechanisms=mechanisms, outside=outside, missing=missing, several=several)


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Mails that did not come from a logged-on mailbox user through one of the site's servers.

    `strangers`: hosts below no domain of ours that wrote Internal and 04. `unseen`: configured auth_sources that wrote
    none of these mails. `mechanisms`: mails by AuthMechanism in lower case, where AuthAs is Internal. `outside`: mails
    by another AuthAs. `missing`, `several`: mails in which one of the three fields is missing, or is present more than
    once.
    """

    strangers: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    mechanisms: Mapping[str, int]
    outside: Mapping[str, int]
    missing: int = 0
    several: int = 0


def warnings(ways: Ways) -> Iterator[str]:
    """Say for each way why it is no proof, and what to do."""
    for host in ways.strangers:
        yield (
            f"{host} wrote Internal and 04, but lies below none of your domains. Add it to auth_sources only if it is "
            "an Exchange server of your organization (in a hybrid setup: of your tenant)."
        )
    for source in ways.unseen:
        yield (
            f"{source} is in auth_sources, but no such server wrote these mails. Keep it only if it is an Exchange "
            "server of yours."
        )
    for mechanism, count in sorted(ways.mechanisms.items()):
        yield _mechanism(mechanism, _mails(count))
    for auth_as, count in sorted(ways.outside.items()):
        if auth_as == "Anonymous":
            yield (
                f"{_mails(count)} came from someone not logged on (Anonymous), whatever From says. Never add Anonymous "
                "to auth_as; set RequireSenderAuthenticationEnabled on the mailbox, so that Exchange refuses them."
            )
        else:
            yield f"{_mails(count)} came as {auth_as}: from outside the organization. Do not add it to auth_as."
    if ways.missing:
        yield (
            f"{_mails(ways.missing)} lack one of the three fields: they were put there by hand, moved here, or written "
            "by Exchange itself. They prove nothing."
        )
    if ways.several:
        yield (
            f"{_mails(ways.several)} carry one of the three fields more than once: somebody tried to forge them. They "
            "are never believed; look for the connector that lets X-MS-Exchange-Organization headers in."
        )


def _mechanism(mechanism: str, mails: str) -> str:
    if mechanism == EXTERNALLY_SECURED:
        return (
            f"{mails} came as Internal with mechanism 10, an externally secured connector: whoever may send through it "
            "writes any From, and Exchange calls it Internal. Never add 10 to auth_mechanisms."
        )
    if mechanism in SMTP_LOGONS:
        return (
            f"{mails} came as Internal with mechanism {mechanism}, a log-on over SMTP (IMAP clients, applications, "
            "printers). Their senders are told to use Outlook, web or phone. Add it to auth_mechanisms only if "
            "approvers need it, and no application that logs on this way has the right to send as somebody else."
        )
    meaning = MEANINGS.get(mechanism, "an unknown mechanism")
    return (
        f"{mails} came as Internal with mechanism {mechanism}: {meaning}. Internal without 04 proves nobody's log-on; "
        "do not add it to auth_mechanisms."
    )


def _mails(count: int) -> str:
    return "1 mail" if count == 1 else f"{count} mails"
