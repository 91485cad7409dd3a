"""The pretend Exchange makes folders, deletes and gives attachments as a real one."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy

import pytest
from exchangelib import (
    Folder,
    ItemAttachment,
    ItemId,
)
from exchangelib.errors import ErrorFolderExists
from exchangelib.folders import SingleFolderQuerySet
from exchangelib.services import CreateFolder

from sandbox.exchange_server import MAIL, SUBJECT, Server, pinned, running


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a pretend Exchange."""
    with running() as started:
        yield started


def test_folders_are_made_once_and_found(server: Server) -> None:
    """The client's own save() makes a folder, a second one of that name is refused, a filter finds it."""
    account = pinned(server)
    made = Folder(parent=account.inbox, name="Refused").save()
    with pytest.raises(ErrorFolderExists):
        CreateFolder(account=account).get(parent_folder=account.inbox, folders=[Folder(name="refused")])
    shallow = SingleFolderQuerySet(account, account.inbox).depth("Shallow").only("name")
    assert [folder.id for folder in shallow.filter(name="Refused")] == [made.id]
    assert list(shallow.filter(name="Done")) == []
    assert (account.inbox / "Refused").id == made.id


def test_deleting_moves_to_deleted_items_or_for_good(server: Server) -> None:
    """DeleteItem obeys its type."""
    first, second = server.store.deliver(MAIL), server.store.deliver(MAIL)
    account = pinned(server)
    account.bulk_delete([ItemId(id=first)], delete_type="MoveToDeletedItems")
    account.bulk_delete([ItemId(id=second)], delete_type="HardDelete")
    assert [len(server.store.folders()[name]) for name in ("Inbox", "Deleted Items")] == [0, 1]


def test_attachments_of_both_kinds_are_read(server: Server) -> None:
    """A forward as attachment is an item attachment with its own fields, a file is a file."""
    outer = EmailMessage()
    outer["From"], outer["Subject"] = "ilka.brandt@corp.example", "outer"
    outer.set_content("see attachment")
    outer.add_attachment(message_from_bytes(MAIL, policy=default_policy))
    outer.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="a.pdf")
    server.store.deliver(outer.as_bytes())
    mail = pinned(server).inbox.all().get()
    item, file = mail.attachments
    assert isinstance(item, ItemAttachment)
    assert (item.item.subject, item.item.message_id) == (SUBJECT, "<m1@corp.example>")
    assert (file.name, file.content) == ("a.pdf", b"\x00\x01")
