"""Proves who really sent a mail, by what Exchange itself wrote into it. Pure, and never raises: doubt is no proof.

Three fields together, each exactly once (mail-security A.3, A.4): AuthAs, AuthMechanism, AuthSource. Beside them one
From with one address and no defect, and a Sender that is absent or the same. Only the fields of the mail itself count,
never those of a mail attached to it. AuthAs alone proves nothing: an externally secured connector writes Internal too.
"""

from __future__ import annotations

import re
from dataclasses import InitVar, dataclass, field
from typing import Final, final

from approvald.approval.endings import Code
from approvald.approval.people import CHECKED, VerifiedApprover, check_seal
from approvald.core.model import Mail, NoPerson, Person, PersonLookup, SeveralPersons
from approvald.mail import headers
from approvald.mail.headers import Headers

AUTH: Final = "X-MS-Exchange-Organization-Auth"
_FIELDS: Final = ("From", "Sender", f"{AUTH}As", f"{AUTH}Mechanism", f"{AUTH}Source")
# A log-on with a password or a ticket over SMTP: Exchange knows the person, but not by a way allowed here
SMTP_LOGONS: Final = frozenset({"06", "07", "0a", "0b"})
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", re.ASCII)
SHOWN_CHARS: Final = 100

HeaderValues = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class SenderRules:
    """What Exchange must have written. Mechanisms and sources are case folded; a source may be `*.suffix`."""

    auth_as: frozenset[str]
    auth_mechanisms: frozenset[str]
    auth_sources: tuple[str, ...]


@final
@dataclass(frozen=True, kw_only=True)
class ProvenAddress:
    """Exchange vouches that this address submitted the mail. Made by `prove` alone.

    `proof`: how far the proof goes, as `AuthAs/AuthMechanism`, for ledger and audit. `values`: the fields it rests on.
    """

    address: str
    proof: str
    values: HeaderValues = field(repr=False)
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        check_seal(seal, "prove")


@dataclass(frozen=True, kw_only=True)
class Unproven:
    """Nothing says that the person in From sent this: no approval and no answer. `why` is for the CyberArk team.

    `values`: the fields looked at, printable ASCII, at most 100 characters each.
    """

    why: str
    values: HeaderValues = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class WrongRoute:
    """Exchange knows this sender, but by an SMTP log-on (`mechanism`) that is not allowed here."""

    address: str
    mechanism: str


@dataclass(frozen=True, kw_only=True)
class OnBehalf:
    """Exchange vouches for `sender_address`, who wrote in the name of `address`."""

    address: str
    sender_address: str


Proof = ProvenAddress | Unproven | WrongRoute | OnBehalf


@dataclass(frozen=True, kw_only=True)
class SenderRefused:
    """The address is proven, and its person may not approve by mail."""

    code: Code


def prove(mail: Mail, rules: SenderRules) -> Proof:
    """Say whether Exchange vouches for the address in From. Never raises."""
    try:
        if len(mail.headers) <= headers.MOST_FIELDS:
            return _prove(mail, rules, _shown(mail.headers))
        return Unproven(why="The mail has too many header fields.", values=())
    except Exception:  # noqa: BLE001 - the fields are a stranger's; what cannot be judged is not proven
        return Unproven(why="The header of the mail cannot be read.", values=())


def _prove(mail: Mail, rules: SenderRules, shown: HeaderValues) -> Proof:
    fields = mail.headers
    author = _one_address(fields, "From")
    doubt = _doubt(fields, rules)
    if author is None or doubt is not None:
        return Unproven(why=doubt or "From is not exactly one plain address.", values=shown)
    if mail.from_address is not None and mail.from_address.casefold() != author:
        return Unproven(why="From is not the address that Exchange resolved.", values=shown)
    mechanism = (headers.only(fields, f"{AUTH}Mechanism") or "").lower()
    other = _other_sender(mail, fields, author)
    if mechanism in rules.auth_mechanisms:
        if other is not None:
            return OnBehalf(address=author, sender_address=other)
        proof = f"{headers.only(fields, f'{AUTH}As')}/{mechanism}"
        return ProvenAddress(address=author, proof=proof, values=shown, seal=CHECKED)
    if mechanism in SMTP_LOGONS and other is None:
        return WrongRoute(address=author, mechanism=mechanism)
    return Unproven(why=f"{AUTH}Mechanism is missing, repeated or not one of [sender] auth_mechanisms.", values=shown)


