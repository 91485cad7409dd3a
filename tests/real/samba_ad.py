"""Prepares throw-away Active Directory domains of Samba for tests.

    /usr/bin/python3 -m real.samba_ad build BUILT --world world.json     provision and fill a domain (about 5 s)
    /usr/bin/python3 -m real.samba_ad prepare DC --built BUILT           copy it for one start; prints where it listens

Runs in Debian's own Python, because the bindings of its packages `samba samba-ad-provision samba-dsdb-modules` (and
`openssl`) belong to that; nothing else imports it. `world.json` is one of the sandbox's. Starting and stopping is the
business of domain_controller.py. The DC listens on one address of 127.77.0.0/16 only, at the fixed ports of LDAP, so
several run side by side; ports below 1024 need root.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

REALM: Final = "CORP.EXAMPLE"
NETBIOS: Final = "CORP"
HOST: Final = "dc1"
BASE: Final = "DC=corp,DC=example"
PASSWORD: Final = "Test-Passw0rd!"
PORTS: Final = {"ldap": 389, "ldaps": 636, "gc": 3268, "gc_tls": 3269}
FOLDERS: Final = (
    "private", "state", "cache", "lock", "run", "ncalrpc", "winbindd", "ntp_signd", "bind-dns", "log",
    f"sysvol/{REALM.lower()}/scripts",
)  # fmt: skip
CONFIGURATION: Final = """\
[global]
  netbios name = {host}
  workgroup = {netbios}
  realm = {realm}
  server role = active directory domain controller
  # what a directory client talks to and no more: no files, no DNS, no winbind, no replication
  server services = ldap
  interfaces = {address}/8
  bind interfaces only = yes
  private dir = {folder}/private
  state directory = {folder}/state
  cache directory = {folder}/cache
  lock directory = {folder}/lock
  pid directory = {folder}/run
  ncalrpc dir = {folder}/ncalrpc
  winbindd socket directory = {folder}/winbindd
  ntp signd socket directory = {folder}/ntp_signd
  binddns dir = {folder}/bind-dns
  log file = {folder}/log/samba.log
  tls cafile = {folder}/tls/ca.pem
  tls certfile = {folder}/tls/dc.pem
  tls keyfile = {folder}/tls/dc.key
  # as in a hardened domain: no simple bind in the clear
  ldap server require strong auth = allow_sasl_over_tls
  # a throw-away database need not outlive a power cut; half the time for provisioning
  ldb:nosync = true
[sysvol]
  path = {folder}/sysvol
[netlogon]
  path = {folder}/sysvol/{realm_folder}/scripts
"""


def write_configuration(folder: Path, address: str) -> None:
    """Write smb.conf, the only file that holds paths, and make the folders it names."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "private").chmod(0o700)
    text = CONFIGURATION.format(
        host=HOST.upper(),
        netbios=NETBIOS,
        realm=REALM,
        realm_folder=REALM.lower(),
        address=address,
        folder=folder,
    )
    (folder / "smb.conf").write_text(text)


def openssl(folder: Path, *arguments: str) -> None:
    """Run openssl in a folder."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607 - our words


def new_key(name: str) -> list[str]:
    """Return openssl's words for a new elliptic key in this file."""
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name]


def make_authority(folder: Path) -> None:
    """Make the CA that all copies of a domain share."""
    folder.mkdir(exist_ok=True)
    subject = ["-subj", "/O=approvald tests/CN=Throw-away CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    openssl(folder, "req", "-x509", *new_key("ca.key"), "-out", "ca.pem", "-days", "30", *subject)


def make_certificate(folder: Path, address: str) -> None:
    """Make the DC's own; without it Samba spends seconds on an RSA key, and it refuses a key that others can read."""
    (folder / "names").write_text(
        f"subjectAltName=DNS:{HOST}.{REALM.lower()},DNS:localhost,IP:{address}\nextendedKeyUsage=serverAuth\n"
        "basicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n"
    )
    openssl(folder, "req", *new_key("dc.key"), "-out", "dc.csr", "-subj", f"/CN={HOST}.{REALM.lower()}")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "names"]
    openssl(folder, "x509", "-req", "-in", "dc.csr", *signed, "-out", "dc.pem")
    (folder / "dc.key").chmod(0o600)


