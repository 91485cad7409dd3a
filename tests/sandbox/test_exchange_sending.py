"""What is sent through the pretend Exchange is seen as it was sent, and as often."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exchangelib import (
    FileAttachment,
    HTMLBody,
    ItemId,
    Message,
)
from exchangelib.errors import (
    ErrorInvalidRecipients,
    ErrorItemNotFound,
)

from sandbox.exchange_server import MAIL, Server, pinned, running, send_one


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a pretend Exchange."""
    with running() as started:
        yield started


def test_sent_mail_is_listed_with_all_it_carries(server: Server) -> None:
    """A mail sent with headers, properties and threading is seen as it was sent, as often as it was sent."""
    account = pinned(server)
    for _ in range(2):
        Message(
            account=account,
            folder=account.sent,
            subject="Confirmed: 4711",
            body=HTMLBody("<p>Confirmed <b>now</b></p>"),
            to_recipients=["ilka.brandt@corp.example"],
            cc_recipients=["cyberark-team@corp.example"],
            in_reply_to="<m1@corp.example>",
            references="<m0@corp.example> <m1@corp.example>",
            importance="High",
            probe_auto_submitted="auto-replied",
            probe_suppress=-1,
            attachments=[FileAttachment(name="note.txt", content=b"x")],
        ).send_and_save()
    first, second = server.store.sent()
    assert first["to"] == ["ilka.brandt@corp.example"]
    assert first["cc"] == ["cyberark-team@corp.example"]
    assert (first["html"], first["text"]) == ("<p>Confirmed <b>now</b></p>", "Confirmed now")
    assert (first["in_reply_to"], first["references"]) == ("<m1@corp.example>", "<m0@corp.example> <m1@corp.example>")
    assert first["headers"] == {"Auto-Submitted": "auto-replied"}
    assert first["properties"] == {"0x3FDF": "-1"}
    assert (first["importance"], first["attachments"]) == ("High", ["note.txt"])
    assert first["message_id"] != second["message_id"]
    assert len(server.store.folders()["Sent Items"]) == 2


def test_sent_items_can_be_searched_for_our_own_marks(server: Server) -> None:
    """After a lost answer a client finds what it sent by header, by property or by subject."""
    account = pinned(server)
    mail = Message(account=account, subject="Done", body="x", to_recipients=["a@corp.example"])
    mail.probe_auto_submitted = "x-17"
    mail.send()
    sent = account.sent.filter(probe_auto_submitted="x-17").only("subject", "probe_auto_submitted", "headers")
    (copy,) = sent
    assert (copy.subject, copy.probe_auto_submitted, copy.headers) == ("Done", "x-17", None)


def test_several_mails_go_in_one_request_and_each_has_its_answer(server: Server) -> None:
    """bulk_create sends many; one without a recipient fails alone."""
    account = pinned(server)
    sent = account.sent
    mails = [
        Message(account=account, folder=sent, subject=f"{n}", body="x", to_recipients=to)
        for n, to in enumerate([["a@corp.example"], [], ["b@corp.example"]])
    ]
    server.exchange.stats.reset()
    with pytest.raises(ErrorInvalidRecipients):  # exchangelib raises the one and forgets the others' answers
        account.bulk_create(sent, mails, message_disposition="SendAndSaveCopy")
    assert [mail["subject"] for mail in server.store.sent()] == ["0", "2"]
    assert server.exchange.stats.requests == ["CreateItem"]


def test_send_only_leaves_no_copy(server: Server) -> None:
    """SendOnly sends and keeps nothing."""
    account = pinned(server)
    Message(account=account, subject="s", body="b", to_recipients=["a@corp.example"]).send(save_copy=False)
    assert len(server.store.sent()) == 1
    assert server.store.folders()["Sent Items"] == []


def test_draft_is_sent_once(server: Server) -> None:
    """A saved draft goes out; a second SendItem with the old id finds nothing."""
    account = pinned(server)
    draft = Message(
        account=account, folder=account.drafts, subject="s", body=HTMLBody("<p>c</p>"), to_recipients=["a@corp.example"]
    )
    draft.save()
    old = ItemId(id=draft.id, changekey=draft.changekey)
    draft.send()
    assert [mail["html"] for mail in server.store.sent()] == ["<p>c</p>"]
    assert isinstance(account.bulk_send([old])[0], ErrorItemNotFound)
    assert [len(server.store.folders()[name]) for name in ("Drafts", "Sent Items")] == [0, 1]


def test_reply_and_forward_are_threaded(server: Server) -> None:
    """ReplyToItem goes to the author with In-Reply-To, ForwardItem to whom it is addressed; both quote."""
    server.store.deliver(MAIL)
    mail = pinned(server).inbox.all().get()
    mail.reply("RE: x", "Thank you")
    mail.forward("FW: x", "See below", to_recipients=["mara.voss@corp.example"])
    answer, forward = server.store.sent()
    assert (answer["to"], answer["in_reply_to"]) == (["ilka.brandt@corp.example"], "<m1@corp.example>")
    assert answer["text"].startswith("Thank you")
    assert "Safe Name: DB-Prod" in answer["text"]
    assert (forward["to"], forward["in_reply_to"]) == (["mara.voss@corp.example"], "")


def test_mail_to_its_own_address_comes_back(server: Server) -> None:
    """A mailbox that writes to itself gets the mail: loops are visible."""
    account = pinned(server)
    Message(account=account, subject="loop", body="b", to_recipients=[server.world.mailbox.upper()]).send()
    assert [each["subject"] for each in server.store.folders()["Inbox"]] == ["loop"]


def test_line_breaks_in_a_sent_header_inject_nothing(server: Server) -> None:
    """A header value with a line break stays one header."""
    account = pinned(server)
    mail = Message(account=account, subject="s", body="b", to_recipients=["a@corp.example"])
    mail.probe_auto_submitted = "x\r\nBcc: z@evil.example"
    mail.send()
    (copy,) = server.store.folders()["Sent Items"]
    assert b"\r\nBcc:" not in server.store.raw(copy["id"])


def test_cleared_mailbox_is_empty_but_keeps_its_folders(server: Server) -> None:
    """clear() takes mails and sent mails, not folders, whose ids a client may have noted."""
    account = pinned(server)
    server.store.create_folder(server.store.folder_at("inbox"), "Done")
    server.store.deliver(MAIL, folder="Inbox/Done")
    send_one(account)
    server.store.clear()
    assert server.store.folders()["Inbox/Done"] == []
    assert server.store.sent() == []
