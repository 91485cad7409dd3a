"""The pretend Exchange makes folders, updates, deletes, synchronises and resolves as a real one."""

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
from exchangelib.errors import (
    ErrorFolderExists,
    ErrorInvalidSyncStateData,
    ErrorIrresolvableConflict,
    ErrorNameResolutionNoResults,
)
from exchangelib.folders import SingleFolderQuerySet
from exchangelib.services import CreateFolder

from approvald_sandbox.systems.exchange.resolving import legacy_name
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


def test_flags_and_categories_are_updated_and_stale_change_keys_refused(server: Server) -> None:
    """UpdateItem changes flags; NeverOverwrite with an old change key is a conflict."""
    server.store.deliver(MAIL)
    account = pinned(server)
    mail = account.inbox.all().only("changekey", "is_read", "categories").get()
    stale = mail.changekey
    mail.is_read, mail.categories = True, ["seen"]
    mail.save(update_fields=["is_read", "categories"])
    assert account.inbox.filter(is_read=True).count() == 1
    mail.changekey = stale
    with pytest.raises(ErrorIrresolvableConflict):
        account.bulk_update([(mail, ("is_read",))], conflict_resolution="NeverOverwrite")


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


def test_sync_tells_each_change_once_and_refuses_a_foreign_state(server: Server) -> None:
    """SyncFolderItems pages, tells creations, read flags and deletions, and answers a broken state as Exchange."""
    ids = [server.store.deliver(MAIL) for _ in range(3)]
    account = pinned(server)
    inbox = account.inbox
    assert [kind for kind, _ in inbox.sync_items(only_fields=["subject"], max_changes_returned=2)] == ["create"] * 3
    assert list(inbox.sync_items(only_fields=["subject"])) == []
    server.store.move(ids[0], "Deleted Items")
    mail = account.inbox.all().only("is_read").order_by("datetime_received")[0]
    mail.is_read = True
    mail.save(update_fields=["is_read"])
    assert [kind for kind, _ in inbox.sync_items(only_fields=["subject"])] == ["delete", "read_flag_change"]
    inbox.item_sync_state = "bm9uZQ=="
    with pytest.raises(ErrorInvalidSyncStateData):
        list(inbox.sync_items(only_fields=["subject"]))


def test_names_resolve_by_address_account_and_ex_address(server: Server) -> None:
    """ResolveNames reads the world's people."""
    person = server.world.person_for("ilka.brandt@corp.example")
    server.world.person_for("ilka.brand@corp.example")
    protocol = pinned(server).protocol
    for entry in ("ilka.brandt@corp.example", "ilka.brandt", "Ilka Brandt", legacy_name(server.world, person)):
        (found,) = protocol.resolve_names([entry])
        assert found.email_address == "ilka.brandt@corp.example"
    (none,) = protocol.resolve_names(["nobody"])
    assert isinstance(none, ErrorNameResolutionNoResults)
