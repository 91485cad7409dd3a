"""Make the tables of the first release."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "1a"
down_revision: Final[str | None] = None
BIG_KEY: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables of the first release."""
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("mail_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("letter", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alarms_kind", "alarms", ["kind", "at"], unique=False)
    op.create_index("alarms_letter", "alarms", ["letter", "kind"], unique=False)
    op.create_table(
        "answers",
        sa.Column("ledger_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("held_back", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "kind"),
    )
    op.create_index("answers_address", "answers", ["address", "at"], unique=False)
    op.create_index("answers_at", "answers", ["at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("seq", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("mail_id", sa.String(length=32), nullable=True),
        sa.Column("request_id", sa.String(length=400), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("audit_mail_id", "audit", ["mail_id"], unique=False)
    op.create_index("audit_request_id", "audit", ["request_id"], unique=False)
    op.create_table(
        "audit_copies",
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "challenges",
        sa.Column("ledger_id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.String(length=400), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("approver_guid", sa.String(length=36), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("answered_by", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id"),
        sa.UniqueConstraint("code_hash"),
    )
    op.create_index(op.f("ix_challenges_approver_guid"), "challenges", ["approver_guid"], unique=False)
    op.create_table(
        "confirmations",
        sa.Column("ledger_id", sa.String(length=32), nullable=False),
        sa.Column("request_id", sa.String(length=400), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), server_default="confirm", nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("approver_guid", sa.String(length=36), nullable=False),
        sa.Column("approver_link", sa.String(length=256), nullable=True),
        sa.Column("intended_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("shown_before", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
    )
    op.create_index(
        "one_confirmation",
        "confirmations",
        ["request_id", "created", "level"],
        unique=True,
        sqlite_where=sa.text("outcome IN ('open', 'confirmed', 'rejected')"),
        postgresql_where=sa.text("outcome IN ('open', 'confirmed', 'rejected')"),
    )
    op.create_table(
        "halts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=256), nullable=False),
        sa.Column("set_by", sa.String(length=256), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "haste",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ledger_id", sa.String(length=32), nullable=False),
        sa.Column("guid", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("fast", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ledger_id"),
    )
    op.create_index(op.f("ix_haste_at"), "haste", ["at"], unique=False)
    op.create_index(op.f("ix_haste_guid"), "haste", ["guid"], unique=False)
    op.create_table(
        "leases",
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=256), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("role"),
    )
    op.create_table(
        "letters",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("to", sa.String(length=320), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("sending_since", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("letters_kind", "letters", ["kind", "to", "at"], unique=False)
    op.create_table(
        "logon_claims",
        sa.Column("account", sa.String(length=256), nullable=False),
        sa.Column("holder", sa.String(length=256), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "logon_failures",
        sa.Column("account", sa.String(length=256), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "version"),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("item_id", sa.String(length=1024), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=400), nullable=True),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.Column("reply_to", sa.String(length=320), nullable=False),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("replying_since", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("filed_at", sa.BigInteger(), nullable=True),
        sa.Column("waiting_since", sa.BigInteger(), nullable=True),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.String(length=256), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("told_waiting", sa.Boolean(), nullable=False),
        sa.Column("attempt_of", sa.String(length=32), nullable=True),
        sa.Column("waits_for", sa.String(length=16), nullable=True),
        sa.Column("filed_item_id", sa.String(length=1024), nullable=True),
        sa.Column("decision", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("item_id"),
    )
    op.create_index("mails_message_id", "mails", ["message_id"], unique=False)
    op.create_index("mails_request_id", "mails", ["request_id"], unique=False)
    op.create_table(
        "names",
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
    )
    op.create_table(
        "outages",
        sa.Column("system", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=256), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("system", "account"),
    )
    op.create_table(
        "retries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mail_id", sa.String(length=32), nullable=True),
        sa.Column("folder", sa.String(length=16), nullable=True),
        sa.Column("asked_by", sa.String(length=256), nullable=False),
        sa.Column("reason", sa.String(length=256), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("moved", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(length=256), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "shadow",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("item_id", sa.String(length=1024), nullable=False),
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=400), nullable=True),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("became", sa.String(length=32), nullable=True),
        sa.Column("became_by", sa.String(length=320), nullable=True),
        sa.Column("became_at", sa.BigInteger(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("item_id"),
    )
    op.create_index("shadow_request_id", "shadow", ["request_id"], unique=False)
