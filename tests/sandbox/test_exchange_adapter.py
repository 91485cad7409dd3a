"""The Exchange adapter: what it asks, how often, and what it hands on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import pytest

from approvald.core.model import Folder, Mail
from approvald.core.ports import Moved
from approvald_sandbox.control.client import Sandbox
from fakes.names import FakeNames
from sandbox.exchange_client import adapter, mail, operations, reply

NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("authentication", ["basic", "ntlm"])
def test_the_first_request_is_the_first_poll(sandbox: Sandbox, authentication: Literal["basic", "ntlm"]) -> None:
    """Nothing is guessed or set up: making the adapter sends nothing, an empty poll is one request.

    Only the first empty poll also looks which folders are there.
    """
    mailbox = adapter(sandbox, authentication=authentication)
    assert sandbox.stats()["exchange"]["http_requests"] == 0
    mailbox.list_inbox(50)
    mailbox.list_inbox(50)
    mailbox.close()
    seen = sandbox.stats()["exchange"]
    assert seen["requests"] == ["FindItem", "FindFolder", "FindItem"]
    # NTLM proves itself once, in two steps more, on the one connection that is kept.
    assert len(seen["challenged"]) == (2 if authentication == "ntlm" else 0)
    assert seen["connections"] == 1


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize("authentication", ["basic", "ntlm"])
def test_one_mail_or_fifty_cost_four_requests(
    sandbox: Sandbox, authentication: Literal["basic", "ntlm"], count: int
) -> None:
    """Once the folder is known, a poll's mails are listed, fetched, answered and filed in one request each."""
    names = FakeNames()
    first = adapter(sandbox, authentication=authentication, names=names)
    sandbox.deliver(mail(0))
    first.file([first.list_inbox(1)[0].item_id], Folder.DONE)
    first.close()
    before = len(operations(sandbox))
    for number in range(count):
        sandbox.deliver(mail(number))
    mailbox = adapter(sandbox, authentication=authentication, names=names)
    listed = mailbox.list_inbox(100)
    fetched = mailbox.fetch(listed)
    sent = mailbox.send([reply(str(number)) for number in range(count)])
    filed = mailbox.file([each.item_id for each in listed], Folder.DONE)
    mailbox.close()
    assert operations(sandbox)[before:] == ["FindItem", "GetItem", "CreateItem", "MoveItem"]
    assert all(isinstance(each, Mail) for each in fetched)
    assert list(sent) == [None] * count
    assert len({each.item_id for each in filed if isinstance(each, Moved)}) == count
    assert len(sandbox.sent()) == count
    assert len(sandbox.mailbox()["Inbox/Done"]) == count + 1


def test_a_reply_says_that_it_is_automatic(sandbox: Sandbox) -> None:
    """No out-of-office assistant answers it, mail programs show it below the forwarded mail, and it is marked ours."""
    mailbox = adapter(sandbox)
    mailbox.send([reply("a1")])
    mailbox.close()
    (sent,) = sandbox.sent()
    assert sent["headers"] == {
        "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All",
        "X-Approvald": "a1",
    }
    assert sent["properties"] == {"0x3FDF": "-1"}
    assert (sent["in_reply_to"], sent["references"]) == ("<m1@corp.example>", "<m1@corp.example>")
    assert (sent["importance"], sent["body_type"], sent["html"]) == ("High", "HTML", reply().html)


@pytest.mark.parametrize("hostile", ["<a@b>\r\nBcc: x@evil.example", "no brackets", "<a b@c>", "<" + "a" * 2000 + ">"])
def test_a_message_id_of_odd_form_is_no_thread(sandbox: Sandbox, hostile: str) -> None:
    """The Message-ID is the sender's to write; nothing of it reaches our headers unless it is of the usual form."""
    mailbox = adapter(sandbox)
    mailbox.send([reply(in_reply_to=hostile)])
    mailbox.close()
    (sent,) = sandbox.sent()
    assert not sent["in_reply_to"]
    assert not sent["references"]


@pytest.mark.parametrize("polled_before", [True, False])
def test_the_first_mail_of_a_new_mailbox_costs_five_requests(sandbox: Sandbox, polled_before: bool) -> None:  # noqa: FBT001 - pytest's form
    """All our folders are made with one request, when the first mail is filed."""
    mailbox = adapter(sandbox)
    if polled_before:
        assert list(mailbox.list_inbox(1)) == []
    before = len(operations(sandbox))
    sandbox.deliver(mail(1))
    (listed,) = mailbox.list_inbox(1)
    mailbox.fetch([listed])
    mailbox.send([reply("1")])
    mailbox.file([listed.item_id], Folder.DONE)
    mailbox.close()
    assert operations(sandbox)[before:] == ["FindItem", "GetItem", "CreateItem", "CreateFolder", "MoveItem"]
    assert {"Inbox/Done", "Inbox/Refused", "Inbox/Ignored", "Inbox/Quarantine"} <= set(sandbox.mailbox())


