"""Active Directory over verified TLS: who a person is, and in which approver groups."""
