"""Where the running sandbox is: what a client, a test or a configuration file has to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from approvald_sandbox.systems.certificates import Certificates
from approvald_sandbox.systems.directory.entries import base_dn
from approvald_sandbox.world.world import World

PORTS: Final = ("exchange", "pvwa", "vault", "ldaps", "ldap", "control")
"""The listening sockets, by the names that a ports file uses."""
ROLE_ID_FILE: Final = "vault-role-id"
SECRET_ID_FILE: Final = "vault-secret-id"
VAULT_MOUNT: Final = "secret"


def endpoints(*, world: World, ports: Mapping[str, int], certificates: Certificates, directory: Path) -> dict[str, str]:
    """Return the endpoint facts; hosts are `localhost`, because ldap3 ignores addresses in certificates."""
    return {
        "exchange": f"https://localhost:{ports['exchange']}/EWS/Exchange.asmx",
        "pvwa": f"https://localhost:{ports['pvwa']}/PasswordVault",
        "vault": f"https://localhost:{ports['vault']}",
        "vault_mount": VAULT_MOUNT,
        "vault_role_id_file": str(directory / ROLE_ID_FILE),
        "vault_secret_id_file": str(directory / SECRET_ID_FILE),
        "ldaps": f"ldaps://localhost:{ports['ldaps']}",
        "ldap": f"ldap://localhost:{ports['ldap']}",
        "base_dn": base_dn(world),
        "groups_base_dn": f"OU=Groups,OU=PAM,{base_dn(world)}",
        "domain": world.domain,
        "mailbox": world.mailbox,
        "team": world.team,
        "level2_group": world.level2_group,
        "ca_file": str(certificates.ca),
        "control": f"http://127.0.0.1:{ports['control']}",
        "directory": str(directory),
    }
