"""Answers that a directory server should not give: cut, slow, failed, partial, of no known form."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.core.errors import Unavailable, Unreadable
from approvald.core.model import Person, SeveralPersons
from approvald_sandbox.control.client import Sandbox
from sandbox.directory_servers import (
    CONNECT_SECONDS,
    DONE,
    ILKA,
    IS_ACTIVE_DIRECTORY,
    RECEIVE_SECONDS,
    ScriptedServer,
    desk,
    entry,
    reference,
    result,
    took,
)

SLACK_SECONDS = 1.0
ILKA_DN = "CN=Ilka Brandt,DC=corp,DC=example"
ILKA_ATTRIBUTES: dict[str, list[str | bytes]] = {
    "objectGUID": [bytes(range(16))],
    "objectSid": [bytes([1, 1, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0])],
    "sAMAccountName": ["ilka.brandt"],
    "mail": [ILKA],
    "userAccountControl": ["512"],
    "accountExpires": ["0"],
}
ILKA_ENTRY = entry(ILKA_DN, ILKA_ATTRIBUTES)
SECURITY = {"groupType": ["-2147483646"]}


def sid(number: int) -> bytes:
    """Return a binary SID that ends in this number."""
    return bytes([1, 1, 0, 0, 0, 0, 0, 5, number, 0, 0, 0])


def _finds_ilka(directory: ActiveDirectory) -> bool:
    return isinstance(directory.find_by_address(ILKA), Person)


def test_an_answer_has_one_limit_as_a_whole(sandbox: Sandbox, tmp_path: Path) -> None:
    """A server that sends a byte now and then does not hold us longer than a silent one."""
    with ScriptedServer(tmp_path, [ILKA_ENTRY, result(DONE, 0)]) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory:
            assert _finds_ilka(directory)
            scripted.drip_seconds = 0.05

            def ask() -> None:
                with pytest.raises(Unavailable):
                    directory.find_by_address(ILKA)

            assert took(ask) < 2 * (CONNECT_SECONDS + RECEIVE_SECONDS) + SLACK_SECONDS


def test_references_to_other_domains_are_no_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    """A search at the domain's root brings them along; they are neither followed nor counted."""
    answer = [reference("ldap://other.example/DC=other,DC=example"), ILKA_ENTRY, result(DONE, 0)]
    with ScriptedServer(tmp_path, answer) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory:
            assert _finds_ilka(directory)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 7, 8, 10, 11, 12, 18, 50, 51, 52, 53, 80])
def test_a_search_that_failed_is_never_nobody(sandbox: Sandbox, tmp_path: Path, code: int) -> None:
    """Whatever the code: unavailable; at the size limit of a single person's search, several."""
    with ScriptedServer(tmp_path, [result(DONE, code, "because")]) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory:
            if code == 4:
                assert isinstance(directory.find_by_address(ILKA), SeveralPersons)
            else:
                with pytest.raises(Unavailable, match="because"):
                    directory.find_by_address(ILKA)
            with pytest.raises(Unavailable):
                directory.approver_groups()


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x64\x00",
        b"\x64\x03\x04\x05A",
        b"\x65\x03\x0a\x01\x00",
        b"\x7f\x02\x05\x00",
        b"\x64\x84\xff\xff\xff\xff",
        b"\xff" * 40,
        entry("CN=\xff", {}).replace("\xff".encode(), b"\xff\xfe"),
    ],
)
def test_an_answer_that_is_no_ldap_is_never_an_answer(sandbox: Sandbox, tmp_path: Path, junk: bytes) -> None:
    """Whatever the decoder makes of it, or stumbles over: no person, no 'nobody', and none of its own errors."""
    with ScriptedServer(tmp_path, [junk, result(DONE, 0)] if junk[:1] == b"\x64" else [junk]) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory, pytest.raises(Unavailable):
            directory.find_by_address(ILKA)


