"""Names, pages, DNs and settings as they come in real directories, before the sandbox's LDAP server."""

from __future__ import annotations

from typing import Any

import pytest

from approvald.adapters.active_directory.directory import ActiveDirectory
from approvald.core.errors import System, Unavailable
from approvald.core.model import GroupBook, Level, NoPerson, Person, SeveralPersons
from approvald_sandbox.control.client import Sandbox
from sandbox.directory_servers import ILKA, desk

AWKWARD = 'Voss, Mara (DB) *#1 \\ "x" + <y>; z = '
GROUPS_OU = "OU=Groups,OU=PAM,DC=corp,DC=example"


def _person(found: object) -> Person:
    assert isinstance(found, Person)
    return found


def _names(directory: ActiveDirectory, address: str, book: GroupBook) -> set[str]:
    """Return the names of the groups that the person with this address is in."""
    held = directory.memberships(_person(directory.find_by_address(address)), book.all())
    return {group.name for group in book.all() if group.sid in held}


def test_names_full_of_special_characters_change_nothing(sandbox: Sandbox) -> None:
    """A person and a group whose DNs need every escape there is: found, and the one in the other."""
    group = "R&D, (x) #1+2_PAMapprover"
    sandbox.change_person("mara.voss", display_name=AWKWARD)
    sandbox.change_group("Inner, (Team)", members=["mara.voss"])
    sandbox.change_group(group, members=["Inner, (Team)"])
    with desk(sandbox).open() as directory:
        mara = _person(directory.find_by_address("mara.voss@corp.example"))
        assert mara.display_name == AWKWARD
        assert mara.dn.startswith('CN=Voss\\, Mara (DB) *#1 \\\\ \\"x\\"')
        assert _names(directory, "mara.voss@corp.example", directory.approver_groups()) == {"DB_PAMapprover", group}


def test_letters_outside_ascii_are_kept(sandbox: Sandbox) -> None:
    """Display names and account names are not folded to something that only resembles them."""
    sandbox.change_person(
        "j.m\u00fcller", display_name="J\u00fcrgen M\u00fcller", mail="jm@corp.example", proxy_addresses=[]
    )
    with desk(sandbox).open() as directory:
        found = _person(directory.find_by_user_name("J.M\u00dcLLER"))
        assert found.display_name == "J\u00fcrgen M\u00fcller"
        assert directory.find_by_user_name("j.muller") == NoPerson()
        assert _person(directory.find_by_user_name("j.mu\u0308ller")).guid == found.guid


def test_a_mail_outside_ascii_is_nobodys_address(sandbox: Sandbox) -> None:
    """A Kelvin sign folds to a k: whoever puts one into their mail must not become somebody else."""
    sandbox.change_person("timo.gast", mail="il\u212aa.brandt@corp.example", proxy_addresses=[])
    sandbox.change_person("ilka.brandt", delete=True)
    with desk(sandbox).open() as directory:
        assert directory.find_by_address(ILKA) == NoPerson()
        timo = _person(directory.find_by_user_name("timo.gast"))
        assert (timo.address, timo.addresses) == ("", frozenset())


@pytest.mark.parametrize(
    ("mail", "proxies", "address"),
    [
        ("a@corp.example", ["smtp:b@corp.example", "SMTP:c@corp.example"], "c@corp.example"),
        ("a@corp.example", ["smtp:b@corp.example"], "a@corp.example"),
        ("a@corp.example", ["SMTP:b@corp.example", "SMTP:c@corp.example"], "a@corp.example"),
        (None, ["smtp:b@corp.example", "SIP:b@corp.example"], ""),
        ("a@corp.example\r\nBcc: x@evil.example", [], ""),
        ("Ilka <a@corp.example>", ["SMTP:b@corp.example"], "b@corp.example"),
    ],
)
def test_we_write_to_the_one_primary_address(
    sandbox: Sandbox, mail: str | None, proxies: list[str], address: str
) -> None:
    """The single upper-case SMTP proxy address, else mail; what is no address is never written to."""
    sandbox.change_person("ilka.brandt", mail=mail, proxy_addresses=proxies)
    with desk(sandbox).open() as directory:
        assert _person(directory.find_by_user_name("ilka.brandt")).address == address