def _doubt(fields: Headers, rules: SenderRules) -> str | None:
    """Return what is wrong with the fields, other than the mechanism and who is in From, or None."""
    auth_as = headers.only(fields, f"{AUTH}As")
    source = headers.only(fields, f"{AUTH}Source")
    if auth_as is None or auth_as not in rules.auth_as:
        return f"{AUTH}As is missing, repeated or not one of [sender] auth_as."
    if source is None or not _is_ours(source, rules.auth_sources):
        return f"{AUTH}Source is missing, repeated or not one of [sender] auth_sources."
    if headers.values(fields, "X-MS-Exchange-P2FromRegexMatch"):
        return "Exchange itself doubts the From field (X-MS-Exchange-P2FromRegexMatch)."
    if headers.values(fields, "Sender") and _one_address(fields, "Sender") is None:
        return "Sender is not exactly one plain address."
    return None


def _is_ours(host: str, sources: tuple[str, ...]) -> bool:
    """Compare a whole host name with the configured ones; `*.suffix` takes any host below that suffix."""
    if not _HOST.fullmatch(host):  # ASCII first: a long s or a Kelvin sign must not become a letter of a host
        return False
    return any(takes(source, host.lower()) for source in sources)


def takes(source: str, host: str) -> bool:
    """Whether a configured source names this host or its suffix; both in lower case."""
    return host == source or (source.startswith("*.") and len(source) > len("*.") and host.endswith(source[1:]))


def _one_address(fields: Headers, name: str) -> str | None:
    value = headers.only(fields, name)
    return headers.address(value) if value is not None else None


def _other_sender(mail: Mail, fields: Headers, author: str) -> str | None:
    """Return who submitted the mail, by its Sender or by what Exchange resolved, where that is not the author."""
    resolved = mail.sender_address.casefold() if mail.sender_address is not None else None
    senders = (_one_address(fields, "Sender"), resolved)
    return next((sender for sender in senders if sender is not None and sender != author), None)


def verify(proof: ProvenAddress, lookup: PersonLookup) -> VerifiedApprover | SenderRefused:
    """Join a proven address with what the directory says of it: exactly one enabled person with a mailbox of its own.

    Shared and linked mailboxes come before disabled accounts, because Exchange disables the accounts behind both.
    """
    if isinstance(lookup, NoPerson):
        return SenderRefused(code=Code.SENDER_UNKNOWN)
    if isinstance(lookup, SeveralPersons):
        return SenderRefused(code=Code.SENDER_AMBIGUOUS)
    refused = _refused(proof.address, lookup)
    if refused is not None:
        return SenderRefused(code=refused)
    return VerifiedApprover(address=proof.address, person=lookup, proof=proof.proof, seal=CHECKED)


def _refused(address: str, person: Person) -> Code | None:
    if address not in {person.address.casefold(), *person.addresses}:
        return Code.SENDER_UNKNOWN
    if person.shared_mailbox:
        return Code.SHARED_MAILBOX
    if person.linked_mailbox:
        return Code.LINKED_MAILBOX_UNSUPPORTED
    return Code.SENDER_DISABLED if person.disabled or person.expired else None


def _shown(fields: Headers) -> HeaderValues:
    """Return the fields of the proof for an alarm: capped, and in ASCII, since two letters may look like one."""
    return tuple(
        (name, value[:SHOWN_CHARS].encode("ascii", "backslashreplace").decode().translate(_HARMLESS))
        for name in _FIELDS
        for value in headers.values(fields, name)
    )


_HARMLESS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}
