"""Makes all live checks in order. A check that fails does not prevent the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from approvald.core.errors import ApprovaldError
from approvald.core.model import GroupBook
from approvald.doctor.accounts import check_secrets, check_time_zone
from approvald.doctor.findings import Finding, examined, failed, ok, wrong
from approvald.doctor.pvwa import check_pvwa
from approvald.doctor.questions import Systems
from approvald.doctor.systems import check_groups, check_mailbox, check_servers

if TYPE_CHECKING:
    from datetime import datetime

    from approvald.config.settings import Settings


def examine(
    settings: Settings,
    *,
    now: datetime,
    file_problems: Sequence[str],
    open_systems: Callable[[], AbstractContextManager[Systems]],
) -> list[Finding]:
    """Return one finding per check. `file_problems`: what config.check_files says. Never raises ApprovaldError.

    Without the ledger no system is asked: refused log-ons could not be counted, and accounts might be locked.
    """
    findings = [wrong("files", problem) for problem in file_problems]
    if not findings:
        findings.append(ok("configuration", "no mistakes, neither in it nor in the files that it names"))
    findings.append(check_time_zone(settings.reply.time_zone, now))
    try:
        with open_systems() as systems:
            findings.append(ok("ledger", f"{settings.ledger.file} can be written"))
            findings += _ask(settings, systems)
    except ApprovaldError as error:
        findings.append(failed("ledger", error))
    return findings


def _ask(settings: Settings, systems: Systems) -> list[Finding]:
    books: list[GroupBook] = []

    def groups() -> list[Finding]:
        books.append(systems.directory.approver_groups())
        return examined("approver groups", partial(check_groups, systems.directory, books[0], settings.groups))

    findings = check_secrets(systems.secrets, settings)
    findings += examined("mailbox", partial(check_mailbox, systems.mailbox, settings.mailbox, systems.clock))
    findings += examined("directory server", partial(check_servers, systems.directory))
    findings += examined("approver groups", groups)
    findings += check_pvwa(
        systems.pvwa, settings.pvwa, systems.clock, books[0] if books else None, settings.groups.pvwa_names
    )
    return findings
