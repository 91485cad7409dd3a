"""The configuration file: every mistake one clear sentence with file, key and remedy; all at once; no value echoed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import ConfigurationInvalid
from places import SHIPPED


def problems(folder: Path, text: str) -> list[str]:
    """Return what is said of this text as a file, without the file's name, which must stand before each."""
    file = folder / "approvald.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationInvalid) as caught:
        load(file)
    assert all(problem.startswith(f"{file}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


def replaced(old: str, new: str) -> str:
    """Return the shipped file with one part replaced."""
    text = SHIPPED.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    return text.replace(old, new)


def without_section(name: str) -> str:
    """Return the shipped file without one section."""
    text = SHIPPED.read_text(encoding="utf-8")
    shorter = re.sub(rf"^\[{re.escape(name)}\]\n.*?(?=^\[)", "", text, flags=re.DOTALL | re.MULTILINE)
    assert shorter != text
    return shorter


def test_the_shipped_file_is_good() -> None:
    """What is installed as an example is a whole configuration."""
    settings = load(SHIPPED)
    assert settings.mailbox.address == "pam-approve@corp.example"
    assert settings.groups.second_level == "L2_PAMapprover"
    assert settings.daemon.poll_seconds == 15


PROVES_NOBODY = (
    "with other values anybody could have written From; take them out, "
    "or set believe_senders_exchange_does_not_vouch_for = true and accept that"
)
MISTAKES = {
    "an AuthAs that proves nobody": (
        lambda: replaced('# auth_as = ["Internal"]', 'auth_as = ["Internal", "Anonymous"]'),
        f"sender.auth_as: holds more than Internal: {PROVES_NOBODY}",
    ),
    "a mechanism that proves nobody": (
        lambda: replaced('# auth_mechanisms = ["04"]', 'auth_mechanisms = ["04", "10"]'),
        f"sender.auth_mechanisms: holds more than 04, 06, 07, 0a, 0b: {PROVES_NOBODY}",
    ),
    "misspelled key": (
        lambda: replaced("\nauth_sources = ", "\nauth_source = "),
        "sender.auth_source: is not an option of [sender]; did you mean auth_sources?",
    ),
    "missing section": (
        lambda: without_section("sender"),
        "sender: is missing; add the section [sender] with auth_sources",
    ),
    "missing key": (
        lambda: replaced('base_dn = "OU=Groups,OU=PAM,DC=corp,DC=example"', ""),
        "groups.base_dn: is missing; add a line base_dn = ... to [groups]",
    ),
    "wrong type": (
        lambda: replaced("# poll_seconds = 15.0", 'poll_seconds = "fifteen"'),
        "daemon.poll_seconds: is not a number; write it without quotes, as in 15",
    ),
    "number in quotes": (
        lambda: replaced("# parts = 200", 'parts = "200"'),
        "parse.limits.parts: is not a whole number; write it without quotes, as in 200",
    ),
    "infinite wait": (
        lambda: replaced("# max_age_hours = 72.0", "max_age_hours = inf"),
        "mail.max_age_hours: is not a finite number; write one, as in 15",
    ),
    "zero": (
        lambda: replaced("# poll_seconds = 15.0", "poll_seconds = 0"),
        "daemon.poll_seconds: is not above zero; write a number above 0",
    ),
    "text for a list": (
        lambda: replaced('domains = ["corp.example"]', 'domains = "corp.example"'),
        'mail.domains: is not a list; write it in brackets, as in ["one", "two"]',
    ),
    "text for yes or no": (
        lambda: replaced("# start_tls = false", 'start_tls = "no"'),
        "directory.start_tls: is neither true nor false; write one of them, without quotes",
    ),
    "http URL": (
        lambda: replaced('"https://pvwa.corp.example/PasswordVault"\n# How', '"http://pvwa.corp.example"\n# How'),
        (
            "pvwa.url: does not begin with https:// and a host name; "
            "correct it, because passwords and approvals travel over it"
        ),
    ),
    "password in a URL": (
        lambda: replaced('"https://mail.corp.example/', '"https://svc:Planted@mail.corp.example/'),
        "mailbox.url: holds a user name or password; take it out, because secrets never belong in this file",
    ),
    "address without @": (
        lambda: replaced('address = "cyberark-team@corp.example"', 'address = "cyberark-team"'),
        "team.address: is not a mail address; write one like pam-approve@corp.example",
    ),
    "domain with @": (
        lambda: replaced('domains = ["corp.example"]', 'domains = ["corp.example", "@lab.example"]'),
        "mail.domains[1]: is not a mail domain; write one like corp.example, without the @",
    ),
    "relative path": (
        lambda: replaced('# file = "/var/lib/approvald/ledger.db"', 'file = "ledger.db"'),
        "ledger.file: is not an absolute path; begin it with /, because a daemon has no current folder",
    ),
    "unknown zone": (
        lambda: replaced('"Europe/Amsterdam"', '"Europe/Amsterdarn"'),
        "reply.time_zone: is not a time zone of the IANA list; write one like Europe/Amsterdam or UTC",
    ),
    "password in the file": (
        lambda: replaced('path = "approvald/level1"', 'path = "approvald/level1"\npassword = "Planted-4711"'),
        (
            "secrets.accounts.level1.password: looks like a secret; secrets never belong in this file: take it "
            "out, change it, and keep it in HashiCorp Vault or a credential file that [secrets.accounts] names"
        ),
    ),
    "password in a section of its own": (
        lambda: replaced("[team]", '[login]\nuser = "svc"\nldap_password = "Planted-4711"\n[team]'),
        (
            "login: looks like a secret; secrets never belong in this file: take it out, change it, and keep it in "
            "HashiCorp Vault or a credential file that [secrets.accounts] names"
        ),
    ),
    "secret without a source": (
        lambda: without_section("secrets.accounts.directory"),
        (
            "directory.secret: names no account in this file; name one of them (level1, level2, mailbox), or "
            "add a section [secrets.accounts.NAME] for it"
        ),
    ),
    "a password where the name of a secret belongs": (
        lambda: replaced('# secret = "mailbox"', 'secret = "Planted-4711"'),
        (
            "mailbox.secret: names no account in this file; name one of them (directory, level1, level2, "
            "mailbox), or add a section [secrets.accounts.NAME] for it"
        ),
    ),
    "no section for Vault": (
        lambda: without_section("secrets.hashicorp_vault"),
        (
            "secrets.hashicorp_vault: is missing, though an account of [secrets.accounts] is kept there; add "
            "the section with url, role_id_file and secret_id_file"
        ),
    ),
    "unknown source": (
        lambda: replaced(
            'source = "hashicorp_vault"\npath = "approvald/level1"', 'source = "vault"\npath = "approvald/level1"'
        ),
        (
            "secrets.accounts.level1.source: is not one of the allowed words; write "
            'source = "hashicorp_vault" or source = "file"'
        ),
    ),
    "file and credential both missing": (
        lambda: replaced(
            'source = "hashicorp_vault"\npath = "approvald/level1"', 'source = "file"\nusername = "svc-pam-l1"'
        ),
        (
            "secrets.accounts.level1.file: must be given where credential is not, and only there; "
            "name either a file or a systemd credential"
        ),
    ),
    "plain LDAP": (
        lambda: replaced('"ldaps://dc2.corp.example"', '"ldap://dc2.corp.example"'),
        "directory.servers: has ldap:// without encryption; write ldaps://, or set start_tls = true",
    ),
    "empty auth_sources": (
        lambda: replaced('auth_sources = ["EX01.corp.example", "EX02.corp.example"]', "auth_sources = []"),
        "sender.auth_sources: is empty; name at least one",
    ),
    "every group approves": (
        lambda: replaced('# first_level = "*_PAMapprover"', 'first_level = "*"'),
        "groups.first_level: is not a pattern for group names; write one like *_PAMapprover, without ( ) or \\",
    ),
    "one account for both levels": (
        lambda: replaced('# first_level_secret = "level1"', 'first_level_secret = "level2"'),
        "pvwa.second_level_secret: names the first level's account; CyberArk needs two, so name another account",
    ),
    "second level without its account": (
        lambda: replaced('# second_level_secret = "level2"', 'second_level_secret = ""'),
        (
            "pvwa.second_level_secret: is missing, though groups.second_level names a group; name the account that "
            "confirms at the second level"
        ),
    ),
    "word that is not allowed": (
        lambda: replaced('# authentication = "LDAP"', 'authentication = "ldap"'),
        "pvwa.authentication: is not one of the allowed words; write 'LDAP', 'CyberArk' or 'Windows'",
    ),
    "key in the wrong section": (
        lambda: replaced("[ledger]", "[ledger]\npoll_seconds = 15"),
        "ledger.poll_seconds: is not an option of [ledger]; move it to [daemon]",
    ),
    "value for a section": (
        lambda: 'ledger = "/var/lib/x.db"\n' + without_section("ledger"),
        "ledger: is not a section; write its name in brackets on a line of its own, and its keys below",
    ),
    "unknown section": (
        lambda: replaced("[ledger]", "[mailbx]\n[ledger]"),
        "mailbx: is not an option of this file; did you mean mailbox?",
    ),
    "line break in a name": (
        lambda: replaced('# name = "CyberArk team"', 'name = "Team\\r\\nBcc: x"'),
        "team.name: holds a control character; write it on one line, without tabs",
    ),
}


@pytest.mark.parametrize(("make", "sentence"), MISTAKES.values(), ids=MISTAKES.keys())
def test_each_mistake_is_one_sentence(tmp_path: Path, make: Callable[[], str], sentence: str) -> None:
    """One mistake, one sentence: the key, what is wrong, what to do; never a value that may be a secret."""
    found = problems(tmp_path, make())
    assert found == [sentence]
    assert "Planted" not in "".join(found)


def test_whoever_wants_to_believe_more_must_say_so(tmp_path: Path) -> None:
    """The proof of a sender is weakened by an option of its own, never by a list alone."""
    text = replaced('# auth_as = ["Internal"]', 'auth_as = ["Internal", "Anonymous"]')
    text = text.replace('# auth_mechanisms = ["04"]', 'auth_mechanisms = ["04", "0B", "00"]')
    said = "# believe_senders_exchange_does_not_vouch_for = false"
    assert said in text
    path = tmp_path / "approvald.toml"
    path.write_text(text.replace(said, said.removeprefix("# ").replace("false", "true")), encoding="utf-8")
    assert load(path).sender.auth_as == ["Internal", "Anonymous"]


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    """Also a rule between sections is judged while single values are wrong."""
    text = replaced('address = "cyberark-team@corp.example"', 'address = "team"')
    text = text.replace('auth_sources = ["EX01.corp.example", "EX02.corp.example"]', "auth_sources = []")
    text = text.replace('# secret = "mailbox"', 'secret = "nobody"').replace("# poll_seconds = 15.0", "pol_seconds = 1")
    assert [problem.partition(":")[0] for problem in problems(tmp_path, text)] == [
        "sender.auth_sources",
        "team.address",
        "daemon.pol_seconds",
        "mailbox.secret",
    ]


def test_an_empty_file_is_told_every_section_it_needs(tmp_path: Path) -> None:
    """Starting from nothing, the sentences are a list of what to write."""
    found = problems(tmp_path, "")
    assert "mailbox: is missing; add the section [mailbox] with address and url" in found
    assert any(each.startswith("secrets: is missing; add a section [secrets.accounts.NAME]") for each in found)
    required = [name for name, field in Settings.model_fields.items() if field.is_required()]
    assert [each.partition(":")[0] for each in found] == required
