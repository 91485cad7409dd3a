"""A site that believes more senders than Exchange vouches for: it works, and nobody can overlook it."""

from __future__ import annotations

from pathlib import Path

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import forwarded
from e2e.stage import raised

ILKA = "ilka.brandt@corp.example"
AS = b"X-MS-Exchange-Organization-AuthAs: "


def weakened(text: str) -> str:
    """Return the configuration with the proof of senders weakened."""
    more = 'believe_senders_exchange_does_not_vouch_for = true\nauth_as = ["Internal", "Anonymous"]'
    return text.replace("[sender]\n", f"[sender]\n{more}\n", 1)


def test_a_weakened_proof_is_said_at_every_start(sandbox: Sandbox, tmp_path: Path) -> None:
    """The start says that the proof is weakened, and each mail how far it was proven."""
    with raised(sandbox, tmp_path / "state", edit=weakened) as stage:
        mail = forwarded(stage.new_request(), ILKA)
        seen = stage.see(mail.replace(AS + b"Internal", AS + b"Anonymous"))
        [started] = stage.daemon.events("daemon.started")
        [done] = stage.daemon.events("mail.done")

    assert started["rules"][0] == "sender proof: WEAKENED by believe_senders_exchange_does_not_vouch_for"
    assert (seen.code, done["proof"]) == ("confirmed", "Anonymous/04")


def test_the_strict_proof_is_said_too(sandbox: Sandbox, tmp_path: Path) -> None:
    """As shipped the proof is strict, and the start says with which values."""
    with raised(sandbox, tmp_path / "state") as stage:
        [started] = stage.daemon.events("daemon.started")

    assert started["rules"][:3] == ["sender proof: strict", "AuthAs Internal", "AuthMechanism 04"]
