"""What every mailbox must do: the fake, and the adapter in front of the pretend Exchange."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.core.model import Folder, Mail, Reply
from approvald.core.ports import Moved, NotDone, Unfetchable
from approvald_sandbox.control.client import Sandbox
from contract.mailbox_stages import FakeStage, SandboxStage, Stage, adapter_in_front_of
from fakes.mailbox import FakeMailbox

FETCH_BYTES: Final = 20_000
NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start one sandbox for this file."""
    with Sandbox(directory=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(params=["fake", "adapter"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Give the fake, then the adapter."""
    if request.param == "fake":
        yield FakeStage(FakeMailbox(fetch_bytes=FETCH_BYTES))
        return
    sandbox: Sandbox = request.getfixturevalue("exchange")
    sandbox.reset()
    mailbox = adapter_in_front_of(sandbox, fetch_bytes=FETCH_BYTES)
    yield SandboxStage(mailbox, sandbox)
    mailbox.close()


def mail(number: int = 1, *, body: str = "Safe: DB-Prod\r\n") -> bytes:
    """Return a mail."""
    head = (
        "From: Ilka Brandt <ilka.brandt@corp.example>\r\nTo: pam-approve@corp.example\r\n"
        f"Subject: FW: Notification: Password access request\r\nMessage-ID: <m{number}@corp.example>\r\n"
        "X-MS-Exchange-Organization-AuthAs: Internal\r\nX-MS-Exchange-Organization-AuthAs: Internal\r\n\r\n"
    )
    return (head + body).encode()


def reply(marker: str) -> Reply:
    """Return a reply."""
    return Reply(
        marker=marker,
        to=("ilka.brandt@corp.example",),
        cc=("cyberark-team@corp.example",),
        subject=f"Confirmed: {marker}",
        text="Confirmed.",
        html="<p>Confirmed.</p>",
        in_reply_to="<m1@corp.example>",
    )


def test_the_oldest_mails_are_listed_first_and_no_more_than_asked(stage: Stage) -> None:
    """A full Inbox is worked off from its oldest end."""
    ids = [stage.deliver(mail(hour), received=NOON - timedelta(hours=hour)) for hour in (1, 3, 2)]
    listed = stage.mailbox.list_inbox(2)
    assert [each.item_id for each in listed] == [ids[1], ids[2]]
    assert listed[0].received == NOON - timedelta(hours=3)
    assert listed[0].item_class == "IPM.Note"
    assert listed[0].size > 0


def test_asking_for_nothing_gives_nothing(stage: Stage) -> None:
    """Empty questions are not put to Exchange, so they are answered also while it is away."""
    stage.go_away()
    assert not stage.mailbox.list_inbox(0)
    assert not stage.mailbox.fetch([])
    assert not stage.mailbox.send([])
    assert not stage.mailbox.sent_markers([])
    assert not stage.mailbox.file([], Folder.DONE)
    assert not stage.mailbox.restore([])
    assert not stage.mailbox.list_folder(Folder.DONE, 0)


def test_a_fetched_mail_is_raw_and_complete(stage: Stage) -> None:
    """The MIME is byte for byte what was delivered, and a doubled header is there twice."""
    raw = mail(7, body="Safe: DB-Prod\r\nä\r\n")
    stage.deliver(raw, received=NOON)
    (listed,) = stage.mailbox.list_inbox(10)
    (fetched,) = stage.mailbox.fetch([listed])
    assert isinstance(fetched, Mail)
    assert fetched.mime == raw
    assert fetched.listed == listed
    assert fetched.message_id == "<m7@corp.example>"
    assert fetched.headers.count(("X-MS-Exchange-Organization-AuthAs", "Internal")) == 2
    assert fetched.sender_address == fetched.from_address == "ilka.brandt@corp.example"
    assert fetched.auto_forwarded is None


def test_what_exchange_resolved_leads(stage: Stage) -> None:
    """Sender, From and the auto-forward mark come from the MAPI properties where there are any."""
    properties = {"0x5D01": "mara.voss@corp.example", "0x5D02": "dario.conti@corp.example", "0x0005": "true"}
    stage.deliver(mail(), received=NOON, properties=properties)
    (fetched,) = stage.mailbox.fetch(stage.mailbox.list_inbox(1))
    assert isinstance(fetched, Mail)
    assert fetched.sender_address == "mara.voss@corp.example"
    assert fetched.from_address == "dario.conti@corp.example"
    assert fetched.auto_forwarded is True


def test_mails_over_the_limit_come_without_their_mime(stage: Stage) -> None:
    """A huge mail can be answered, because its headers and sender are there; its content is never loaded."""
    stage.deliver(mail(1), received=NOON)
    stage.deliver(mail(2, body="x" * FETCH_BYTES), received=NOON + timedelta(seconds=1))
    small, large = stage.mailbox.fetch(stage.mailbox.list_inbox(2))
    assert isinstance(small, Mail)
    assert isinstance(large, Mail)
    assert small.mime == mail(1)
    assert large.mime is None
    assert large.message_id == "<m2@corp.example>"
    assert large.headers


def test_mime_can_be_left_out(stage: Stage) -> None:
    """Headers and sender alone are enough to answer."""
    stage.deliver(mail(), received=NOON)
    (fetched,) = stage.mailbox.fetch(stage.mailbox.list_inbox(1), with_mime=False)
    assert isinstance(fetched, Mail)
    assert fetched.mime is None
    assert fetched.sender_address == "ilka.brandt@corp.example"


def test_a_mail_that_is_gone_spoils_no_other(stage: Stage) -> None:
    """Somebody may take a mail away between listing and fetching."""
    for number in (1, 2, 3):
        stage.deliver(mail(number), received=NOON + timedelta(seconds=number))
    listed = stage.mailbox.list_inbox(10)
    stage.mailbox.file([listed[1].item_id], Folder.IGNORED)
    first, second, third = stage.mailbox.fetch(listed)
    assert isinstance(first, Mail)
    assert isinstance(second, Unfetchable)
    assert isinstance(third, Mail)
    assert second.gone
    assert second.listed == listed[1]


@pytest.mark.parametrize("folder", Folder)
def test_filed_mails_leave_the_inbox(stage: Stage, folder: Folder) -> None:
    """Every folder is made when it is missing, and a mail that is not there any more is told apart."""
    stage.deliver(mail(1), received=NOON)
    stage.deliver(mail(2), received=NOON)
    ids = [each.item_id for each in stage.mailbox.list_inbox(10)]
    (first,) = stage.mailbox.file(ids[:1], folder)
    assert isinstance(first, Moved)
    again = stage.mailbox.file(ids, folder)
    assert isinstance(again[0], NotDone)
    assert again[0].gone
    assert isinstance(again[1], Moved)
    assert not stage.mailbox.list_inbox(10)
    assert stage.filed(folder) == 2


def filed(stage: Stage, folder: Folder, count: int) -> list[str]:
    """Deliver so many mails, a second apart, file them in a folder, and return their ids there, oldest first."""
    for number in range(count):
        stage.deliver(mail(number), received=NOON + timedelta(seconds=number))
    moved = stage.mailbox.file([each.item_id for each in stage.mailbox.list_inbox(count)], folder)
    ids = [each.item_id for each in moved if isinstance(each, Moved)]
    assert len(ids) == count
    return ids


def test_a_filed_mail_is_known_by_its_new_id(stage: Stage) -> None:
    """What filing returns is what the folder lists, newest first and no more than asked for; the Inbox has its own."""
    ids = filed(stage, Folder.REFUSED, 3)
    stage.deliver(mail(9), received=NOON)
    assert [each.item_id for each in stage.mailbox.list_folder(Folder.REFUSED, 2)] == [ids[2], ids[1]]
    assert list(stage.mailbox.list_folder(None, 9)) == list(stage.mailbox.list_inbox(9))
    assert stage.mailbox.list_folder(Folder.REFUSED, 1)[0].received == NOON + timedelta(seconds=2)


def test_a_folder_that_is_not_there_is_empty(stage: Stage) -> None:
    """Looking into it makes nothing and is no error."""
    assert list(stage.mailbox.list_folder(Folder.QUARANTINE, 5)) == []
    assert stage.filed(Folder.QUARANTINE) == 0


def test_a_mail_is_found_in_its_folder_by_its_message_id(stage: Stage) -> None:
    """Only by that very one, and in no other folder; one that no question can hold is nobody's."""
    ids = filed(stage, Folder.DONE, 3)
    assert [each.item_id for each in stage.mailbox.list_folder(Folder.DONE, 5, message_id="<m1@corp.example>")] == [
        ids[1]
    ]
    assert not stage.mailbox.list_folder(Folder.DONE, 5, message_id="<m1@corp>")
    assert not stage.mailbox.list_folder(Folder.DONE, 5, message_id="<m\x011@corp.example>")
    assert not stage.mailbox.list_folder(Folder.REFUSED, 5, message_id="<m1@corp.example>")
    assert not stage.mailbox.list_folder(None, 5, message_id="<m1@corp.example>")


def test_a_mail_that_is_put_back_is_the_same_mail_under_a_new_id(stage: Stage) -> None:
    """Its time of receipt and its content stay; one that is not there any more is told apart and keeps no other."""
    ids = filed(stage, Folder.REFUSED, 2)
    (back,) = stage.mailbox.restore(ids[:1])
    assert isinstance(back, Moved)
    assert back.item_id not in ids
    (listed,) = stage.mailbox.list_inbox(5)
    assert (listed.item_id, listed.received) == (back.item_id, NOON)
    (fetched,) = stage.mailbox.fetch([listed])
    assert isinstance(fetched, Mail)
    assert fetched.mime == mail(0)

    gone, moved = stage.mailbox.restore(ids)
    assert isinstance(gone, NotDone)
    assert gone.gone
    assert isinstance(moved, Moved)
    assert len(stage.mailbox.list_inbox(5)) == 2
    assert stage.filed(Folder.REFUSED) == 0


def test_replies_are_sent_once_each_and_found_by_their_markers(stage: Stage) -> None:
    """What is sent bears its marker and its thread, and only what was sent is found."""
    assert list(stage.mailbox.send([reply("a"), reply("b")])) == [None, None]
    people = ("ilka.brandt@corp.example", "cyberark-team@corp.example")
    assert stage.sent() == [
        ("a", "Confirmed: a", people, "<m1@corp.example>"),
        ("b", "Confirmed: b", people, "<m1@corp.example>"),
    ]
    assert stage.mailbox.sent_markers(["a", "b", "c"]) == {"a", "b"}
    assert stage.mailbox.sent_markers([f"x{number}" for number in range(45)] + ["b"]) == {"b"}


def test_a_lost_answer_is_an_unknown_outcome(stage: Stage) -> None:
    """The replies have gone out though nobody said so; their markers tell, and sending again would send twice."""
    stage.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        stage.mailbox.send([reply("a"), reply("b")])
    assert stage.mailbox.sent_markers(["a", "b"]) == {"a", "b"}
    assert len(stage.sent()) == 2


def test_an_exchange_that_is_away_is_unavailable_and_comes_back(stage: Stage) -> None:
    """Nothing is done and nothing is lost; the same object works again."""
    stage.deliver(mail(), received=NOON)
    listed = stage.mailbox.list_inbox(1)
    stage.go_away()
    for act in (
        lambda: stage.mailbox.list_inbox(1),
        lambda: stage.mailbox.fetch(listed),
        lambda: stage.mailbox.send([reply("a")]),
        lambda: stage.mailbox.sent_markers(["a"]),
        lambda: stage.mailbox.file([listed[0].item_id], Folder.DONE),
        lambda: stage.mailbox.restore([listed[0].item_id]),
        lambda: stage.mailbox.list_folder(Folder.DONE, 1),
    ):
        with pytest.raises(Unavailable) as caught:
            act()
        assert caught.value.system is System.EXCHANGE
    stage.come_back()
    assert list(stage.mailbox.list_inbox(1)) == list(listed)
    assert stage.sent() == []
