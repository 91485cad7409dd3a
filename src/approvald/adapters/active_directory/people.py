"""Builds the filter that looks for a person, and reads from a user object who the person is."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from approvald.adapters.active_directory.connection import Found
from approvald.adapters.active_directory.values import Row, escaped, fits, folded, pattern_in_filter
from approvald.config.settings import PeopleSettings
from approvald.core.model import NoPerson, Person, PersonLookup, SeveralPersons
from approvald.core.text import ADDRESS

LONGEST_ADDRESS: Final = 254
LONGEST_USER_NAME: Final = 256
AT_MOST: Final = 10
"""Rows asked for; one more than one person is already too many."""
DISABLED: Final = 0x2
LINKED_MAILBOX: Final = 2
SHARED_MAILBOXES: Final = frozenset({4, 16, 32, 1 << 33, 1 << 34, 1 << 35})
"""msExchRecipientTypeDetails: shared, room, equipment; and the same three kept in Exchange Online."""
ATTRIBUTES: Final = (
    "objectGUID", "objectSid", "sAMAccountName", "userPrincipalName", "displayName", "mail", "proxyAddresses",
    "manager", "userAccountControl", "accountExpires", "msExchRecipientTypeDetails",
)  # fmt: skip
PROXY: Final = re.compile(r"smtp:(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A search for people: a filter, and the exact rule that judges its rows, since a filter alone cannot be trusted.

    Active Directory cuts values at NUL, ignores white space at the ends, width and marks (directory.md A3).
    """

    wanted: str
    fits: Callable[[Row], bool]


def by_address(address: str) -> Question | None:
    """Ask for the user with this SMTP address; None when it is not an address."""
    if len(address) > LONGEST_ADDRESS or not ADDRESS.fullmatch(address):
        return None
    value, exact = escaped(address), folded(address)
    return Question(
        wanted=_user(f"(mail={value})(proxyAddresses=smtp:{value})"), fits=lambda row: exact in _addresses(row)
    )


def by_user_name(user_name: str, settings: PeopleSettings) -> Question | None:
    """Ask for the user behind a CyberArk user name; None when it cannot be one, or is mapped to two."""
    mapped = _mapped(user_name, settings)
    if mapped is None:
        return None
    name = unicodedata.normalize("NFC", mapped.rpartition("\\")[2])
    if not name or len(name) > LONGEST_USER_NAME or name != name.strip() or not name.isprintable():
        return None
    value, exact = escaped(name), folded(name)
    if "@" not in name:
        return Question(
            wanted=_user(f"(sAMAccountName={value})"), fits=lambda row: folded(row.text("sAMAccountName")) == exact
        )
    return Question(
        wanted=_user(f"(userPrincipalName={value})(mail={value})(proxyAddresses=smtp:{value})"),
        fits=lambda row: folded(row.text("userPrincipalName")) == exact or exact in _addresses(row),
    )


def by_link(link: str, settings: PeopleSettings) -> Question:
    """Ask for the people whose accounts have this link value."""
    wanted = _user(f"({settings.link_attribute}={escaped(link)})")
    return Question(wanted=wanted, fits=lambda row: _link(row, settings) == link)


def admin_accounts(manager_dn: str, settings: PeopleSettings) -> Question | None:
    """Ask for the admin accounts of a manager; None where no account is one."""
    if not settings.admin_accounts:
        return None
    named = "".join(f"(sAMAccountName={pattern_in_filter(each)})" for each in settings.admin_accounts)
    wanted = f"(&{_user(named)}(manager={escaped(manager_dn)}))"
    return Question(wanted=wanted, fits=lambda row: is_admin_account(row.text("sAMAccountName"), settings))


def is_admin_account(account_name: str, settings: PeopleSettings) -> bool:
    """Whether the manager of this account is the person who owns it."""
    return any(fits(pattern, account_name) for pattern in settings.admin_accounts)


def owned(account: Person, owner: Row | None, settings: PeopleSettings) -> Person:
    """Return an admin account with its owner: the entry of its manager, or None where that cannot be read.

    Then its DN stands for the owner, as a name-based UUID: in a ledger it takes the place of an objectGUID.
    The owner's link joins the account as well, where it has none of its own.
    """
    if owner is None:
        return replace(account, owner=str(uuid.uuid5(uuid.NAMESPACE_X500, folded(account.manager_dn or ""))))
    return replace(account, owner=owner.guid(), link=account.link or _link(owner, settings))


def every(rows: Iterable[Row], question: Question, settings: PeopleSettings, now: datetime) -> Sequence[Person]:
    """Return all people among the rows."""
    return tuple(_person(row, settings, now) for row in rows if question.fits(row))


def judge(found: Found, question: Question, settings: PeopleSettings, now: datetime) -> PersonLookup:
    """Return the one person among the rows. Raises Unreadable when it cannot be known whether an account is enabled."""
    rows = [row for row in found.rows if question.fits(row)]
    if found.cut or len(rows) > 1:
        return SeveralPersons(count=max(len(rows), 2))
    return _person(rows[0], settings, now) if rows else NoPerson()


def attributes(settings: PeopleSettings) -> Sequence[str]:
    """Return what is read of a user object."""
    return (*ATTRIBUTES, settings.link_attribute)


def _user(alternatives: str) -> str:
    return f"(&(objectCategory=person)(objectClass=user)(|{alternatives}))"


def _mapped(user_name: str, settings: PeopleSettings) -> str | None:
    """Return what [people.map] makes of a name, in any case; the name itself where it says nothing."""
    if user_name in settings.map:
        return settings.map[user_name]
    targets = {target for name, target in settings.map.items() if folded(name) == folded(user_name)}
    if len(targets) > 1:
        return None
    return targets.pop() if targets else user_name


def _addresses(row: Row) -> frozenset[str]:
    """Return every SMTP address of a row, folded. Those outside ASCII are left out: no sender we accept has one."""
    written = (*row.texts("mail"), *(found[1] for found in map(PROXY.fullmatch, row.texts("proxyAddresses")) if found))
    return frozenset(folded(address) for address in written if address.isascii())


def _address(row: Row) -> str:
    """Return the address to write to: the one primary proxy address, else mail, else nothing."""
    primary = [value.removeprefix("SMTP:") for value in row.texts("proxyAddresses") if value.startswith("SMTP:")]
    written = [*(primary if len(primary) == 1 else ()), *row.texts("mail")]
    return next((address for address in written if len(address) <= LONGEST_ADDRESS and ADDRESS.fullmatch(address)), "")


def _link(row: Row, settings: PeopleSettings) -> str | None:
    """Return the value that joins two accounts, trimmed and folded, or None where it is empty or ignored."""
    value = folded(row.text(settings.link_attribute)).strip()
    ignored = {folded(each).strip() for each in settings.link_ignore}
    return None if not value or value in ignored else value


def _person(row: Row, settings: PeopleSettings, now: datetime) -> Person:
    account_name = row.text("sAMAccountName")
    mailbox = row.number("msExchRecipientTypeDetails", default=0)
    return Person(
        guid=row.guid(),
        sid=row.sid(),
        dn=row.dn,
        account_name=account_name,
        display_name=row.text("displayName") or account_name,
        address=_address(row),
        addresses=_addresses(row),
        link=_link(row, settings),
        manager_dn=row.text("manager") or None,
        disabled=bool(row.number("userAccountControl") & DISABLED),
        expired=row.is_past("accountExpires", now),
        shared_mailbox=mailbox in SHARED_MAILBOXES,
        linked_mailbox=mailbox == LINKED_MAILBOX,
    )
