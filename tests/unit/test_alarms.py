"""Alarms: who is told of what, how often, and what an alarm mail never holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald import config
from approvald.alarms import Alarm, AlarmKind, alarm_words, harmless
from approvald.errors import System, Unavailable
from approvald.model import Folder, Level, Reply
from approvald_sandbox.mails import Notice, forwarded
from fakes.house import ILKA, MARA, House

CONFIGURATION = Path(__file__).parents[2] / "config" / "approvald.toml"
TEAM = ("cyberark-team@corp.example",)
NOTICE = Notice(requestor="jonas.keil@corp.example", safe="DB-PROD-01", number="17")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with the shipped configuration."""
    return House(tmp_path, config.load(CONFIGURATION))


def forged(sender: str = ILKA, note: str = "") -> bytes:
    """Return a notification whose sender Exchange does not vouch for."""
    return forwarded(NOTICE, sender, note=note).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")


def alarms(house: House, subject: str = "") -> list[Reply]:
    """Return the mails that went to the team alone."""
    return [mail for mail in house.mailbox.sent if mail.to == TEAM and subject in mail.subject]


def test_a_forged_mail_is_told_to_the_team_and_to_nobody_else(house: House) -> None:
    """One alarm that names the fields seen and the options, one request to Exchange more than silence."""
    house.mailbox.deliver(forged(note="Planted words of the body"))

    house.round()

    (alarm,) = house.mailbox.sent
    assert (alarm.to, alarm.cc) == (TEAM, ())
    assert "X-MS-Exchange-Organization-AuthAs: Anonymous" in alarm.text
    assert "sender.auth_sources" in alarm.text
    assert "Planted" not in alarm.text + alarm.html
    assert len(house.mailbox.folder(Folder.QUARANTINE)) == 1
    assert house.mailbox.requests == ["list_inbox", "fetch", "send", "file"]


def test_an_alarm_leaves_with_the_answers_of_its_round(house: House) -> None:
    """A forged mail among honest ones costs no request of its own."""
    house.mailbox.deliver(forged(), received=house.clock.now())
    house.forward(house.ask())

    house.round()

    assert house.mailbox.requests == ["list_inbox", "fetch", "send", "file", "file"]
    assert {mail.to for mail in house.mailbox.sent} == {TEAM, (ILKA,)}


@pytest.mark.parametrize("restart", [True, False])
def test_one_mail_an_hour_and_the_next_counts_what_was_held_back(house: House, *, restart: bool) -> None:
    """Ten forgeries within the hour make one mail at once and one an hour later, over a restart too."""
    for _ in range(10):
        house.mailbox.deliver(forged("nobody@evil.example"), received=house.clock.now())
        house.round()
        house.clock.turn(60)
        if restart:
            house.crash()
    assert len(alarms(house)) == 1
    assert "Held back" not in alarms(house)[0].text

    house.clock.turn(3000)
    house.round()

    assert len(alarms(house)) == 2
    assert "Held back: 8 more of this kind since 2026-11-20 12:01 UTC" in alarms(house)[1].text


def test_kinds_are_throttled_apart(house: House) -> None:
    """A flood of one kind hides no other."""
    for _ in range(3):
        house.mailbox.deliver(forged("nobody@evil.example"))
        house.round()
    house.ask()
    house.pvwa.requests["DB-PROD-01_17"].forbidden_to = frozenset(Level)
    house.forward(house.pvwa.requests["DB-PROD-01_17"])
    house.round()

    assert [mail.subject for mail in alarms(house)] == [
        "Alarm: a mail of unproven sender was quarantined",
        "Alarm: CyberArk does not show a request to approvald",
    ]


def test_more_than_three_forgeries_of_approvers_say_that_the_rules_may_be_wrong(house: House) -> None:
    """Three may be a forger's; the fourth within the hour says that a site's own mails may fit no rule."""
    for sender in (ILKA, MARA, ILKA):
        house.mailbox.deliver(forged(sender))
    house.round()
    assert alarms(house, "rules for senders") == []

    house.mailbox.deliver(forged(MARA))
    house.round()

    (alarm,) = alarms(house, "rules for senders")
    assert "4 mails within an hour" in alarm.text
    assert "sender.auth_mechanisms" in alarm.text


def test_forgeries_of_others_do_not_doubt_the_rules(house: House) -> None:
    """Only an address that is an approver's in the directory counts; so do only those of the last hour."""
    for sender in ("nobody@evil.example", "jonas.keil@corp.example", *["ghost@corp.example"] * 4):
        house.mailbox.deliver(forged(sender))
    for _ in range(5):
        house.mailbox.deliver(forged(ILKA), received=house.clock.now())
        house.round()
        house.clock.turn(1201)

    assert alarms(house, "rules for senders") == []


def test_a_directory_that_is_away_does_not_hold_a_forged_mail(house: House) -> None:
    """Who is imitated is a courtesy to the team; the mail is put away at once."""
    house.directory.error = Unavailable(System.DIRECTORY, "away")
    house.mailbox.deliver(forged())

    house.round()

    assert len(house.mailbox.folder(Folder.QUARANTINE)) == 1
    assert len(alarms(house)) == 1


def _hidden(house: House) -> str:
    house.forward(house.ask(forbidden_to=frozenset(Level)))
    return "DB-PROD-01_17"


