"""The adapter of HashiCorp Vault against the pretend one: what it reads, and what it makes of every failure."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from approvald.adapters.secrets.hashicorp_vault.store import HashicorpVault
from approvald.config.settings import HashicorpVaultSettings, VaultSecret
from approvald.core.errors import AuthenticationFailed, System, Unavailable
from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.systems.faults import Fault, FaultKind
from approvald_sandbox.systems.faults import System as Pretend
from approvald_sandbox.world.world import DEFAULT_PASSWORD
from fakes.clock import FakeClock
from fakes.secrets import FakeGuard

LEVEL1 = VaultSecret(source="hashicorp_vault", path="approvald/level1")
KEY = b"a key of the ledger, 32 bytes..."
LOGIN = "POST auth/approle/login"
READ = "GET secret/data/approvald/level1"


@dataclass(kw_only=True)
class Stage:
    """The adapter and what stands around it. `calls` tells what the Vault saw since the stage was set."""

    sandbox: Sandbox
    settings: HashicorpVaultSettings
    clock: FakeClock
    guard: FakeGuard
    vault: HashicorpVault

    def calls(self) -> list[str]:
        """Return the Vault's operations in order."""
        return list(self.sandbox.stats()["operations"]["vault"])

    def fail(self, kind: FaultKind, **more: float | str) -> None:
        """Put a fault into the Vault."""
        self.sandbox.put_fault(Pretend.VAULT, Fault(kind=kind, **more))  # type: ignore[arg-type]  # keys as in Fault

    def refusal(self, where: VaultSecret = LEVEL1, *, fresh: bool = False) -> Unavailable:
        """Read and return the error that must come. Its text holds no secret."""
        with pytest.raises(Unavailable) as caught:
            self.vault.read(where, fresh=fresh)
        text = f"{caught.value} {caught.value!r}"
        assert caught.value.system is System.SECRET_STORE
        assert self.settings.secret_id_file.read_text(encoding="utf-8").strip() not in text
        assert DEFAULT_PASSWORD not in text
        return caught.value


