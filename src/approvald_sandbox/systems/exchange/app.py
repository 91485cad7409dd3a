"""The pretend Exchange as an aiohttp application: POST /EWS/Exchange.asmx."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from approvald_sandbox.systems.exchange import folders, items, sending, soap, streaming
from approvald_sandbox.systems.exchange.authentication import SCHEMES, Gate, Refused
from approvald_sandbox.systems.exchange.service import Exchange, Operation
from approvald_sandbox.systems.exchange.soap import Code, Element, EwsError, local, text_of
from approvald_sandbox.systems.exchange.store import MailStore
from approvald_sandbox.systems.exchange.subscriptions import Subscriptions
from approvald_sandbox.systems.faults import Fault, FaultKind, Faults, System
from approvald_sandbox.systems.wire import carry_out, plain_status
from approvald_sandbox.world.world import World

ENDPOINT: Final = "/ews/exchange.asmx"
EXCHANGE: Final = web.AppKey("exchange", Exchange)
LARGEST_REQUEST: Final = 64 * 1024 * 1024
BUSY_STATUS: Final = 503
UNAUTHORIZED_STATUS: Final = 401
OPERATIONS: Final[dict[str, Operation]] = {
    "ConvertId": items.convert_id,
    "CreateFolder": folders.create_folder,
    "CreateItem": sending.create_item,
    "DeleteItem": items.delete_item,
    "FindFolder": folders.find_folder,
    "FindItem": items.find_item,
    "GetAttachment": items.get_attachment,
    "GetFolder": folders.get_folder,
    "GetItem": items.get_item,
    "MoveItem": items.move_item,
    "SendItem": sending.send_item,
    "Subscribe": streaming.subscribe,
    "Unsubscribe": streaming.unsubscribe,
}


def make_app(world: World, faults: Faults, store: MailStore, *, schemes: tuple[str, ...] = SCHEMES) -> web.Application:
    """Return the server. `app[EXCHANGE]` is its Exchange: counts, failed logons, streams.

    `schemes` are the ways of logging on that it offers, of NTLM and Basic.
    """
    exchange = Exchange(
        world=world,
        store=store,
        gate=Gate(world=world, schemes=schemes),
        subscriptions=Subscriptions(store=store),
    )
    app = web.Application(client_max_size=LARGEST_REQUEST)
    app[EXCHANGE] = exchange
    app.router.add_post("/{path:.*}", partial(_handle, exchange, faults))

    async def end_streams(_: web.Application) -> None:
        exchange.subscriptions.close_streams()

    app.on_shutdown.append(end_streams)
    return app


async def _handle(exchange: Exchange, faults: Faults, request: web.Request) -> web.StreamResponse:
    """Answer one HTTP request: logon first, then the fault, then the operation."""
    if request.path.casefold() != ENDPOINT:
        raise web.HTTPNotFound
    body = await request.read()
    stats = exchange.stats
    stats.http_requests += 1
    stats.request_bytes += len(body)
    try:
        header, operation = soap.read(body)
    except EwsError as error:
        return _fault(error)
    name = local(operation)
    refused = exchange.gate.judge(request)
    if refused is not None:
        stats.challenged.append(name)
        return _unauthorized(refused)
    stats.requests.append(name)
    fault = faults.take(System.EXCHANGE, name)

    async def process() -> web.StreamResponse:
        return await _process(exchange, request, header, operation, fault)

    return await carry_out(request, fault, process, status_answer=partial(_status_answer, exchange))


async def _process(
    exchange: Exchange, request: web.Request, header: Element | None, operation: Element, fault: Fault | None
) -> web.StreamResponse:
    name = local(operation)
    if name not in OPERATIONS and name != streaming.OPERATION:
        return _fault(EwsError(Code.SCHEMA, f"The request failed schema validation: {name} is not known here."))
    try:
        exchange.check_mailbox("" if header is None else _impersonated(header))
    except EwsError as error:
        return _fault(error)
    if name == streaming.OPERATION:
        is_cut_short = fault is not None and fault.kind is FaultKind.RESET_AFTER
        return await streaming.stream(exchange, operation, request, is_cut_short=is_cut_short)
    try:
        messages = OPERATIONS[name](exchange, operation)
    except EwsError as error:
        messages = [soap.failure(name, error)]
    answer = soap.envelope(soap.response(name, messages))
    exchange.stats.response_bytes += len(answer)
    return web.Response(body=answer, content_type="text/xml", charset="utf-8")


def _impersonated(header: Element) -> str:
    return text_of(header, "t:ExchangeImpersonation/t:ConnectingSID/t:PrimarySmtpAddress")


def _unauthorized(refused: Refused) -> web.Response:
    headers = CIMultiDict[str]()
    for challenge in refused.challenges:
        headers.add("WWW-Authenticate", challenge)
    return web.Response(status=UNAUTHORIZED_STATUS, headers=headers)


def _fault(error: EwsError) -> web.Response:
    return web.Response(status=500, body=soap.fault(error), content_type="text/xml", charset="utf-8")


def _status_answer(exchange: Exchange, fault: Fault) -> web.StreamResponse:
    """Return the answer of a STATUS fault.

    A 401 shows the ways to log on. A 503 with `seconds` and no Retry-After is Exchange's own SOAP fault
    ErrorServerBusy (HTTP 500), with the seconds as BackOffMilliseconds.
    """
    if fault.status == UNAUTHORIZED_STATUS:
        return _unauthorized(exchange.gate.offer())
    if fault.status == BUSY_STATUS and fault.retry_after is None and fault.seconds:
        busy = EwsError(Code.SERVER_BUSY, "The server cannot service this request right now. Try again later.")
        wait = int(fault.seconds * 1000)
        body = soap.fault(busy, back_off_milliseconds=wait)
        return web.Response(status=500, body=body, content_type="text/xml", charset="utf-8")
    return plain_status(fault)
