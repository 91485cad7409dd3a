"""Honest mails at sites that are configured for what they are: confirmed like everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import forwarded
from e2e.honest_mails import ILKA, confirmed
from e2e.stage import raised


@pytest.mark.parametrize("source", ["ex17.site-b.corp.example", "EX17.Site-B.CORP.example"])
def test_servers_below_a_suffix(sandbox: Sandbox, tmp_path: Path, source: str) -> None:
    """A site with many servers names their suffix."""
    with raised(sandbox, tmp_path / "state", auth_sources=["*.corp.example"]) as stage:
        notice = stage.request()
        mail = forwarded(notice, ILKA).replace(b"EX01.corp.example", source.encode())

        confirmed(stage, notice, mail)


def test_groups_that_cyberark_calls_otherwise(sandbox: Sandbox, tmp_path: Path) -> None:
    """[groups.pvwa_names] says which group of the directory PVWA means."""
    sandbox.change_safe("DB-PROD-01", level1=["Databases_PAMapprover"])

    def edit(text: str) -> str:
        return f'{text}\n[groups.pvwa_names]\nDatabases_PAMapprover = "DB_PAMapprover"\n'

    with raised(sandbox, tmp_path / "state", edit=edit) as stage:
        notice = stage.request()

        confirmed(stage, notice, forwarded(notice, ILKA))
