"""The pretend Exchange logs on, lists, reads and moves for a client with nothing pinned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import exchangelib
import pytest
from exchangelib import (
    BASIC,
    NTLM,
    Build,
    EWSDateTime,
    Folder,
    ItemId,
    Message,
    Q,
    Version,
)
from exchangelib.errors import (
    ErrorItemNotFound,
    ErrorNonExistentMailbox,
    UnauthorizedError,
)
from exchangelib.items import Item, MeetingCancellation, MeetingRequest

from approvald_sandbox.systems.exchange.soap import TYPES, local
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from sandbox.exchange_server import MAIL, Server, pinned, post, running


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a pretend Exchange."""
    with running() as started:
        yield started


@pytest.fixture
def basic_server() -> Iterator[Server]:
    """Run one that offers basic logon only."""
    with running(("Basic",)) as started:
        yield started


def test_client_with_nothing_pinned_lists_and_reads_over_ntlm(server: Server) -> None:
    """A client that guesses logon and version sees the mail with its MIME and headers."""
    server.store.deliver(MAIL)
    mail = server.account().inbox.all().get()
    assert mail.subject == "FW: Notification: Password access request"
    assert mail.mime_content == MAIL


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
        (Q(probe_auto_submitted="auto-replied"), 0),
        (Q(probe_auto_submitted__exists=True), 0),
        (Q(probe_sender_smtp="ilka.brandt@corp.example"), 1),
        (Q(probe_sender_smtp__exists=True), 1),
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
    assert mail.probe_auto_forwarded is True
    assert mail.probe_sender_smtp == "mara.voss@corp.example"
    assert "AuthAs: Internal" in mail.probe_transport_headers
    assert mail.text_body == "Safe Name: DB-Prod\n"
    assert mail.size == len(raw)


def test_sender_without_smtp_address_shows_as_ex(server: Server) -> None:
    """A delivered mail can have an EX sender; the SMTP address is then only in the MAPI property."""
    item_id = server.store.deliver(MAIL, properties={"ExchangeAddress": "/O=CORP/CN=X", "0x5d01": "ilka@corp.example"})
    (mail,) = pinned(server).fetch([ItemId(id=item_id)])
    assert (mail.sender.routing_type, mail.sender.email_address) == ("EX", "/O=CORP/CN=X")
    assert mail.probe_sender_smtp == "ilka@corp.example"


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
    key = next(account.fetch([ItemId(id=item_id)], only_fields=["probe_search_key"])).probe_search_key
    (moved,) = account.bulk_move([ItemId(id=item_id)], done)
    (lost,) = account.bulk_move([ItemId(id=item_id)], done)
    assert isinstance(lost, ErrorItemNotFound)
    assert [each["id"] for each in server.store.folders()["Inbox/Done"]] == [moved[0]]
    assert next(account.fetch([ItemId(id=moved[0])], only_fields=["probe_search_key"])).probe_search_key == key
