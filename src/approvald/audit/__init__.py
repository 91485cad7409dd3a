"""The audit trail: append-only JSON lines in a hash chain, for those who ask later who approved what, and why."""
