"""What every directory does: the fake in memory, and Active Directory's adapter before the sandbox's LDAP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from approvald.adapters.active_directory import ActiveDirectory
from approvald.errors import System, Unavailable
from approvald.model import Level, NoPerson, Person, SeveralPersons
from approvald.ports import Directory, Secret
from approvald.settings import DirectorySettings, GroupSettings, PeopleSettings
from approvald_sandbox.client import Sandbox
from approvald_sandbox.faults import Fault, FaultKind
from approvald_sandbox.faults import System as SandboxSystem
from approvald_sandbox.world import DEFAULT_PASSWORD
from fakes.clock import FakeClock
from fakes.directory import FakeDirectory, make_person
from fakes.secrets import FakeGuard, FakeSecretStore

PEOPLE: dict[str, dict[str, Any]] = {
    "ilka.brandt": {
        "employee_id": "1001",
        "proxy_addresses": ["SMTP:Ilka.Brandt@Corp.Example", "smtp:brandt@corp.example", "X500:/o=CORP/cn=ilka"],
    },
    "adm-ilka": {"employee_id": "1001", "mail": None, "proxy_addresses": [], "kind": "admin"},
    "mara.voss": {"employee_id": "unknown"},
    "dario.conti": {"manager": "mara.voss"},
    "wen.zhao": {"mail": "twin@corp.example"},
    "sofie.lund": {"mail": "twin@corp.example"},
    "rhea.malik": {},
    "timo.gast": {"proxy_addresses": ["SMTP:timo.gast@corp.example", "smtp:rhea.malik@corp.example"]},
    "jonas.keil": {"disabled": True},
    "priya.nair": {"expired": True},
    "tomas.ruiz": {"kind": "shared"},
    "lea.fontaine": {"kind": "linked"},
    "grace": {"primary_group": "Net_PAMapprover"},
}
GROUPS: dict[str, list[str]] = {
    "DB_PAMapprover": ["ilka.brandt", "DBA-Team"],
    "DBA-Team": ["mara.voss", "DBA-Senior"],
    "DBA-Senior": ["dario.conti", "DBA-Team"],
    "Net_PAMapprover": ["grace", "jonas.keil"],
    "L2_PAMapprover": ["dario.conti"],
    "List_PAMapprover": ["mara.voss"],
}
WORLD = {"people": PEOPLE, "groups": GROUPS, "group_kinds": {"List_PAMapprover": "distribution"}}
PEOPLE_SETTINGS = PeopleSettings(
    link_ignore=["UNKNOWN"], map={"Vendor-07": "mara.voss", "svc_legacy": "brandt@corp.example"}
)


@dataclass
class Subject:
    """A directory under test, and what a test can do to the world behind it."""

    open: Callable[..., Directory]
    """Keyword arguments as in [groups]."""
    go_away: Callable[[], None]
    recreate: Callable[[str], None]
    delete: Callable[[str], None]


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Start one sandbox for all tests here."""
    with Sandbox(WORLD, directory=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(params=["fake", "active_directory"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Give each directory in turn, in the same world."""
    if request.param == "fake":
        yield _fake()
        return
    sandbox: Sandbox = request.getfixturevalue("sandbox_process")
    sandbox.reset()
    opened: list[Directory] = []

    def open_it(**groups: Any) -> Directory:
        opened.append(_adapter(sandbox, **groups))
        return opened[-1]

    yield Subject(
        open=open_it,
        go_away=lambda: sandbox.put_fault(SandboxSystem.DIRECTORY, Fault(kind=FaultKind.DOWN)),
        recreate=lambda name: sandbox.change_group(name, recreate=True),
        delete=lambda name: sandbox.change_group(name, delete=True),
    )
    for each in opened:
        each.close()


@pytest.fixture
def directory(subject: Subject) -> Directory:
    """Give a directory with the usual settings."""
    return subject.open()


def _adapter(sandbox: Sandbox, **groups: Any) -> Directory:
    where = sandbox.endpoints()
    return ActiveDirectory(
        DirectorySettings(servers=[where["ldaps"]], base_dn=where["base_dn"], ca_file=Path(where["ca_file"])),
        groups=GroupSettings(**({"base_dn": where["groups_base_dn"], "second_level": "L2_PAMapprover"} | groups)),
        people=PEOPLE_SETTINGS,
        secrets=FakeSecretStore(
            {"directory": Secret(username="svc-directory@corp.example", password=DEFAULT_PASSWORD, version="1")}
        ),
        guard=FakeGuard(),
        clock=FakeClock(datetime.now(UTC)),
    )


def _fake() -> Subject:
    fake = FakeDirectory(people_map=PEOPLE_SETTINGS.map)
    for name, fields in PEOPLE.items():
        proxies = [each.partition(":") for each in fields.get("proxy_addresses", ())]
        primary = next((address for kind, _, address in proxies if kind == "SMTP"), None)
        link = fields.get("employee_id")
        fake.add(
            make_person(
                name,
                fields.get("mail", primary) or ("" if "mail" in fields else primary),
                [address for kind, _, address in proxies if kind == "smtp"],
                link=None if link == "unknown" else link,
                disabled=fields.get("disabled", False) or fields.get("kind") in {"shared", "linked"},
                expired=fields.get("expired", False),
                shared_mailbox=fields.get("kind") == "shared",
                linked_mailbox=fields.get("kind") == "linked",
                manager_dn=make_person(fields["manager"]).dn if "manager" in fields else None,
            )
        )
    for name, members in GROUPS.items():
        real = [member for member in members if PEOPLE.get(member, {}).get("primary_group") != name]
        fake.add_group(name, *real, security=name != "List_PAMapprover")

    def open_it(**groups: Any) -> Directory:
        fake.first_level = groups.get("first_level", fake.first_level)
        fake.second_level = groups.get("second_level", fake.second_level)
        return fake

    def recreate(name: str) -> None:
        fake.groups[name].generation += 1

    def delete(name: str) -> None:
        del fake.groups[name]

    return Subject(open=open_it, go_away=fake.go_away, recreate=recreate, delete=delete)


def _person(directory: Directory, account_name: str) -> Person:
    found = directory.find_by_user_name(account_name)
    assert isinstance(found, Person)
    return found


@pytest.mark.parametrize("address", ["ilka.brandt@corp.example", "ILKA.BRANDT@CORP.EXAMPLE", "Brandt@corp.example"])
def test_a_person_is_found_by_any_of_their_addresses(directory: Directory, address: str) -> None:
    """Primary address and alias, in any case, lead to the same one person."""
    found = directory.find_by_address(address)
    assert isinstance(found, Person)
    assert found.account_name == "ilka.brandt"
    assert found.address == "Ilka.Brandt@Corp.Example"
    assert found.addresses == {"ilka.brandt@corp.example", "brandt@corp.example"}


@pytest.mark.parametrize(
    "address",
    [
        "", " ", "nobody@corp.example", " ilka.brandt@corp.example", "ilka.brandt@corp.example ",
        "ilka.brandt@corp.example\0", "ilka*@corp.example", "*", "ilka.brandt", "ilka.brandt@corp.example\n",
        "ilka.brandt@corp.example)(mail=*", "X500:/o=CORP/cn=ilka", "/o=CORP/cn=ilka", "\u0131lka.brandt@corp.example",
        "smtp:brandt@corp.example", "a" * 300 + "@corp.example",
    ],
)  # fmt: skip
def test_what_only_resembles_an_address_finds_nobody(directory: Directory, address: str) -> None:
    """White space, NUL, wildcards, filter text and look-alikes never lead to a person."""
    assert directory.find_by_address(address) == NoPerson()


@pytest.mark.parametrize("address", ["twin@corp.example", "rhea.malik@corp.example"])
def test_an_address_of_two_people_is_nobodys(directory: Directory, address: str) -> None:
    """Two with one mail, or one whose alias claims another's address: several, never one of them."""
    assert directory.find_by_address(address) == SeveralPersons(count=2)


def test_what_an_account_is_comes_as_facts(directory: Directory) -> None:
    """Disabled, expired, shared and linked accounts are found and say so; nothing of it hides a person."""
    assert _person(directory, "jonas.keil").disabled
    assert _person(directory, "priya.nair").expired
    assert _person(directory, "tomas.ruiz").shared_mailbox
    assert _person(directory, "lea.fontaine").linked_mailbox
    ilka = _person(directory, "ilka.brandt")
    assert (ilka.disabled, ilka.expired, ilka.shared_mailbox, ilka.linked_mailbox) == (False, False, False, False)
    assert _person(directory, "dario.conti").manager_dn == _person(directory, "mara.voss").dn
    assert ilka.manager_dn is None


def test_the_link_joins_two_accounts_of_one_human(directory: Directory) -> None:
    """Equal link values stand on both accounts; an ignored or missing one joins nobody."""
    ilka, admin = _person(directory, "ilka.brandt"), _person(directory, "adm-ilka")
    assert ilka.link == admin.link == "1001"
    assert ilka.guid != admin.guid
    assert admin.address == ""
    assert _person(directory, "mara.voss").link is None
    assert _person(directory, "dario.conti").link is None


@pytest.mark.parametrize(
    ("user_name", "account_name"),
    [
        ("mara.voss", "mara.voss"),
        ("MARA.VOSS", "mara.voss"),
        ("CORP\\mara.voss", "mara.voss"),
        ("mara.voss@corp.example", "mara.voss"),
        ("adm-ilka@corp.example", "adm-ilka"),
        ("brandt@corp.example", "ilka.brandt"),
        ("Vendor-07", "mara.voss"),
        ("vendor-07", "mara.voss"),
        ("svc_legacy", "ilka.brandt"),
    ],
)
def test_a_user_name_leads_to_its_person(directory: Directory, user_name: str, account_name: str) -> None:
    """[people.map] comes first, then sAMAccountName without its domain, then userPrincipalName or address."""
    assert _person(directory, user_name).account_name == account_name


@pytest.mark.parametrize(
    "user_name", ["", "nobody", "mara*", "mara.voss ", " mara.voss", "mara.voss\0", "CORP\\", "*", "mara.voss)(cn=*"]
)
def test_what_only_resembles_a_user_name_finds_nobody(directory: Directory, user_name: str) -> None:
    """Wildcards, edges of white space and filter text are not a user name."""
    assert directory.find_by_user_name(user_name) == NoPerson()


def test_a_user_name_that_is_also_anothers_address_is_nobodys(directory: Directory) -> None:
    """A principal name of one and an alias of another, equal: several."""
    assert directory.find_by_user_name("rhea.malik@corp.example") == SeveralPersons(count=2)


def test_the_group_book_holds_what_may_be_used(directory: Directory) -> None:
    """The pattern finds the first level, the second-level group stands alone, a distribution group is a problem."""
    book = directory.approver_groups()
    assert [group.name for group in book.first] == ["DB_PAMapprover", "Net_PAMapprover"]
    assert {group.level for group in book.first} == {Level.FIRST}
    assert book.second is not None
    assert (book.second.name, book.second.level) == ("L2_PAMapprover", Level.SECOND)
    assert [problem.name for problem in book.problems] == ["List_PAMapprover"]
    assert len({group.sid for group in book.all()}) == 3


def test_a_missing_second_level_group_disables_level_two_only(subject: Subject) -> None:
    """The first level goes on; the problem names the group."""
    subject.delete("L2_PAMapprover")
    book = subject.open().approver_groups()
    assert book.second is None
    assert [group.name for group in book.first] == ["DB_PAMapprover", "Net_PAMapprover"]
    assert "L2_PAMapprover" in {problem.name for problem in book.problems}


def test_a_distribution_group_is_never_the_second_level(subject: Subject) -> None:
    """It stands in the problems and in neither level."""
    book = subject.open(second_level="List_PAMapprover").approver_groups()
    assert book.second is None
    assert [group.name for group in book.first] == ["DB_PAMapprover", "L2_PAMapprover", "Net_PAMapprover"]
    assert {problem.name for problem in book.problems} == {"List_PAMapprover"}


def test_without_a_second_level_nothing_is_missed(subject: Subject) -> None:
    """No second-level group configured: none there, and no problem."""
    book = subject.open(second_level=None, first_level="DB_*").approver_groups()
    assert book.second is None
    assert [group.name for group in book.first] == ["DB_PAMapprover"]
    assert book.problems == ()


def test_a_pattern_that_finds_nothing_is_a_problem(subject: Subject) -> None:
    """It names the first level; the second-level group is still there."""
    book = subject.open(first_level="*_Nothing").approver_groups()
    assert book.first == ()
    assert book.second is not None
    assert [problem.name for problem in book.problems] == ["first_level"]


@pytest.mark.parametrize(
    ("account_name", "groups"),
    [
        ("ilka.brandt", {"DB_PAMapprover"}),
        ("mara.voss", {"DB_PAMapprover"}),
        ("dario.conti", {"DB_PAMapprover", "L2_PAMapprover"}),
        ("jonas.keil", {"Net_PAMapprover"}),
        ("adm-ilka", set()),
        ("wen.zhao", set()),
        ("grace", set()),
    ],
)
def test_memberships_follow_nested_groups(directory: Directory, account_name: str, groups: set[str]) -> None:
    """Direct, nested twice and in a loop; not by distribution group, linked account or primary group."""
    book = directory.approver_groups()
    held = directory.memberships(_person(directory, account_name), book.all())
    assert {group.name for group in book.all() if group.sid in held} == groups


def test_nobody_is_in_none_of_no_groups(directory: Directory) -> None:
    """No groups asked, none held."""
    assert directory.memberships(_person(directory, "ilka.brandt"), ()) == frozenset()


def test_a_group_made_anew_is_another_group(subject: Subject) -> None:
    """Membership counts for the pinned SID: a group of the same name with another SID gives nothing."""
    directory = subject.open()
    before = directory.approver_groups()
    ilka = _person(directory, "ilka.brandt")
    subject.recreate("DB_PAMapprover")
    assert directory.memberships(ilka, before.all()) == frozenset()
    after = directory.approver_groups()
    assert len(directory.memberships(ilka, after.all())) == 1


def test_a_directory_that_is_away_says_so(subject: Subject) -> None:
    """No answer is Unavailable for every question, and never 'nobody', 'no group' or 'not a member'."""
    directory = subject.open()
    ilka, book = _person(directory, "ilka.brandt"), directory.approver_groups()
    subject.go_away()
    questions: list[Callable[[], object]] = [
        lambda: directory.find_by_address("ilka.brandt@corp.example"),
        lambda: directory.find_by_user_name("ilka.brandt"),
        lambda: directory.memberships(ilka, book.all()),
        directory.approver_groups,
    ]
    for question in questions:
        with pytest.raises(Unavailable) as raised:
            question()
        assert raised.value.system is System.DIRECTORY
