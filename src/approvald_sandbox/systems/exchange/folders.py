"""Operations on folders: GetFolder, FindFolder, CreateFolder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from approvald_sandbox.systems.exchange.content import Folder
from approvald_sandbox.systems.exchange.restriction import Lookup, matches, page
from approvald_sandbox.systems.exchange.service import Exchange
from approvald_sandbox.systems.exchange.soap import (
    Element,
    EwsError,
    Value,
    elements,
    failure,
    found,
    m,
    success,
    t,
    text_of,
)
from approvald_sandbox.systems.exchange.store import MailStore

PARENT: Final = "folder:ParentFolderId"
FIELDS: Final[dict[str, Callable[[MailStore, Folder], Value | None]]] = {
    "folder:DisplayName": lambda _, folder: folder.name,
    "folder:FolderClass": lambda _, folder: folder.folder_class,
    "folder:TotalCount": lambda store, folder: len(store.items_in(folder.id)),
    "folder:UnreadCount": lambda store, folder: sum(not item.is_read for item in store.items_in(folder.id)),
    "folder:ChildFolderCount": lambda store, folder: len(store.children(folder)),
    "folder:DistinguishedFolderId": lambda _, folder: None if folder.known is None else str(folder.known),
}


def folder_id(folder: Folder) -> Element:
    """Return a folder's id."""
    return t("FolderId", Id=folder.id, ChangeKey=folder.change_key)


def _value(exchange: Exchange, folder: Folder, key: str) -> Value | None:
    return FIELDS[key](exchange.store, folder) if key in FIELDS else None


def _lookup(exchange: Exchange, folder: Folder) -> Lookup:
    return lambda path: _value(exchange, folder, path.key)


def _keys(request: Element) -> tuple[str, ...]:
    """Return the fields asked for; a base shape other than IdOnly brings all."""
    shape = found(request, "m:FolderShape")
    if shape is None or text_of(shape, "t:BaseShape") != "IdOnly":
        return (PARENT, *FIELDS)
    return tuple(str(each.get("FieldURI", "")) for each in elements(found(shape, "t:AdditionalProperties")))


def _element(exchange: Exchange, folder: Folder, keys: tuple[str, ...]) -> Element:
    children: list[Element] = []
    for key in keys:
        if key == PARENT:
            children.append(t("ParentFolderId", Id=folder.parent_id, ChangeKey="AQAAAA=="))
        elif (value := _value(exchange, folder, key)) is not None:
            children.append(t(key.partition(":")[2], text=value))
    return t("Folder", folder_id(folder), *children)


def get_folder(exchange: Exchange, request: Element) -> list[Element]:
    """Answer GetFolder: one response message per folder asked for, in order."""
    keys = _keys(request)
    messages = []
    for reference in elements(found(request, "m:FolderIds")):
        try:
            answer = _element(exchange, exchange.folder(reference), keys)
            messages.append(success("GetFolder", m("Folders", answer)))
        except EwsError as error:
            messages.append(failure("GetFolder", error, m("Folders")))
    return messages


def find_folder(exchange: Exchange, request: Element) -> list[Element]:
    """Answer FindFolder, Shallow or Deep, for each parent folder."""
    keys = _keys(request)
    is_deep = request.get("Traversal") == "Deep"
    messages = []
    for reference in elements(found(request, "m:ParentFolderIds")):
        try:
            below = _below(exchange, exchange.folder(reference), is_deep=is_deep)
            hits = [folder for folder in below if matches(found(request, "m:Restriction"), _lookup(exchange, folder))]
            root = page(
                found(request, "m:IndexedPageFolderView"), hits, "Folders", lambda f: _element(exchange, f, keys)
            )
            messages.append(success("FindFolder", root))
        except EwsError as error:
            messages.append(failure("FindFolder", error))
    return messages


def _below(exchange: Exchange, folder: Folder, *, is_deep: bool) -> list[Folder]:
    hits: list[Folder] = []
    for child in exchange.store.children(folder):
        hits.append(child)
        if is_deep:
            hits += _below(exchange, child, is_deep=True)
    return hits


def create_folder(exchange: Exchange, request: Element) -> list[Element]:
    """Answer CreateFolder; a name that is there gives ErrorFolderExists."""
    parent = exchange.folder_in(request, "m:ParentFolderId")
    messages = []
    for described in elements(found(request, "m:Folders")):
        try:
            folder_class = text_of(described, "t:FolderClass", "IPF.Note")
            made = exchange.store.create_folder(parent, text_of(described, "t:DisplayName"), folder_class)
            messages.append(success("CreateFolder", m("Folders", t("Folder", folder_id(made)))))
        except EwsError as error:
            messages.append(failure("CreateFolder", error, m("Folders")))
    return messages
