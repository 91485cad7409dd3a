"""Add when a confirmation was sent, and what PVWA's record showed before."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final[str | None] = "0003"


def upgrade() -> None:
    """Add both; what is open from before was perhaps sent when it was dated."""
    op.add_column("confirmations", sa.Column("sent_at", sa.BigInteger(), nullable=True))
    op.add_column("confirmations", sa.Column("shown_before", sa.Text(), nullable=True))
    op.execute("UPDATE confirmations SET sent_at = intended_at")
