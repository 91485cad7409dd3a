"""Fetches a batch of mails, and finds the one item that spoils it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from exchangelib.errors import EWSError

from approvald.adapters.exchange import calls
from approvald.adapters.exchange.calls import Row
from approvald.adapters.exchange.connection import Connection
from approvald.adapters.exchange.failures import AWAY, BUSY, GONE, POISON, Garbled, code_of
from approvald.adapters.exchange.messages import read_mail
from approvald.core.errors import System
from approvald.core.model import ListedMail, Mail
from approvald.core.ports import Unfetchable

FAILURES_BEFORE_A_PROBE: Final = 3
"""After this many failures in a row without a success, it is checked whether these items or Exchange are at fault."""


class Fetch:
    """One fetch. `largest_bytes`: what is larger, as listed, is asked for without its MIME.

    A batch that cannot be used is asked for again item by item. An item is called unfetchable only when Exchange has
    delivered something meanwhile; else it is Exchange that does not work, and everything waits.
    """

    def __init__(self, connection: Connection, *, largest_bytes: int, with_mime: bool) -> None:
        self._connection = connection
        self._largest_bytes = largest_bytes
        self._with_mime = with_mime
        self._done: dict[str, Mail | Unfetchable] = {}
        self._failed: list[tuple[ListedMail, str]] = []
        self._healthy = False
        self._last_failure: Garbled | None = None

    def carry_out(self, listed: Sequence[ListedMail]) -> list[Mail | Unfetchable]:
        """Return a result for each, in order. Raises Unavailable."""
        suspects: list[ListedMail] = []
        for with_mime in (True, False):
            batch = [each for each in listed if self._mime_of(each) is with_mime]
            if batch:
                suspects += self._suspects_of(batch)
        for each in suspects:
            self._take([each])
            if len(self._failed) >= FAILURES_BEFORE_A_PROBE:
                self._probe()
        if self._failed:
            self._probe()
        for each, why in self._failed:
            self._done[each.item_id] = Unfetchable(listed=each, why=why)
        return [self._done[each.item_id] for each in listed]

    def _mime_of(self, listed: ListedMail) -> bool:
        return self._with_mime and listed.size <= self._largest_bytes

    def _suspects_of(self, batch: Sequence[ListedMail]) -> Sequence[ListedMail]:
        """Take a batch; return its items when it could not be used and there are several to try alone."""
        if len(batch) == 1:
            self._take(batch)
            return ()
        try:
            rows = self._rows(batch, with_mime=self._mime_of(batch[0]))
        except Garbled as error:
            self._last_failure = error
            return batch
        self._sort(batch, rows)
        return ()

    def _take(self, batch: Sequence[ListedMail]) -> None:
        (only,) = batch
        try:
            rows = self._rows(batch, with_mime=self._mime_of(only))
        except Garbled as error:
            self._last_failure = error
            self._failed.append((only, "Exchange does not return this item in a usable form"))
        else:
            self._sort(batch, rows)

    def _sort(self, batch: Sequence[ListedMail], rows: Sequence[Row]) -> None:
        for each, row in zip(batch, rows, strict=True):
            if isinstance(row, EWSError):
                self._sort_error(each, row)
                continue
            self._healthy = True
            try:
                self._done[each.item_id] = read_mail(row, each, with_mime=self._mime_of(each))
            except ValueError:
                why = "Exchange returned this item in a form that cannot be read"
                self._done[each.item_id] = Unfetchable(listed=each, why=why)

    def _sort_error(self, listed: ListedMail, error: EWSError) -> None:
        why = f"Exchange does not return this item: {code_of(error)}"
        if isinstance(error, GONE):
            self._done[listed.item_id] = Unfetchable(listed=listed, why=why, gone=True)
        elif isinstance(error, POISON):
            self._done[listed.item_id] = Unfetchable(listed=listed, why=why)
        else:
            self._last_failure = Garbled(System.EXCHANGE, f"{why}. Mails wait, and it is asked again.")
            self._failed.append((listed, why))

    def _probe(self) -> None:
        """Raise the last failure unless Exchange delivers something; without its MIME even a poisonous item may do."""
        if self._healthy or self._last_failure is None:
            return
        suspect, _ = self._failed[0]
        try:
            rows = self._rows([suspect], with_mime=False)
        except Garbled as error:
            raise error from None
        if any(isinstance(row, EWSError) for row in rows):
            raise self._last_failure
        self._healthy = True

    def _rows(self, batch: Sequence[ListedMail], *, with_mime: bool) -> list[Row]:
        """Ask for one batch; one row an item. Raises Unavailable also when Exchange puts a single item off."""

        def request(account: Any) -> list[Row]:
            rows = calls.get_items(account, [each.item_id for each in batch], with_mime=with_mime)
            for row in rows:
                if isinstance(row, (*AWAY, *BUSY)):
                    raise row
            if len(rows) != len(batch):
                message = f"{len(rows)} answers for {len(batch)} items"
                raise ValueError(message)
            return rows

        return self._connection.ask("GetItem", request)
