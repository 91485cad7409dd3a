"""The table of senders' headers and what is proposed from it: mails of every way in (mail-security A.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.cli.doctor import senders_json, senders_lines
from approvald.config.load import load
from approvald.core.model import ListedMail, Mail
from approvald.doctor.senders import MISSING, SEVERAL, Site, table
from approvald.mail.headers import Headers
from approvald.mail.sender import SenderRules
from places import SHIPPED

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AUTH = "X-MS-Exchange-Organization-Auth"
ILKA = "Ilka Brandt <ilka.brandt@corp.example>"
EX1, EX2 = "EX01.corp.example", "EX02.corp.example"
SITE = Site(
    rules=SenderRules(
        auth_as=frozenset({"Internal"}), auth_mechanisms=frozenset({"04"}), auth_sources=("ex01.corp.example",)
    ),
    domains=frozenset({"corp.example"}),
)


def mail(
    auth_as: str | None = "Internal",
    mechanism: str | None = "04",
    source: str | None = EX1,
    *more: tuple[str, str],
    author: str = ILKA,
    hours: int = 0,
) -> Mail:
    """Return a mail, headers only, received so many hours after noon; None leaves a field out."""
    values = {"As": auth_as, "Mechanism": mechanism, "Source": source}
    fields: Headers = tuple((f"{AUTH}{name}", value) for name, value in values.items() if value is not None)
    received = NOON + timedelta(hours=hours)
    return Mail(
        listed=ListedMail(item_id=f"{hours}", item_class="IPM.Note", size=1, received=received),
        message_id="",
        headers=(("From", author), *fields, *more),
        mime=None,
    )


def test_combinations_are_counted_with_newest_and_example() -> None:
    """Most frequent first; letter case of hosts does not make two of one; the newest mail gives the example."""
    found = table(
        [mail(hours=1), mail(source=EX1.lower(), author="wen.zhao@emea.corp.example", hours=3), mail(mechanism="06")],
        SITE,
    )
    first, second = found.combinations
    assert (first.count, first.proven, first.newest) == (2, 2, NOON + timedelta(hours=3))
    assert first.example == "emea.corp.example"
    assert (second.auth_mechanism, second.count, second.proven) == ("06", 1, 0)
    assert found.count == 3


def test_what_the_rules_believe_now_is_judged_by_the_proof_itself() -> None:
    """A combination may be believed in one mail and not in another, for its From; the reason is told."""
    found = table([mail(), mail(author="a@corp.example, b@corp.example"), mail(source=EX2)], SITE)
    one, other = found.combinations
    assert (one.count, one.proven, one.why) == (2, 1, "From is not exactly one plain address.")
    assert (other.proven, "auth_sources" in other.why) == (0, True)


def test_hosts_of_mailbox_users_are_proposed() -> None:
    """Internal and 04 from servers below our domains, in lower case, sorted; the present rules then do not fit."""
    found = table([mail(source=EX2), mail(), mail(source=EX2)], SITE)
    assert found.auth_sources == ("ex01.corp.example", "ex02.corp.example")
    assert not found.fits
    assert found.warnings == ()


def test_rules_that_take_every_proposed_host_fit() -> None:
    """By name or by suffix."""
    rules = SenderRules(
        auth_as=frozenset({"Internal"}), auth_mechanisms=frozenset({"04"}), auth_sources=("*.corp.example",)
    )
    assert table([mail(), mail(source=EX2)], Site(rules=rules, domains=frozenset())).fits
    assert table([mail()], SITE).fits


@pytest.mark.parametrize(
    ("auth_as", "mechanisms", "proposed"),
    [
        ({"Internal", "Anonymous"}, {"04"}, ("04",)),
        ({"Internal"}, {"04", "10"}, ("04",)),
        ({"Internal"}, {"00"}, ("04",)),
        ({"Internal"}, {"06"}, ("04", "06")),
    ],
)
def test_rules_that_believe_too_much_or_too_little_do_not_fit(
    auth_as: set[str], mechanisms: set[str], proposed: tuple[str, ...]
) -> None:
    """Also where every server is named: what proves nobody goes, 04 comes, SMTP log-ons are the site's choice."""
    rules = replace(SITE.rules, auth_as=frozenset(auth_as), auth_mechanisms=frozenset(mechanisms))
    found = table([mail()], replace(SITE, rules=rules))
    assert (found.fits, found.auth_as, found.auth_mechanisms) == (False, ("Internal",), proposed)


def test_smtp_log_ons_that_the_site_allows_stay() -> None:
    """Some sites' approvers use IMAP clients."""
    rules = replace(SITE.rules, auth_mechanisms=frozenset({"04", "0a"}))
    found = table([mail()], replace(SITE, rules=rules))
    assert (found.fits, found.auth_mechanisms) == (True, ("04", "0a"))


def test_nothing_is_proposed_from_nothing() -> None:
    """An empty mailbox, or one without a mail of a mailbox user, fits no rules."""
    for mails in ([], [mail(auth_as="Anonymous", mechanism="00")]):
        found = table(mails, SITE)
        assert (found.auth_sources, found.fits) == ((), False)


