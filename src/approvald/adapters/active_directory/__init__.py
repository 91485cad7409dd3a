"""Active Directory over verified TLS: who a person is, and in which approver groups."""

from approvald.adapters.active_directory.directory import ActiveDirectory

__all__ = ["ActiveDirectory"]
