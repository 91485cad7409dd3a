"""The directory adapter opened on Samba's domain controllers, and questions to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.config.settings import DirectorySettings, GroupSettings
from approvald.core.errors import System, Unavailable
from approvald.core.ports import Directory, Secret
from contract.directory_rules import PEOPLE_SETTINGS, the_person
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore
from real.domain_controller import DomainController

USER = "svc-directory@corp.example"
ILKA = "ilka.brandt@corp.example"
CONNECT_SECONDS, RECEIVE_SECONDS = 1.0, 2.0
SLACK_SECONDS = 2.0


@contextmanager
def opened(
    *controllers: DomainController,
    password: str | None = None,
    guard: FakeGuard | None = None,
    scheme: str = "ldaps",
    ca_file: Path | None = None,
    **groups: Any,
) -> Iterator[ActiveDirectory]:
    """Open an adapter on these domain controllers, as a site would."""
    first = controllers[0]
    secret = Secret(username=USER, password=password or first.password, version="1")
    directory = ActiveDirectory(
        DirectorySettings(
            servers=[getattr(each, scheme) for each in controllers],
            start_tls=scheme == "ldap",
            base_dn=first.base_dn,
            ca_file=ca_file or first.ca_file,
            connect_timeout_seconds=CONNECT_SECONDS,
            receive_timeout_seconds=RECEIVE_SECONDS,
        ),
        groups=GroupSettings(**({"base_dn": first.groups_dn, "second_level": "L2_PAMapprover"} | groups)),
        people=PEOPLE_SETTINGS,
        secrets=FakeSecretStore({"directory": secret}),
        guard=guard or FakeGuard(),
        clock=FakeClock(datetime.now(UTC)),
    )
    try:
        yield directory
    finally:
        directory.close()


def held_groups(directory: Directory, account_name: str) -> set[str]:
    """Return the names of the approver groups that somebody is in."""
    book = directory.approver_groups()
    held = directory.memberships(the_person(directory, account_name), book.all())
    return {group.name for group in book.all() if group.sid in held}


def ask(directory: Directory) -> None:
    """Ask who Ilka Brandt is, when no answer is to be had. Fails when there is one."""
    with pytest.raises(Unavailable) as raised:
        directory.find_by_address(ILKA)
    assert raised.value.system is System.DIRECTORY


def took(act: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began
