"""The pretend Exchange serves exchangelib with nothing pinned, and carries out each fault."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from queue import Queue
from typing import Any

import exchangelib
import pytest
import requests
from aiohttp import web
from exchangelib import (
    BASIC,
    DELEGATE,
    NTLM,
    Account,
    Build,
    Configuration,
    Credentials,
    EWSDateTime,
    ExtendedProperty,
    FileAttachment,
    Folder,
    HTMLBody,
    ItemAttachment,
    ItemId,
    Message,
    Q,
    Version,
)
from exchangelib.errors import (
    ErrorFolderExists,
    ErrorInvalidRecipients,
    ErrorInvalidSyncStateData,
    ErrorIrresolvableConflict,
    ErrorItemNotFound,
    ErrorNameResolutionNoResults,
    ErrorNonExistentMailbox,
    ErrorServerBusy,
    ErrorSubscriptionNotFound,
    ErrorTimeoutExpired,
    EWSError,
    UnauthorizedError,
)
from exchangelib.folders import SingleFolderQuerySet
from exchangelib.items import Item, MeetingCancellation, MeetingRequest
from exchangelib.properties import NewMailEvent
from exchangelib.protocol import BaseProtocol
from exchangelib.services import CreateFolder, GetStreamingEvents
from lxml import etree

from approvald_sandbox.exchange.app import EXCHANGE, make_app
from approvald_sandbox.exchange.resolving import legacy_name
from approvald_sandbox.exchange.service import Exchange
from approvald_sandbox.exchange.soap import MESSAGES, SOAP, TYPES, Element, local
from approvald_sandbox.exchange.store import MailStore
from approvald_sandbox.faults import Fault, FaultKind, Faults, System
from approvald_sandbox.world import DEFAULT_PASSWORD, World, build

MAIL = b"""\
From: Ilka Brandt <ilka.brandt@corp.example>
To: pam-approve@corp.example
Subject: FW: Notification: Password access request
Date: Mon, 09 Nov 2026 08:14:10 +0100
Message-ID: <m1@corp.example>
X-MS-Exchange-Organization-AuthAs: Internal
Content-Type: text/plain; charset="utf-8"

Safe Name: DB-Prod
"""


@dataclass(kw_only=True)
class Server:
    """One running pretend Exchange and what a test may do with it."""

    world: World
    faults: Faults
    store: MailStore
    exchange: Exchange
    url: str

    def account(
        self, *, user: str = "svc-mail", password: str = DEFAULT_PASSWORD, mailbox: str = "", **pinned: Any
    ) -> Account:
        """Connect as a client that knows nothing but the address and the password."""
        config = Configuration(service_endpoint=self.url, credentials=Credentials(user, password), **pinned)
        return Account(mailbox or self.world.mailbox, config=config, autodiscover=False, access_type=DELEGATE)


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a pretend Exchange on 127.0.0.1 in a loop of its own."""
    yield from _serve(("NTLM", "Basic"))


@pytest.fixture
def basic_server() -> Iterator[Server]:
    """Run one that offers basic logon only."""
    yield from _serve(("Basic",))


def _serve(schemes: tuple[str, ...]) -> Iterator[Server]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    world, faults = build({}), Faults()
    store = MailStore(world)
    app = make_app(world, faults, store, schemes=schemes)
    runner = web.AppRunner(app, shutdown_timeout=0.2)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    try:
        url = f"http://127.0.0.1:{run(start())}/EWS/Exchange.asmx"
        yield Server(world=world, faults=faults, store=store, exchange=app[EXCHANGE], url=url)
    finally:
        exchangelib.close_connections()
        BaseProtocol.TIMEOUT = 120
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_client_with_nothing_pinned_lists_and_reads_over_ntlm(server: Server) -> None:
    """A client that guesses logon and version sees the mail with its MIME and headers."""
    server.store.deliver(MAIL)
    mail = server.account().inbox.all().get()
    assert mail.subject == "FW: Notification: Password access request"
    assert mail.mime_content == MAIL


def extended(**attributes: Any) -> type:
    """Return exchangelib's class for one MAPI property."""
    return type("Extended", (ExtendedProperty,), attributes)


