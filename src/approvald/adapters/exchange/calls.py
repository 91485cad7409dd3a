"""The EWS requests that approvald sends: each exactly once, each answered by one row per item.

A row is the element of a response message or, where Exchange said no to this one item, the exchangelib error.
exchangelib's own item classes are not used for reading: they raise on types of item that they do not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, TypeAlias

from exchangelib import Folder, ItemId, Mailbox, Message, Q
from exchangelib.errors import EWSError
from exchangelib.fields import ExtendedPropertyField, FieldOrder, FieldPath
from exchangelib.folders import Inbox, Root, SentItems
from exchangelib.items import ID_ONLY, SEND_AND_SAVE_COPY, SEND_TO_NONE, SHALLOW
from exchangelib.properties import DistinguishedFolderId, FolderId
from exchangelib.restriction import Restriction
from exchangelib.services import CreateFolder, CreateItem, FindFolder, FindItem, GetItem, MoveItem
from lxml import etree

from approvald.adapters.exchange.properties import AutoForwarded, FromAddress, Marker, SenderAddress

Element = etree._Element  # noqa: SLF001 - lxml has no public name for its element type
Row: TypeAlias = Any
"""Element | exchangelib.errors.EWSError; exchangelib has no types."""

LISTED: Final = ("item_class", "size", "datetime_received")
HEADERS: Final = ("headers", "sender", "author", "message_id")
MAPI: Final = (SenderAddress, FromAddress, AutoForwarded)
SUBFOLDERS: Final = 1000
"""How many folders below the Inbox are asked for at once; Exchange gives no more than this in one page."""


def find_items(account: Any, limit: int) -> list[Row]:
    """Ask for the oldest `limit` items of the Inbox."""
    return _find_by_time(account, inbox(account), limit, newest_first=False)


def find_newest(account: Any, limit: int, folder_id: str | None, *, message_id: str = "") -> list[Row]:
    """Ask for the newest `limit` items of a folder, or those with a given Message-ID; None is the Inbox."""
    above = inbox(account)
    folder = above if folder_id is None else Folder(_id=FolderId(id=folder_id), root=above.root)
    return _find_by_time(account, folder, limit, newest_first=True, message_id=message_id)


def _find_by_time(account: Any, folder: Any, limit: int, *, newest_first: bool, message_id: str = "") -> list[Row]:
    received = FieldPath(Message.get_field_by_fieldname("datetime_received"))
    bears_it = Restriction(Q(message_id=message_id), folders=[folder], applies_to=Restriction.ITEMS)
    return list(
        _FindItem(account=account, page_size=limit).call(
            folders=[folder],
            additional_fields=_paths(LISTED),
            restriction=bears_it if message_id else None,
            order_fields=[FieldOrder(received, reverse=newest_first)],
            shape=ID_ONLY,
            query_string=None,
            depth=SHALLOW,
            calendar_view=None,
            max_items=limit,
            offset=0,
        )
    )


def find_sent(account: Any, markers: Sequence[str]) -> list[Row]:
    """Ask for the mails in Sent Items that have one of these markers."""
    sent = _sent_items(account)
    bears_one = reduce(or_, (Q(**{Marker.FIELD: marker}) for marker in markers))
    return list(
        _FindItem(account=account, page_size=100).call(
            folders=[sent],
            additional_fields=_paths((), [Marker]),
            restriction=Restriction(bears_one, folders=[sent], applies_to=Restriction.ITEMS),
            order_fields=None,
            shape=ID_ONLY,
            query_string=None,
            depth=SHALLOW,
            calendar_view=None,
            max_items=None,
            offset=0,
        )
    )


def get_items(account: Any, item_ids: Sequence[str], *, with_mime: bool) -> list[Row]:
    """Ask for these items."""
    fields = ("mime_content", *HEADERS) if with_mime else HEADERS
    return list(
        _GetItem(account=account, chunk_size=len(item_ids)).call(
            items=_ids(item_ids), additional_fields=_paths(fields, MAPI), shape=ID_ONLY
        )
    )


def create_items(account: Any, messages: Sequence[Any]) -> list[Row]:
    """Send these mails, in one request however many they are."""
    return list(
        _CreateItem(account=account, chunk_size=len(messages)).call(
            items=messages,
            folder=_sent_items(account),
            message_disposition=SEND_AND_SAVE_COPY,
            send_meeting_invitations=SEND_TO_NONE,
        )
    )


def move_items(account: Any, item_ids: Sequence[str], folder_id: str | None) -> list[Row]:
    """Move these items, in one request however many they are; None is the Inbox."""
    target = inbox(account) if folder_id is None else FolderId(id=folder_id)
    return list(_MoveItem(account=account, chunk_size=len(item_ids)).call(items=_ids(item_ids), to_folder=target))


def find_folders(account: Any) -> list[Row]:
    """Ask for the folders right below the Inbox."""
    return list(
        _FindFolder(account=account, page_size=SUBFOLDERS).call(
            folders=[inbox(account)],
            additional_fields={FieldPath(Folder.get_field_by_fieldname("name"))},
            restriction=None,
            shape=ID_ONLY,
            depth=SHALLOW,
            max_items=SUBFOLDERS,
            offset=0,
        )
    )


def create_folders(account: Any, names: Sequence[str]) -> list[Row]:
    """Make folders right below the Inbox."""
    above = inbox(account)
    made = [Folder(name=name, folder_class="IPF.Note", root=above.root) for name in names]
    return list(_CreateFolder(account=account).call(parent_folder=above, folders=made))


def good(rows: Iterable[Row]) -> list[Element]:
    """Return the rows as elements. Raises the first error among them."""
    answers: list[Element] = []
    for row in rows:
        if isinstance(row, EWSError):
            raise row
        answers.append(row)
    return answers


def inbox(account: Any) -> Any:
    """Return the Inbox by its well-known name: exchangelib would ask for it first."""
    return _well_known(account, Inbox)


def _sent_items(account: Any) -> Any:
    return _well_known(account, SentItems)


def _well_known(account: Any, kind: Any) -> Any:
    # With its id from the start: exchangelib adds it while it pages, and then misses the folder in its own table.
    mailbox = Mailbox(email_address=account.primary_smtp_address)
    known = DistinguishedFolderId(id=kind.DISTINGUISHED_FOLDER_ID, mailbox=mailbox)
    return kind(_distinguished_id=known, root=Root(account=account))


def _ids(item_ids: Iterable[str]) -> list[Any]:
    return [ItemId(id=item_id) for item_id in item_ids]


def _paths(names: Iterable[str], properties: Iterable[Any] = ()) -> set[Any]:
    fields = [Message.get_field_by_fieldname(name) for name in names]
    fields += [ExtendedPropertyField(each.FIELD, value_cls=each) for each in properties]
    return {FieldPath(field) for field in fields}


class _Plain:
    """The base of all our requests.

    One version: exchangelib would send the request again, CreateItem too, in every older form that EWS ever had. One
    row a response message: an item's error says nothing of the other items, and raising it would lose their answers.
    """

    ERRORS_TO_CATCH_IN_RESPONSE = (EWSError,)
    _version_hint: Any
    _get_element_container: Any

    def _api_versions_to_try(self) -> tuple[Any, ...]:
        return (self._version_hint.api_version,)

    @classmethod
    def _get_soap_parts(cls, response: Any) -> tuple[Element | None, Element]:
        """Parse the answer in one go; exchangelib feeds its parser one byte at a time, 0.35 s a MiB."""
        # "recover": Exchange writes control characters of mails as character references, which XML forbids.
        parser = etree.XMLParser(recover=True, huge_tree=True, resolve_entities=False, no_network=True)
        root = etree.fromstring(response.content, parser)
        soap = {"s": "http://schemas.xmlsoap.org/soap/envelope/"}
        body = None if root is None else root.find("s:Body", soap)
        if root is None or body is None:
            message = "no SOAP body"
            raise ValueError(message)
        return root.find("s:Header", soap), body

    def _elems_to_objs(self, elems: Iterable[Any]) -> Iterator[Any]:
        return iter(elems)


class _PlainItems(_Plain):
    """Requests that are answered by one response message per item."""

    def _get_elements_in_response(self, response: Iterable[Element]) -> Iterator[Any]:
        for message in response:
            found = self._get_element_container(message=message)
            yield found if isinstance(found, EWSError) else message


class _FindItem(_Plain, FindItem):  # type: ignore[misc]  # exchangelib has no types
    pass


class _FindFolder(_Plain, FindFolder):  # type: ignore[misc]  # exchangelib has no types
    pass


class _GetItem(_PlainItems, GetItem):  # type: ignore[misc]  # exchangelib has no types
    pass


class _CreateItem(_PlainItems, CreateItem):  # type: ignore[misc]  # exchangelib has no types
    pass


class _MoveItem(_PlainItems, MoveItem):  # type: ignore[misc]  # exchangelib has no types
    pass


class _CreateFolder(_PlainItems, CreateFolder):  # type: ignore[misc]  # exchangelib has no types
    pass