def test_a_folder_that_was_taken_away_is_made_again(sandbox: Sandbox) -> None:
    """A remembered id that leads nowhere is looked up anew, once; the mails are filed all the same."""
    names = FakeNames()
    mailbox = adapter(sandbox, names=names)
    for _ in range(2):
        sandbox.deliver(mail(1))
        sandbox.deliver(mail(2))
        ids = [each.item_id for each in mailbox.list_inbox(2)]
        filed = mailbox.file(ids, Folder.REFUSED)
        there = {each["id"] for each in sandbox.mailbox()["Inbox/Refused"]}
        assert {each.item_id for each in filed if isinstance(each, Moved)} == there
        sandbox.reset()
    mailbox.close()
    kept = {name.partition("/")[2] for name in names.kept["exchange.folder"]}
    assert kept == {"Done", "Refused", "Ignored", "Quarantine"}


def test_looking_into_a_folder_costs_one_request_and_makes_none(sandbox: Sandbox) -> None:
    """A folder that is not there is looked for and is empty; a remembered id that leads nowhere is looked up anew."""
    names = FakeNames()
    mailbox = adapter(sandbox, names=names)
    before = len(operations(sandbox))
    assert list(mailbox.list_folder(Folder.DONE, 5)) == []
    assert operations(sandbox)[before:] == ["FindFolder"]
    assert "Inbox/Done" not in sandbox.mailbox()

    sandbox.deliver(mail(1))
    mailbox.file([mailbox.list_inbox(1)[0].item_id], Folder.DONE)
    before = len(operations(sandbox))
    assert len(mailbox.list_folder(Folder.DONE, 5, message_id="<m1@corp.example>")) == 1
    assert operations(sandbox)[before:] == ["FindItem"]

    sandbox.reset()
    assert list(mailbox.list_folder(Folder.DONE, 5)) == []
    sandbox.deliver(mail(2))
    mailbox.file([mailbox.list_inbox(1)[0].item_id], Folder.DONE)
    mailbox.close()
    renewed = adapter(sandbox, names=FakeNames())
    assert len(renewed.list_folder(Folder.DONE, 5)) == 1
    renewed.close()


def test_an_address_of_the_exchange_directory_is_no_address(sandbox: Sandbox) -> None:
    """An EX address is never compared with anything: without an SMTP address there is none."""
    legacy = "/O=CORP/OU=FIRST/CN=RECIPIENTS/CN=ILKA@corp.example"
    sandbox.deliver(mail(1), received=NOON, properties={"ExchangeAddress": legacy, "0x5D01": "", "0x5D02": legacy})
    both = {"ExchangeAddress": legacy, "0x5D01": "ilka.brandt@corp.example", "0x5D02": "ilka.brandt@corp.example"}
    sandbox.deliver(mail(2), received=NOON + timedelta(seconds=1), properties=both)
    mailbox = adapter(sandbox)
    unresolved, resolved = mailbox.fetch(mailbox.list_inbox(2))
    mailbox.close()
    assert isinstance(unresolved, Mail)
    assert isinstance(resolved, Mail)
    assert unresolved.sender_address is unresolved.from_address is None
    assert resolved.sender_address == resolved.from_address == "ilka.brandt@corp.example"


@pytest.mark.parametrize(
    "item_class",
    [
        "IPM.Sharing",
        "IPM.Schedule.Meeting.Request",
        "REPORT.IPM.Note.NDR",
        "IPM.Post",
        "IPM.TaskRequest",
        "IPM.Strange",
    ],
)
def test_items_of_every_class_are_listed_fetched_and_filed(sandbox: Sandbox, item_class: str) -> None:
    """The library fails on types of item that it does not know, and then on all others with them."""
    sandbox.deliver(mail(1), item_class=item_class)
    mailbox = adapter(sandbox)
    listed = mailbox.list_inbox(5)
    (fetched,) = mailbox.fetch(listed)
    assert listed[0].item_class == item_class
    assert isinstance(fetched, Mail)
    assert fetched.mime == mail(1)
    assert isinstance(mailbox.file([listed[0].item_id], Folder.IGNORED)[0], Moved)
    mailbox.close()
