"""The mail back: threaded, escaped, in the site's time zone, to whom it concerns and to nobody else."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvald.approval.endings import Code, Ending, RequestFacts, Team, treatment
from approvald.approval.sentences import Sentences, sentences
from approvald.core.errors import WaitCause
from approvald.core.model import Folder, Level, Reply
from approvald.mail.reply import ReplyRules, compose, compose_letter, compose_waiting, final_marker

TOLD = [code for code in Code if treatment(code).tells_sender]
PORTAL = "https://pvwa.corp.example/PasswordVault"
RULES = ReplyRules(
    team_name="CyberArk team",
    team_address="cyberark@corp.example",
    zone=ZoneInfo("Europe/Berlin"),
    portal_url=PORTAL,
)
REQUEST = RequestFacts(
    safe="DB-PROD-01", number="17", account="Operating System-UnixSSH-db7.corp.example-root", requestor="Timo Gast",
    level=1, window_from="2026-10-24T22:30:00+00:00", window_to="2026-10-25T02:30:00+00:00", reason="Kernel patch",
)  # fmt: skip


def reply(
    ending: Ending, to: str = "ilka.brandt@corp.example", message_id: str = "<1@x>", rules: ReplyRules = RULES
) -> Reply:
    """Compose the final answer."""
    return compose(ending, ledger_id="k3m9abcdefgh", to=to, message_id=message_id, rules=rules)


class Parsed(HTMLParser):
    """The elements and the text of a reply, as a mail program reads it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.text += data


@pytest.mark.parametrize("code", TOLD)
def test_every_ending_makes_a_whole_mail(code: Code) -> None:
    """Outcome, next step, facts, failed check, portal and id stand in both forms."""
    ending = Ending(code=code, request_id="DB-PROD-01_17", request=REQUEST, level=Level.FIRST)
    mail = reply(ending)
    said = sentences(ending, "")
    shown = Parsed(mail.html).text
    for text in (said.outcome, said.next_step, "Timo Gast", "DB-PROD-01", "Kernel patch", "k3m9abcdefgh"):
        assert text in mail.text
        assert text in shown
    assert (f"Check that failed: {code.value}" in mail.text) is (treatment(code).folder is not Folder.DONE)
    assert PORTAL in mail.text
    assert Parsed(mail.html).links == [PORTAL]


@pytest.mark.parametrize("code", TOLD)
def test_the_team_is_in_copy_on_failures_only(code: Code) -> None:
    """And a failure is marked important."""
    mail = reply(Ending(code=code))
    expected = () if treatment(code).team is Team.NOTHING else (RULES.team_address,)
    assert (mail.cc, mail.to) == (expected, ("ilka.brandt@corp.example",))
    assert mail.important is (treatment(code).folder is not Folder.DONE)


def test_the_team_is_not_told_twice() -> None:
    """A member of the team that writes from its address gets one mail."""
    assert reply(Ending(code=Code.EXPIRED), to="CyberArk@corp.example").cc == ()


@pytest.mark.parametrize(
    ("ending", "subject"),
    [
        (Ending(code=Code.EXPIRED, request_id="DB-PROD-01_17", request=REQUEST),
         "Not approved: request expired: request 17, safe DB-PROD-01"),
        (Ending(code=Code.OTHER_TEAM, request_id="SECRET-SAFE_17"), "Not approved: another team's request: request 17"),
        (Ending(code=Code.NOT_AN_APPROVER), "Not approved: you are not an approver"),
    ],
)  # fmt: skip
def test_the_subject_holds_our_words_number_and_safe(ending: Ending, subject: str) -> None:
    """The safe only where PVWA's facts may be told."""
    assert reply(ending).subject == subject


HOSTILE = '<img src="http://evil.example/x" onerror=1>&amp;</td></table><script>x</script>{{ 7*7 }}{% raw %}"\''


def test_nothing_of_pvwas_becomes_markup() -> None:
    """A reason typed by a requestor is text, in every field and in both forms."""
    facts = RequestFacts(safe=HOSTILE, number=HOSTILE, account=HOSTILE, requestor=HOSTILE, reason=HOSTILE)
    ending = Ending(code=Code.PVWA_REFUSED, request=facts, words=HOSTILE, who=HOSTILE, why=HOSTILE, names=(HOSTILE,))
    plain = Parsed(reply(Ending(code=Code.PVWA_REFUSED, request=REQUEST)).html)
    hostile = Parsed(reply(ending).html)
    cells = {"tr", "td"}
    assert [tag for tag in hostile.tags if tag not in cells] == [tag for tag in plain.tags if tag not in cells]
    assert hostile.links == plain.links
    assert "{{ 7*7 }}" in hostile.text
    assert "49" not in hostile.text


@given(st.text(), st.sampled_from(TOLD))
def test_no_value_leaves_its_line(value: str, code: Code) -> None:
    """Whatever PVWA holds: the subject is one line without controls, and no value can begin a line of its own."""
    facts = RequestFacts(safe=value, number=value, account=value, requestor=value, reason=value)
    ending = Ending(code=code, request=facts, words=value, who=value, request_id=value)
    mail = reply(ending)
    assert mail.subject.isprintable()
    usual = reply(Ending(code=code, request=RequestFacts(safe="a", number="b"), words="c", who="d", request_id="e"))
    assert len(mail.text.splitlines()) == len(usual.text.splitlines())
    assert "<script" not in mail.html


@pytest.mark.parametrize(
    ("message_id", "kept"),
    [("<1@x>", "<1@x>"), ("", None), ("1@x", None), ("<1@x>\r\nBcc: a@b", None), ("<a b>", None), ("<a><b>", None),
     ("<" + "x" * 300 + ">", None)],
)  # fmt: skip
def test_a_reply_is_threaded_to_a_sound_message_id_only(message_id: str, kept: str | None) -> None:
    """It is a header that the sender chose."""
    assert reply(Ending(code=Code.EXPIRED), message_id=message_id).in_reply_to == kept


