"""What the adapters answer to the doctor, over the real protocols: questions only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import pytest

from approvald.adapters.exchange.mailbox import ExchangeMailbox
from approvald.core.errors import AuthenticationFailed, Unavailable
from approvald.core.model import Folder, Mail
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from fakes.names import FakeNames
from sandbox import directory_servers, pvwa_client
from sandbox.directory_servers import SilentServer, refused_url
from sandbox.exchange_client import adapter, mail, operations

NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def mailbox(sandbox: Sandbox) -> Iterator[ExchangeMailbox]:
    """Give a mailbox that nothing was asked of yet."""
    with closing(adapter(sandbox)) as made:
        yield made


def is_now(date: str) -> bool:
    """Whether a Date header is of this moment."""
    return abs(parsedate_to_datetime(date) - datetime.now(UTC)) < timedelta(seconds=10)


def test_looking_for_folders_makes_none(sandbox: Sandbox, mailbox: ExchangeMailbox) -> None:
    """Only what is there is told, and nothing is remembered in its place."""
    assert mailbox.present_folders() == frozenset()
    sandbox.deliver(mail(0))
    mailbox.file([mailbox.list_inbox(1)[0].item_id], Folder.DONE)
    assert Folder.DONE in mailbox.present_folders()


def test_the_newest_mails_of_all_folders_are_listed(sandbox: Sandbox) -> None:
    """Newest first over Inbox and folders together, not more than asked for; nothing is made or moved."""
    with closing(adapter(sandbox, names=FakeNames())) as first:
        for number in range(3):
            sandbox.deliver(mail(number), received=NOON + timedelta(hours=number))
        listed = first.list_inbox(10)
        first.file([listed[0].item_id], Folder.REFUSED)
        first.file([listed[2].item_id], Folder.DONE)
    before = len(operations(sandbox))
    with closing(adapter(sandbox)) as mailbox:
        newest = mailbox.newest(10)
        assert [each.received for each in newest] == [NOON + timedelta(hours=hours) for hours in (2, 1, 0)]
        assert [each.received for each in mailbox.newest(1)] == [NOON + timedelta(hours=2)]
        fetched = mailbox.fetch(newest, with_mime=False)
    assert all(isinstance(each, Mail) and each.mime is None and each.headers for each in fetched)
    assert set(operations(sandbox)[before:]) == {"FindFolder", "FindItem", "GetItem"}


def test_exchange_says_what_time_it_is(mailbox: ExchangeMailbox) -> None:
    """In the last answer; nothing before the first one."""
    assert mailbox.date() == ""
    mailbox.list_inbox(1)
    assert is_now(mailbox.date())


def test_every_directory_server_is_visited(sandbox: Sandbox) -> None:
    """One that refuses, one that is silent, one without a name, one that is well: each is told."""
    with SilentServer() as silent:
        nameless = "ldaps://dc.invalid"
        good = sandbox.endpoints()["ldaps"]
        desk = directory_servers.desk(sandbox, servers=[refused_url(), silent.url, nameless, good])
        with desk.open() as directory:
            seen = directory.servers()
    assert [each.failure is None for each in seen] == [False, False, True, False]
    assert all(isinstance(each.failure, Unavailable) for each in seen if each.failure)
    assert seen[-1].server == nameless


def test_a_server_that_is_not_to_be_trusted_gets_no_password(sandbox: Sandbox) -> None:
    """Its certificate is looked at before anything is said."""
    sandbox.put_fault(System.DIRECTORY, Fault(kind=FaultKind.WRONG_CERTIFICATE))
    desk = directory_servers.desk(sandbox)
    with desk.open() as directory:
        [seen] = directory.servers()
    assert "certificate" in str(seen.failure)
    assert desk.guard.tries == []


def test_a_refused_password_is_sent_to_one_server_only(sandbox: Sandbox) -> None:
    """The others are still connected to, and told to be held back by the guard."""
    url = sandbox.endpoints()["ldaps"]
    sandbox.change_password("svc-directory", "another", places=["directory"])
    desk = directory_servers.desk(sandbox, servers=[url, url.replace("localhost", "127.0.0.1")])
    with desk.open() as directory:
        seen = directory.servers()
    assert all(isinstance(each.failure, AuthenticationFailed) for each in seen)
    assert desk.failed_binds() == 1


def test_members_are_counted_as_they_stand_in_the_group(sandbox: Sandbox) -> None:
    """People and groups alike, nested ones not; a group that is gone has no number."""
    sandbox.change_group("DB_PAMapprover", members=["ilka.brandt", "Net_PAMapprover"])
    sandbox.change_group("SAP_PAMapprover", members=[])
    with directory_servers.desk(sandbox).open() as directory:
        groups = {group.name: group for group in directory.approver_groups().all()}
        sandbox.change_group("Infra_PAMapprover", delete=True)
        counted = {name: directory.direct_members(group) for name, group in groups.items()}
    assert counted == {
        "DB_PAMapprover": 2,
        "Infra_PAMapprover": None,
        "Net_PAMapprover": 1,
        "SAP_PAMapprover": 0,
        "L2_PAMapprover": 1,
    }


def test_incoming_requests_are_listed_as_pvwa_spells_them(sandbox: Sandbox) -> None:
    """With those that are handled or expired; and the answer says what time PVWA has."""
    sandbox.change_request("DB-PROD-01", "1", requestor="timo.gast@corp.example")
    sandbox.change_request("SAP_BASIS", "2", requestor="timo.gast@corp.example", status="expired")
    with pvwa_client.desk(sandbox) as at:
        assert at.client.date(pvwa_client.FIRST) == ""
        assert {"DB-PROD-01_1", "SAP_BASIS_2"} <= set(at.client.incoming(pvwa_client.FIRST))
        assert is_now(at.client.date(pvwa_client.FIRST))
        assert at.client.date(pvwa_client.SECOND) == ""
