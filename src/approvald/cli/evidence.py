"""`approvald evidence`: one folder that shows an auditor who approved a request, and proves it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from approvald.audit.evidence import gather, write
from approvald.cli.context import config_option, reading_ledger
from approvald.ledger.audit import AuditRows
from approvald.ledger.cases import Cases

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@click.command("evidence")
@config_option
@click.argument("request_id")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), help="The folder to create; by default, in the current one."
)
@click.option("--zip", "zipped", is_flag=True, help="Create a zip file instead.")
def command(*, request_id: str, target: Path | None, zipped: bool) -> None:
    """Write a self-contained folder about REQUEST_ID: mails, people, PVWA before and after, every check, the proof.

    REQUEST_ID is PVWA's, such as DB-PROD-01_1101, or its number alone. Whoever gets it can check it with "approvald
    audit verify FOLDER". It holds no text of a mail and no secret. Reads only the ledger.
    """
    now = datetime.now(UTC)
    name = _UNSAFE.sub("-", request_id)[:100].strip(".-") or "request"
    path = target or Path(f"evidence-{name}-{now:%Y%m%dT%H%M%SZ}")
    path = path.with_name(f"{path.name}.zip") if zipped and path.suffix != ".zip" else path
    with reading_ledger() as store:
        rows = AuditRows(store)
        case = Cases(store).find(request_id)
        if case is None or not case.lines:
            message = f"the audit trail says nothing about {request_id}; look for it with: approvald history"
            raise click.ClickException(message)
        gathered = gather(case, rows)
        try:
            write(path, gathered, request_id=case.request_id or request_id, made_at=now)
        except FileExistsError as error:
            message = f"{path} already exists, and nothing is overwritten; name another one with --to"
            raise click.ClickException(message) from error
        except OSError as error:
            message = f"{path} cannot be written ({error.strerror}), and nothing was left there; name another with --to"
            raise click.ClickException(message) from error
    click.echo(f"{path}: {len(case.mails)} mails, {len(case.lines)} lines of the audit trail, head {gathered.head[0]}")