def test_times_are_shown_in_the_sites_zone_across_the_change_of_clocks() -> None:
    """Each with the name of the zone, so that 02:30 is not taken for another 02:30."""
    text = reply(Ending(code=Code.EXPIRED, request=REQUEST)).text
    assert "Access window: Sun 25 Oct 2026 00:30 CEST to Sun 25 Oct 2026 03:30 CET" in text


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("UTC", "Sun 29 Mar 2026 00:59 UTC"), ("Europe/Berlin", "Sun 29 Mar 2026 01:59 CET"),
     ("America/New_York", "Sat 28 Mar 2026 20:59 EDT"), ("Asia/Kolkata", "Sun 29 Mar 2026 06:29 IST"),
     ("America/Sao_Paulo", "Sat 28 Mar 2026 21:59 -03")],
)  # fmt: skip
def test_when_somebody_acted_is_shown_in_the_sites_zone(zone: str, shown: str) -> None:
    """A second before the clocks change, and where a zone has no name of letters."""
    rules = ReplyRules(team_name="t", team_address="t@corp.example", zone=ZoneInfo(zone))
    ending = Ending(code=Code.ALREADY_CONFIRMED, who="Mara Voss", when="2026-03-29T00:59:59+00:00")
    assert f"by Mara Voss on {shown};" in reply(ending, rules=rules).text


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [("2026-11-20T09:00:00+00:00", None, "Fri 20 Nov 2026 10:00 CET to without end"),
     (None, "2026-11-20T09:00:00+00:00", "at once to Fri 20 Nov 2026 10:00 CET")],
)  # fmt: skip
def test_a_window_with_one_end_says_so(start: str | None, end: str | None, shown: str) -> None:
    """No sentence begins or ends with a blank."""
    facts = RequestFacts(safe="a", number="1", window_from=start, window_to=end)
    assert f"Access window: {shown}" in reply(Ending(code=Code.EXPIRED, request=facts)).text


def test_what_pvwa_did_not_say_is_said_to_be_unsaid() -> None:
    """No empty cell that looks like a value."""
    text = reply(Ending(code=Code.EXPIRED, request=RequestFacts(safe="a", number="1", requestor="x"))).text
    assert "Account: not shown by CyberArk" in text
    assert "Level: not shown by CyberArk" in text
    assert "Reason: none given" in text
    assert "Access window" not in text


def test_a_stranger_reads_no_facts() -> None:
    """Neither in the table nor anywhere else."""
    mail = reply(Ending(code=Code.OTHER_TEAM, request_id="DB-PROD-01_17"))
    for form in (mail.subject, mail.text, unescape(re.sub(r"<[^>]*>", "", mail.html))):
        assert "DB-PROD-01" not in form
        assert "Requestor" not in form


def test_without_a_portal_there_is_no_link() -> None:
    """The address is an option."""
    rules = ReplyRules(team_name="t", team_address="t@corp.example", zone=ZoneInfo("UTC"))
    mail = reply(Ending(code=Code.EXPIRED), rules=rules)
    assert Parsed(mail.html).links == []
    assert "Portal:" not in mail.text


@pytest.mark.parametrize(
    ("cause", "said"),
    [("PVWA did not answer", "unavailable"), (WaitCause.CAP.value, "per hour"), (WaitCause.PAUSE.value, "maintenance")],
)
def test_the_waiting_notice_says_that_nothing_is_decided(cause: str, said: str) -> None:
    """To the sender alone, with a marker of its own, and with the cause in plain words."""
    mail = compose_waiting(
        cause, ledger_id="k3m9abcdefgh", to="ilka.brandt@corp.example", message_id="<1@x>", rules=RULES
    )
    assert mail.subject == "Not decided yet"
    assert (mail.cc, mail.important, mail.marker) == ((), False, "k3m9abcdefgh.waiting")
    assert said in mail.text
    assert "Check that failed" not in mail.text


def test_markers_tell_final_answers_apart() -> None:
    """What is looked for in Sent Items is what was sent."""
    mail = reply(Ending(code=Code.CONFIRMED))
    assert mail.marker == final_marker("k3m9abcdefgh")
    assert final_marker("k3m9abcdefgh") != final_marker("k3m9abcdefgi")


def test_the_team_can_be_left_out_of_copy() -> None:
    """Where it gets a digest instead of a flood; the sender is answered all the same."""
    mail = compose(
        Ending(code=Code.EXPIRED), ledger_id="k3m9abcdefgh", to="ilka.brandt@corp.example", message_id="<1@x>",
        rules=RULES, copy_team=False,
    )  # fmt: skip
    assert (mail.to, mail.cc) == (("ilka.brandt@corp.example",), ())


@pytest.mark.parametrize(("to", "important"), [("CyberArk@corp.example", True), ("ilka.brandt@corp.example", False)])
def test_a_letter_of_our_own_goes_to_one_address_and_is_as_harmless(to: str, *, important: bool) -> None:
    """An alarm to the team is important, a note to a person is not; values are escaped in both."""
    mail = compose_letter(
        Sentences("A subject", "An outcome.", "A next step."), [("Group", HOSTILE + "\r\nBcc: x@y")],
        marker="7.alarm", to=to, message_id="", rules=RULES,
    )  # fmt: skip
    assert (mail.to, mail.cc, mail.marker, mail.subject) == ((to,), (), "7.alarm", "A subject")
    assert mail.important is important
    assert Parsed(mail.html).links == [PORTAL]
    assert "\nBcc" not in mail.text
