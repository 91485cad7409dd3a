"""The ports behind their breakers: each question passes through the breaker of its system, otherwise unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from approvald.core.model import (
    AccessRequest,
    ApproverGroup,
    Folder,
    GroupBook,
    Level,
    ListedMail,
    Mail,
    Person,
    PersonLookup,
    Reply,
)
from approvald.core.ports import (
    Absent,
    Accepted,
    Declined,
    Directory,
    Forbidden,
    Mailbox,
    Moved,
    NotDone,
    Pvwa,
    Secret,
    SecretStore,
    Unfetchable,
)
from approvald.health.breaker import Breaker


class BreakableMailbox:
    """The port Mailbox."""

    def __init__(self, inner: Mailbox, breaker: Breaker) -> None:
        self._inner = inner
        self._breaker = breaker

    def list_inbox(self, limit: int) -> Sequence[ListedMail]:
        """See the port."""
        with self._breaker.call():
            return self._inner.list_inbox(limit)

    def fetch(self, listed: Sequence[ListedMail], *, with_mime: bool = True) -> Sequence[Mail | Unfetchable]:
        """See the port."""
        with self._breaker.call():
            return self._inner.fetch(listed, with_mime=with_mime)

    def send(self, replies: Sequence[Reply]) -> Sequence[NotDone | None]:
        """See the port."""
        with self._breaker.call():
            return self._inner.send(replies)

    def send_unasked(self, alarm: Reply) -> None:
        """See the port."""
        with self._breaker.call():
            self._inner.send_unasked(alarm)

    def sent_markers(self, markers: Sequence[str]) -> frozenset[str]:
        """See the port."""
        with self._breaker.call():
            return self._inner.sent_markers(markers)

    def file(self, item_ids: Sequence[str], folder: Folder) -> Sequence[Moved | NotDone]:
        """See the port."""
        with self._breaker.call():
            return self._inner.file(item_ids, folder)

    def restore(self, item_ids: Sequence[str]) -> Sequence[Moved | NotDone]:
        """See the port."""
        with self._breaker.call():
            return self._inner.restore(item_ids)

    def list_folder(self, folder: Folder | None, limit: int, *, message_id: str = "") -> Sequence[ListedMail]:
        """See the port."""
        with self._breaker.call():
            return self._inner.list_folder(folder, limit, message_id=message_id)

    def close(self) -> None:
        """End every connection."""
        self._inner.close()


class BreakableDirectory:
    """The port Directory."""

    def __init__(self, inner: Directory, breaker: Breaker) -> None:
        self._inner = inner
        self._breaker = breaker

    def find_by_address(self, address: str) -> PersonLookup:
        """See the port."""
        with self._breaker.call():
            return self._inner.find_by_address(address)

    def find_by_user_name(self, user_name: str) -> PersonLookup:
        """See the port."""
        with self._breaker.call():
            return self._inner.find_by_user_name(user_name)

    def people_with_link(self, link: str) -> Sequence[Person]:
        """See the port."""
        with self._breaker.call():
            return self._inner.people_with_link(link)

    def admin_accounts_of(self, person: Person) -> Sequence[Person]:
        """See the port."""
        with self._breaker.call():
            return self._inner.admin_accounts_of(person)

    def memberships(self, person: Person, groups: Sequence[ApproverGroup]) -> frozenset[str]:
        """See the port."""
        with self._breaker.call():
            return self._inner.memberships(person, groups)

    def approver_groups(self) -> GroupBook:
        """See the port."""
        with self._breaker.call():
            return self._inner.approver_groups()

    def close(self) -> None:
        """End every connection."""
        self._inner.close()


class BreakablePvwa:
    """The port Pvwa."""

    def __init__(self, inner: Pvwa, breaker: Breaker) -> None:
        self._inner = inner
        self._breaker = breaker

    def details(self, request_id: str, account: Level) -> AccessRequest | Absent | Forbidden:
        """See the port."""
        with self._breaker.call():
            return self._inner.details(request_id, account)

    def lists(self, request_id: str, account: Level) -> bool:
        """See the port."""
        with self._breaker.call():
            return self._inner.lists(request_id, account)

    def incoming(self, account: Level) -> Sequence[str]:
        """See the port."""
        with self._breaker.call():
            return self._inner.incoming(account)

    def confirm(
        self, request_id: str, account: Level, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """See the port."""
        with self._breaker.call():
            return self._inner.confirm(request_id, account, comment, permit=permit)

    def reject(
        self, request_id: str, account: Level, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """See the port."""
        with self._breaker.call():
            return self._inner.reject(request_id, account, comment, permit=permit)

    def user_name(self, account: Level) -> str:
        """See the port; PVWA itself is not asked."""
        return self._inner.user_name(account)

    def rest(self) -> None:
        """Log off accounts that have been idle. Never raises."""
        self._inner.rest()

    def close(self) -> None:
        """Log off everything. Never raises."""
        self._inner.close()


class BreakableSecretStore:
    """The port SecretStore."""

    def __init__(self, inner: SecretStore, breaker: Breaker) -> None:
        self._inner = inner
        self._breaker = breaker

    def get(self, name: str, *, fresh: bool = False) -> Secret:
        """See the port."""
        with self._breaker.call():
            return self._inner.get(name, fresh=fresh)

    def close(self) -> None:
        """Give back tokens. Never raises."""
        self._inner.close()
