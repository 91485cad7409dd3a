"""Checks the directory servers, the approver groups and the mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from approvald.core.model import ApproverGroup, Folder, GroupBook
from approvald.doctor.accounts import compare_clocks
from approvald.doctor.findings import Finding, failed, ok, unknown, wrong
from approvald.doctor.questions import SurveyedDirectory, SurveyedMailbox

if TYPE_CHECKING:
    from approvald.config.settings import GroupSettings, MailboxSettings
    from approvald.core.ports import Clock

LISTED: Final = 100


def check_servers(directory: SurveyedDirectory) -> Iterator[Finding]:
    """Say for every server whether it can be used; a broken one would be met at the next failure of another."""
    seen = directory.servers()
    if not seen:
        yield unknown(
            "directory server", "no name in directory.servers resolves to an address.", "Check the names and DNS."
        )
    for server in seen:
        if server.failure is None:
            found = f"{server.server}: reached, certificate verified, log-on accepted, Active Directory"
            yield ok("directory server", found)
        else:
            finding = failed("directory server", server.failure)
            named = finding.found if server.server in finding.found else f"{server.server}: {finding.found}"
            yield Finding(check=finding.check, status=finding.status, found=named, do=finding.do)


def check_groups(directory: SurveyedDirectory, book: GroupBook, settings: GroupSettings) -> Iterator[Finding]:
    """List every approver group with its SID and members, and what is wrong with those that may not be used."""
    for problem in book.problems:
        yield wrong("approver group", f"{problem.name}: {problem.why}")
    count = len(book.first)
    if count:
        plural = "" if count == 1 else "s"
        yield ok("approver groups", f"{count} first-level group{plural} by the pattern {settings.first_level}")
    for group in book.all():
        yield _group(group, directory.direct_members(group))
    if settings.second_level is None:
        yield ok("approver group", "no second-level group is configured: nobody approves level 2 by mail")


def _group(group: ApproverGroup, members: int | None) -> Finding:
    what = f"{group.name}: level {group.level.value}, {group.sid}, "
    if members is None:
        do = "Run this again; if it lasts, give the directory account the right to read the group."
        return wrong("approver group", f"{what}cannot be read any more.", do)
    if members == 0:
        do = "Add members, or give the account the right to read them; a primary group does not count."
        return ok("approver group", f"{what}no members that the directory account can see.", do)
    return ok("approver group", f"{what}{members} direct member{'' if members == 1 else 's'}, {group.dn}")


def check_mailbox(mailbox: SurveyedMailbox, settings: MailboxSettings, clock: Clock) -> Iterator[Finding]:
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
    parts = [f"{there}: found" if there else "", f"{missing}: created when first needed" if missing else ""]
    return ok("mail folders", "; ".join(filter(None, parts)))
