"""HashiCorp Vault (or OpenBao): AppRole log-on and KV version 2, by hvac."""
