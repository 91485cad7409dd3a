"""What every directory does, as tests to be inherited by a class that has its own fixture `subject`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from approvald.config.settings import PeopleSettings
from approvald.core.errors import System, Unavailable
from approvald.core.model import Level, NoPerson, Person, SeveralPersons
from approvald.core.ports import Directory

PEOPLE: dict[str, dict[str, Any]] = {
    "ilka.brandt": {
        "employee_id": "1001",
        "proxy_addresses": ["SMTP:Ilka.Brandt@Corp.Example", "smtp:brandt@corp.example", "X500:/o=CORP/cn=ilka"],
    },
    "adm-ilka": {"employee_id": "1001", "mail": None, "proxy_addresses": [], "kind": "admin"},
    "admin-ilka": {"manager": "ilka.brandt", "mail": None, "proxy_addresses": [], "kind": "admin"},
    "mara.voss": {"employee_id": "unknown"},
    "adm-mara": {"manager": "mara.voss", "mail": None, "proxy_addresses": [], "kind": "admin"},
    "dario.conti": {"manager": "mara.voss"},
    "wen.zhao": {"mail": "twin@corp.example", "primary_group": "Net-Base"},
    "sofie.lund": {"mail": "twin@corp.example"},
    "rhea.malik": {},
    "timo.gast": {"proxy_addresses": ["SMTP:timo.gast@corp.example", "smtp:rhea.malik@corp.example"]},
    "jonas.keil": {"disabled": True},
    "priya.nair": {"expired": True, "primary_group": "Net_PAMapprover"},
    "tomas.ruiz": {"kind": "shared"},
    "lea.fontaine": {"kind": "linked"},
    "partner": {"kind": "contact", "mail": "mara.voss@corp.example"},
    **{f"filler.{number}": {"employee_id": "Filler"} for number in range(12)},
}
GROUPS: dict[str, list[str]] = {
    "DB_PAMapprover": ["ilka.brandt", "DBA-Team"],
    "DBA-Team": ["mara.voss", "DBA-Senior"],
    "DBA-Senior": ["dario.conti", "DBA-Team"],
    "Net_PAMapprover": ["priya.nair", "jonas.keil", "Net-Staff"],
    "Net-Staff": ["Net-Base"],
    "Net-Base": ["wen.zhao"],
    "L2_PAMapprover": ["dario.conti"],
    "List_PAMapprover": ["mara.voss"],
}
KINDS = {"List_PAMapprover": "distribution"}
WORLD = {"people": PEOPLE, "groups": GROUPS, "group_kinds": KINDS}
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


def the_person(directory: Directory, account_name: str) -> Person:
    """Return the one person of this name."""
    found = directory.find_by_user_name(account_name)
    assert isinstance(found, Person)
    return found


class DirectoryContract:
    """The rules. They need the world above behind a fixture `subject`."""

    @pytest.fixture
    def directory(self, subject: Subject) -> Directory:
        """Give a directory with the usual settings."""
        return subject.open()

    @pytest.mark.parametrize("address", ["ilka.brandt@corp.example", "ILKA.BRANDT@CORP.EXAMPLE", "Brandt@corp.example"])
    def test_a_person_is_found_by_any_of_their_addresses(self, directory: Directory, address: str) -> None:
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
            "ilka.brandt@corp.example)(mail=*", "X500:/o=CORP/cn=ilka", "/o=CORP/cn=ilka",
            "\u0131lka.brandt@corp.example", "smtp:brandt@corp.example", "a" * 300 + "@corp.example",
        ],
    )  # fmt: skip
    def test_what_only_resembles_an_address_finds_nobody(self, directory: Directory, address: str) -> None:
        """White space, NUL, wildcards, filter text and look-alikes never lead to a person."""
        assert directory.find_by_address(address) == NoPerson()

    @pytest.mark.parametrize("address", ["twin@corp.example", "rhea.malik@corp.example"])
    def test_an_address_of_two_people_is_nobodys(self, directory: Directory, address: str) -> None:
        """Two with one mail, or one whose alias claims another's address: several, never one of them."""
        assert directory.find_by_address(address) == SeveralPersons(count=2)

    def test_what_an_account_is_comes_as_facts(self, directory: Directory) -> None:
        """Disabled and expired accounts are found and say so; nothing of it hides a person."""
        assert the_person(directory, "jonas.keil").disabled
        assert the_person(directory, "priya.nair").expired
        ilka = the_person(directory, "ilka.brandt")
        assert (ilka.disabled, ilka.expired, ilka.shared_mailbox, ilka.linked_mailbox) == (False, False, False, False)
        assert the_person(directory, "dario.conti").manager_dn == the_person(directory, "mara.voss").dn
        assert ilka.manager_dn is None

    def test_a_contact_is_nobody(self, directory: Directory) -> None:
        """A partner's contact with the same mail neither hides nor doubles the person, and has no user name."""
        found = directory.find_by_address("mara.voss@corp.example")
        assert isinstance(found, Person)
        assert found.account_name == "mara.voss"
        assert directory.find_by_user_name("partner") == NoPerson()

    def test_the_link_joins_two_accounts_of_one_human(self, directory: Directory) -> None:
        """Equal link values stand on both accounts; an ignored or missing one joins nobody."""
        ilka, admin = the_person(directory, "ilka.brandt"), the_person(directory, "adm-ilka")
        assert ilka.link == admin.link == "1001"
        assert ilka.guid != admin.guid
        assert admin.address == ""
        assert the_person(directory, "mara.voss").link is None
        assert the_person(directory, "dario.conti").link is None

    def test_an_admin_account_belongs_to_its_manager(self, directory: Directory) -> None:
        """By the pattern of its name; its owner's link joins it too. A line manager owns nobody."""
        ilka, mara = the_person(directory, "ilka.brandt"), the_person(directory, "mara.voss")
        admin, other = the_person(directory, "admin-ilka"), the_person(directory, "adm-mara")
        assert (admin.owner, admin.link) == (ilka.guid, "1001")
        assert (other.owner, other.link) == (mara.guid, None)
        assert the_person(directory, "dario.conti").owner is None
        assert the_person(directory, "adm-ilka").owner is None

    def test_admin_accounts_are_found_from_their_owner(self, directory: Directory) -> None:
        """Dario, whose line manager Mara is, is none of hers."""
        found = directory.admin_accounts_of(the_person(directory, "mara.voss"))
        assert found == [the_person(directory, "adm-mara")]
        assert list(directory.admin_accounts_of(the_person(directory, "adm-mara"))) == []

    def test_people_are_found_by_their_link(self, directory: Directory) -> None:
        """Those who bear it themselves, in any case; no more than ten; nobody by what only resembles it."""
        found = directory.people_with_link("1001")
        assert {person.account_name for person in found} == {"ilka.brandt", "adm-ilka"}
        assert the_person(directory, "adm-ilka") in found
        assert len(directory.people_with_link("filler")) == 10
        for nobody in ("100", "1*", "*", "1001)(cn=*", "unknown"):
            assert list(directory.people_with_link(nobody)) == []

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
    def test_a_user_name_leads_to_its_person(self, directory: Directory, user_name: str, account_name: str) -> None:
        """[people.map] comes first, then sAMAccountName without its domain, then userPrincipalName or address."""
        assert the_person(directory, user_name).account_name == account_name

    @pytest.mark.parametrize(
        "user_name",
        ["", "nobody", "mara*", "mara.voss ", " mara.voss", "mara.voss\0", "CORP\\", "*", "mara.voss)(cn=*"],
    )
    def test_what_only_resembles_a_user_name_finds_nobody(self, directory: Directory, user_name: str) -> None:
        """Wildcards, edges of white space and filter text are not a user name."""
        assert directory.find_by_user_name(user_name) == NoPerson()

    def test_a_user_name_that_is_also_anothers_address_is_nobodys(self, directory: Directory) -> None:
        """A principal name of one and an alias of another, equal: several."""
        assert directory.find_by_user_name("rhea.malik@corp.example") == SeveralPersons(count=2)

    def test_the_group_book_holds_what_may_be_used(self, directory: Directory) -> None:
        """The pattern finds the first level, the second-level group stands alone, a distribution group is a problem."""
        book = directory.approver_groups()
        assert [group.name for group in book.first] == ["DB_PAMapprover", "Net_PAMapprover"]
        assert {group.level for group in book.first} == {Level.FIRST}
        assert book.second is not None
        assert (book.second.name, book.second.level) == ("L2_PAMapprover", Level.SECOND)
        assert [problem.name for problem in book.problems] == ["List_PAMapprover"]
        assert len({group.sid for group in book.all()}) == 3

    def test_a_missing_second_level_group_disables_level_two_only(self, subject: Subject) -> None:
        """The first level goes on; the problem names the group."""
        subject.delete("L2_PAMapprover")
        book = subject.open().approver_groups()
        assert book.second is None
        assert [group.name for group in book.first] == ["DB_PAMapprover", "Net_PAMapprover"]
        assert "L2_PAMapprover" in {problem.name for problem in book.problems}

    def test_a_distribution_group_is_never_the_second_level(self, subject: Subject) -> None:
        """It stands in the problems and in neither level."""
        book = subject.open(second_level="List_PAMapprover").approver_groups()
        assert book.second is None
        assert [group.name for group in book.first] == ["DB_PAMapprover", "L2_PAMapprover", "Net_PAMapprover"]
        assert {problem.name for problem in book.problems} == {"List_PAMapprover"}

    def test_without_a_second_level_nothing_is_missed(self, subject: Subject) -> None:
        """No second-level group configured: none there, and no problem."""
        book = subject.open(second_level=None, first_level="DB_*").approver_groups()
        assert book.second is None
        assert [group.name for group in book.first] == ["DB_PAMapprover"]
        assert book.problems == ()

    def test_a_pattern_that_finds_nothing_is_a_problem(self, subject: Subject) -> None:
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
            ("priya.nair", set()),
        ],
    )
    def test_memberships_follow_nested_groups(self, directory: Directory, account_name: str, groups: set[str]) -> None:
        """Direct, nested twice and in a loop; not by distribution group, linked account or primary group."""
        book = directory.approver_groups()
        held = directory.memberships(the_person(directory, account_name), book.all())
        assert {group.name for group in book.all() if group.sid in held} == groups

    @pytest.mark.parametrize(
        ("account_name", "groups"),
        [
            ("priya.nair", {"Net_PAMapprover"}),
            ("wen.zhao", {"Net_PAMapprover"}),
            ("jonas.keil", {"Net_PAMapprover"}),
            ("dario.conti", {"DB_PAMapprover", "L2_PAMapprover"}),
            ("sofie.lund", set()),
        ],
    )
    def test_the_primary_group_counts_where_the_site_says_so(
        self, subject: Subject, account_name: str, groups: set[str]
    ) -> None:
        """Being it, or a group that it is in; it takes nothing from the other groups, and gives nobody else any."""
        directory = subject.open(count_primary_group=True)
        book = directory.approver_groups()
        held = directory.memberships(the_person(directory, account_name), book.all())
        assert {group.name for group in book.all() if group.sid in held} == groups

    def test_nobody_is_in_none_of_no_groups(self, directory: Directory) -> None:
        """No groups asked, none held."""
        assert directory.memberships(the_person(directory, "ilka.brandt"), ()) == frozenset()

    def test_a_group_made_anew_is_another_group(self, subject: Subject) -> None:
        """Membership counts for the pinned SID: a group of the same name with another SID gives nothing."""
        directory = subject.open()
        before = directory.approver_groups()
        ilka = the_person(directory, "ilka.brandt")
        subject.recreate("DB_PAMapprover")
        assert directory.memberships(ilka, before.all()) == frozenset()
        after = directory.approver_groups()
        assert len(directory.memberships(ilka, after.all())) == 1

    def test_a_directory_that_is_away_says_so(self, subject: Subject) -> None:
        """No answer is Unavailable for every question, and never 'nobody', 'no group' or 'not a member'."""
        directory = subject.open()
        ilka, book = the_person(directory, "ilka.brandt"), directory.approver_groups()
        subject.go_away()
        questions: list[Callable[[], object]] = [
            lambda: directory.find_by_address("ilka.brandt@corp.example"),
            lambda: directory.find_by_user_name("ilka.brandt"),
            lambda: directory.people_with_link("1001"),
            lambda: directory.admin_accounts_of(ilka),
            lambda: directory.memberships(ilka, book.all()),
            directory.approver_groups,
        ]
        for question in questions:
            with pytest.raises(Unavailable) as raised:
                question()
            assert raised.value.system is System.DIRECTORY
