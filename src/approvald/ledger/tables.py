"""The tables of the ledger as this version of approvald knows them; `migrations/` brings every earlier ledger there.

A request id is up to 400 characters: PVWA's safe names are short, but a mail may name any.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from approvald.ledger.database import Instant

OPEN: Final = "open"
CONFIRMED: Final = "confirmed"
REJECTED: Final = "rejected"
NOT_DONE: Final = "not_done"

BIG_KEY: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A whole-number key that SQLite keeps as its row id."""

metadata: Final = sa.MetaData()

mails: Final = sa.Table(
    "mails",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("item_id", sa.String(1024), nullable=False, unique=True),
    sa.Column("received", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("message_id", sa.String(998), nullable=False, default=""),
    sa.Column("sender", sa.String(320), nullable=False, default=""),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("code", sa.String(64)),
    sa.Column("request_id", sa.String(400)),
    sa.Column("ending", sa.Text),
    sa.Column("reply_to", sa.String(320), nullable=False, default=""),
    sa.Column("proof", sa.String(32), nullable=False, default=""),
    sa.Column("replying_since", Instant),
    sa.Column("ended_at", Instant),
    sa.Column("filed_at", Instant),
    sa.Column("waiting_since", Instant),
    sa.Column("retry_at", Instant),
    sa.Column("cause", sa.String(256)),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("told_waiting", sa.Boolean, nullable=False, default=False),
    # The first attempt at a mail that has come back to the Inbox
    sa.Column("attempt_of", sa.String(32)),
    # The system it waits for
    sa.Column("waits_for", sa.String(16)),
    # Its item id in the folder it was filed in: Exchange gives a moved item a new one
    sa.Column("filed_item_id", sa.String(1024)),
    # The digest of its last decision, so that one that waits is not written down again and again
    sa.Column("decision", sa.String(64)),
    sa.Index("mails_message_id", "message_id"),
    sa.Index("mails_request_id", "request_id"),
)

confirmations: Final = sa.Table(
    "confirmations",
    metadata,
    sa.Column("ledger_id", sa.String(32), nullable=False),
    sa.Column("request_id", sa.String(400), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False, server_default="confirm"),
    sa.Column("account", sa.Integer, nullable=False),
    sa.Column("approver_guid", sa.String(36), nullable=False),
    sa.Column("approver_link", sa.String(256)),
    sa.Column("intended_at", Instant, nullable=False),
    # Right before it was sent; empty while it certainly was not
    sa.Column("sent_at", Instant),
    # What PVWA's record showed before that (read_back.Before)
    sa.Column("shown_before", sa.Text),
    sa.Column("taken_at", Instant),
    sa.Column("outcome", sa.String(16), nullable=False),
)
# The guarantee itself: at most one confirmation, or rejection, per request and level is open or done.
sa.Index(
    "one_confirmation",
    confirmations.c.request_id,
    confirmations.c.created,
    confirmations.c.level,
    unique=True,
    sqlite_where=confirmations.c.outcome.in_([OPEN, CONFIRMED, REJECTED]),
    postgresql_where=confirmations.c.outcome.in_([OPEN, CONFIRMED, REJECTED]),
)

names: Final = sa.Table(
    "names",
    metadata,
    sa.Column("kind", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(256), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

logon_failures: Final = sa.Table(
    "logon_failures",
    metadata,
    sa.Column("account", sa.String(256), primary_key=True),
    sa.Column("version", sa.String(128), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
)

# One log-on in flight for each account, over all programs that share the ledger
logon_claims: Final = sa.Table(
    "logon_claims",
    metadata,
    sa.Column("account", sa.String(256), primary_key=True),
    sa.Column("holder", sa.String(256), nullable=False),
    sa.Column("until", Instant, nullable=False),
)

alarms: Final = sa.Table(
    "alarms",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("mail_id", sa.String(32), nullable=False),
    sa.Column("name", sa.String(320), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("letter", sa.String(64)),
    sa.Index("alarms_kind", "kind", "at"),
    sa.Index("alarms_letter", "letter", "kind"),
)

letters: Final = sa.Table(
    "letters",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("to", sa.String(320), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("message_id", sa.String(998), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("sending_since", Instant),
    sa.Column("sent_at", Instant),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Index("letters_kind", "kind", "to", "at"),
)

answers: Final = sa.Table(
    "answers",
    metadata,
    sa.Column("ledger_id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("address", sa.String(320), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("held_back", sa.Boolean, nullable=False),
    sa.Index("answers_address", "address", "at"),
    sa.Index("answers_at", "at"),
)

haste: Final = sa.Table(
    "haste",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("ledger_id", sa.String(32), nullable=False, unique=True),
    sa.Column("guid", sa.String(36), nullable=False, index=True),
    sa.Column("at", Instant, nullable=False, index=True),
    sa.Column("fast", sa.Boolean, nullable=False),
)

halts: Final = sa.Table(
    "halts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(256), nullable=False),
    sa.Column("set_by", sa.String(256), nullable=False),
    sa.Column("set_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
)

challenges: Final = sa.Table(
    "challenges",
    metadata,
    sa.Column("ledger_id", sa.String(32), primary_key=True),
    sa.Column("request_id", sa.String(400), nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("approver_guid", sa.String(36), nullable=False, index=True),
    sa.Column("code_hash", sa.String(64), unique=True),
    sa.Column("expires_at", Instant),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("closed", sa.Boolean, nullable=False, default=False),
    sa.Column("answered_by", sa.String(32)),
)

# One holder of each role; the token of a holder is higher than that of everybody before
leases: Final = sa.Table(
    "leases",
    metadata,
    sa.Column("role", sa.String(16), primary_key=True),
    sa.Column("holder", sa.String(256), nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

audit: Final = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", BIG_KEY, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("mail_id", sa.String(32)),
    sa.Column("request_id", sa.String(400)),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("prev", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("audit_mail_id", "mail_id"),
    sa.Index("audit_request_id", "request_id"),
)

audit_head: Final = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

# How far each host's audit file has come
audit_copies: Final = sa.Table(
    "audit_copies",
    metadata,
    sa.Column("name", sa.String(512), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
)

# Of a system, where `account` is empty, or of one of our accounts at it
outages: Final = sa.Table(
    "outages",
    metadata,
    sa.Column("system", sa.String(16), primary_key=True),
    sa.Column("account", sa.String(256), primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("is_told", sa.Boolean, nullable=False),
)

# What operators want tried again: one mail, or all of a folder
retries: Final = sa.Table(
    "retries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("mail_id", sa.String(32)),
    sa.Column("folder", sa.String(16)),
    sa.Column("asked_by", sa.String(256), nullable=False),
    sa.Column("reason", sa.String(256), nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("done_at", Instant),
    sa.Column("moved", sa.Integer),
    sa.Column("why", sa.String(256)),
)

# What would have been decided, and what became of the request without us (mode = "shadow")
shadow: Final = sa.Table(
    "shadow",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("item_id", sa.String(1024), nullable=False, unique=True),
    sa.Column("message_id", sa.String(998), nullable=False, default=""),
    sa.Column("sender", sa.String(320), nullable=False, default=""),
    sa.Column("received", Instant, nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
    sa.Column("request_id", sa.String(400)),
    sa.Column("ending", sa.Text, nullable=False),
    sa.Column("became", sa.String(32)),
    sa.Column("became_by", sa.String(320)),
    sa.Column("became_at", Instant),
    sa.Column("looked_at", Instant),
    sa.Index("shadow_request_id", "request_id"),
)
