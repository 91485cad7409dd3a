"""An Exchange that answers exactly what a test tells it to, over HTTPS."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from approvald.adapters.exchange.mailbox import ExchangeMailbox
from approvald.config.settings import MailboxSettings
from approvald.core.model import ListedMail
from approvald_sandbox.systems.certificates import make_certificates, server_context
from fakes.names import FakeNames
from fakes.secrets import FakeGuard
from sandbox.exchange_client import FETCH_BYTES, mail, store_of

ENVELOPE: Final = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    'xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header/><s:Body>{}</s:Body></s:Envelope>'
)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    body: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[str, str, bool], Answer]
"""Given the operation, the whole request, and whether it asks for MIME."""


@dataclass
class Scripted:
    """The adapter in front of the script, its guard, and the names of the operations asked."""

    mailbox: ExchangeMailbox
    guard: FakeGuard
    asked: list[str]


def row(operation: str, *, code: str = "NoError", items: str = "<m:Items/>") -> str:
    """Return one response message: good, or an error by its code."""
    kind = "Success" if code == "NoError" else "Error"
    text = "" if code == "NoError" else "<m:MessageText>planted</m:MessageText>"
    return (
        f'<m:{operation}ResponseMessage ResponseClass="{kind}">{text}<m:ResponseCode>{code}</m:ResponseCode>'
        f"{items}</m:{operation}ResponseMessage>"
    )


def rows(operation: str, messages: Sequence[str]) -> Answer:
    """Return an answer of these response messages."""
    inner = "".join(messages)
    name = f"m:{operation}Response"
    return Answer(ENVELOPE.format(f"<{name}><m:ResponseMessages>{inner}</m:ResponseMessages></{name}>"))


def fault(code: str) -> Answer:
    """Return a SOAP fault, as Exchange sends it for a whole request."""
    detail = f"<detail><e:ResponseCode>{code}</e:ResponseCode><e:Message>planted</e:Message></detail>"
    body = f"<s:Fault><faultcode>a:{code}</faultcode><faultstring>planted</faultstring>{detail}</s:Fault>"
    return Answer(ENVELOPE.format(body), status=500)


def item(item_id: str, *, mime: str | None = None, more: str = "") -> str:
    """Return the Items of a GetItem answer; MIME is base64."""
    content = base64.b64encode(mail()).decode() if mime is None else mime
    inner = f'<t:MimeContent>{content}</t:MimeContent><t:ItemId Id="{item_id}" ChangeKey="c"/>{more}'
    return f"<m:Items><t:Message>{inner}</t:Message></m:Items>"


def ids_in(request: str) -> list[str]:
    """Return the ids of the items that a request asks for."""
    return re.findall(r'<t:ItemId Id="([^"]+)"', request)


def listed(*item_ids: str, size: int = 500) -> list[ListedMail]:
    """Return mails as if listed."""
    received = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    return [ListedMail(item_id=each, item_class="IPM.Note", size=size, received=received) for each in item_ids]


@contextmanager
def scripted(directory: Path, script: Script) -> Iterator[Scripted]:
    """Serve the script, and give an adapter in front of it."""
    certificates = make_certificates(directory)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"])).decode()
            operation = re.findall(r"<m:(\w+)", request)[0]
            asked.append(operation)
            answer = script(operation, request, "item:MimeContent" in request)
            body = answer.body.encode()
            self.send_response(answer.status)
            headers = {"Content-Type": "text/xml; charset=utf-8", "Content-Length": str(len(body))}
            for name, value in (headers | dict(answer.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = server_context(certificates.server).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    settings = MailboxSettings(
        address="pam-approve@corp.example",
        url=f"https://localhost:{server.server_address[1]}/EWS/Exchange.asmx",
        authentication="basic",
        ca_file=certificates.ca,
    )
    guard = FakeGuard()
    mailbox = ExchangeMailbox(settings, FETCH_BYTES, store_of(), guard, FakeNames())
    try:
        yield Scripted(mailbox, guard, asked)
    finally:
        mailbox.close()
        server.shutdown()
        server.server_close()
        thread.join(5)
