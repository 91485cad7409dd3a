"""The doctor's checks on fakes: what is wrong is named, what is away is unknown, and the rest is still checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvald.config.load import load
from approvald.config.settings import Settings
from approvald.core.errors import AuthenticationFailed, LedgerAway, System, Unavailable, Unreadable
from approvald.core.model import ConfirmingAccount, Folder, GroupBook, GroupProblem, Level
from approvald.core.ports import Forbidden, Secret, ServerSeen
from approvald.doctor.accounts import check_time_zone
from approvald.doctor.examination import examine
from approvald.doctor.findings import Finding, Status, examined, ok, unknown, worst, wrong
from approvald.doctor.questions import Systems
from fakes.facts import DB, L2, waits_for
from fakes.surveys import NOON, House, date, secret_store
from places import SHIPPED


@pytest.fixture(scope="module")
def settings() -> Settings:
    """Give the shipped configuration."""
    return load(SHIPPED)


def examination(settings: Settings, house: House, problems: Sequence[str] = ()) -> list[Finding]:
    """Examine a house."""
    return examine(settings, now=NOON, file_problems=problems, open_systems=lambda: nullcontext(house.systems()))


def bad(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Return what is not ok, by check."""
    return {finding.check: finding for finding in findings if finding.status is not Status.OK}


def test_all_is_well(settings: Settings) -> None:
    """Every check says ok, and none tells a password."""
    findings = examination(settings, House())
    assert bad(findings) == {}
    assert worst(findings) is Status.OK
    assert "pw-of" not in repr(findings)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], Status.OK),
        ([ok("a", ""), unknown("b", "")], Status.UNKNOWN),
        ([unknown("a", ""), wrong("b", ""), ok("c", "")], Status.WRONG),
    ],
)
def test_wrong_comes_before_unknown(findings: list[Finding], expected: Status) -> None:
    """Somebody has to act on what is wrong; a system that is away comes back."""
    assert worst(findings) is expected


def test_what_was_found_before_a_failure_stays() -> None:
    """A check that fails half way tells both."""

    def work() -> Iterator[Finding]:
        yield ok("x", "first")
        message = "away"
        raise Unavailable(System.PVWA, message)

    assert examined("x", work) == [ok("x", "first"), unknown("x", "away")]


def test_an_unexpected_error_is_told_without_its_text() -> None:
    """Its text may hold what must not be shown."""

    def work() -> Iterator[Finding]:
        yield from ()
        message = "the password is hunter2"
        raise KeyError(message)

    [finding] = examined("x", work)
    assert finding.status is Status.WRONG
    assert "KeyError" in finding.found
    assert "hunter2" not in repr(finding)


def test_files_that_cannot_be_used_are_wrong(settings: Settings) -> None:
    """Each problem is a finding, and the systems are asked all the same."""
    findings = examination(settings, House(), ["pvwa.ca_file: the file x is not there; put it there"])
    assert bad(findings) == {"files": wrong("files", "pvwa.ca_file: the file x is not there; put it there")}
    assert "mailbox" in {finding.check for finding in findings}


def test_without_a_ledger_no_system_is_asked(settings: Settings) -> None:
    """Refused log-ons could not be counted, and an account might be locked."""

    def no_ledger() -> AbstractContextManager[Systems]:
        message = "the ledger could not be written"
        raise LedgerAway(message)

    findings = examine(settings, now=NOON, file_problems=(), open_systems=no_ledger)
    assert bad(findings) == {"ledger": unknown("ledger", "the ledger could not be written")}
    assert [finding.check for finding in findings] == ["configuration", "time zone", "ledger"]


def test_a_missing_time_zone_is_wrong() -> None:
    """Replies could not tell the time."""
    assert check_time_zone("Europe/Nowhere", NOON).status is Status.WRONG


# ------------------------------------------------------------------------------------------------------------- secrets


