"""Everything the ledger knows about one request or one mail, and about all mails in turn, for those who ask later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from approvald.core.errors import ApprovaldError
from approvald.core.model import REQUEST_NUMBER
from approvald.ledger import tables
from approvald.ledger.audit import AuditKind, AuditRows
from approvald.ledger.chain import Line
from approvald.ledger.entries import Entry, read_entry
from approvald.ledger.store import Store

_PAGE: Final = 500
_MOST_NAMED: Final = 10


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request, or one mail that named none. `mails`: the newest first. `lines`: what the audit trail says about it.

    `asked_for`: the id of the mail that was named to find it, empty if the request was named.
    """

    request_id: str
    mails: tuple[Entry, ...]
    lines: tuple[Line, ...]
    asked_for: str = ""

    def newest(self, kind: AuditKind, mail_id: str | None = None) -> Mapping[str, Any] | None:
        """Return what the newest line of that kind says, of one mail where it is named."""
        found = (
            line.event for line in reversed(self.lines)
            if line.kind == kind and line.event and mail_id in {None, line.event.get("mail_id")}
        )  # fmt: skip
        return next(found, None)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The mails that `history` shows; empty values mean any.

    `request` is PVWA's request id or its number, `safe` its part in front.
    """

    request: str = ""
    safe: str = ""
    since: datetime | None = None
    outcomes: tuple[str, ...] = ()


class SeveralRequests(ApprovaldError):
    """A number that several requests have, each in a different safe."""

    def __init__(self, number: str, ids: Sequence[str]) -> None:
        super().__init__(f"several requests have the number {number}; name one in full: {', '.join(ids)}")


class Cases:
    """Reads cases and writes nothing. Every method may raise Unavailable (ledger)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = AuditRows(store)

    def find(self, name: str) -> Case | None:
        """Return the case of a PVWA request id or its number, of a ledger id or of a Message-ID; None without one.

        Raises SeveralRequests where several have that number.
        """
        named = name.strip()
        for table, at in ((tables.mails, tables.mails.c.seen_at), (tables.shadow, tables.shadow.c.decided_at)):
            row = self._mail(table, at, named)
            if row is not None:
                request_id = row.request_id or self._decided(row.id)
                case = self._request(request_id) if request_id else None
                return replace(case or self._case("", [row.id]), asked_for=row.id)
        return self._request(self._of_number(named) or named)

    def _mail(self, table: sa.Table, at: sa.Column[Any], named: str) -> sa.Row[Any] | None:
        mails = table.c
        with self._store.look() as connection:
            return connection.execute(
                sa.select(mails.request_id, mails.id)
                .where(sa.or_(mails.id == named, mails.message_id.in_([named, f"<{named}>"])))
                .order_by(at.desc(), mails.id)
            ).first()

    def _of_number(self, named: str) -> str:
        """Return the id of the one request with this number, empty if it is not a number or no request has it."""
        if not REQUEST_NUMBER.fullmatch(named):
            return ""
        audit = tables.audit.c
        with self._store.look() as connection:
            found = connection.scalars(
                sa.select(audit.request_id).where(is_called(audit.request_id, named)).distinct().limit(_MOST_NAMED)
            ).all()
        if len(found) > 1:
            raise SeveralRequests(named, sorted(str(each) for each in found))
        return str(found[0]) if found else ""

    def _decided(self, mail_id: str) -> str:
        """Return which request a mail was last decided about, where its ending does not say so, or is still to come."""
        about = (line.event.get("request_id") for line in self._rows.lines_about(mail_ids=[mail_id]) if line.event)
        return next(reversed([str(each) for each in about if each]), "")

    def _request(self, request_id: str) -> Case | None:
        mails = tables.mails.c
        lines = self._rows.lines_about(request_ids=[request_id])
        with self._store.look() as connection:
            rows = connection.execute(
                sa.select(mails.id, mails.request_id).where(_is(mails.request_id, request_id))
            ).all()
        ids = [row.id for row in rows]
        written = [row.request_id for row in rows]
        as_at_pvwa = {AuditKind.DECISION, AuditKind.SHADOW}
        written += [str(line.event["request_id"]) for line in lines if line.kind in as_at_pvwa and line.event]
        ids += [str(line.event["mail_id"]) for line in lines if line.event and "mail_id" in line.event]
        return self._case(next(iter(written), request_id), ids) if lines or ids else None

    def _case(self, request_id: str, ids: Sequence[str]) -> Case:
        asked = [request_id] if request_id else []
        with self._store.look() as connection:
            rows = connection.execute(
                sa.select(tables.mails).where(tables.mails.c.id.in_(ids)).order_by(tables.mails.c.seen_at.desc())
            ).all()
        lines = self._rows.lines_about(mail_ids=ids, request_ids=asked)
        return Case(request_id=request_id, mails=tuple(map(read_entry, rows)), lines=tuple(lines))

    def history(self, wanted: Wanted) -> Iterator[tuple[Entry, str | None, Mapping[str, Any] | None]]:
        """Yield every mail that is wanted, as approvald saw them, with its request id and its newest decision."""
        mails = tables.mails.c
        where: list[sa.ColumnElement[bool]] = [sa.true()]
        if wanted.request:
            where.append(is_called(mails.request_id, wanted.request))
        if wanted.safe:
            asked, lower = f"{wanted.safe}_", sa.func.lower(mails.request_id)
            where.append(
                sa.or_(
                    mails.request_id.startswith(asked, autoescape=True),
                    lower.startswith(asked.lower(), autoescape=True),
                )
            )
        if wanted.since is not None:
            where.append(mails.received >= wanted.since)
        if wanted.outcomes:
            where.append(mails.code.in_(wanted.outcomes))
        after: tuple[datetime, str] | None = None
        while True:
            page = self._page(where, after)
            decisions = self._decisions([row.id for row in page])
            for row in page:
                yield read_entry(row), row.request_id, decisions.get(row.id)
            if len(page) < _PAGE:
                return
            after = (page[-1].seen_at, page[-1].id)

    def _page(
        self, where: Sequence[sa.ColumnElement[bool]], after: tuple[datetime, str] | None
    ) -> Sequence[sa.Row[Any]]:
        mails = tables.mails.c
        statement = sa.select(tables.mails).where(*where).order_by(mails.seen_at, mails.id).limit(_PAGE)
        if after is not None:
            later = sa.or_(mails.seen_at > after[0], sa.and_(mails.seen_at == after[0], mails.id > after[1]))
            statement = statement.where(later)
        with self._store.look() as connection:
            return connection.execute(statement).all()

    def _decisions(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        lines = self._rows.lines_about(mail_ids=ids, kind=AuditKind.DECISION) if ids else ()
        return {str(line.event["mail_id"]): line.event for line in lines if line.event is not None}


def is_called(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """Whether a request id is this one, or has this number."""
    same = _is(column, name)
    return sa.or_(same, column.endswith(f"_{name}", autoescape=True)) if REQUEST_NUMBER.fullmatch(name) else same


def _is(column: sa.ColumnElement[Any], value: str) -> sa.ColumnElement[bool]:
    """Compare without case; as it is written, too, because SQLite knows the case of A to Z only."""
    return sa.or_(column == value, sa.func.lower(column) == value.lower())
