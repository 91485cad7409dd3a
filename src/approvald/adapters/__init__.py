"""The outside world, one adapter a system, behind the ports of `approvald.ports`. Only `wiring.py` imports from here."""
