"""The outside systems, each behind its port. Adapters do not know each other; only `service/wiring.py` imports them."""