def test_very_many_of_one_address_are_several(sandbox: Sandbox) -> None:
    """More rows than were asked for: several, not the first of them, and no error."""
    for number in range(15):
        sandbox.change_person(f"copy{number}", mail=ILKA)
    with desk(sandbox).open() as directory:
        assert isinstance(directory.find_by_address(ILKA), SeveralPersons)


def test_every_group_of_a_large_domain_is_seen(sandbox: Sandbox) -> None:
    """More groups than the server gives at once come page by page, and membership is found among all of them."""
    names = [f"T{number:04}_PAMapprover" for number in range(620)]
    groups: dict[str, Any] = {name: [] for name in names}
    groups |= {"T0003_PAMapprover": [ILKA], "T0577_PAMapprover": ["Nest"], "Nest": [ILKA]}
    sandbox.reset({"people": {"ilka.brandt": {}}, "groups": groups})
    patient = {"connect_timeout_seconds": 10.0, "receive_timeout_seconds": 20.0}
    with desk(sandbox, settings=patient).open() as directory:
        book = directory.approver_groups()
        assert [group.name for group in book.first] == names
        assert _names(directory, ILKA, book) == {"T0003_PAMapprover", "T0577_PAMapprover"}


def test_membership_costs_few_searches(sandbox: Sandbox) -> None:
    """One person in one of forty groups: found by halving, not by forty questions; and in none: by two."""
    sandbox.reset({"people": {"mara.voss": {}}, "groups": {f"T{n}_PAMapprover": [ILKA] * (n == 17) for n in range(40)}})
    asked = desk(sandbox)
    with asked.open() as directory:
        book = directory.approver_groups()
        before = len(asked.operations())
        assert _names(directory, ILKA, book) == {"T17_PAMapprover"}
        assert len(asked.operations()) - before <= 15
        before = len(asked.operations())
        assert _names(directory, "mara.voss@corp.example", book) == set()
        assert len(asked.operations()) - before == 3


def test_the_second_level_group_may_be_given_by_its_dn(sandbox: Sandbox) -> None:
    """In any case of letters; it is still not a first-level group."""
    with desk(sandbox, groups={"second_level": f"cn=l2_pamAPPROVER,{GROUPS_OU}"}).open() as directory:
        book = directory.approver_groups()
    assert book.second is not None
    assert (book.second.name, book.second.level) == ("L2_PAMapprover", Level.SECOND)
    assert "L2_PAMapprover" not in {group.name for group in book.first}
    assert book.problems == ()


@pytest.mark.parametrize("dn", ["CN=L2_PAMapprover,OU=Moved,DC=corp,DC=example", "cn=L2\\5fPAM\\approver,OU==,", "="])
def test_a_second_level_dn_that_is_wrong_disables_level_two_only(sandbox: Sandbox, dn: str) -> None:
    """The group of the same name, moved elsewhere, does not become a first-level group by that."""
    with desk(sandbox, groups={"second_level": dn}).open() as directory:
        book = directory.approver_groups()
    assert book.second is None
    assert [problem.name for problem in book.problems] == [dn]
    assert ("L2_PAMapprover" in {group.name for group in book.first}) == (dn == "=")


def test_a_person_is_no_second_level_group(sandbox: Sandbox) -> None:
    """A DN of something else than a group is a problem."""
    sandbox.change_person("ilka.brandt", display_name="Ilka")
    dn = "CN=Ilka,OU=People,OU=PAM,DC=corp,DC=example"
    with desk(sandbox, groups={"second_level": dn}).open() as directory:
        book = directory.approver_groups()
    assert book.second is None
    assert [problem.name for problem in book.problems] == [dn]