def test_a_secret_store_that_is_away_leaves_every_secret_unknown(settings: Settings) -> None:
    """Each secret is asked for, fresh; the systems are asked too, with what their adapters still know."""
    house = House()
    house.secrets.away = True
    findings = examination(settings, house)
    assert set(bad(findings)) == {f"secret {name}" for name in ("mailbox", "directory", "level1", "level2")}
    assert worst(findings) is Status.UNKNOWN
    assert house.secrets.reads == [(name, True) for name in ("mailbox", "directory", "level1", "level2")]


@pytest.mark.parametrize("name", ["svc-pam-l1", "SVC-PAM-L1", "CORP\\svc-pam-l1", "svc-pam-l1@corp.example"])
def test_two_levels_need_two_accounts(settings: Settings, name: str) -> None:
    """The same account under two names of secrets is found, however it is written."""
    house = House(secrets=secret_store(level2=Secret(username=name, password="x", version="1")))
    assert set(bad(examination(settings, house))) == {"confirming accounts"}


def test_kerberos_needs_no_mailbox_secret(settings: Settings) -> None:
    """Its ticket comes from the environment."""
    kerberos = settings.mailbox.model_copy(update={"authentication": "kerberos"})
    house = House()
    examination(settings.model_copy(update={"mailbox": kerberos}), house)
    assert "mailbox" not in {name for name, _ in house.secrets.reads}


# ------------------------------------------------------------------------------------------------------------- mailbox


def test_a_refused_log_on_is_wrong_and_says_what_to_do(settings: Settings) -> None:
    """It is told in the adapter's words; nothing after it is asked of Exchange, everything is of the others."""
    house = House()
    house.mailbox.error = AuthenticationFailed(System.EXCHANGE, "set the right password", account="svc-mail")
    findings = examination(settings, house)
    assert bad(findings) == {"mailbox": wrong("mailbox", "set the right password")}
    assert "pvwa account 1" in {finding.check for finding in findings}


def test_folders_that_are_missing_are_no_fault(settings: Settings) -> None:
    """They are created when first needed."""
    house = House()
    house.mailbox.folders = frozenset({Folder.DONE, Folder.IGNORED})
    [finding] = [each for each in examination(settings, house) if each.check == "mail folders"]
    assert finding == ok("mail folders", "Done, Ignored: found; Refused, Quarantine: created when first needed")


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, Status.OK), (60, Status.OK), (-60, Status.OK), (61, Status.WRONG), (-61, Status.WRONG)],
)
@pytest.mark.parametrize("system", ["Exchange", "PVWA"])
def test_clocks_may_differ_by_a_minute(settings: Settings, system: str, seconds: int, status: Status) -> None:
    """More would make mails and requests look older or newer than they are; which clock is ahead is said."""
    house = House()
    (house.mailbox if system == "Exchange" else house.pvwa).said = date(NOON + timedelta(seconds=seconds))
    [finding] = [each for each in examination(settings, house) if each.check == f"clock of {system}"]
    assert finding.status is status
    if status is Status.WRONG:
        assert ("61 seconds ahead of" if seconds > 0 else "61 seconds behind") in finding.found


@pytest.mark.parametrize("said", ["", "yesterday", "Fri, 99 Nov 2026 12:00:00 GMT"])
def test_a_server_without_a_usable_date_leaves_its_clock_unknown(settings: Settings, said: str) -> None:
    """Nothing is guessed."""
    house = House()
    house.mailbox.said = said
    assert bad(examination(settings, house))["clock of Exchange"].status is Status.UNKNOWN


# ----------------------------------------------------------------------------------------------------------- directory


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Unavailable(System.DIRECTORY, "connect: refused"), Status.UNKNOWN),
        (Unreadable("it is not Active Directory"), Status.WRONG),
        (AuthenticationFailed(System.DIRECTORY, "wrong password", account="svc-directory"), Status.WRONG),
    ],
)
def test_each_server_is_judged_alone(settings: Settings, failure: Any, status: Status) -> None:
    """One that cannot be used is named, beside the one that can."""
    house = House()
    house.directory.seen.append(ServerSeen(server="ldaps://dc2.corp.example:636", failure=failure))
    findings = examination(settings, house)
    assert bad(findings) == {
        "directory server": Finding(
            check="directory server", status=status, found=f"ldaps://dc2.corp.example:636: {failure}"
        )
    }
    assert sum(finding.check == "directory server" for finding in findings) == 2


