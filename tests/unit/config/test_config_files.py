"""check_files: each file that a start would stumble over is named with its key, before the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from approvald.config.files import check_files
from approvald.config.load import load
from approvald.config.settings import Settings
from places import SHIPPED

GOOD_CA = """-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUUCRpRoJ0WZeoLfEWLJzOoDxOBX8wCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def settings(folder: Path, **accounts: dict[str, str]) -> Settings:
    """Return the shipped settings with every path in this folder, and these accounts where given."""
    values: dict[str, Any] = load(SHIPPED).model_dump()
    for section in ("mailbox", "directory", "pvwa"):
        values[section]["ca_file"] = None
    values["secrets"]["hashicorp_vault"] |= {
        "ca_file": None,
        "role_id_file": folder / "role-id",
        "secret_id_file": folder / "secret-id",
    }
    values["secrets"]["accounts"] |= accounts
    values["ledger"]["file"] = folder / "state" / "ledger.db"
    values["logs"]["file"] = folder / "logs" / "approvald.log"
    for name in ("role-id", "secret-id"):
        file = folder / name
        file.write_text("an id\n", encoding="utf-8")
        file.chmod(0o600)
    return Settings.model_validate(values)


def changed(found: Settings, section: str, **fields: object) -> Settings:
    """Return the settings with some fields of one section replaced."""
    return found.model_copy(update={section: getattr(found, section).model_copy(update=fields)})


def test_all_is_well(tmp_path: Path) -> None:
    """Folders that systemd makes at the start need not be there yet."""
    assert check_files(settings(tmp_path)) == ()


@pytest.mark.parametrize("section", ["mailbox", "directory", "pvwa"])
def test_a_missing_ca_is_named(tmp_path: Path, section: str) -> None:
    """Key, path and remedy."""
    gone = tmp_path / "ca.pem"
    assert check_files(changed(settings(tmp_path), section, ca_file=gone)) == (
        f"{section}.ca_file: the file {gone} is not there; put the certificates of your CA there, in PEM form",
    )


@pytest.mark.parametrize("content", ["", "no certificate", GOOD_CA])
def test_a_ca_file_without_a_certificate_is_named(tmp_path: Path, content: str) -> None:
    """Empty, something else, or a broken certificate."""
    ca = tmp_path / "ca.pem"
    ca.write_text(content, encoding="utf-8")
    (problem,) = check_files(changed(settings(tmp_path), "pvwa", ca_file=ca))
    assert problem.startswith(f"pvwa.ca_file: the file {ca} holds no certificate; put")


def test_open_and_missing_secret_files_are_named_together(tmp_path: Path) -> None:
    """All at once: a secret-id that everybody can read, a role-id and a password that are not there."""
    password = tmp_path / "password"
    found = settings(tmp_path, level1={"source": "file", "username": "svc-pam-l1", "file": str(password)})
    (tmp_path / "role-id").unlink()
    (tmp_path / "secret-id").chmod(0o644)
    problems = check_files(found)
    assert [problem.partition(":")[0] for problem in problems] == [
        "secrets.hashicorp_vault.role_id_file",
        "secrets.hashicorp_vault.secret_id_file",
        "secrets.accounts.level1.file",
    ]
    assert "can be read by everybody" in problems[1]


def test_credentials_are_looked_at_under_systemd_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand there is no folder of credentials, and nothing to say; under systemd a missing one is named."""
    found = settings(tmp_path, level1={"source": "file", "username": "svc-pam-l1", "credential": "level1"})
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert check_files(found) == ()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (problem,) = check_files(found)
    assert problem.startswith(f"secrets.accounts.level1.credential: the file {tmp_path / 'level1'} is not there")


def test_a_folder_that_nobody_makes_is_named(tmp_path: Path) -> None:
    """A ledger two folders deep in nowhere, and a log file that is a folder."""
    found = changed(settings(tmp_path), "ledger", file=tmp_path / "a" / "b" / "ledger.db")
    problems = check_files(changed(found, "logs", file=tmp_path))
    assert problems == (
        f"ledger.file: the folder {tmp_path / 'a' / 'b'} is not there; create it, owned by the user approvald runs as",
        f"logs.file: {tmp_path} is a folder; name a file in it",
    )