def test_a_pattern_is_no_more_than_its_stars(sandbox: Sandbox) -> None:
    """Dots and brackets in it mean themselves; a star means anything; case does not count."""
    sandbox.change_group("aXb_pam", members=[])
    sandbox.change_group("a.b_PAM", members=[])
    with desk(sandbox, groups={"first_level": "A.B_*"}).open() as directory:
        assert [group.name for group in directory.approver_groups().first] == ["a.b_PAM"]


def test_groups_below_another_base_do_not_count(sandbox: Sandbox) -> None:
    """A wrong groups.base_dn leaves no first-level group and says so; the directory itself is not blamed."""
    groups = {"base_dn": "OU=Nowhere,DC=corp,DC=example"}
    with desk(sandbox, groups=groups).open() as directory:
        book = directory.approver_groups()
    assert book.first == ()
    assert book.second is not None
    assert [problem.name for problem in book.problems] == ["first_level"]
    assert "groups.base_dn" in book.problems[0].why


def test_a_wrong_base_for_people_is_an_outage_not_an_answer(sandbox: Sandbox) -> None:
    """Nobody is refused because of directory.base_dn: the mail waits, and the message names the option."""
    with desk(sandbox, settings={"base_dn": "OU=Nowhere,DC=corp,DC=example"}).open() as directory:
        with pytest.raises(Unavailable, match=r"directory\.base_dn") as raised:
            directory.find_by_address(ILKA)
        assert raised.value.system is System.DIRECTORY


def test_somebody_who_goes_meanwhile_is_not_decided_on(sandbox: Sandbox) -> None:
    """Looked up, then removed or moved: unavailable, so that the next try sees it anew."""
    with desk(sandbox).open() as directory:
        book, ilka = directory.approver_groups(), _person(directory.find_by_address(ILKA))
        sandbox.change_person("ilka.brandt", delete=True)
        with pytest.raises(Unavailable):
            directory.memberships(ilka, book.all())


def test_somebody_else_in_the_same_place_is_not_them(sandbox: Sandbox) -> None:
    """Another object under the same DN, and in the group: nothing is decided on it."""
    with desk(sandbox).open() as directory:
        book, ilka = directory.approver_groups(), _person(directory.find_by_address(ILKA))
        sandbox.change_person("ilka.brandt", delete=True)
        sandbox.change_person("other", display_name=ilka.display_name)
        sandbox.change_group("DB_PAMapprover", members=["other"])
        with pytest.raises(Unavailable):
            directory.memberships(ilka, book.all())


def test_groups_that_are_all_gone_hold_nobody(sandbox: Sandbox) -> None:
    """No group left of those asked for: none held."""
    with desk(sandbox).open() as directory:
        book, ilka = directory.approver_groups(), _person(directory.find_by_address(ILKA))
        for group in book.all():
            sandbox.change_group(group.name, delete=True)
        assert directory.memberships(ilka, book.all()) == frozenset()


def test_a_group_that_turns_into_a_mailing_list_stops_counting(sandbox: Sandbox) -> None:
    """From the next question on, not from the next look at all groups."""
    with desk(sandbox).open() as directory:
        book = directory.approver_groups()
        assert _names(directory, ILKA, book) == {"DB_PAMapprover"}
        sandbox.change_group("DB_PAMapprover", kind="distribution")
        assert _names(directory, ILKA, book) == set()


def test_two_map_entries_that_differ_in_case_only_lead_to_nobody(sandbox: Sandbox) -> None:
    """The exact spelling counts first; any other one is not guessed."""
    people = {"map": {"Vendor": "mara.voss", "VENDOR": "ilka.brandt"}}
    with desk(sandbox, people=people).open() as directory:
        assert _person(directory.find_by_user_name("VENDOR")).account_name == "ilka.brandt"
        assert directory.find_by_user_name("vendor") == NoPerson()


def test_another_link_attribute_may_be_set(sandbox: Sandbox) -> None:
    """Whatever attribute joins accounts at this site is read, trimmed and folded."""
    with desk(sandbox, people={"link_attribute": "displayName"}).open() as directory:
        sandbox.change_person("ilka.brandt", display_name=" Ilka BRANDT ")
        assert _person(directory.find_by_address(ILKA)).link == "ilka brandt"