PROPERTIES = {
    "auto_submitted": extended(
        distinguished_property_set_id="InternetHeaders", property_name="Auto-Submitted", property_type="String"
    ),
    "suppress": extended(property_tag=0x3FDF, property_type="Integer"),
    "sender_smtp": extended(property_tag=0x5D01, property_type="String"),
    "auto_forwarded": extended(property_tag=0x0005, property_type="Boolean"),
    "search_key": extended(property_tag=0x300B, property_type="Binary"),
    "transport_headers": extended(property_tag=0x007D, property_type="String"),
}


@pytest.fixture(autouse=True)
def extended_properties() -> Iterator[None]:
    """Register the properties with exchangelib for one test; registering is global."""
    for name, kind in PROPERTIES.items():
        Message.register(name, kind)
    yield
    for name in PROPERTIES:
        Message.deregister(name)


def pinned(server: Server, **more: Any) -> Account:
    """Connect with basic logon and the version known, so that a test counts only what it means."""
    return server.account(auth_type=BASIC, version=Version(Build(15, 2, 1544, 4)), **more)


def test_client_guesses_basic_where_nothing_else_is_offered(basic_server: Server) -> None:
    """Cold start of an unpinned client is the four requests that reference 1.2 measured."""
    account = basic_server.account()
    assert account.inbox.name == "Inbox"
    assert basic_server.exchange.stats.challenged == ["ConvertId"]
    assert basic_server.exchange.stats.requests == ["ConvertId", "GetFolder", "GetFolder"]


@pytest.mark.parametrize("user", ["svc-mail", "CORP\\svc-mail", "svc-mail@corp.example"])
@pytest.mark.parametrize("auth_type", [BASIC, NTLM])
def test_account_logs_on_under_each_form_of_its_name(server: Server, user: str, auth_type: str) -> None:
    """The account may be named bare, with its domain, or as a UPN; NTLM logs on once per connection."""
    account = server.account(user=user, auth_type=auth_type)
    assert account.inbox.total_count == 0
    assert account.inbox.all().count() == 0
    assert server.exchange.failed_logons == 0
    if auth_type == NTLM:
        assert server.exchange.gate.logons.succeeded == server.exchange.connections


@pytest.mark.parametrize("auth_type", [BASIC, NTLM])
@pytest.mark.parametrize(("user", "password"), [("svc-mail", "wrong"), ("svc-directory", DEFAULT_PASSWORD)])
def test_wrong_logon_is_refused_and_counted(server: Server, auth_type: str, user: str, password: str) -> None:
    """A wrong password or another account's name is a 401 and counts as one failed logon."""
    account = server.account(user=user, password=password, auth_type=auth_type, version=Version(Build(15, 2)))
    with pytest.raises(UnauthorizedError):
        account.inbox.refresh()
    assert server.exchange.failed_logons == 1
    assert server.exchange.stats.requests == []


def test_changed_password_is_asked_for_at_once_with_basic(server: Server) -> None:
    """The password that counts is the world's present one."""
    account = pinned(server)
    account.inbox.refresh()
    server.world.passwords["svc-mail"] = "Another-1"
    with pytest.raises(UnauthorizedError):
        account.inbox.refresh()


def test_other_mailbox_does_not_exist(server: Server) -> None:
    """A mailbox address that is misconfigured is not answered with the one mailbox there is."""
    account = pinned(server, mailbox="other@corp.example")
    with pytest.raises(ErrorNonExistentMailbox):
        account.inbox.refresh()


def test_list_shows_names_only_and_nothing_complex(server: Server) -> None:
    """A listing carries what was asked for, but no bodies, headers, recipients or addresses of people."""
    server.store.deliver(MAIL)
    paths = ["item:Subject", "item:Size", "item:Body", "item:InternetMessageHeaders", "message:From"]
    wanted = "".join(f'<t:FieldURI FieldURI="{path}"/>' for path in paths)
    answer = post(
        server,
        f'<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>'
        f"<t:AdditionalProperties>{wanted}</t:AdditionalProperties></m:ItemShape>"
        f'<m:ParentFolderIds><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderIds></m:FindItem>',
    )
    mail = answer.find(f".//{{{TYPES}}}Message")
    assert mail is not None
    assert [local(each) for each in mail] == ["ItemId", "Subject", "Size", "From"]
    assert [each.text for each in mail.iterdescendants(f"{{{TYPES}}}Name")] == ["Ilka Brandt"]
    assert mail.find(f".//{{{TYPES}}}EmailAddress") is None


