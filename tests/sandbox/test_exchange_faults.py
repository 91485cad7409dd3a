"""The pretend Exchange carries out each fault, and its streams end in every way a stream can end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import Queue
from typing import Any

import pytest
import requests
from exchangelib import (
    BASIC,
    Account,
    Build,
    Version,
)
from exchangelib.errors import (
    ErrorServerBusy,
    ErrorSubscriptionNotFound,
    ErrorTimeoutExpired,
    EWSError,
    UnauthorizedError,
)
from exchangelib.properties import NewMailEvent
from exchangelib.protocol import BaseProtocol
from exchangelib.services import GetStreamingEvents

from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from sandbox.exchange_server import MAIL, Server, envelope_of, pinned, running, send_one


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a pretend Exchange."""
    with running() as started:
        yield started


def read_stream(account: Account, events: Queue[Any], subscription_id: str) -> None:
    """Collect what one stream tells, and at last what ended it."""
    service = GetStreamingEvents(account=account)
    try:
        for notification in service.call(subscription_ids=[subscription_id], connection_timeout=1):
            for event in notification.events or ():
                events.put(event)
        events.put("ended")
    except (requests.exceptions.RequestException, EWSError) as error:
        events.put(error)


@pytest.fixture
def stream(server: Server) -> Iterator[tuple[Server, Account, str, Queue[Any]]]:
    """Open a stream on the inbox in a thread of its own."""
    account = server.account(auth_type=BASIC, version=Version(Build(15, 2, 1544, 4)))
    subscription_id = account.inbox.subscribe_to_streaming(event_types=["NewMailEvent", "MovedEvent"])
    events: Queue[Any] = Queue()
    server.exchange.heartbeat_seconds = 0.3
    reader = threading.Thread(target=read_stream, args=(account, events, subscription_id))
    reader.start()
    wait_for(lambda: server.exchange.subscriptions.open_streams == 1)
    yield server, account, subscription_id, events
    server.exchange.subscriptions.close_streams()
    reader.join(10)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait at most five seconds until the server has come so far."""
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_stream_tells_of_new_and_moved_mail_and_ends_in_order(
    stream: tuple[Server, Account, str, Queue[Any]],
) -> None:
    """A delivery wakes the client, heartbeats do not harm, the subscription outlives the stream."""
    server, account, subscription_id, events = stream
    time.sleep(0.4)
    item_id = server.store.deliver(MAIL)
    heard = [event for event in (events.get(timeout=5), events.get(timeout=5)) if isinstance(event, NewMailEvent)]
    assert [event.item_id.id for event in heard] == [item_id]
    moved_id = server.store.move(item_id, "Deleted Items")
    moved = events.get(timeout=5)
    assert (moved.old_item_id.id, moved.item_id.id) == (item_id, moved_id)
    server.exchange.subscriptions.close_streams()
    assert events.get(timeout=5) == "ended"
    account.inbox.unsubscribe(subscription_id)


def test_cut_stream_and_lost_subscription_are_seen(stream: tuple[Server, Account, str, Queue[Any]]) -> None:
    """A reset in mid-stream is a broken connection; a lost subscription is its own error at the next try."""
    server, account, subscription_id, events = stream
    server.exchange.subscriptions.cut_streams()
    assert isinstance(events.get(timeout=5), requests.exceptions.RequestException)
    server.exchange.subscriptions.forget()
    with pytest.raises(ErrorSubscriptionNotFound):
        list(GetStreamingEvents(account=account).call(subscription_ids=[subscription_id], connection_timeout=1))


@pytest.mark.parametrize(
    ("fault", "error", "sent"),
    [
        (Fault(kind=FaultKind.HANG, times=1), ErrorTimeoutExpired, 0),
        (Fault(kind=FaultKind.RESET_BEFORE, times=1), ErrorTimeoutExpired, 0),
        (Fault(kind=FaultKind.DOWN, times=1), ErrorTimeoutExpired, 0),
        (Fault(kind=FaultKind.RESET_AFTER, times=1), ErrorTimeoutExpired, 1),
        (Fault(kind=FaultKind.STATUS, times=1, status=401), UnauthorizedError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=403), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=429, retry_after=7), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=500), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=502), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=503, retry_after=7), ErrorServerBusy, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=503, seconds=0.5), ErrorServerBusy, 0),
        (Fault(kind=FaultKind.HTML, times=1), EWSError, 0),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_fault_hits_once_and_only_reset_after_lets_the_mail_out(
    server: Server, fault: Fault, error: type[Exception], sent: int
) -> None:
    """Each fault is seen by the client; the operation happened only where the answer alone was lost."""
    account = pinned(server)
    BaseProtocol.TIMEOUT = 1
    server.faults.put(System.EXCHANGE, replace(fault, operation="createitem"))
    assert account.inbox.total_count == 0
    with pytest.raises(error):
        send_one(account)
    assert len(server.store.sent()) == sent
    send_one(account)
    assert len(server.store.sent()) == sent + 1


def test_busy_server_says_how_long(server: Server) -> None:
    """A 503 carries Retry-After; a busy Exchange carries BackOffMilliseconds, the client's back-off."""
    server.faults.put(System.EXCHANGE, Fault(kind=FaultKind.STATUS, times=1, status=503, retry_after=7))
    body, auth = envelope_of("<m:FindItem/>"), ("svc-mail", DEFAULT_PASSWORD)
    assert requests.post(server.url, data=body, auth=auth, timeout=5).headers["Retry-After"] == "7"
    server.faults.put(System.EXCHANGE, Fault(kind=FaultKind.STATUS, times=1, status=503, seconds=0.5))
    with pytest.raises(ErrorServerBusy) as busy:
        send_one(pinned(server))
    assert busy.value.back_off == 0.5


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.WRONG_CERTIFICATE])
def test_slow_answer_comes_late_but_comes(server: Server, kind: FaultKind) -> None:
    """A slow server answers; a wrong certificate is the business of the TLS socket and changes no answer."""
    account = pinned(server)
    server.faults.put(System.EXCHANGE, Fault(kind=kind, times=1, seconds=0.3))
    start = time.monotonic()
    send_one(account)
    assert (time.monotonic() - start >= 0.3) is (kind is FaultKind.SLOW)


def test_stream_can_be_cut_right_after_it_began(server: Server) -> None:
    """RESET_AFTER on GetStreamingEvents lets the first envelope out and cuts the connection then."""
    account = pinned(server)
    subscription_id = account.inbox.subscribe_to_streaming()
    server.faults.put(System.EXCHANGE, Fault(kind=FaultKind.RESET_AFTER, times=1, operation="GetStreamingEvents"))
    events: Queue[Any] = Queue()
    read_stream(account, events, subscription_id)
    assert isinstance(events.get(timeout=1), requests.exceptions.RequestException)
    assert server.exchange.subscriptions.open_streams == 0


def test_what_is_no_ews_request_is_refused(server: Server) -> None:
    """Not XML, an unknown operation and another path are refused as a real server refuses them."""
    for body in ("junk", envelope_of("<m:EmptyFolder/>")):
        answer = requests.post(server.url, data=body, auth=("svc-mail", DEFAULT_PASSWORD), timeout=5)
        assert answer.status_code == 500
        assert "ErrorSchemaValidation" in answer.text
    assert requests.post(server.url + "x", data="", timeout=5).status_code == 404
