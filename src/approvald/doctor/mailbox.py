"""Whether we can work with the mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from approvald.core.model import Folder
from approvald.doctor.clocks import compare_clocks
from approvald.doctor.findings import Finding, ok
from approvald.doctor.questions import MailboxSurvey

if TYPE_CHECKING:
    from approvald.config.settings.mail import MailboxSettings
    from approvald.core.ports import Clock

LISTED: Final = 100


def check_mailbox(mailbox: MailboxSurvey, settings: MailboxSettings, clock: Clock) -> Iterator[Finding]:
    """Log on, list the Inbox, look for our folders, compare the clocks. Raises what the port does."""
    count = len(mailbox.list_inbox(LISTED))
    now = clock.now()
    waiting = f"{LISTED} mails or more" if count == LISTED else f"{count} mail{'' if count == 1 else 's'}"
    yield ok("mailbox", f"{settings.address}: the log-on is accepted, and the Inbox can be listed ({waiting})")
    yield compare_clocks("Exchange", mailbox.date(), now)
    yield _folders(mailbox.present_folders(), settings)


def _folders(present: frozenset[Folder], settings: MailboxSettings) -> Finding:
    names = {folder: getattr(settings.folders, folder.value) for folder in Folder}
    there = ", ".join(name for folder, name in names.items() if folder in present)
    missing = ", ".join(name for folder, name in names.items() if folder not in present)
    parts = [f"{there}: there" if there else "", f"{missing}: made when first needed" if missing else ""]
    return ok("mail folders", "; ".join(filter(None, parts)))
