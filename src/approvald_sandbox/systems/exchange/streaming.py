"""Streaming notifications: Subscribe, Unsubscribe, and the answer that GetStreamingEvents keeps open."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiohttp import web

from approvald_sandbox.systems.exchange.content import Event, EventKind
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.soap import (
    Code,
    Element,
    EwsError,
    elements,
    envelope,
    failure,
    found,
    m,
    response,
    success,
    t,
    text_of,
)
from approvald_sandbox.systems.exchange.subscriptions import Stream
from approvald_sandbox.systems.wire import reset

OPERATION: Final = "GetStreamingEvents"
LOOK_SECONDS: Final = 0.25
"""How often an open stream looks whether its peer or its server has gone."""


def subscribe(exchange: Exchange, request: Element) -> list[Element]:
    """Answer Subscribe for streaming."""
    wanted = found(request, "m:StreamingSubscriptionRequest")
    if wanted is None:
        raise EwsError(Code.INVALID_OPERATION, "This server has streaming subscriptions only.")
    folders = frozenset(exchange.folder(each).id for each in elements(found(wanted, "t:FolderIds")))
    types = frozenset(each.text or "" for each in elements(found(wanted, "t:EventTypes")))
    return [success("Subscribe", m("SubscriptionId", text=exchange.subscriptions.add(folders, types).id))]


def unsubscribe(exchange: Exchange, request: Element) -> list[Element]:
    """Answer Unsubscribe."""
    exchange.subscriptions.remove(text_of(request, "m:SubscriptionId"))
    return [success("Unsubscribe")]


async def stream(
    exchange: Exchange, operation: Element, request: web.Request, *, is_cut_short: bool
) -> web.StreamResponse:
    """Answer GetStreamingEvents: one whole envelope per message, until ConnectionTimeout (minutes) is over.

    `is_cut_short`: only the first envelope is written (for a fault that resets the connection afterwards).
    """
    ids = [each.text or "" for each in elements(found(operation, "m:SubscriptionIds"))]
    answer = web.StreamResponse(headers={"Content-Type": "text/xml; charset=utf-8"})
    for each in ids:
        try:
            exchange.subscriptions.require(each)
        except EwsError as error:
            lost = m("ErrorSubscriptionIds", m("SubscriptionId", text=each))
            return web.Response(body=_message(failure(OPERATION, error, lost)), content_type="text/xml")
    answer.enable_chunked_encoding()
    opened = Stream(subscription_ids=frozenset(ids), loop=asyncio.get_running_loop())
    exchange.subscriptions.opened(opened)
    try:
        await answer.prepare(request)
        await answer.write(_status("OK"))
        if not is_cut_short:
            minutes = int(text_of(operation, "m:ConnectionTimeout", "30"))
            await _feed(exchange, opened, answer, request, until=time.monotonic() + 60 * minutes)
    finally:
        exchange.subscriptions.closed(opened)
    if opened.is_cut:
        return reset(request)
    if not is_cut_short:
        await answer.write(_status("Closed"))
    return answer


async def _feed(
    exchange: Exchange, opened: Stream, answer: web.StreamResponse, request: web.Request, *, until: float
) -> None:
    beat = time.monotonic() + exchange.heartbeat_seconds
    while time.monotonic() < until and request.transport is not None and not request.transport.is_closing():
        try:
            entry = await asyncio.wait_for(opened.queue.get(), LOOK_SECONDS)
        except TimeoutError:
            if time.monotonic() >= beat:
                beat = time.monotonic() + exchange.heartbeat_seconds
                await answer.write(_notifications(min(opened.subscription_ids), t("StatusEvent")))
            continue
        if entry is None:
            return
        await answer.write(_notifications(entry[0], _event(entry[1])))


def _message(message: Element) -> bytes:
    return envelope(response(OPERATION, [message]))


def _status(status: str) -> bytes:
    return _message(success(OPERATION, m("ConnectionStatus", text=status)))


def _notifications(subscription_id: str, event: Element) -> bytes:
    notification = m("Notification", t("SubscriptionId", text=subscription_id), event)
    return _message(success(OPERATION, m("Notifications", notification)))


def _event(event: Event) -> Element:
    moved = event.kind is EventKind.MOVED
    return t(
        event.kind,
        t("TimeStamp", text=event.at),
        t("ItemId", Id=event.item_id, ChangeKey="CQAAAA=="),
        t("ParentFolderId", Id=event.folder_id, ChangeKey="AQAAAA=="),
        t("OldItemId", Id=event.old_item_id, ChangeKey="CQAAAA==") if moved else None,
        t("OldParentFolderId", Id=event.old_folder_id, ChangeKey="AQAAAA==") if moved else None,
    )
