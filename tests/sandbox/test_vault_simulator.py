"""The pretend HashiCorp Vault, used by hvac."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hvac
import pytest
import requests
from hvac.exceptions import (
    Forbidden,
    InternalServerError,
    InvalidPath,
    InvalidRequest,
    RateLimitExceeded,
    VaultDown,
)

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind, System
from approvald_sandbox.world.world import DEFAULT_PASSWORD

LEVEL1 = "approvald/level1"


@contextmanager
def vault(sandbox: Sandbox, **more: Any) -> Iterator[hvac.Client]:
    """Return a client without a token, which takes none from the environment either."""
    endpoints = sandbox.endpoints()
    client = hvac.Client(url=endpoints["vault"], token="", verify=endpoints["ca_file"], timeout=2, **more)
    try:
        yield client
    finally:
        client.adapter.close()


def ids(sandbox: Sandbox) -> tuple[str, str]:
    """Return role id and secret id from the files that the sandbox wrote."""
    endpoints = sandbox.endpoints()
    role, secret = (Path(endpoints[name]) for name in ("vault_role_id_file", "vault_secret_id_file"))
    return role.read_text(encoding="utf-8"), secret.read_text(encoding="utf-8")


@contextmanager
def logged_in(sandbox: Sandbox, **more: Any) -> Iterator[hvac.Client]:
    """Return a client with a token."""
    with vault(sandbox, **more) as client:
        client.auth.approle.login(*ids(sandbox))
        yield client


def read(client: hvac.Client, path: str = LEVEL1, version: int | None = None) -> dict[str, Any]:
    """Return data and metadata of one secret."""
    answer = client.secrets.kv.v2.read_secret_version(
        path, version=version, mount_point="secret", raise_on_deleted_version=True
    )
    found: dict[str, Any] = answer["data"]
    return found


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("approvald/mailbox", "svc-mail"),
        ("approvald/directory", "svc-directory@corp.example"),
        ("approvald/level1", "svc-pam-l1"),
        ("approvald/level2", "svc-pam-l2"),
    ],
)
def test_a_logged_in_client_reads_the_four_secrets(sandbox: Sandbox, path: str, account: str) -> None:
    """AppRole gives a token that reads each service account's name and password."""
    with logged_in(sandbox) as client:
        assert read(client, path)["data"] == {"username": account, "password": DEFAULT_PASSWORD}


