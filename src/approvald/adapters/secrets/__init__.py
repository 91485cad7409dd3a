"""Passwords: files and HashiCorp Vault behind the port SecretStore."""
