"""What an administrator does in a Samba domain while a test runs, and reads from it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ldap3

from real.domain_controller import DomainController


@contextmanager
def administrator(controller: DomainController) -> Iterator[Any]:
    """Connect as somebody who may change things. Gives ldap3's connection, whose types are too loose to be of use."""
    tls = ldap3.Tls(validate=ssl.CERT_NONE)
    server = ldap3.Server(controller.address, port=636, use_ssl=True, tls=tls, connect_timeout=5, get_info=ldap3.NONE)
    connection = ldap3.Connection(
        server, controller.administrator, controller.password, receive_timeout=10, raise_exceptions=True
    )
    connection.bind()
    try:
        yield connection
    finally:
        connection.unbind()


def group_dn(controller: DomainController, name: str) -> str:
    """Return the DN of a group whose name needs no escapes."""
    return f"CN={name},{controller.groups_dn}"


def delete_group(controller: DomainController, name: str) -> dict[str, Any]:
    """Take a group out; return its attributes."""
    with administrator(controller) as connection:
        dn = group_dn(controller, name)
        connection.search(dn, "(objectClass=group)", "BASE", attributes=["sAMAccountName", "groupType", "member"])
        found = connection.response[0]["raw_attributes"]
        held = {key: [value.decode() for value in values] for key, values in found.items()}
        connection.delete(dn)
    return held


def recreate_group(controller: DomainController, name: str) -> None:
    """Take a group out and make one of the same name, kind and members: it gets another SID."""
    held = delete_group(controller, name)
    with administrator(controller) as connection:
        connection.add(group_dn(controller, name), "group", held)


def bad_passwords(controller: DomainController) -> int:
    """Return how many wrong passwords of the directory account the domain controller has counted."""
    with administrator(controller) as connection:
        wanted = "(sAMAccountName=svc-directory)"
        connection.search(controller.base_dn, wanted, attributes=["badPwdCount"])
        rows = [row for row in connection.response if row["type"] == "searchResEntry"]
    return int(rows[0]["raw_attributes"]["badPwdCount"][0])
