"""Add when PVWA took a confirmation that it does not show yet."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final[str | None] = "0002"


def upgrade() -> None:
    """Add when PVWA took a confirmation that it does not show yet."""
    op.add_column("confirmations", sa.Column("taken_at", sa.BigInteger(), nullable=True))
