"""Alembic's revisions of the ledger. Each is frozen: it names its tables itself and imports nothing of approvald."""
