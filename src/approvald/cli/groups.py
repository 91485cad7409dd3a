"""`approvald groups`: the approver groups as the directory has them now, their SIDs, and accepting a changed one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Final

import click

from approvald.cli.context import config_option, given, opened_ledger, operator, read_settings
from approvald.cli.doctor import systems_of
from approvald.cli.exits import Exit
from approvald.confirmation.groups import GroupPins
from approvald.core.logs.events import Event, event
from approvald.core.model import ApproverGroup, GroupBook
from approvald.ledger.audit import AuditKind, AuditRows

_LOG: Final = logging.getLogger(__name__)


@click.group("groups", invoke_without_command=True)
@config_option
@click.pass_context
def command(context: click.Context) -> int:
    """List the approver groups with their SIDs, as the directory has them now. Changes nothing.

    Exits 1 when a group may not be used. Run it as the user approvald runs as; the daemon may keep running.
    """
    if context.invoked_subcommand is not None:
        return Exit.OK

    with opened_ledger() as store, systems_of(read_settings()) as systems:
        book, pins = systems.directory.approver_groups(), GroupPins(store)
        for line in _lines(book, pins):
            click.echo(line)
        usable = not book.problems and not any(pins.problem(group) for group in book.all())
    return Exit.OK if usable else Exit.FAILED


@command.command("accept")
@config_option
@click.argument("name")
@click.option("--reason", required=True, help="Why, for those who read the log later.")
def accept(*, name: str, reason: str) -> None:
    """Accept the SID that the approver group NAME has in the directory now, so that the group counts again.

    A running daemon notices when it next reads the groups: at its next refresh, at the next mail of somebody who is in
    no other group, or on reload. Run it as the user approvald runs as: it writes to ledger and log.
    """
    why = given(reason)
    with opened_ledger() as store, systems_of(read_settings()) as systems:
        group = _named(name, systems.directory.approver_groups())
        rows = AuditRows(store)

        def note(content: Mapping[str, object]) -> None:
            rows.add(AuditKind.GROUP, {**content, "accepted_by": operator(), "reason": why})

        before = GroupPins(store, note).accept(group)
        if before == group.sid:
            click.echo(f"{group.name} was already pinned to {group.sid}; nothing was changed.")
            return
        event(
            _LOG, Event.GROUP_ACCEPTED, logging.WARNING, group=group.name, sid=group.sid, why=why, operator=operator()
        )
        click.echo(f"{group.name} now counts with {group.sid}; before, it was {before or 'not pinned'}.")


def _lines(book: GroupBook, pins: GroupPins) -> Iterator[str]:
    standing = pins.look(book)
    width = max((len(group.name) for group in standing), default=0)
    for group, pin in standing.items():
        yield f"{group.name:{width}}  level {group.level.value}  {group.sid}  {pin.value}"
    problems = [*book.problems, *filter(None, map(pins.problem, standing))]
    for problem in problems:
        yield f"{problem.name}: cannot be used. {problem.why}"


def _named(name: str, book: GroupBook) -> ApproverGroup:
    """Return the group of this name. Raises ClickException where it is none, or has a problem of its own."""
    found = [group for group in book.all() if group.name.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    problem = next((each.why for each in book.problems if each.name.casefold() == name.casefold()), "")
    known = ", ".join(group.name for group in book.all()) or "none"
    message = f"{name} cannot be accepted: {problem or f'it is not an approver group now; the groups are: {known}'}"
    raise click.ClickException(message)
