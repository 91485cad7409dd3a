"""A wrong configuration: one clear sentence with file, key and remedy, exit 78, and nothing was started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.demo.approvald_process import ApprovaldProcess
from approvald_sandbox.demo.approvald_toml import approvald_toml
from e2e.quick_daemon import daemon_server

Edit = Callable[[str], str]


def replaced(old: str, new: str) -> Edit:
    """Return an edit that replaces the one place where `old` stands."""

    def edit(text: str) -> str:
        assert text.count(old) == 1, old
        return text.replace(old, new)

    return edit


def line(start: str, new: str, section: str = "") -> Edit:
    """Return an edit that replaces the first line of the section that starts so."""

    def edit(text: str) -> str:
        lines = text.splitlines()
        first = lines.index(f"[{section}]") if section else 0
        place = next(index for index, each in enumerate(lines) if index >= first and each.startswith(start))
        return "\n".join([*lines[:place], new, *lines[place + 1 :]])

    return edit


MISTAKES: dict[str, tuple[Edit, str]] = {
    "a misspelled key": (replaced("poll_seconds", "pol_seconds"), "daemon.pol_seconds: * did you mean poll_seconds?"),
    "a misspelled section": (replaced("[logs]", "[log]"), "log: * did you mean logs?"),
    "a missing key": (line("auth_sources", ""), "sender.auth_sources: is missing; add a line auth_sources"),
    "a number in quotes": (replaced("poll_seconds = 15.0", 'poll_seconds = "15"'), "daemon.poll_seconds: is not a n"),
    "http instead of https": (
        line("portal_url", 'portal_url = "http://pvwa.corp.example"'),
        "reply.portal_url: does not begin with https://",
    ),
    "a domain with @": (line("domains", 'domains = ["@corp.example"]'), "mail.domains[0]: * without the @"),
    "an address without @": (replaced('"cyberark-team@corp.example"', '"cyberark-team"'), "team.address: * write one"),
    "an unknown zone": (replaced("Europe/Amsterdam", "Amsterdam"), "reply.time_zone: * write one like"),
    "a relative path": (
        line("file = ", 'file = "ledger.db"', "ledger"),
        "ledger.file: is not an absolute path; begin it with",
    ),
    "a password": (replaced("[team]", '[team]\npassword = "Planted-4711"'), "team.password: looks like a secret; "),
    "an account that nobody describes": (
        line("level2 = ", ""),
        "pvwa.second_level_secret: * name one of them",
    ),
    "a CA file that is not there": (
        line("ca_file", 'ca_file = "/nowhere/ca.pem"', "pvwa"),
        "pvwa.ca_file: the file /nowhere/ca.pem is not there; put the certificates of your CA there",
    ),
    "a secret file that is not there": (
        line("secret_id_file", 'secret_id_file = "/nowhere/secret-id"'),
        "secrets.hashicorp_vault.secret_id_file: the file /nowhere/secret-id is not there; create it",
    ),
    "a value over the end of its line": (replaced("[team]", "[team]\nname = 'CyberArk"), "line "),
}


@pytest.mark.parametrize(("edit", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_starts(
    sandbox: Sandbox, tmp_path: Path, edit: Edit, sentence: str
) -> None:
    """The operator reads file, key and remedy; there is no ledger, no log file, and no system was asked."""
    state = tmp_path / "state"
    text = approvald_toml(sandbox.endpoints(), state)
    process = ApprovaldProcess(state, edit(text))

    ended = daemon_server().run(process.arguments("run"))

    assert (ended.returncode, ended.stdout) == (78, "")
    said = ended.stderr.splitlines()
    assert len(said) == 1, said
    assert said[0].startswith(f"approvald: {process.configuration}: ")
    for part in sentence.split("*"):
        assert part.strip() in said[0]
    assert "Planted" not in ended.stderr
    assert list(state.iterdir()) == [process.configuration]
    assert not any(sandbox.stats()["operations"].values())


def test_no_configuration_at_all(tmp_path: Path) -> None:
    """The operator reads where it was looked for and what to do."""
    process = ApprovaldProcess(tmp_path / "state", "")
    process.configuration.unlink()

    ended = daemon_server().run(process.arguments("run"))

    assert ended.returncode == 78
    assert ended.stderr == (
        f"approvald: {process.configuration}: is not there; write it, or name another file with --config FILE\n"
    )