def test_the_ids_are_for_the_owners_eyes_only(sandbox: Sandbox) -> None:
    """Role id, secret id and the private keys lie in files of mode 0600."""
    folder = Path(sandbox.endpoints()["directory"])
    for name in ("vault-role-id", "vault-secret-id", "server.pem", "untrusted.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_a_namespace_is_tolerated(sandbox: Sandbox) -> None:
    """X-Vault-Namespace changes nothing."""
    with logged_in(sandbox, namespace="team/pam") as client:
        assert read(client)["data"]["username"] == "svc-pam-l1"


def test_a_rotation_is_a_new_version(sandbox: Sandbox) -> None:
    """The newest version is read by default, an earlier one by its number."""
    sandbox.change_password("svc-pam-l1", "rotated", ["vault"])
    with logged_in(sandbox) as client:
        found = read(client)
        assert (found["data"]["password"], found["metadata"]["version"]) == ("rotated", 2)
        assert read(client, version=1)["data"]["password"] == DEFAULT_PASSWORD
        with pytest.raises(InvalidPath):
            read(client, version=3)
        known = client.secrets.kv.v2.read_secret_metadata(LEVEL1, mount_point="secret")["data"]
        assert (known["current_version"], sorted(known["versions"])) == (2, ["1", "2"])


def test_a_deleted_secret_is_not_given(sandbox: Sandbox) -> None:
    """A soft-deleted version is a 404 that tells when it was deleted."""
    sandbox.change_vault(delete=LEVEL1)
    with logged_in(sandbox) as client:
        with pytest.raises(InvalidPath) as caught:
            read(client)
        metadata = caught.value.json["data"]["metadata"]
        assert metadata["deletion_time"].endswith("Z")
        assert caught.value.json["data"]["data"] is None
        assert read(client, "approvald/level2")["data"]["username"] == "svc-pam-l2"


def test_a_missing_secret_and_a_forbidden_one_differ(sandbox: Sandbox) -> None:
    """404 below the policy's path, 403 outside it, and a hint where `data/` is left out."""
    with logged_in(sandbox) as client:
        with pytest.raises(InvalidPath):
            read(client, "approvald/level3")
        with pytest.raises(Forbidden, match="permission denied"):
            read(client, "other/thing")
        with pytest.raises(InvalidPath) as caught:
            client.adapter.get(f"/v1/secret/{LEVEL1}")
        assert "versioned K/V secrets engine" in caught.value.json["warnings"][0]
        with pytest.raises(InvalidPath, match="no handler for route"):
            client.adapter.get("/v1/kv/data/approvald/level1")


def test_five_wrong_secret_ids_lock_the_role(sandbox: Sandbox) -> None:
    """The right secret id is then refused too, with 403 instead of 400, for a quarter of an hour."""
    role, secret = ids(sandbox)
    with vault(sandbox) as client:
        for _ in range(5):
            with pytest.raises(InvalidRequest, match="invalid role or secret ID"):
                client.auth.approle.login(role, "wrong")
        with pytest.raises(Forbidden, match="permission denied"):
            client.auth.approle.login(role, secret)
        assert sandbox.stats()["failed_logons"]["vault"] == {"approle": 6}
        sandbox.turn_clock(15 * 60 + 1)
        assert client.auth.approle.login(role, secret)["auth"]["client_token"]


def test_an_unknown_role_locks_nobody(sandbox: Sandbox) -> None:
    """Wrong role ids are refused in the same words, and do not count against the role."""
    _, secret = ids(sandbox)
    with vault(sandbox) as client:
        for _ in range(6):
            with pytest.raises(InvalidRequest, match="invalid role or secret ID"):
                client.auth.approle.login("unknown", secret)
        with pytest.raises(InvalidRequest, match="missing secret_id"):
            client.auth.approle.login(ids(sandbox)[0], "")
        assert client.auth.approle.login(*ids(sandbox))["auth"]["renewable"]


def test_a_token_lives_its_time_and_can_be_renewed_and_revoked(sandbox: Sandbox) -> None:
    """After its lease, and after revoke-self, a token is worth nothing."""
    sandbox.change_vault(token_seconds=600)
    with logged_in(sandbox) as client:
        assert client.auth.token.lookup_self()["data"]["ttl"] == 600
        sandbox.turn_clock(500)
        assert client.auth.token.renew_self()["auth"]["lease_duration"] == 600
        sandbox.turn_clock(500)
        assert client.is_authenticated()
        sandbox.turn_clock(101)
        assert not client.is_authenticated()
        client.auth.approle.login(*ids(sandbox))
        client.auth.token.revoke_self()
        with pytest.raises(Forbidden):
            read(client)


def test_renewal_ends_at_the_longest_life(sandbox: Sandbox) -> None:
    """Near four hours a renewal succeeds, with a warning and a shorter lease."""
    sandbox.change_vault(token_seconds=3 * 3600)
    with logged_in(sandbox) as client:
        sandbox.turn_clock(2.5 * 3600)
        answer = client.auth.token.renew_self()
        assert answer["auth"]["lease_duration"] == 1.5 * 3600
        assert "max_ttl" in answer["warnings"][0]


def test_a_wrapped_secret_id_is_given_once(sandbox: Sandbox) -> None:
    """The second unwrapping fails: the sign that somebody else was first."""
    token = sandbox.change_vault(wrap_secret_id=True)["wrapping_token"]
    with vault(sandbox) as client:
        found = client.sys.unwrap(token)
        assert found["data"]["secret_id"] == ids(sandbox)[1]
        with pytest.raises(InvalidRequest, match="wrapping token is not valid"):
            client.sys.unwrap(token)


def test_a_sealed_vault_says_so_and_nothing_else(sandbox: Sandbox) -> None:
    """Sealed: 503 for everything but health and seal status; unsealed, the token is good again."""
    with logged_in(sandbox) as client:
        assert client.sys.read_health_status(method="GET")["sealed"] is False
        sandbox.change_vault(sealed=True)
        with pytest.raises(VaultDown, match="Vault is sealed"):
            read(client)
        assert client.sys.is_sealed()
        assert client.sys.read_health_status(method="GET").status_code == 503
        assert client.sys.read_health_status(method="HEAD").status_code == 503
        sandbox.change_vault(sealed=False)
        assert read(client)["data"]["username"] == "svc-pam-l1"


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, Forbidden), (429, RateLimitExceeded), (500, InternalServerError), (503, VaultDown)],
)
def test_an_injected_status_reaches_hvac_as_its_error(sandbox: Sandbox, status: int, error: type[Exception]) -> None:
    """A STATUS fault hits the operation it names, once."""
    with logged_in(sandbox) as client:
        sandbox.put_fault(
            System.VAULT, Fault(kind=FaultKind.STATUS, status=status, times=1, operation="data/approvald/level1")
        )
        assert read(client, "approvald/level2")
        with pytest.raises(error):
            read(client)
        assert read(client)["data"]["username"] == "svc-pam-l1"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.HANG, requests.ReadTimeout),
        (FaultKind.RESET_BEFORE, requests.ConnectionError),
        (FaultKind.DOWN, requests.ConnectionError),
        (FaultKind.WRONG_CERTIFICATE, requests.exceptions.SSLError),
    ],
)
def test_a_broken_connection_is_no_answer(sandbox: Sandbox, kind: FaultKind, error: type[Exception]) -> None:
    """What the network does to Vault reaches the client as an error of requests, until it is cleared."""
    with logged_in(sandbox) as client:
        sandbox.put_fault(System.VAULT, Fault(kind=kind))
        with pytest.raises(error):
            read(client)
        sandbox.clear_faults()
        assert read(client)["data"]["username"] == "svc-pam-l1"


def test_a_proxys_page_comes_back_as_no_dictionary(sandbox: Sandbox) -> None:
    """HTML with 200 passes hvac as a Response object."""
    with logged_in(sandbox) as client:
        sandbox.put_fault(System.VAULT, Fault(kind=FaultKind.HTML, times=1))
        answer = client.secrets.kv.v2.read_secret_version(LEVEL1, raise_on_deleted_version=True)
        assert not isinstance(answer, dict)


def test_a_new_secret_id_ends_the_old_one(sandbox: Sandbox) -> None:
    """Tokens live on, and the next login needs the new one."""
    role, old = ids(sandbox)
    with logged_in(sandbox) as client:
        sandbox.change_vault(secret_id="another")
        assert read(client)["data"]["username"]
        with pytest.raises(InvalidRequest):
            client.auth.approle.login(role, old)
        client.auth.approle.login(role, "another")
        sandbox.change_vault(secret_id=old)
