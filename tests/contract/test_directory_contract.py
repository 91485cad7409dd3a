"""The rules of a directory, held against the fake in memory and Active Directory's adapter before the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.config.settings import DirectorySettings, GroupSettings
from approvald.core.ports import Directory, Secret
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind
from approvald_sandbox.systems.faults import System as SandboxSystem
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from contract.directory_rules import GROUPS, PEOPLE, PEOPLE_SETTINGS, WORLD, DirectoryContract, Subject, the_person
from fakes.clock import FakeClock
from fakes.directory import FakeDirectory, make_person
from fakes.secrets import FakeGuard, FakeSecretStore


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start one sandbox for all tests here."""
    with Sandbox(WORLD, directory=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(params=["fake", "active_directory"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Give each directory in turn, in the same world."""
    if request.param == "fake":
        yield _fake()
        return
    sandbox: Sandbox = request.getfixturevalue("sandbox_process")
    sandbox.reset()
    opened: list[ActiveDirectory] = []

    def open_it(**groups: Any) -> Directory:
        opened.append(_adapter(sandbox, **groups))
        return opened[-1]

    yield Subject(
        open=open_it,
        go_away=lambda: sandbox.put_fault(SandboxSystem.DIRECTORY, Fault(kind=FaultKind.DOWN)),
        recreate=lambda name: sandbox.change_group(name, recreate=True),
        delete=lambda name: sandbox.change_group(name, delete=True),
    )
    for each in opened:
        each.close()


def _adapter(sandbox: Sandbox, **groups: Any) -> ActiveDirectory:
    where = sandbox.endpoints()
    return ActiveDirectory(
        DirectorySettings(servers=[where["ldaps"]], base_dn=where["base_dn"], ca_file=Path(where["ca_file"])),
        groups=GroupSettings(**({"base_dn": where["groups_base_dn"], "second_level": "L2_PAMapprover"} | groups)),
        people=PEOPLE_SETTINGS,
        secrets=FakeSecretStore(
            {"directory": Secret(username="svc-directory@corp.example", password=DEFAULT_PASSWORD, version="1")}
        ),
        guard=FakeGuard(),
        clock=FakeClock(datetime.now(UTC)),
    )


def _fake() -> Subject:
    fake = FakeDirectory(people_map=PEOPLE_SETTINGS.map)
    for name, fields in PEOPLE.items():
        if fields.get("kind") == "contact":
            continue
        proxies = [each.partition(":") for each in fields.get("proxy_addresses", ())]
        primary = next((address for kind, _, address in proxies if kind == "SMTP"), None)
        link = fields.get("employee_id")
        fake.add(
            make_person(
                name,
                fields.get("mail", primary) or ("" if "mail" in fields else primary),
                [address for kind, _, address in proxies if kind == "smtp"],
                link=None if link in {None, "unknown"} else link.casefold(),
                disabled=fields.get("disabled", False) or fields.get("kind") in {"shared", "linked"},
                expired=fields.get("expired", False),
                shared_mailbox=fields.get("kind") == "shared",
                linked_mailbox=fields.get("kind") == "linked",
                manager_dn=make_person(fields["manager"]).dn if "manager" in fields else None,
            )
        )
    for name, members in GROUPS.items():
        real = [member for member in members if PEOPLE.get(member, {}).get("primary_group") != name]
        fake.add_group(name, *real, security=name != "List_PAMapprover")
        fake.groups[name].primary = [each for each in members if each not in real]

    def open_it(**groups: Any) -> Directory:
        fake.first_level = groups.get("first_level", fake.first_level)
        fake.second_level = groups.get("second_level", fake.second_level)
        fake.count_primary_group = groups.get("count_primary_group", False)
        return fake

    def recreate(name: str) -> None:
        fake.groups[name].generation += 1

    def delete(name: str) -> None:
        del fake.groups[name]

    return Subject(open=open_it, go_away=fake.go_away, recreate=recreate, delete=delete)


class TestDirectory(DirectoryContract):
    """The inherited rules, and one that needs Exchange's attributes."""

    def test_shared_and_linked_mailboxes_say_so(self, subject: Subject) -> None:
        """Nobody writes as a person from them; a usual mailbox is neither."""
        directory = subject.open()
        people = [the_person(directory, name) for name in ("tomas.ruiz", "lea.fontaine", "ilka.brandt")]
        assert [person.shared_mailbox for person in people] == [True, False, False]
        assert [person.linked_mailbox for person in people] == [False, True, False]