def test_pages_and_order_are_honoured(server: Server) -> None:
    """Paging cuts the sorted list; offset and page size are the client's."""
    start = server.store.now()
    for number in range(5):
        server.store.deliver(MAIL.replace(b"<m1@", b"<m%d@" % number), received=start - timedelta(minutes=number))
    inbox = pinned(server).inbox
    inbox_ids = [mail.message_id for mail in inbox.all().order_by("datetime_received").only("message_id")[1:3]]
    assert inbox_ids == ["<m3@corp.example>", "<m2@corp.example>"]
    query = inbox.all().order_by("-datetime_received").only("message_id")
    query.page_size = 2
    assert [mail.message_id for mail in query] == [f"<m{number}@corp.example>" for number in range(5)]


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        (Q(message_id="<m1@corp.example>"), 1),
        (Q(message_id="<m2@corp.example>"), 0),
        (Q(subject__icontains="password ACCESS"), 1),
        (Q(subject__startswith="Notification"), 0),
        (~Q(subject__startswith="Notification"), 1),
        (Q(is_read=False) & Q(size__gt=10), 1),
        (Q(is_read=True) | Q(size__lt=10), 0),
        (Q(auto_submitted="auto-replied"), 0),
        (Q(auto_submitted__exists=True), 0),
        (Q(sender_smtp="ilka.brandt@corp.example"), 1),
        (Q(sender_smtp__exists=True), 1),
        (Q(datetime_received__gt=EWSDateTime(2020, 1, 1, tzinfo=exchangelib.UTC)), 1),
        (Q(datetime_received__lt=EWSDateTime(2020, 1, 1, tzinfo=exchangelib.UTC)), 0),
    ],
)
def test_restriction_selects(server: Server, query: Q, hits: int) -> None:
    """Restrictions work on fields, MAPI properties and internet headers."""
    server.store.deliver(MAIL)
    assert len(list(pinned(server).inbox.filter(query).only("subject"))) == hits


def test_fetch_gives_what_the_sender_check_needs(server: Server) -> None:
    """One GetItem brings MIME, headers, class, people and the MAPI facts."""
    raw = MAIL.replace(b"To:", b"Sender: mara.voss@corp.example\nTo:")
    raw = raw.replace(b"Content-Type", b"X-MS-Exchange-Organization-AutoForwarded: true\nContent-Type")
    item_id = server.store.deliver(raw, item_class="IPM.Note.SMIME")
    (mail,) = pinned(server).fetch([ItemId(id=item_id)], folder=None)
    assert mail.mime_content == raw
    assert (mail.author.email_address, mail.sender.email_address) == (
        "ilka.brandt@corp.example",
        "mara.voss@corp.example",
    )
    assert mail.item_class == "IPM.Note.SMIME"
    assert ("X-MS-Exchange-Organization-AuthAs", "Internal") in [(each.name, each.value) for each in mail.headers]
    assert mail.auto_forwarded is True
    assert mail.sender_smtp == "mara.voss@corp.example"
    assert "AuthAs: Internal" in mail.transport_headers
    assert mail.text_body == "Safe Name: DB-Prod\n"
    assert mail.size == len(raw)


def test_sender_without_smtp_address_shows_as_ex(server: Server) -> None:
    """A delivered mail can have an EX sender; the SMTP address is then only in the MAPI property."""
    item_id = server.store.deliver(MAIL, properties={"ExchangeAddress": "/O=CORP/CN=X", "0x5d01": "ilka@corp.example"})
    (mail,) = pinned(server).fetch([ItemId(id=item_id)])
    assert (mail.sender.routing_type, mail.sender.email_address) == ("EX", "/O=CORP/CN=X")
    assert mail.sender_smtp == "ilka@corp.example"


