"""How instants stand in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC instant, kept as epoch microseconds so that every database orders it alike."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 - its form
        """Turn an aware instant into a number."""
        return None if value is None else int(value.timestamp() * 1_000_000)

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - its form
        """Turn the number back into an aware UTC instant."""
        return None if value is None else datetime.fromtimestamp(int(value) / 1_000_000, UTC)
