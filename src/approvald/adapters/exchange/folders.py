"""The ids of the folders that mails are filed into: found or made when first needed, and remembered."""

from __future__ import annotations

from typing import Final

from exchangelib import errors as ews

from approvald.adapters.exchange import calls
from approvald.adapters.exchange.connection import Connection
from approvald.adapters.exchange.failures import Garbled
from approvald.adapters.exchange.messages import read_folder, read_id
from approvald.errors import System
from approvald.model import Folder
from approvald.ports import Names
from approvald.settings import MailboxSettings

KIND: Final = "exchange.folder"
GONE: Final = (
    ews.ErrorFolderNotFound,
    ews.ErrorInvalidFolderId,
    ews.ErrorParentFolderNotFound,
    ews.ErrorToFolderNotFound,
)
"""What Exchange says when the folder that mails are moved to is not there."""
MALFORMED: Final = (ews.ErrorInvalidId, ews.ErrorInvalidIdEmpty, ews.ErrorInvalidIdMalformed, ews.ErrorInvalidIdXml)
"""What it says of an id, an item's or a folder's, that it never gave out; so after a move to another Exchange."""


class FolderIds:
    """Ids by folder. Remembered under address and name: another mailbox or a new name is another folder."""

    def __init__(self, settings: MailboxSettings, connection: Connection, names: Names) -> None:
        self._settings = settings
        self._connection = connection
        self._names = names
        self._ids: dict[str, str] | None = None

    def recalled(self, folder: Folder) -> str | None:
        """Return the id that is remembered, without asking Exchange."""
        if self._ids is None:
            self._ids = dict(self._names.recall(KIND))
        return self._ids.get(self._key(folder))

    def resolved(self, folder: Folder) -> str:
        """Ask Exchange for the folders below the Inbox, make this one when it is missing, and return its id."""
        found = self._found()
        name = self._name(folder)
        if name.casefold() not in found:
            made = self._made(name)
            found = self._found() if made is None else found | {name.casefold(): made}
        if name.casefold() not in found:
            message = f"Exchange neither shows nor makes the folder {name} below the Inbox: mails wait."
            raise Garbled(System.EXCHANGE, message)
        for each in Folder:
            folder_id = found.get(self._name(each).casefold())
            if folder_id is not None:
                self._remember(each, folder_id)
        return found[name.casefold()]

    def _found(self) -> dict[str, str]:
        def request(account: object) -> dict[str, str]:
            return {
                name.casefold(): folder_id
                for name, folder_id in map(read_folder, calls.good(calls.find_folders(account)))
            }

        return self._connection.ask("FindFolder", request)

    def _made(self, name: str) -> str | None:
        """Make a folder and return its id; None when somebody made it meanwhile."""

        def request(account: object) -> str | None:
            (row,) = calls.create_folder(account, name)
            if isinstance(row, ews.ErrorFolderExists):
                return None
            (answer,) = calls.good([row])
            return read_id(answer, "m:Folders/t:Folder/t:FolderId")

        return self._connection.ask("CreateFolder", request)

    def _remember(self, folder: Folder, folder_id: str) -> None:
        key = self._key(folder)
        if self._ids is None or self._ids.get(key) != folder_id:
            self._ids = {**(self._ids or {}), key: folder_id}
            self._names.remember(KIND, key, folder_id)

    def _name(self, folder: Folder) -> str:
        name: str = getattr(self._settings.folders, folder.value)
        return name

    def _key(self, folder: Folder) -> str:
        return f"{self._settings.address.casefold()}/{self._name(folder)}"
