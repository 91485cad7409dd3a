"""HashiCorp Vault (or OpenBao): AppRole log-on and KV version 2, by hvac."""

from approvald.adapters.hashicorp_vault.store import HashicorpVault

__all__ = ["HashicorpVault"]
