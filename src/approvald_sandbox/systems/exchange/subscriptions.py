"""Who wants to be told of changes, and the open streams that tell them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import uuid4

from approvald_sandbox.systems.exchange.content import Event, EventKind
from approvald_sandbox.systems.exchange.soap import Code, EwsError
from approvald_sandbox.systems.exchange.store import MailStore


@dataclass(kw_only=True)
class Subscription:
    """One streaming subscription; no folders means all of them."""

    id: str
    folder_ids: frozenset[str]
    event_types: frozenset[str]
    stop: Callable[[], None] = field(default=lambda: None)


@dataclass(kw_only=True, eq=False)
class Stream:
    """One open answer and what waits to be written to it."""

    subscription_ids: frozenset[str]
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[tuple[str, Event] | None] = field(default_factory=asyncio.Queue)
    """None ends the stream in order."""
    is_cut: bool = False

    def put(self, entry: tuple[str, Event] | None) -> None:
        """Queue from any thread."""
        self.loop.call_soon_threadsafe(self.queue.put_nowait, entry)


@dataclass(kw_only=True)
class Subscriptions:
    """All subscriptions and open streams of one server. Events between two streams are lost, as with Exchange."""

    store: MailStore
    _known: dict[str, Subscription] = field(default_factory=dict)
    _streams: set[Stream] = field(default_factory=set)

    @property
    def open_streams(self) -> int:
        """How many streams are open now."""
        return len(self._streams)

    def add(self, folder_ids: frozenset[str], event_types: frozenset[str]) -> Subscription:
        """Begin a subscription."""
        subscription = Subscription(id=f"SUB{uuid4().hex}", folder_ids=folder_ids, event_types=event_types)
        subscription.stop = self.store.listen(lambda event: self._tell(subscription, event))
        self._known[subscription.id] = subscription
        return subscription

    def remove(self, subscription_id: str) -> None:
        """End a subscription. Raises EwsError ErrorSubscriptionNotFound."""
        self.require(subscription_id)
        self._known.pop(subscription_id).stop()

    def require(self, subscription_id: str) -> None:
        """Raise EwsError ErrorSubscriptionNotFound unless there is such a subscription."""
        if subscription_id not in self._known:
            raise EwsError(Code.SUBSCRIPTION_NOT_FOUND, "The specified subscription was not found.")

    def forget(self) -> None:
        """Lose all subscriptions, as a server does when it restarts; open streams end."""
        for subscription_id in list(self._known):
            self.remove(subscription_id)
        self.close_streams()

    def close_streams(self) -> None:
        """End all open streams in order (ConnectionStatus Closed), as when their time is over."""
        for stream in tuple(self._streams):
            stream.put(None)

    def cut_streams(self) -> None:
        """Reset the connections of all open streams."""
        for stream in tuple(self._streams):
            stream.is_cut = True
            stream.put(None)

    def opened(self, stream: Stream) -> None:
        """Begin to feed a stream."""
        self._streams.add(stream)

    def closed(self, stream: Stream) -> None:
        """Stop feeding a stream."""
        self._streams.discard(stream)

    def _tell(self, subscription: Subscription, event: Event) -> None:
        concerned = {event.folder_id, event.old_folder_id}
        if subscription.folder_ids and not subscription.folder_ids & concerned:
            return
        for stream in tuple(self._streams):
            if subscription.id in stream.subscription_ids:
                for kind in _kinds(event):
                    if kind in subscription.event_types:
                        stream.put((subscription.id, replace(event, kind=kind)))


def _kinds(event: Event) -> tuple[EventKind, ...]:
    """Return what an event is told as: a delivery twice, as created and as new mail."""
    return (EventKind.CREATED, EventKind.NEW_MAIL) if event.kind is EventKind.NEW_MAIL else (event.kind,)