@pytest.mark.parametrize(
    ("item_class", "kind"),
    [
        ("IPM.Note.Rules.OofTemplate.Microsoft", Message),
        ("REPORT.IPM.Note.NDR", Message),
        ("IPM.Schedule.Meeting.Request", MeetingRequest),
        ("IPM.Schedule.Meeting.Canceled", MeetingCancellation),
        ("IPM.Custom.Thing", Item),
    ],
)
def test_item_class_chooses_the_element(server: Server, item_class: str, kind: type[Item]) -> None:
    """Item classes come as the elements of a real Exchange."""
    item_id = server.store.deliver(MAIL, item_class=item_class)
    (mail,) = pinned(server).fetch([ItemId(id=item_id)], only_fields=["item_class", "subject"])
    assert type(mail) is kind
    assert mail.item_class == item_class


def test_class_that_exchangelib_does_not_know_is_poison(server: Server) -> None:
    """A sharing message makes exchangelib stumble, as reference 2.2 measured: the adapter must isolate it."""
    item_id = server.store.deliver(MAIL, item_class="IPM.Sharing")
    with pytest.raises(ValueError, match="SharingMessage"):
        pinned(server).fetch([ItemId(id=item_id)], only_fields=["subject"]).send(None)


def test_hostile_mail_is_delivered_with_its_unreadable_fields_absent(server: Server) -> None:
    """A From that the email package cannot read, control characters and broken parts do not stop the mailbox."""
    raw = MAIL.replace(b"Ilka Brandt", b"=?utf-8?q?Ilka=0D=0ABcc=3A_z?=").replace(b"Safe Name", b"\x00\x0bSafe \xff")
    item_id = server.store.deliver(raw)
    (mail,) = pinned(server).fetch([ItemId(id=item_id)])
    assert mail.author is None
    assert mail.mime_content == raw
    assert server.store.folders()["Inbox"][0]["from"] is None


def test_unknown_id_is_answered_by_itself(server: Server) -> None:
    """One id that is not there gives ErrorItemNotFound in its place and harms no other."""
    item_id = server.store.deliver(MAIL)
    answers = list(pinned(server).fetch([ItemId(id="AAMkAGone"), ItemId(id=item_id)]))
    assert isinstance(answers[0], ErrorItemNotFound)
    assert answers[1].subject == "FW: Notification: Password access request"


def test_move_is_a_claim_that_only_one_wins(server: Server) -> None:
    """Moving changes the id, so that a second move finds nothing; the search key survives."""
    account = pinned(server)
    done = Folder(parent=account.inbox, name="Done").save()
    item_id = server.store.deliver(MAIL)
    key = next(account.fetch([ItemId(id=item_id)], only_fields=["search_key"])).search_key
    (moved,) = account.bulk_move([ItemId(id=item_id)], done)
    (lost,) = account.bulk_move([ItemId(id=item_id)], done)
    assert isinstance(lost, ErrorItemNotFound)
    assert [each["id"] for each in server.store.folders()["Inbox/Done"]] == [moved[0]]
    assert next(account.fetch([ItemId(id=moved[0])], only_fields=["search_key"])).search_key == key


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
            auto_submitted="auto-replied",
            suppress=-1,
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
    Message(account=account, subject="Done", body="x", to_recipients=["a@corp.example"], auto_submitted="x-17").send()
    sent = account.sent.filter(auto_submitted="x-17").only("subject", "auto_submitted", "headers")
    (copy,) = sent
    assert (copy.subject, copy.auto_submitted, copy.headers) == ("Done", "x-17", None)


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
    """A draft with a changed body goes out; a second SendItem with the old id finds nothing."""
    account = pinned(server)
    draft = Message(account=account, folder=account.drafts, subject="s", body="b", to_recipients=["a@corp.example"])
    draft.save()
    draft.body = HTMLBody("<p>c</p>")
    draft.save(update_fields=["body"])
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
    mail.auto_submitted = "x\r\nBcc: z@evil.example"
    mail.send()
    (copy,) = server.store.folders()["Sent Items"]
    assert b"\r\nBcc:" not in server.store.raw(copy["id"])


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
    assert (item.item.subject, item.item.message_id) == (mail_subject(), "<m1@corp.example>")
    assert (file.name, file.content) == ("a.pdf", b"\x00\x01")


