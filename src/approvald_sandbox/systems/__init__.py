"""The pretend Exchange, directory, PVWA and Vault, and what they share on the wire."""
