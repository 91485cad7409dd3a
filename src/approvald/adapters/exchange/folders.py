"""The ids of the folders that mails are filed into: found or made when first needed, and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from exchangelib import errors as ews

from approvald.adapters.exchange import calls
from approvald.adapters.exchange.connection import Connection
from approvald.adapters.exchange.failures import Garbled
from approvald.adapters.exchange.messages import read_folder, read_id
from approvald.config.settings import MailboxSettings
from approvald.core.errors import System
from approvald.core.model import Folder
from approvald.core.ports import Names

KIND: Final = "exchange.folder"
GONE: Final = (
    ews.ErrorFolderNotFound,
    ews.ErrorInvalidFolderId,
    ews.ErrorParentFolderNotFound,
    ews.ErrorToFolderNotFound,
)
"""Exchange's error when the folder that mails are moved to does not exist."""
MALFORMED: Final = (ews.ErrorInvalidId, ews.ErrorInvalidIdEmpty, ews.ErrorInvalidIdMalformed, ews.ErrorInvalidIdXml)
"""Exchange's error for an item or folder id that it never issued, as after a move to another Exchange."""


class FolderIds:
    """Ids by folder. Remembered under address and name: another mailbox or a new name is another folder."""

    def __init__(self, settings: MailboxSettings, connection: Connection, names: Names) -> None:
        self._settings = settings
        self._connection = connection
        self._names = names
        self._ids: dict[str, str] | None = None
        self._looked = False

    def recalled(self, folder: Folder) -> str | None:
        """Return the id that is remembered, without asking Exchange."""
        if self._ids is None:
            self._ids = dict(self._names.recall(KIND))
        return self._ids.get(self._key(folder))

    def look_once(self) -> None:
        """Ask which folders exist, unless some are known: for a poll that has nothing else to do."""
        if not self._looked and not any(self.recalled(folder) for folder in Folder):
            self._looked = True
            self._remember_all(self._found())

    def present(self) -> dict[Folder, str]:
        """Return the ids of those of our folders that exist. Makes none and remembers nothing."""
        found = self._found()
        return {folder: found[name] for folder in Folder if (name := self._name(folder).casefold()) in found}

    def resolved(self, folder: Folder) -> str:
        """Make this folder, and with it every other that is not known; where it was there, find it. Returns its id.

        Making comes first: a mailbox without our folders is asked once, with one request, in its life.
        """
        name = self._name(folder).casefold()
        found = self._made([each for each in Folder if each is folder or self.recalled(each) is None])
        if name not in found:
            found |= self._found()
        if name not in found:
            message = f"Exchange neither finds nor creates the folder {self._name(folder)} below the Inbox: mails wait."
            raise Garbled(System.EXCHANGE, message)
        self._remember_all(found)
        return found[name]

    def _remember_all(self, found: Mapping[str, str]) -> None:
        for each in Folder:
            folder_id = found.get(self._name(each).casefold())
            if folder_id is not None:
                self._remember(each, folder_id)

    def _found(self) -> dict[str, str]:
        def request(account: object) -> dict[str, str]:
            return {
                name.casefold(): folder_id
                for name, folder_id in map(read_folder, calls.good(calls.find_folders(account)))
            }

        return self._connection.ask("FindFolder", request)

    def _made(self, wanted: Sequence[Folder]) -> dict[str, str]:
        """Make folders with one request and return their ids by folded name, without those that were there already."""

        def request(account: object) -> dict[str, str]:
            names = [self._name(folder) for folder in wanted]
            rows = zip(names, calls.create_folders(account, names), strict=True)
            made = [(name, row) for name, row in rows if not isinstance(row, ews.ErrorFolderExists)]
            answers = calls.good([row for _, row in made])
            return {
                name.casefold(): read_id(answer, "m:Folders/t:Folder/t:FolderId")
                for (name, _), answer in zip(made, answers, strict=True)
            }

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