def mail_subject() -> str:
    """Return the subject of MAIL."""
    return "FW: Notification: Password access request"


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


def read_stream(account: Account, events: Queue[Any], subscription_id: str) -> None:
    """Collect what one stream tells, and at last what ended it."""
    service = GetStreamingEvents(account=account)
    try:
        for notification in service.call(subscription_ids=[subscription_id], connection_timeout=1):
            for event in notification.events or ():
                events.put(event)
        events.put("ended")
    except (requests.exceptions.RequestException, EWSError) as error:
        events.put(error)


@pytest.fixture
def stream(server: Server) -> Iterator[tuple[Server, Account, str, Queue[Any]]]:
    """Open a stream on the inbox in a thread of its own."""
    account = server.account(auth_type=BASIC, version=Version(Build(15, 2, 1544, 4)))
    subscription_id = account.inbox.subscribe_to_streaming(event_types=["NewMailEvent", "MovedEvent"])
    events: Queue[Any] = Queue()
    server.exchange.heartbeat_seconds = 0.3
    reader = threading.Thread(target=read_stream, args=(account, events, subscription_id))
    reader.start()
    wait_for(lambda: server.exchange.subscriptions.open_streams == 1)
    yield server, account, subscription_id, events
    server.exchange.subscriptions.close_streams()
    reader.join(10)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait at most five seconds until the server has come so far."""
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_stream_tells_of_new_and_moved_mail_and_ends_in_order(
    stream: tuple[Server, Account, str, Queue[Any]],
) -> None:
    """A delivery wakes the client, heartbeats do not harm, the subscription outlives the stream."""
    server, account, subscription_id, events = stream
    time.sleep(0.4)
    item_id = server.store.deliver(MAIL)
    heard = [event for event in (events.get(timeout=5), events.get(timeout=5)) if isinstance(event, NewMailEvent)]
    assert [event.item_id.id for event in heard] == [item_id]
    moved_id = server.store.move(item_id, "Deleted Items")
    moved = events.get(timeout=5)
    assert (moved.old_item_id.id, moved.item_id.id) == (item_id, moved_id)
    server.exchange.subscriptions.close_streams()
    assert events.get(timeout=5) == "ended"
    account.inbox.unsubscribe(subscription_id)


def test_cut_stream_and_lost_subscription_are_seen(stream: tuple[Server, Account, str, Queue[Any]]) -> None:
    """A reset in mid-stream is a broken connection; a lost subscription is its own error at the next try."""
    server, account, subscription_id, events = stream
    server.exchange.subscriptions.cut_streams()
    assert isinstance(events.get(timeout=5), requests.exceptions.RequestException)
    server.exchange.subscriptions.forget()
    with pytest.raises(ErrorSubscriptionNotFound):
        list(GetStreamingEvents(account=account).call(subscription_ids=[subscription_id], connection_timeout=1))


def send_one(account: Account) -> None:
    """Send one mail without a copy: one CreateItem."""
    Message(account=account, subject="s", body="b", to_recipients=["a@corp.example"]).send(save_copy=False)


@pytest.mark.parametrize(
    ("fault", "error", "sent"),
    [
        (Fault(kind=FaultKind.HANG, times=1), ErrorTimeoutExpired, 0),
        (Fault(kind=FaultKind.RESET_BEFORE, times=1), ErrorTimeoutExpired, 0),
        (Fault(kind=FaultKind.DOWN, times=1), ErrorTimeoutExpired, 0),
        (Fault(kind=FaultKind.RESET_AFTER, times=1), ErrorTimeoutExpired, 1),
        (Fault(kind=FaultKind.STATUS, times=1, status=401), UnauthorizedError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=403), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=429, retry_after=7), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=500), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=502), EWSError, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=503, retry_after=7), ErrorServerBusy, 0),
        (Fault(kind=FaultKind.STATUS, times=1, status=503, seconds=0.5), ErrorServerBusy, 0),
        (Fault(kind=FaultKind.HTML, times=1), EWSError, 0),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_fault_hits_once_and_only_reset_after_lets_the_mail_out(
    server: Server, fault: Fault, error: type[Exception], sent: int
) -> None:
    """Each fault is seen by the client; the operation happened only where the answer alone was lost."""
    account = pinned(server)
    BaseProtocol.TIMEOUT = 1
    server.faults.put(System.EXCHANGE, replace(fault, operation="createitem"))
    assert account.inbox.total_count == 0
    with pytest.raises(error):
        send_one(account)
    assert len(server.store.sent()) == sent
    send_one(account)
    assert len(server.store.sent()) == sent + 1


def test_busy_server_says_how_long(server: Server) -> None:
    """A 503 carries Retry-After; a busy Exchange carries BackOffMilliseconds, the client's back-off."""
    server.faults.put(System.EXCHANGE, Fault(kind=FaultKind.STATUS, times=1, status=503, retry_after=7))
    body, auth = envelope_of("<m:FindItem/>"), ("svc-mail", DEFAULT_PASSWORD)
    assert requests.post(server.url, data=body, auth=auth, timeout=5).headers["Retry-After"] == "7"
    server.faults.put(System.EXCHANGE, Fault(kind=FaultKind.STATUS, times=1, status=503, seconds=0.5))
    with pytest.raises(ErrorServerBusy) as busy:
        send_one(pinned(server))
    assert busy.value.back_off == 0.5