@pytest.mark.parametrize("missing", ["userAccountControl", "accountExpires", "objectGUID", "objectSid"])
def test_what_we_may_not_read_is_not_taken_for_harmless(sandbox: Sandbox, tmp_path: Path, missing: str) -> None:
    """Without these nobody knows who it is, or whether the account is enabled: unreadable, and it is named."""
    partial = {name: values for name, values in ILKA_ATTRIBUTES.items() if name != missing}
    with ScriptedServer(tmp_path, [entry(ILKA_DN, partial), result(DONE, 0)]) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory, pytest.raises(Unreadable, match=missing):
            directory.find_by_address(ILKA)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("userAccountControl", ["on"]),
        ("accountExpires", ["\u0661"]),
        ("objectGUID", [b"short"]),
        ("objectSid", [b"\x01\x05short"]),
        ("displayName", [b"\xff\xfe"]),
        ("employeeID", ["1001", "1002"]),
    ],
)
def test_values_of_no_known_form_are_not_guessed(
    sandbox: Sandbox, tmp_path: Path, name: str, values: list[str | bytes]
) -> None:
    """A number that is none, a cut GUID, text that is none, two links: unreadable, with the attribute's name."""
    broken = entry(ILKA_DN, ILKA_ATTRIBUTES | {name: values})
    with ScriptedServer(tmp_path, [broken, result(DONE, 0)]) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory, pytest.raises(Unreadable, match=name):
            directory.find_by_address(ILKA)


@pytest.mark.parametrize(
    "root",
    [{"defaultNamingContext": ["DC=corp,DC=example"]}, {"supportedCapabilities": [IS_ACTIVE_DIRECTORY]}],
    ids=["no Active Directory", "no domain"],
)
def test_another_kind_of_ldap_server_is_not_believed(
    sandbox: Sandbox, tmp_path: Path, root: dict[str, list[str | bytes]]
) -> None:
    """Only Active Directory knows nested groups; another server would say no to every approver."""
    with ScriptedServer(tmp_path, [ILKA_ENTRY, result(DONE, 0)], root=root) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory:
            for question in (directory.approver_groups, lambda: directory.find_by_address(ILKA)):
                with pytest.raises(Unreadable, match="domain controllers"):
                    question()


def test_groups_of_one_name_count_none_of_them(sandbox: Sandbox, tmp_path: Path) -> None:
    """Two of one name: neither is used, at either level. A row that does not fit the pattern is no approver group."""
    names = ["L2_PAMapprover", "l2_pamapprover", "DB_PAMapprover", "db_PAMAPPROVER", "Net_PAMapprover", "Unasked"]
    rows = [
        entry(f"CN={number},DC=corp,DC=example", {"sAMAccountName": [name], "objectSid": [sid(number)], **SECURITY})
        for number, name in enumerate(names)
    ]
    with ScriptedServer(tmp_path, [*rows, result(DONE, 0)]) as scripted:
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory:
            book = directory.approver_groups()
    assert book.second is None
    assert [group.name for group in book.first] == ["Net_PAMapprover"]
    assert [problem.name.casefold() for problem in book.problems] == ["l2_pamapprover", "db_pamapprover"]


@pytest.mark.parametrize("code", [10, 32])
def test_an_admin_account_whose_owner_cannot_be_read_has_an_owner(sandbox: Sandbox, tmp_path: Path, code: int) -> None:
    """The manager is in a domain this server does not hold, or is hidden from us: their DN stands for them."""
    owner = "CN=Ilka Brandt,DC=Other,DC=example"
    answer = [entry(ILKA_DN, ILKA_ATTRIBUTES | {"sAMAccountName": ["ADM-ilka"], "manager": [owner]}), result(DONE, 0)]
    with ScriptedServer(tmp_path, answer) as scripted:
        scripted.by_base[owner] = [result(DONE, code)]
        with desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file).open() as directory:
            found = directory.find_by_address(ILKA)
    assert isinstance(found, Person)
    assert found.owner == str(uuid.uuid5(uuid.NAMESPACE_X500, owner.casefold()))


def test_a_server_that_fails_at_the_owner_leaves_nothing_decided(sandbox: Sandbox, tmp_path: Path) -> None:
    """An admin account without its owner would be a stranger to them."""
    owner = "CN=Mara Voss,DC=corp,DC=example"
    answer = [entry(ILKA_DN, ILKA_ATTRIBUTES | {"sAMAccountName": ["adm-ilka"], "manager": [owner]}), result(DONE, 0)]
    with ScriptedServer(tmp_path, answer) as scripted:
        scripted.by_base[owner] = [result(DONE, 51)]
        asked = desk(sandbox, servers=[scripted.url], ca_file=scripted.ca_file)
        with asked.open() as directory, pytest.raises(Unavailable):
            directory.find_by_address(ILKA)
