"""How a fault looks on an HTTP wire: one place for every pretend web server."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final, assert_never

from aiohttp import web

from approvald_sandbox.systems.faults import Fault, FaultKind

Process = Callable[[], Awaitable[web.StreamResponse]]
StatusAnswer = Callable[[Fault], web.StreamResponse]

GONE_CHECK_SECONDS: Final = 0.05
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
ERROR_PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>Service maintenance</title></head>\n"
    "<body><h1>Please try again later</h1><p>The service behind this load balancer does not answer.</p></body></html>\n"
)


def plain_status(fault: Fault) -> web.StreamResponse:
    """Return the fault's HTTP status with a web server's own error page, and Retry-After where the fault has it."""
    known = {each.value: each.phrase for each in HTTPStatus}
    title = f"{fault.status} {known.get(fault.status, 'Error')}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return web.Response(status=fault.status, text=page, content_type="text/html", headers=retry_headers(fault))


def retry_headers(fault: Fault) -> dict[str, str]:
    """Return Retry-After (seconds) when the fault asks for it."""
    return {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}


def reset(request: web.Request) -> web.StreamResponse:
    """Cut the connection so that the peer sees a reset, not an orderly end. The answer returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError):  # the peer may have left already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    return web.Response()


async def until_gone(request: web.Request) -> None:
    """Wait until the peer has closed the connection; aiohttp does not cancel a handler by itself."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - aiohttp has no event for it
        await asyncio.sleep(GONE_CHECK_SECONDS)


async def carry_out(
    request: web.Request, fault: Fault | None, process: Process, *, status_answer: StatusAnswer = plain_status
) -> web.StreamResponse:
    """Run `process` under the fault; without one it just runs.

    `status_answer` makes the answer of a STATUS fault where a system words its errors in its own way.
    DOWN cuts the connection (its socket is the server's business); WRONG_CERTIFICATE changes nothing here.
    """
    if fault is None:
        return await process()
    answer: web.StreamResponse
    match fault.kind:
        case FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            answer = await process()
        case FaultKind.HANG:
            await request.read()
            await until_gone(request)
            answer = web.Response()
        case FaultKind.HELD:
            answer = await process()
            await until_gone(request)
        case FaultKind.RESET_BEFORE | FaultKind.DOWN:
            answer = reset(request)
        case FaultKind.RESET_AFTER:
            await process()
            answer = reset(request)
        case FaultKind.STATUS:
            answer = status_answer(fault)
        case FaultKind.HTML:
            answer = web.Response(text=ERROR_PAGE, content_type="text/html")
        case FaultKind.WRONG_CERTIFICATE:
            answer = await process()
        case _:
            assert_never(fault.kind)
    return answer
