"""CyberArk's PVWA over its REST API: `client.PvwaClient` is the port, `session.py` one account's PVWA session."""