@pytest.mark.parametrize("kind", [FaultKind.SLOW, FaultKind.WRONG_CERTIFICATE])
def test_slow_answer_comes_late_but_comes(server: Server, kind: FaultKind) -> None:
    """A slow server answers; a wrong certificate is the business of the TLS socket and changes no answer."""
    account = pinned(server)
    server.faults.put(System.EXCHANGE, Fault(kind=kind, times=1, seconds=0.3))
    start = time.monotonic()
    send_one(account)
    assert (time.monotonic() - start >= 0.3) is (kind is FaultKind.SLOW)


def test_stream_can_be_cut_right_after_it_began(server: Server) -> None:
    """RESET_AFTER on GetStreamingEvents lets the first envelope out and cuts the connection then."""
    account = pinned(server)
    subscription_id = account.inbox.subscribe_to_streaming()
    server.faults.put(System.EXCHANGE, Fault(kind=FaultKind.RESET_AFTER, times=1, operation="GetStreamingEvents"))
    events: Queue[Any] = Queue()
    read_stream(account, events, subscription_id)
    assert isinstance(events.get(timeout=1), requests.exceptions.RequestException)
    assert server.exchange.subscriptions.open_streams == 0


def test_what_is_no_ews_request_is_refused(server: Server) -> None:
    """Not XML, an unknown operation and another path are refused as a real server refuses them."""
    for body in ("junk", envelope_of("<m:EmptyFolder/>")):
        answer = requests.post(server.url, data=body, auth=("svc-mail", DEFAULT_PASSWORD), timeout=5)
        assert answer.status_code == 500
        assert "ErrorSchemaValidation" in answer.text
    assert requests.post(server.url + "x", data="", timeout=5).status_code == 404


def test_cleared_mailbox_is_empty_but_keeps_its_folders(server: Server) -> None:
    """clear() takes mails and sent mails, not folders, whose ids a client may have noted."""
    account = pinned(server)
    server.store.create_folder(server.store.folder_at("inbox"), "Done")
    server.store.deliver(MAIL, folder="Inbox/Done")
    send_one(account)
    server.store.clear()
    assert server.store.folders()["Inbox/Done"] == []
    assert server.store.sent() == []


def envelope_of(operation: str) -> str:
    """Return a SOAP envelope around an operation."""
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><s:Body>{operation}</s:Body></s:Envelope>'
    )


def post(server: Server, operation: str) -> Element:
    """Ask as a client without a library would."""
    body = envelope_of(operation)
    answer = requests.post(server.url.lower(), data=body, auth=("svc-mail", DEFAULT_PASSWORD), timeout=5)
    assert answer.status_code == 200
    return etree.fromstring(answer.content)
