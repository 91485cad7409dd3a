"""Pretend Exchange, directory, PVWA and Vault that speak the real protocols on loopback.

For the demo, the tests and the playground; never shipped in the wheel, and it imports nothing of approvald,
so that the two cannot agree on a misunderstanding.
"""