def test_names_without_addresses_are_unknown(settings: Settings) -> None:
    """No server at all was found to be asked."""
    house = House()
    house.directory.seen = []
    assert bad(examination(settings, house))["directory server"].status is Status.UNKNOWN


def test_every_problem_of_the_groups_is_told_beside_the_usable_ones(settings: Settings) -> None:
    """Missing, distribution group, two hits: in the directory's words, each one finding."""
    house = House()
    problems = tuple(GroupProblem(name=name, why=f"why {name}") for name in ("L2_PAMapprover", "Net_PAMapprover"))
    house.directory.book = GroupBook(first=(DB,), second=None, problems=problems)
    groups = [each for each in examination(settings, house) if each.check == "approver group"]
    assert [each.found for each in groups if each.status is Status.WRONG] == [
        "L2_PAMapprover: why L2_PAMapprover",
        "Net_PAMapprover: why Net_PAMapprover",
    ]
    [usable] = [each.found for each in groups if each.status is Status.OK]
    assert usable == f"DB_PAMapprover: level 1, {DB.sid}, 2 direct members, {DB.dn}"


@pytest.mark.parametrize(("members", "status"), [(1, Status.OK), (0, Status.OK), (None, Status.WRONG)])
def test_a_group_without_members_is_told(settings: Settings, members: int | None, status: Status) -> None:
    """An empty group may be meant so, and has a hint; one that cannot be read is wrong."""
    house = House()
    house.directory.members[L2.name] = members
    [finding] = [each for each in examination(settings, house) if each.found.startswith("L2_PAMapprover")]
    assert finding.status is status
    assert bool(finding.do) is (members != 1)


# ---------------------------------------------------------------------------------------------------------------- PVWA


def test_a_pvwa_that_is_away_leaves_its_accounts_unknown(settings: Settings) -> None:
    """Each account is told; nothing is said of confirmers that nobody saw."""
    house = House()
    house.pvwa.errors = dict.fromkeys(Level, Unavailable(System.PVWA, "cannot be reached"))
    findings = examination(settings, house)
    assert set(bad(findings)) == {"pvwa account 1", "pvwa account 2"}
    assert worst(findings) is Status.UNKNOWN


def test_one_refused_account_does_not_hide_the_other(settings: Settings) -> None:
    """Level 2 is still looked at, with the requests that it sees."""
    house = House()
    house.pvwa.errors[ConfirmingAccount.FIRST] = AuthenticationFailed(
        System.PVWA, "wrong password", account="svc-pam-l1"
    )
    findings = examination(settings, house)
    assert set(bad(findings)) == {"pvwa account 1"}
    assert house.pvwa.read == [("DB-PROD-01_17", ConfirmingAccount.SECOND)]


def test_one_level_has_one_account(settings: Settings) -> None:
    """Without a second-level secret nothing is asked at level 2."""
    pvwa = settings.pvwa.model_copy(update={"second_level_secret": None})
    groups = settings.groups.model_copy(update={"second_level": None})
    house = House()
    house.directory.book = GroupBook(first=(DB,), second=None)
    findings = examination(settings.model_copy(update={"pvwa": pvwa, "groups": groups}), house)
    assert bad(findings) == {}
    assert {level for _, level in house.pvwa.read} == {ConfirmingAccount.FIRST}


def test_a_confirmer_that_maps_to_nothing_is_named_with_its_safe(settings: Settings) -> None:
    """Nobody could approve such a request by mail; the remedy is the line for the configuration."""
    house = House()
    house.pvwa.requests = [waits_for("DB approvers")]
    finding = bad(examination(settings, house))["confirmers"]
    assert finding.status is Status.WRONG
    assert finding.found.startswith("DB approvers confirms requests in DB-PROD-01")
    assert '"DB approvers" = "DB_PAMapprover"' in finding.do