@pytest.mark.parametrize(
    ("way", "warning"),
    [
        (mail(mechanism="10", source="relay.corp.example"), "Never add 10"),
        (mail(mechanism="06", source="smtp.corp.example"), "a log-on over SMTP"),
        (mail(mechanism="0A", source="smtp.corp.example"), "mechanism 0a, a log-on over SMTP"),
        (mail(mechanism="00", source="old.corp.example"), "Internal without 04"),
        (mail(mechanism="12", source="old.corp.example"), "the replay folder"),
        (mail(mechanism="74", source="old.corp.example"), "unknown mechanism"),
        (mail("Anonymous", "00", "edge.corp.example"), "Never add Anonymous"),
        (mail("Anonymous", "04", "edge.corp.example"), "Never add Anonymous"),
        (mail("External", "04", "edge.corp.example"), "came as External"),
        (mail("internal", "04", "edge.corp.example"), "came as internal"),
        (mail("Internal74", "04", "edge.corp.example"), "came as Internal74"),
        (mail(source="ex.evil.example"), "ex.evil.example wrote Internal and 04, but lies below none of your domains"),
        (mail(source="evilcorp.example"), "lies below none of your domains"),
        (mail(auth_as=None), "lack one of the three fields"),
        (mail(mechanism=None), "lack one of the three fields"),
        (mail("Internal", "04", "edge.corp.example", (f"{AUTH}As", "Internal")), "more than once"),
        (mail("Internal", "04", "edge.corp.example", (f"{AUTH}Source", EX2)), "more than once"),
        (mail(source="edge.corp.example."), ""),
        (mail(source="*.corp.example"), ""),
        (mail(source="localhost"), ""),
    ],
)
def test_other_ways_in_are_never_proposed(way: Mail, warning: str) -> None:
    """Each is a warning that says why; the proposal stays what mailbox users' mails make it."""
    found = table([mail(), way], SITE)
    assert found.auth_sources == ("ex01.corp.example",)
    assert found.fits
    assert any(warning in each for each in found.warnings) or not warning
    assert found.count == 2


def test_missing_and_several_values_are_told_apart() -> None:
    """In the table too."""
    found = table([mail(source=None), mail("Internal", "04", EX1, (f"{AUTH}As", "Anonymous"))], SITE)
    assert {each.auth_source for each in found.combinations} == {MISSING, EX1}
    assert {each.auth_as for each in found.combinations} == {"Internal", SEVERAL}


def test_configured_servers_that_wrote_nothing_are_told() -> None:
    """The example's names may still stand in the configuration."""
    rules = SenderRules(
        auth_as=frozenset({"Internal"}),
        auth_mechanisms=frozenset({"04"}),
        auth_sources=("ex01.corp.example", "ex09.corp.example", "*.old.example"),
    )
    found = table([mail()], Site(rules=rules, domains=SITE.domains))
    assert [each.split()[0] for each in found.warnings] == ["ex09.corp.example", "*.old.example"]


def test_the_domain_of_the_directory_counts_as_ours() -> None:
    """Servers are often called by another domain than mail addresses are."""
    settings = load(SHIPPED)
    directory = settings.directory.model_copy(update={"base_dn": "OU=All, dc=ad,DC=corp,DC=local"})
    site = Site.from_settings(settings.model_copy(update={"directory": directory}))
    assert site.domains == {"corp.example", "ad.corp.local"}
    assert table([mail(source="ex5.ad.corp.local")], site).auth_sources == ("ex5.ad.corp.local",)


def test_the_screen_shows_table_proposal_and_warnings() -> None:
    """And nothing that a terminal obeys, whoever wrote it."""
    found = table([mail(), mail(source=EX2), mail(auth_as="\x1b[2J\nok", mechanism="10")], SITE, unread=1)
    lines = list(senders_lines(found))
    assert 'auth_sources = ["ex01.corp.example", "ex02.corp.example"]' in lines
    assert "1 mails could not be fetched and are left out." in lines
    assert any("AuthMechanism" in line for line in lines)
    assert not any(character in line for line in lines for character in "\n\r")
    assert "\x1b[2J" not in "".join(lines)


def test_programs_get_the_same() -> None:
    """JSON holds every column and the proposal."""
    found = senders_json(table([mail()], SITE))
    assert found["proposal"] == {
        "auth_as": ["Internal"],
        "auth_mechanisms": ["04"],
        "auth_sources": ["ex01.corp.example"],
    }
    assert found["fits"] is True
    assert found["combinations"] == [
        {
            "auth_as": "Internal",
            "auth_mechanism": "04",
            "auth_source": EX1,
            "count": 1,
            "newest": "2026-11-20T12:00:00+00:00",
            "example": "corp.example",
            "proven": 1,
            "why": "",
        }
    ]


VALUES = st.one_of(st.text(max_size=20), st.sampled_from(["Internal", "04", "10", EX1, "Anonymous", ILKA]))
NAMES = st.sampled_from([f"{AUTH}As", f"{AUTH}Mechanism", f"{AUTH}Source", "From", "Sender"])


@given(st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=6), max_size=4))
def test_no_header_makes_it_raise_or_propose_what_is_not_ours(fields: list[list[tuple[str, str]]]) -> None:
    """Whatever strangers write: every mail is counted, and only hosts below our domains are proposed."""
    listed = ListedMail(item_id="1", item_class="IPM.Note", size=1, received=NOON)
    mails = [Mail(listed=listed, message_id="", headers=tuple(each), mime=None) for each in fields]
    found = table(mails, SITE)
    assert found.count == len(mails)
    assert set(found.auth_sources) <= {"ex01.corp.example"}
    assert list(senders_lines(found))
