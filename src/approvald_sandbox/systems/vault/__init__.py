"""A pretend HashiCorp Vault: AppRole, tokens and KV version 2."""