@pytest.mark.parametrize("known", ["DB approvers", "db APPROVERS"])
def test_a_configured_name_maps(settings: Settings, known: str) -> None:
    """[groups.pvwa_names] counts here as it does for mails."""
    groups = settings.groups.model_copy(update={"pvwa_names": {known: "DB_PAMapprover"}})
    house = House()
    house.pvwa.requests = [waits_for("DB approvers")]
    assert bad(examination(settings.model_copy(update={"groups": groups}), house)) == {}


def test_other_confirmers_beside_an_approver_group_are_no_fault(settings: Settings) -> None:
    """A site's administrators may confirm in PVWA too: they are named, and nothing is wrong."""
    house = House()
    house.pvwa.requests = [waits_for("DB_PAMapprover", "Vault Admins"), waits_for("CORP\\db_pamapprover")]
    [finding] = [each for each in examination(settings, house) if each.check == "confirmers"]
    assert finding.status is Status.OK
    assert "Vault Admins" in finding.found


def test_without_groups_confirmers_are_unknown(settings: Settings) -> None:
    """Where the directory is away nothing is called unmapped."""
    house = House()
    house.directory.error = Unavailable(System.DIRECTORY, "no directory server answered")
    findings = bad(examination(settings, house))
    assert {check: each.status for check, each in findings.items()} == {
        "approver groups": Status.UNKNOWN,
        "confirmers": Status.UNKNOWN,
    }


def test_without_requests_confirmers_are_unknown(settings: Settings) -> None:
    """What was not seen is not called well."""
    house = House()
    house.pvwa.requests = []
    assert bad(examination(settings, house)).keys() == {"confirmers"}


@pytest.mark.parametrize(("compare", "status"), [("refuse", Status.WRONG), ("note", Status.OK)])
def test_hidden_account_details_are_wrong_where_they_refuse(settings: Settings, compare: str, status: Status) -> None:
    """An account without the right to list accounts makes every mail altered, unless the site only notes it."""
    pvwa = settings.pvwa.model_copy(update={"compare": settings.pvwa.compare.model_copy(update={"account": compare})})
    house = House()
    house.pvwa.hidden.add(ConfirmingAccount.FIRST)
    findings = examination(settings.model_copy(update={"pvwa": pvwa}), house)
    details = {each.check: each for each in findings if each.check.startswith("account details")}
    assert {check: each.status for check, each in details.items()} == {
        "account details 1": status,
        "account details 2": Status.OK,
    }
    assert "DB-PROD-01" in details["account details 1"].found


def test_of_many_requests_each_safe_is_looked_at(settings: Settings) -> None:
    """At most thirty are read: first the newest of each safe, so that no safe is left out."""
    house = House()
    many = [replace(waits_for(), request_id=f"A_{number}", safe="A") for number in range(100)]
    house.pvwa.requests = [*many, replace(waits_for(), request_id="B_C_7", safe="B_C")]
    examination(settings, house)
    read = [request_id for request_id, level in house.pvwa.read if level is ConfirmingAccount.FIRST]
    assert read[:3] == ["A_99", "B_C_7", "A_98"]
    assert len(read) == 30


def test_requests_that_are_listed_and_closed_are_told(settings: Settings) -> None:
    """The account lacks a right; the requests that it may read are still looked at."""
    house = House()
    house.pvwa.requests.append(replace(waits_for(), request_id="SAP_BASIS_4", safe="SAP_BASIS"))
    house.pvwa.answers["SAP_BASIS_4"] = Forbidden()
    findings = examination(settings, house)
    assert "has SAP_BASIS_4 in its list" in bad(findings)["pvwa account 1"].found
    assert set(bad(findings)) == {"pvwa account 1", "pvwa account 2"}


def test_one_request_that_is_unreadable_does_not_hide_the_others(settings: Settings) -> None:
    """It is named, and the next one is read."""
    house = House()
    house.pvwa.requests.insert(0, replace(waits_for(), request_id="ODD_9", safe="ODD"))
    house.pvwa.answers["ODD_9"] = Unreadable("its safe is not named")
    findings = examination(settings, house)
    assert bad(findings)["pvwa account 1"].found == "ODD_9: its safe is not named"
    assert ("DB-PROD-01_17", ConfirmingAccount.FIRST) in house.pvwa.read
    assert "confirmers" not in bad(findings)