def _unmapped(house: House) -> str:
    house.forward(house.ask(level1=("Oracle owners",)))
    return "Oracle owners"


def _bad_group(house: House) -> str:
    house.directory.add_group("XX_PAMapprover", security=False)
    house.forward(house.ask())
    return "XX_PAMapprover"


def _unsent(house: House) -> str:
    house.mailbox.refuse_to.add(ILKA)
    house.forward(house.ask())
    house.round()
    return ILKA


@pytest.mark.parametrize(
    ("arrange", "subject"),
    [
        (_hidden, "does not show"),
        (_unmapped, "not known as approver groups"),
        (_bad_group, "cannot be used"),
        (_unsent, "could not be sent"),
    ],
)
def test_what_the_team_must_set_right_is_named(house: House, arrange: Callable[[House], str], subject: str) -> None:
    """Each alarm says what it is about, and comes once."""
    named = arrange(house)

    house.round()
    house.round()

    (alarm,) = alarms(house, subject)
    assert named in alarm.text


def test_three_tries_at_foreign_requests_are_probing(house: House) -> None:
    """Two mistakes are human; the third within an hour is told, with the sender and without their text."""
    for number in (1, 2):
        house.forward(house.ask(f"SECRET-SAFE_{number}"))
        house.pvwa.delete(f"SECRET-SAFE_{number}")
        house.round()
    assert alarms(house) == []

    house.forward(house.ask("DB-PROD-01_3", level1=("L2_PAMapprover",)), MARA)
    house.forward(house.ask("DB-PROD-01_4", level1=("L2_PAMapprover",)), ILKA)
    house.round()

    (alarm,) = alarms(house, "not theirs")
    assert ILKA in alarm.text
    assert "3 mails" in alarm.text
    assert "SECRET-SAFE" not in alarm.text


def test_tries_on_three_days_are_no_probing(house: House) -> None:
    """The count looks back one hour."""
    for number in range(4):
        house.forward(house.ask(f"DB-PROD-01_{number}"))
        house.pvwa.delete(f"DB-PROD-01_{number}")
        house.round()
        house.clock.turn(1801)

    assert alarms(house) == []


def test_an_alarm_whose_sending_was_not_answered_is_not_sent_twice(house: House) -> None:
    """It is looked for in Sent Items, after a restart too."""
    house.mailbox.deliver(forged())
    house.mailbox.lose_answers = 1

    house.round()
    house.crash()
    house.clock.turn(40)
    house.round()
    house.round()

    assert len(house.mailbox.sent) == 1
    assert house.mailbox.requests.count("sent_markers") == 1


def test_an_alarm_that_was_raised_before_a_crash_is_sent_after_it(house: House) -> None:
    """Exchange goes away after the fetch: the alarm stands in the ledger."""
    house.mailbox.deliver(forged())
    house.mailbox.away_after = "fetch"
    with pytest.raises(Unavailable):
        house.round()
    house.crash()
    house.mailbox.away_after = ""

    house.clock.turn(40)
    house.round()

    assert len(alarms(house)) == 1


def test_a_field_of_the_mail_becomes_neither_a_link_nor_markup(house: House) -> None:
    """The From of a stranger stands in the mail to the team: escaped, cut, and not to be clicked."""
    mail = forged().replace(
        b'"Ilka Brandt" <ilka.brandt@corp.example>',
        b'"<a href=x>https://evil.example www.evil.example" <e@evil.example>',
    )
    assert b"https" in mail
    house.mailbox.deliver(mail)

    house.round()

    (alarm,) = house.mailbox.sent
    assert "://evil" not in alarm.text + alarm.html
    assert "www.evil" not in alarm.text + alarm.html
    assert "<a href=x>" not in alarm.html


_ALARMS = st.builds(
    Alarm,
    kind=st.sampled_from(AlarmKind),
    why=st.text(),
    name=st.text(max_size=50),
    facts=st.lists(st.tuples(st.just("Field"), st.text())).map(tuple),
)


@given(_ALARMS, st.lists(st.text(max_size=20), min_size=1, max_size=30))
def test_any_text_makes_one_harmless_line(alarm: Alarm, names: list[str]) -> None:
    """Whatever stands in a field: printable, one line, bounded; the subject is ours."""
    raised = [NOW + timedelta(seconds=number) for number in range(len(names))]

    words = alarm_words(alarm, raised, names, ["abc"])

    assert words.subject == alarm_words(replace(alarm, why="", facts=()), raised, names, []).subject
    for _, value in words.facts:
        assert value.isprintable()
        assert "://" not in value
    assert all(len(value) < 6000 for _, value in words.facts)
    assert words.facts[-1] == ("Alarm", alarm.kind.value)


@given(st.from_regex(r"[A-Za-z0-9_.:*\\ @/-]{0,60}", fullmatch=True))
def test_plain_words_stay_as_they_are(text: str) -> None:
    """Names of groups, hosts and addresses are told as they are, unless a mail program could make a link of them."""
    if "://" not in text and "www." not in text.casefold():
        assert harmless(text) == text


def test_every_kind_has_its_words() -> None:
    """No alarm is raised that cannot be told."""
    for kind in AlarmKind:
        words = alarm_words(Alarm(kind=kind, why="x"), [NOW], [""], [])
        assert words.subject.startswith(("Alarm: ", "Digest: "))
        assert words.next_step.endswith((".", "TEXT"))