@pytest.fixture
def stage(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Set the adapter before a Vault as new, with traps in the environment that must not matter."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".vault-token").write_text("hvs.of-somebody-else", encoding="utf-8")
    traps = {"HOME": str(home), "VAULT_TOKEN": "hvs.of-somebody-else", "VAULT_ADDR": "http://127.0.0.1:1"}
    traps |= dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:1")
    traps |= {"REQUESTS_CA_BUNDLE": "/nonexistent", "VAULT_NAMESPACE": "elsewhere"}
    for name, value in traps.items():
        monkeypatch.setenv(name, value)
    endpoints = sandbox.endpoints()
    ids = {}
    for name in ("vault_role_id_file", "vault_secret_id_file"):
        ids[name] = tmp_path / name
        shutil.copy(endpoints[name], ids[name])
    settings = HashicorpVaultSettings(
        url=endpoints["vault"],
        ca_file=Path(endpoints["ca_file"]),
        role_id_file=ids["vault_role_id_file"],
        secret_id_file=ids["vault_secret_id_file"],
        timeout_seconds=1.0,
    )
    clock, guard = FakeClock(), FakeGuard()
    vault = HashicorpVault(settings, guard=guard, clock=clock, version_key=KEY)
    yield Stage(sandbox=sandbox, settings=settings, clock=clock, guard=guard, vault=vault)
    vault.close()


def test_a_secret_is_read_with_one_log_on(stage: Stage) -> None:
    """The first question logs on and reads, and no other call is made; nothing of the environment is used."""
    secret = stage.vault.read(LEVEL1, fresh=False)
    assert (secret.username, secret.password) == ("svc-pam-l1", DEFAULT_PASSWORD)
    assert stage.calls() == [LOGIN, READ]
    assert stage.guard.successes == stage.guard.tries


def test_neither_token_nor_ids_nor_password_are_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the lowest level."""
    caplog.set_level(logging.DEBUG)
    secret = stage.vault.read(LEVEL1, fresh=False)
    assert secret.password not in caplog.text
    assert "hvs." not in caplog.text
    assert stage.settings.secret_id_file.read_text(encoding="utf-8").strip() not in caplog.text


def test_a_secret_is_kept_for_a_short_time_only(stage: Stage) -> None:
    """Within `cache_seconds` Vault is not asked again; afterwards, or when fresh is wanted, it is."""
    stage.vault.read(LEVEL1, fresh=False)
    stage.clock.turn(299)
    stage.vault.read(LEVEL1, fresh=False)
    assert stage.calls() == [LOGIN, READ]
    stage.clock.turn(2)
    stage.vault.read(LEVEL1, fresh=False)
    stage.vault.read(LEVEL1, fresh=True)
    assert stage.calls() == [LOGIN, READ, READ, READ]


def test_a_rotated_password_has_another_version(stage: Stage) -> None:
    """The version changes with the password, is the same for every reader of one ledger, and shows nothing of it."""
    before = stage.vault.read(LEVEL1, fresh=False)
    stage.sandbox.change_password("svc-pam-l1", "Rotated-4711", ["vault"])
    after = stage.vault.read(LEVEL1, fresh=True)
    assert after.password == "Rotated-4711"
    assert (before.version[:2], after.version[:2]) == ("1-", "2-")
    assert before.version[2:] != after.version[2:]
    other = HashicorpVault(stage.settings, guard=stage.guard, clock=stage.clock, version_key=KEY)
    assert other.read(LEVEL1, fresh=False).version == after.version
    other.close()


def test_a_token_past_half_its_life_is_replaced_before_it_ends(stage: Stage) -> None:
    """No renewal: a fresh log-on at half the lease."""
    stage.vault.read(LEVEL1, fresh=True)
    stage.clock.turn(1799)
    stage.vault.read(LEVEL1, fresh=True)
    stage.clock.turn(2)
    stage.vault.read(LEVEL1, fresh=True)
    assert stage.calls() == [LOGIN, READ, READ, LOGIN, READ]


def test_a_dead_token_is_replaced_once(stage: Stage) -> None:
    """Vault was restarted or the token revoked: 403, one log-on, one more read."""
    stage.vault.read(LEVEL1, fresh=True)
    stage.sandbox.turn_clock(7200)
    stage.clock.turn(100)
    assert stage.vault.read(LEVEL1, fresh=True).username == "svc-pam-l1"
    assert stage.calls() == [LOGIN, READ, READ, LOGIN, READ]


def test_a_policy_that_forbids_does_not_pile_up_log_ons(stage: Stage) -> None:
    """403 with a new token is a matter of the policy: said so, and no log-on a question."""
    elsewhere = VaultSecret(source="hashicorp_vault", path="other/level1")
    for _ in range(5):
        error = stage.refusal(elsewhere)
        assert 'path "secret/data/other/level1" read' in str(error)
    assert stage.calls().count(LOGIN) == 1


@pytest.mark.parametrize(("name", "content"), [("secret_id_file", "wrong"), ("role_id_file", "unknown")])
def test_a_refused_log_on_is_not_repeated(stage: Stage, name: str, content: str) -> None:
    """A wrong id is tried once, so that the role is never locked; the error says when and what to do."""
    file: Path = getattr(stage.settings, name)
    right = file.read_text(encoding="utf-8")
    file.write_text(content, encoding="utf-8")
    for _ in range(4):
        error = stage.refusal()
        assert isinstance(error, AuthenticationFailed)
        assert error.account == "approle"
        assert error.next_try is not None
        assert "Put a valid secret-id into" in str(error)
    assert stage.calls() == [LOGIN]
    file.write_text(right, encoding="utf-8")
    assert stage.vault.read(LEVEL1, fresh=False).username == "svc-pam-l1"


def test_a_locked_role_counts_as_a_refused_log_on(stage: Stage) -> None:
    """403 at log-on, even with the right secret-id, goes to the guard as well."""
    stage.fail(FaultKind.STATUS, status=403, operation="login")
    assert isinstance(stage.refusal(), AuthenticationFailed)
    assert len(stage.guard.failures) == 1


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        (FaultKind.STATUS, {"status": 503}, "is sealed or has no active node"),
        (FaultKind.STATUS, {"status": 500}, "had an error of its own"),
        (FaultKind.STATUS, {"status": 502}, "had an error of its own"),
        (FaultKind.STATUS, {"status": 429}, "rate limit"),
        (FaultKind.HTML, {}, "an answer that is not Vault's"),
        (FaultKind.HANG, {}, "did not answer in 1 s"),
        (FaultKind.RESET_BEFORE, {}, "cannot be reached"),
        (FaultKind.DOWN, {}, "cannot be reached"),
        (FaultKind.WRONG_CERTIFICATE, {}, "certificate that is not from the expected CA"),
    ],
)
@pytest.mark.parametrize("operation", ["login", "secret/data"])
def test_trouble_is_not_a_refusal(
    stage: Stage, kind: FaultKind, more: dict[str, int], said: str, operation: str
) -> None:
    """Whatever goes wrong, at log-on or at reading: the mail waits, nothing is counted, and it works afterwards."""
    whole = kind in {FaultKind.DOWN, FaultKind.WRONG_CERTIFICATE}
    stage.fail(kind, operation="" if whole else operation, **more)
    error = stage.refusal()
    assert not isinstance(error, AuthenticationFailed)
    assert said in str(error)
    assert "Mails wait" in str(error)
    assert stage.guard.failures == []
    stage.sandbox.clear_faults(Pretend.VAULT)
    assert stage.vault.read(LEVEL1, fresh=False).username == "svc-pam-l1"


def test_a_sealed_vault_is_said(stage: Stage) -> None:
    """Sealed is told from away, because another person must act."""
    stage.sandbox.change_vault(sealed=True)
    assert "Unseal it" in str(stage.refusal())


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"path": "approvald/nobody"}, "has no secret approvald/nobody"),
        ({"path": "approvald/level1", "password_key": "pw"}, "no text under the key pw"),
        ({"path": "approvald/level1", "username_key": "user"}, "no text under the key user"),
    ],
)
def test_a_secret_that_is_not_there_is_said(stage: Stage, where: dict[str, str], said: str) -> None:
    """Path and key are told apart, and named."""
    assert said in str(stage.refusal(VaultSecret.model_validate({"source": "hashicorp_vault", **where})))


def test_a_deleted_secret_is_said(stage: Stage) -> None:
    """A soft-deleted version is a 404 with a body; the remedy is another one."""
    stage.sandbox.change_vault(delete="approvald/level1")
    assert "only as a deleted version" in str(stage.refusal())


def test_a_wrong_mount_is_said(stage: Stage) -> None:
    """AppRole mounted elsewhere is not a refused log-on, and the engine's mount is named with the secret."""
    for change, said in (({"approle_mount": "roles"}, "no AppRole method at roles"), ({"mount": "kv"}, "mount kv")):
        settings = stage.settings.model_copy(update=change)
        vault = HashicorpVault(settings, guard=stage.guard, clock=stage.clock, version_key=KEY)
        with pytest.raises(Unavailable, match=said):
            vault.read(LEVEL1, fresh=False)
        vault.close()
    assert stage.guard.failures == []


def test_a_secret_id_that_everybody_can_read_is_not_used(stage: Stage) -> None:
    """The file is refused before anything is sent."""
    stage.settings.secret_id_file.chmod(0o644)
    assert "can be read by everybody" in str(stage.refusal())
    assert stage.calls() == []


def test_the_token_is_given_back_at_the_end(stage: Stage) -> None:
    """`close` revokes, forgets what was kept, and raises nothing when Vault is away."""
    stage.vault.read(LEVEL1, fresh=False)
    stage.vault.close()
    assert stage.calls()[-1].endswith("auth/token/revoke-self")
    stage.vault.read(LEVEL1, fresh=False)
    stage.fail(FaultKind.DOWN)
    stage.vault.close()
    assert stage.calls().count(LOGIN) == 2
