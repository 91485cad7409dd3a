"""The rules of a secret store, held against the fake in memory and SecretSources over both real sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from approvald.adapters.secrets.files import CredentialFiles
from approvald.adapters.secrets.hashicorp_vault.store import HashicorpVault
from approvald.adapters.secrets.sources import SecretSources
from approvald.config.settings import HashicorpVaultSettings, SecretSettings
from approvald.core.errors import System, Unavailable
from approvald.core.ports import Secret, SecretStore
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind
from approvald_sandbox.systems.faults import System as SandboxSystem
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard, FakeSecretStore

ACCOUNTS = {
    "mailbox": "svc-mail",
    "directory": "svc-directory@corp.example",
    "level1": "svc-pam-l1",
    "level2": "svc-pam-l2",
}
KEY = b"a key of the ledger, 32 bytes..."


class ClosableStore(SecretStore, Protocol):
    """The port, and the end of it."""

    def close(self) -> None:
        """Give back tokens. Never raises."""


@dataclass(kw_only=True)
class Subject:
    """A store, and how a test changes what it holds and takes it away."""

    store: ClosableStore
    rotate: Callable[[str, str], None]
    take_away: Callable[[], None]


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start one sandbox for all tests here."""
    with Sandbox(directory=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(params=["fake", "hashicorp_vault", "files"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """Give each store in turn, with the same four accounts in it."""
    if request.param == "fake":
        made = _fake()
    elif request.param == "files":
        made = _files(tmp_path)
    else:
        sandbox: Sandbox = request.getfixturevalue("sandbox_process")
        sandbox.reset()
        made = _vault(sandbox)
    yield made
    made.store.close()


def _fake() -> Subject:
    store = FakeSecretStore(
        {name: Secret(username=user, password="First-4711", version="1") for name, user in ACCOUNTS.items()}
    )

    def rotate(name: str, password: str) -> None:
        store.put(name, Secret(username=ACCOUNTS[name], password=password, version="2"))

    def take_away() -> None:
        store.away = True

    return Subject(store=store, rotate=rotate, take_away=take_away)


def _files(folder: Path) -> Subject:
    def write(name: str, password: str) -> None:
        file = folder / name
        file.write_text(f"{password}\n", encoding="utf-8")
        file.chmod(0o400 if name == "level1" else 0o600)

    for name in ACCOUNTS:
        write(name, "First-4711")
    accounts = {
        name: {
            "source": "file",
            "username": user,
            **({"credential": name} if name == "level1" else {"file": str(folder / name)}),
        }
        for name, user in ACCOUNTS.items()
    }
    files = CredentialFiles(version_key=KEY, environment={"CREDENTIALS_DIRECTORY": str(folder)})
    store = SecretSources(SecretSettings.model_validate({"accounts": accounts}), files=files, hashicorp_vault=None)

    def take_away() -> None:
        for name in ACCOUNTS:
            (folder / name).unlink()

    return Subject(store=store, rotate=write, take_away=take_away)


def _vault(sandbox: Sandbox) -> Subject:
    endpoints = sandbox.endpoints()
    settings = HashicorpVaultSettings(
        url=endpoints["vault"],
        ca_file=Path(endpoints["ca_file"]),
        role_id_file=Path(endpoints["vault_role_id_file"]),
        secret_id_file=Path(endpoints["vault_secret_id_file"]),
        timeout_seconds=2.0,
    )
    accounts = {name: {"source": "hashicorp_vault", "path": f"approvald/{name}"} for name in ACCOUNTS}
    store = SecretSources(
        SecretSettings.model_validate({"accounts": accounts, "hashicorp_vault": settings.model_dump()}),
        files=CredentialFiles(version_key=KEY, environment=os.environ),
        hashicorp_vault=HashicorpVault(settings, guard=FakeGuard(), clock=FakeClock(), version_key=KEY),
    )
    for user in ACCOUNTS.values():
        sandbox.change_password(user.partition("@")[0], "First-4711", ["vault"])

    def rotate(name: str, password: str) -> None:
        sandbox.change_password(ACCOUNTS[name].partition("@")[0], password, ["vault"])

    def take_away() -> None:
        sandbox.put_fault(SandboxSystem.VAULT, Fault(kind=FaultKind.DOWN))

    return Subject(store=store, rotate=rotate, take_away=take_away)


@pytest.mark.parametrize("name", ACCOUNTS)
def test_each_account_has_its_user_name_and_password(subject: Subject, name: str) -> None:
    """All four names are known."""
    secret = subject.store.get(name)
    assert (secret.username, secret.password) == (ACCOUNTS[name], "First-4711")


def test_a_rotated_password_is_seen_when_asked_afresh(subject: Subject) -> None:
    """`fresh` goes past any cache, and the version tells that the password is another."""
    before = subject.store.get("level1")
    assert subject.store.get("level1", fresh=True).version == before.version
    subject.rotate("level1", "Second-4711")
    after = subject.store.get("level1", fresh=True)
    assert after.password == "Second-4711"
    assert after.version != before.version
    assert subject.store.get("level1").password == "Second-4711"
    assert subject.store.get("mailbox").password == "First-4711"


def test_a_version_tells_nothing_of_the_password(subject: Subject) -> None:
    """It may stand in the ledger, in logs and alarms."""
    assert "4711" not in subject.store.get("level2").version


def test_a_store_that_is_away_is_unavailable(subject: Subject) -> None:
    """The mail waits; the error names the secret store and holds no password."""
    subject.store.get("directory")
    subject.take_away()
    with pytest.raises(Unavailable) as caught:
        subject.store.get("directory", fresh=True)
    assert caught.value.system is System.SECRET_STORE
    assert "First-4711" not in str(caught.value)


def test_the_password_is_in_no_repr(subject: Subject) -> None:
    """Neither the secret nor the store shows it."""
    secret = subject.store.get("level1")
    assert "First-4711" not in f"{secret!r} {secret} {subject.store!r}"
