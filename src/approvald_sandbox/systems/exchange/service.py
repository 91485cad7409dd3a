"""What the operations of one pretend Exchange share, and what the control API can see and do besides the mailbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from approvald_sandbox.systems.exchange.authentication import Gate
from approvald_sandbox.systems.exchange.content import Folder
from approvald_sandbox.systems.exchange.soap import Code, Element, EwsError, elements, found, local, text_of
from approvald_sandbox.systems.exchange.store import MailStore
from approvald_sandbox.systems.exchange.subscriptions import Subscriptions
from approvald_sandbox.world.world import World

HEARTBEAT_SECONDS: Final = 45.0


@dataclass(kw_only=True)
class ExchangeStats:
    """What was asked of the server. All counts since the start or the last reset."""

    requests: list[str] = field(default_factory=list)
    """Names of the operations that were logged on, in order (also those that a fault hit)."""
    challenged: list[str] = field(default_factory=list)
    """Names of the operations that were answered 401."""
    http_requests: int = 0
    """All HTTP requests: `requests` and `challenged` together."""
    request_bytes: int = 0
    response_bytes: int = 0

    def reset(self) -> None:
        """Count from nothing again."""
        self.requests.clear()
        self.challenged.clear()
        self.http_requests = self.request_bytes = self.response_bytes = 0


@dataclass(kw_only=True)
class Exchange:
    """One server: the world it is in, its mailbox, its gate, its subscriptions and its counts."""

    world: World
    store: MailStore
    gate: Gate
    subscriptions: Subscriptions
    stats: ExchangeStats = field(default_factory=ExchangeStats)
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    """How often an open stream says that it lives."""

    @property
    def failed_logons(self) -> int:
        """Logons with a wrong name or password."""
        return self.gate.logons.failed

    @property
    def connections(self) -> int:
        """TCP connections that sent a request."""
        return self.gate.connections

    def check_mailbox(self, address: str) -> None:
        """Raise EwsError ErrorNonExistentMailbox unless it is empty or the one mailbox there is."""
        if address and address.casefold() != self.world.mailbox.casefold():
            raise EwsError(Code.NO_MAILBOX, "The SMTP address has no mailbox associated with it.")

    def folder(self, reference: Element) -> Folder:
        """Return the folder of a FolderId or DistinguishedFolderId. Raises EwsError."""
        identity = str(reference.get("Id", ""))
        if local(reference) != "DistinguishedFolderId":
            return self.store.folder(identity)
        self.check_mailbox(text_of(reference, "t:Mailbox/t:EmailAddress"))
        return self.store.distinguished(identity)

    def folder_in(self, request: Element, path: str) -> Folder:
        """Return the one folder that stands at a path of the request. Raises EwsError."""
        references = elements(found(request, path))
        if len(references) != 1:
            raise EwsError(Code.SCHEMA, f"The request failed schema validation: {path} is not one folder.")
        return self.folder(references[0])


Operation = Callable[[Exchange, Element], list[Element]]
"""Takes the request, gives the response messages in the order of what was asked. May raise EwsError for all of it."""
