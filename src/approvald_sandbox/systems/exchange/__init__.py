"""A pretend Exchange: one mailbox behind EWS (SOAP over HTTP) with basic and NTLM logon."""
