"""Active Directory over verified TLS: who a person is, and which approver groups they are in."""
