"""The outside systems, each behind its port. No adapter knows another; only `service/wiring.py` imports them."""
