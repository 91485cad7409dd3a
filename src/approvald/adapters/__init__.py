"""The outside systems, each behind its port. Adapters do not know each other; only `wiring.py` imports them."""
