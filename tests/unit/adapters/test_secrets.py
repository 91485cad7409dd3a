"""Where passwords come from, which files may hold one, and what a version gives away."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from approvald.adapters.secrets.files import CredentialFiles
from approvald.adapters.secrets.sources import SecretSources, fingerprint
from approvald.config.files import SecretFileRefused, read_secret
from approvald.config.settings import FileSecret, SecretSettings, VaultSecret
from approvald.core.errors import System, Unavailable
from approvald.core.logs import output
from approvald.core.ports import Secret

KEY = b"a key of the ledger, 32 bytes..."
ACCOUNTS = SecretSettings.model_validate(
    {
        "accounts": {
            "mailbox": {"source": "file", "username": "svc-mail", "file": "/etc/approvald/mailbox"},
            "level1": {"source": "hashicorp_vault", "path": "approvald/level1"},
        }
    }
)


class FakeSource:
    """One source in memory: answers with a secret that names the place asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.closed = False

    def read(self, where: FileSecret | VaultSecret, *, fresh: bool) -> Secret:
        """Return a secret of that place."""
        place = where.path if isinstance(where, VaultSecret) else str(where.file)
        self.asked.append((place, fresh))
        return Secret(username="svc", password=f"Planted-4711 of {place}", version="1")

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


def secret_file(folder: Path, content: bytes = b"Planted-4711\n", mode: int = 0o600) -> Path:
    """Write a file with these permissions."""
    file = folder / "secret"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_each_name_is_asked_of_its_source() -> None:
    """A name goes to the source that the configuration gives it, and `fresh` goes with it."""
    files, vault = FakeSource(), FakeSource()
    store = SecretSources(ACCOUNTS, files=files, hashicorp_vault=vault)
    store.get("mailbox")
    store.get("level1", fresh=True)
    assert files.asked == [("/etc/approvald/mailbox", False)]
    assert vault.asked == [("approvald/level1", True)]
    store.close()
    assert (files.closed, vault.closed) == (True, True)


@pytest.mark.parametrize("name", ["level2", "level1"])
def test_a_name_without_a_source_is_unavailable(name: str) -> None:
    """Neither an unknown name nor a missing Vault ever gives a secret."""
    store = SecretSources(ACCOUNTS, files=FakeSource(), hashicorp_vault=None)
    with pytest.raises(Unavailable, match=rf"\[secrets\.accounts\.{name}\]") as caught:
        store.get(name)
    assert caught.value.system is System.SECRET_STORE


def test_a_password_that_was_read_reaches_no_log(tmp_path: Path) -> None:
    """From the moment it is known it is stars, whoever logs it."""
    log = tmp_path / "approvald.log"
    output.set_up(file=log, stderr="none")
    try:
        secret = SecretSources(ACCOUNTS, files=FakeSource(), hashicorp_vault=None).get("mailbox")
        logging.getLogger("exchangelib").warning("logon with %s", secret.password)
    finally:
        output.tear_down()
    assert "logon with ****" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"Planted-4711", "Planted-4711"),
        (b"Planted-4711\n", "Planted-4711"),
        (b"Planted-4711\r\n", "Planted-4711"),
        (b" with spaces \n", " with spaces "),
        ("Pässwört\n".encode(), "Pässwört"),
    ],
)
def test_one_line_end_is_not_part_of_a_password(tmp_path: Path, content: bytes, password: str) -> None:
    """Editors add a line end; spaces may be meant."""
    assert read_secret(secret_file(tmp_path, content)) == password


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"Planted-4711\n\n", b"Planted-4711\nother", b"Planted\x004711", b"Planted\xff", b"x" * 70_000],
)
def test_a_file_with_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """Exactly one line of UTF-8; the sentence names the file and nothing of its content."""
    file = secret_file(tmp_path, content)
    with pytest.raises(SecretFileRefused, match=str(file)) as caught:
        read_secret(file)
    assert "Planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o604, "can be read by everybody"),
        (0o644, "can be read by everybody"),
        (0o620, "can be written by users other than its owner"),
        (0o602, "can be written by users other than its owner"),
    ],
)
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int, said: str) -> None:
    """World-readable or writable by others: the sentence says what and how to mend it."""
    with pytest.raises(SecretFileRefused, match=rf"{said}.*; run: chmod"):
        read_secret(secret_file(tmp_path, mode=mode))


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_owner_and_group_may_read(tmp_path: Path, mode: int) -> None:
    """root:approvald 0640 and systemd's 0400 and 0440 are as they should be."""
    assert read_secret(secret_file(tmp_path, mode=mode)) == "Planted-4711"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, a missing file and a pipe are named as such, and nothing waits for a pipe."""
    with pytest.raises(SecretFileRefused, match="is not there"):
        read_secret(tmp_path / "gone")
    with pytest.raises(SecretFileRefused, match="is not a file"):
        read_secret(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretFileRefused, match="is not a file"):
        read_secret(tmp_path / "pipe")


def test_a_credential_is_read_from_systemds_folder(tmp_path: Path) -> None:
    """The user name is the configuration's, the password the credential's."""
    secret_file(tmp_path, mode=0o400)
    source = CredentialFiles(version_key=KEY, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    where = FileSecret(source="file", username="svc-pam-l1", credential="secret")
    found = source.read(where, fresh=False)
    assert (found.username, found.password) == ("svc-pam-l1", "Planted-4711")
    assert found.version == fingerprint(KEY, "Planted-4711")


@pytest.mark.parametrize("environment", [{}, {"CREDENTIALS_DIRECTORY": ""}])
def test_a_credential_without_systemd_says_how_to_get_one(environment: dict[str, str]) -> None:
    """Started by hand, or LoadCredential= forgotten: the sentence has the line for the unit."""
    source = CredentialFiles(version_key=KEY, environment=environment)
    with pytest.raises(Unavailable, match=r"LoadCredential=level1:.*Mails wait"):
        source.read(FileSecret(source="file", username="svc-pam-l1", credential="level1"), fresh=False)


def test_a_version_is_the_same_in_every_process_of_a_ledger_only() -> None:
    """Same key and password, same version; another key or password, another one; never the password."""
    version = fingerprint(KEY, "Planted-4711")
    assert version == fingerprint(bytes(KEY), "Planted-4711")
    assert version != fingerprint(KEY, "Planted-4712")
    assert version != fingerprint(b"the key of quite another ledger.", "Planted-4711")
    assert len(version) == 16
    assert int(version, 16) >= 0


def test_a_short_key_is_refused() -> None:
    """Without a real key anybody could try passwords against a version."""
    with pytest.raises(ValueError, match="16 bytes"):
        fingerprint(b"", "Planted-4711")
