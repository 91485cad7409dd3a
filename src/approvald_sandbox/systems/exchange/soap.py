"""The SOAP of Exchange Web Services: reading requests, building envelopes, response messages and faults."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from lxml import etree

Element = etree._Element  # noqa: SLF001 - lxml has no public name for its element type

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
NAMESPACES: Final = {"s": SOAP, "m": MESSAGES, "t": TYPES}
NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SERVER_VERSION: Final = {
    "MajorVersion": "15",
    "MinorVersion": "2",
    "MajorBuildNumber": "1544",
    "MinorBuildNumber": "4",
    "Version": "V2017_07_11",
}

Value = str | int | bool | datetime


class Code(StrEnum):
    """The EWS response codes that this Exchange uses."""

    CANNOT_SAVE = "ErrorItemSave"
    FOLDER_EXISTS = "ErrorFolderExists"
    FOLDER_NOT_FOUND = "ErrorFolderNotFound"
    ID_MALFORMED = "ErrorInvalidIdMalformed"
    INVALID_OPERATION = "ErrorInvalidOperation"
    INVALID_RECIPIENTS = "ErrorInvalidRecipients"
    ITEM_NOT_FOUND = "ErrorItemNotFound"
    NO_MAILBOX = "ErrorNonExistentMailbox"
    SCHEMA = "ErrorSchemaValidation"
    SERVER_BUSY = "ErrorServerBusy"
    SUBSCRIPTION_NOT_FOUND = "ErrorSubscriptionNotFound"
    UNSUPPORTED_PATH = "ErrorUnsupportedPathForQuery"


class EwsError(Exception):
    """What Exchange answers instead of a result: an EWS response code and a sentence."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def not_found() -> EwsError:
    """Return the answer for an item id that does not (or no longer) exist."""
    return EwsError(Code.ITEM_NOT_FOUND, "The specified object was not found in the store.")


def written(value: Value) -> str:
    """Write a value as EWS does, without the characters that XML cannot carry. Instants are aware, written as UTC."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return NOT_XML.sub("", str(value))


def element(
    namespace: str, tag: str, *children: Element | None, text: Value | None = None, **attributes: str
) -> Element:
    """Build an element; children that are None are left out."""
    built = etree.Element(f"{{{namespace}}}{tag}", attrib={key: written(value) for key, value in attributes.items()})
    if text is not None:
        built.text = written(text)
    built.extend([child for child in children if child is not None])
    return built


def m(tag: str, *children: Element | None, text: Value | None = None, **attributes: str) -> Element:
    """Build an element of the messages namespace."""
    return element(MESSAGES, tag, *children, text=text, **attributes)


def t(tag: str, *children: Element | None, text: Value | None = None, **attributes: str) -> Element:
    """Build an element of the types namespace."""
    return element(TYPES, tag, *children, text=text, **attributes)


def local(node: Element) -> str:
    """Return an element's name without its namespace."""
    return etree.QName(node).localname


def elements(parent: Element | None) -> list[Element]:
    """Return the child elements (no comments) of a node that may be absent."""
    return [] if parent is None else list(parent.iterchildren(tag=etree.Element))


def found(parent: Element, path: str) -> Element | None:
    """Return the first element at a path such as `m:ItemShape/t:BodyType`."""
    return parent.find(path, NAMESPACES)


def text_of(parent: Element, path: str, otherwise: str = "") -> str:
    """Return the text at a path, or the default."""
    node = found(parent, path)
    return otherwise if node is None else node.text or ""


def is_true(text: str | None) -> bool:
    """Read a boolean; exchangelib writes 1 and 0 in some places and true and false in others."""
    return (text or "").casefold() in {"1", "true"}


def read(body: bytes) -> tuple[Element | None, Element]:
    """Return header and operation of a request. Raises EwsError for anything that is not an EWS request."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise EwsError(Code.SCHEMA, "The request failed schema validation: not XML.") from error
    operations = elements(found(envelope, "s:Body"))
    if len(operations) != 1:
        raise EwsError(Code.SCHEMA, "The request failed schema validation: not one operation.")
    return found(envelope, "s:Header"), operations[0]


def success(operation: str, *children: Element | None) -> Element:
    """Build one response message of an operation that worked."""
    return m(f"{operation}ResponseMessage", m("ResponseCode", text="NoError"), *children, ResponseClass="Success")


def failure(operation: str, error: EwsError, *children: Element | None) -> Element:
    """Build one response message of an operation that failed."""
    return m(
        f"{operation}ResponseMessage",
        m("MessageText", text=error.text),
        m("ResponseCode", text=error.code),
        m("DescriptiveLinkKey", text=0),
        *children,
        ResponseClass="Error",
    )


def response(operation: str, messages: Iterable[Element]) -> Element:
    """Build the body of an answer from its response messages, which stand in the order of what was asked."""
    return m(f"{operation}Response", m("ResponseMessages", *messages))


def envelope(body: Element) -> bytes:
    """Wrap a body into an envelope with the server's version."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap=NAMESPACES)
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    header.append(t("ServerVersionInfo", **SERVER_VERSION))
    etree.SubElement(root, f"{{{SOAP}}}Body").append(body)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def fault(error: EwsError, *, back_off_milliseconds: int | None = None) -> bytes:
    """Build a SOAP fault (to be sent with HTTP 500), with the wait that a busy server asks for."""
    body = etree.Element(f"{{{SOAP}}}Fault")
    etree.SubElement(body, "faultcode").text = f"a:{error.code}"
    etree.SubElement(body, "faultstring").text = error.text
    detail = etree.SubElement(body, "detail")
    detail.append(element(ERRORS, "ResponseCode", text=error.code))
    detail.append(element(ERRORS, "Message", text=error.text))
    if back_off_milliseconds is not None:
        wait = t("Value", text=back_off_milliseconds, Name="BackOffMilliseconds")
        detail.append(t("MessageXml", wait))
    return envelope(body)
