"""What must not be added to [sender] just because it was seen (mail-security A.1, A.2). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

EXTERNALLY_SECURED: Final = "10"
SMTP_LOGONS: Final = frozenset({"06", "07", "0a", "0b"})
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
class Ways:
    """Mails that came otherwise than from a logged-on mailbox user by a server of the site.

    `strangers`: hosts below no domain of ours that wrote Internal and 04. `unseen`: configured auth_sources that wrote
    none of these mails. `mechanisms`: mails by AuthMechanism in lower case, where AuthAs is Internal. `outside`: mails
    by another AuthAs. `missing`, `several`: mails in which one of the three fields does not stand, or stands more than
    once.
    """

    strangers: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    mechanisms: Mapping[str, int]
    outside: Mapping[str, int]
    missing: int = 0
    several: int = 0


def warnings(ways: Ways) -> Iterator[str]:
    """Say of each way why it is no proof, and what to do."""
    for host in ways.strangers:
        yield (
            f"{host} wrote Internal and 04, but lies below none of your domains. Add it to auth_sources only if it is "
            "an Exchange server of your organization (in a hybrid one: of your tenant)."
        )
    for source in ways.unseen:
        yield (
            f"{source} stands in auth_sources, and no such server wrote these mails. Keep it only if it is an Exchange "
            "server of yours."
        )
    for mechanism, count in sorted(ways.mechanisms.items()):
        yield _mechanism(mechanism, _mails(count))
    for auth_as, count in sorted(ways.outside.items()):
        if auth_as == "Anonymous":
            yield (
                f"{_mails(count)} came from nobody logged on (Anonymous), whatever From says. Never add Anonymous to "
                "auth_as; set RequireSenderAuthenticationEnabled on the mailbox, so that Exchange refuses them."
            )
        else:
            yield f"{_mails(count)} came as {auth_as}: from outside of the organization. Do not add it to auth_as."
    if ways.missing:
        yield (
            f"{_mails(ways.missing)} lack one of the three fields: put there by hand, moved from elsewhere, or written "
            "by Exchange itself. They prove nothing."
        )
    if ways.several:
        yield (
            f"{_mails(ways.several)} carry one of the three fields more than once: somebody tried to forge it. They "
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
            "approvers need it, and no application logs on so with the right to send as somebody else."
        )
    meaning = MEANINGS.get(mechanism, "a mechanism that is not known")
    return (
        f"{mails} came as Internal with mechanism {mechanism}: {meaning}. Internal without 04 proves nobody's log-on; "
        "do not add it to auth_mechanisms."
    )


def _mails(count: int) -> str:
    return "1 mail" if count == 1 else f"{count} mails"