def load_parameters(folder: Path) -> Any:
    """Return Samba's view of smb.conf."""
    from samba.param import LoadParm  # type: ignore[import-not-found]  # noqa: PLC0415 - Debian's Python only

    parameters = LoadParm()
    parameters.load(str(folder / "smb.conf"))
    return parameters


def provision(folder: Path, address: str) -> None:
    """Make an empty domain. `samba-tool` would do the same, but only with a root that may set ACLs on files."""
    from samba.auth import system_session  # type: ignore[import-not-found]  # noqa: PLC0415 - Debian's Python only
    from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
    from samba.provision import provision as make  # type: ignore[import-not-found]  # noqa: PLC0415 - see above

    logger = logging.getLogger("provision")
    logger.setLevel(logging.WARNING)
    make(
        logger,
        system_session(),
        smbconf=str(folder / "smb.conf"),
        lp=load_parameters(folder),
        realm=REALM,
        domain=NETBIOS,
        hostname=HOST,
        hostip=address,
        adminpass=PASSWORD,
        serverrole="dc",
        dns_backend="NONE",
        base_schema="2008_R2",
        dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
        skip_sysvolacl=True,
    )


@contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Send what Samba's C code writes to descriptors 1 and 2 into a file."""
    saved = os.dup(1), os.dup(2)
    with log.open("wb") as out:
        sys.stdout.flush()
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        try:
            yield
        finally:
            for number, kept in enumerate(saved, 1):
                os.dup2(kept, number)
                os.close(kept)


def build(folder: Path, world: dict[str, Any]) -> None:
    """Provision a domain and put the world's people and groups into it."""
    from real.samba_content import Content  # noqa: PLC0415 - needs Samba's bindings

    shutil.rmtree(folder, ignore_errors=True)
    write_configuration(folder, "127.77.0.1")
    make_authority(folder / "tls")
    with output_to(folder / "log" / "build"):
        provision(folder, "127.77.0.1")
        Content(folder, load_parameters(folder), base=BASE, domain=REALM.lower(), password=PASSWORD).fill(world)


def prepare(folder: Path, built: Path) -> dict[str, Any]:
    """Copy a built domain and give it an address of its own."""
    subprocess.run(["cp", "-a", "--sparse=always", str(built), str(folder)], check=True)  # noqa: S603, S607 - our words
    address = free_address()
    write_configuration(folder, address)
    make_certificate(folder / "tls", address)
    return {
        "address": address,
        "ports": PORTS,
        "configuration": str(folder / "smb.conf"),
        "ca_file": str(folder / "tls" / "ca.pem"),
        "base_dn": BASE,
        "groups_dn": f"OU=Groups,OU=PAM,{BASE}",
        "administrator": f"Administrator@{REALM.lower()}",
        "password": PASSWORD,
    }


def free_address() -> str:
    """Return a loopback address at which all ports are free. Raises RuntimeError where there is none for us."""
    why: OSError | None = None
    for _ in range(20):
        address = f"127.77.{secrets.randbelow(256)}.{secrets.randbelow(253) + 2}"
        try:
            for port in PORTS.values():
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
        except OSError as error:
            why = error
        else:
            return address
    message = f"no loopback address with free LDAP ports: {why}"
    raise RuntimeError(message) from why


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="samba_ad")
    verbs = parser.add_subparsers(dest="verb", required=True)
    building = verbs.add_parser("build")
    building.add_argument("folder", type=Path)
    building.add_argument("--world", type=Path, required=True)
    preparing = verbs.add_parser("prepare")
    preparing.add_argument("folder", type=Path)
    preparing.add_argument("--built", type=Path, required=True)
    wanted = parser.parse_args()
    if wanted.verb == "build":
        build(wanted.folder.resolve(), json.loads(wanted.world.read_text(encoding="utf-8")))
    else:
        sys.stdout.write(json.dumps(prepare(wanted.folder.resolve(), wanted.built.resolve())) + "\n")


if __name__ == "__main__":
    main()
