"""The audit trail: append-only JSON lines in a hash chain, for those who later ask who approved what, and why."""
