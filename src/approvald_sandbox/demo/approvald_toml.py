"""The configuration with which approvald works against a running sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

TIME_ZONE: Final = "Europe/Amsterdam"
SERVERS: Final = ("EX01.corp.example", "EX02.corp.example")
"""The Exchange servers of the demo's world."""
RAISED: Final = """
# Raised above the defaults: in a pretend world a few people send in minutes what a site sees in months.
[rates]
answers_an_hour = 100_000
team_copies_an_hour = 100_000
unproven_an_hour = 100_000
probes_an_hour = 100_000

[plausibility]
min_seconds = 0.0

[policy]
hourly_cap = 100_000
"""
TEMPLATE = """\
# Made by the sandbox: approvald against its pretend Exchange, directory, PVWA and Vault.
[mailbox]
address = {mailbox}
url = {exchange}
authentication = {authentication}
ca_file = {ca_file}
read_timeout_seconds = {timeout}

[mail]
domains = [{domain}]
pvwa_sender = {pvwa_sender}

[sender]
auth_sources = {auth_sources}
auth_mechanisms = {auth_mechanisms}

[directory]
servers = [{ldaps}]
base_dn = {base_dn}
ca_file = {ca_file}
receive_timeout_seconds = {timeout}

[groups]
base_dn = {groups_base_dn}
first_level = "*_PAMapprover"
second_level = {level2_group}

[pvwa]
url = {pvwa}
ca_file = {ca_file}
read_timeout_seconds = {timeout}

[secrets.hashicorp_vault]
url = {vault}
ca_file = {ca_file}
role_id_file = {vault_role_id_file}
secret_id_file = {vault_secret_id_file}
mount = {vault_mount}
timeout_seconds = {timeout}

[secrets.accounts]
mailbox = {{ source = "hashicorp_vault", path = "approvald/mailbox" }}
directory = {{ source = "hashicorp_vault", path = "approvald/directory" }}
level1 = {{ source = "hashicorp_vault", path = "approvald/level1" }}
level2 = {{ source = "hashicorp_vault", path = "approvald/level2" }}

[team]
name = "CyberArk team"
address = {team}

[reply]
time_zone = {time_zone}
portal_url = {pvwa}

[daemon]
poll_seconds = {poll_seconds}
tell_after_minutes = {tell_after_minutes}

[ledger]
file = {ledger}

[audit]
file = {audit}

[logs]
file = {log}
stderr = {stderr}
"""


def approvald_toml(
    endpoints: Mapping[str, str],
    state: Path,
    *,
    poll_seconds: float = 15.0,
    timeout: float = 5.0,
    tell_after_minutes: float = 5.0,
    authentication: str = "ntlm",
    stderr: str = "none",
    pvwa_sender: str = "",
    auth_sources: Sequence[str] = SERVERS,
    auth_mechanisms: Sequence[str] = ("04",),
    raised: bool = True,
) -> str:
    """Return the TOML text. `endpoints` are those of a running sandbox; ledger and log are put below `state`.

    `pvwa_sender` is by default pvwa-noreply@ the world's domain. `raised` False leaves rates and plausibility as a
    site has them.
    """
    numbers = {"poll_seconds": poll_seconds, "timeout": timeout, "tell_after_minutes": tell_after_minutes}
    texts = dict(endpoints) | {
        "authentication": authentication,
        "stderr": stderr,
        "time_zone": TIME_ZONE,
        "ledger": str(state / "ledger.db"),
        "log": str(state / "approvald.log"),
        "audit": str(state / "audit.jsonl"),
        "pvwa_sender": pvwa_sender or f"pvwa-noreply@{endpoints['domain']}",
    }
    lists = {"auth_sources": list(auth_sources), "auth_mechanisms": list(auth_mechanisms)}
    # A TOML basic string is written like a JSON string, and an array of them like a JSON array.
    made = TEMPLATE.format(**{name: json.dumps(value) for name, value in (texts | lists).items()}, **numbers)
    return made + RAISED if raised else made
