"""The mail is a pointer: what it says beyond safe and number must be what PVWA has on record."""

from __future__ import annotations

from typing import Any

import pytest

from approvald.adapters.pvwa.records import TEXT_CHARS, clean
from approvald.approval.compare import CUT_AT_LEAST, Comparison, differences, noted
from approvald.core.model import AccessRequest, NoPerson, PersonLookup
from fakes.directory import make_person
from fakes.facts import TIMO, notification, waits_for

LONG = "Kernel patch in the agreed window, ticket CHG-4711, as spoken with the owner of the database"


def found(request: AccessRequest | None = None, person: PersonLookup = TIMO, **said: Any) -> tuple[str, ...]:
    """Return the refusing differences between a mail and the record."""
    return differences(notification(**said), request or waits_for(), person, Comparison())


def test_a_faithful_mail_does_not_differ() -> None:
    """What CyberArk printed and nobody touched is not refused."""
    assert found() == ()


def test_lines_that_the_mail_does_not_show_are_not_compared() -> None:
    """Only the three required values must be there."""
    assert found(account=None, device_user=None, reason=None) == ()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"safe": "DB-PROD-02"}, "request id"),
        ({"number": "18"}, "request id"),
        ({"requestor": "wen.zhao@corp.example"}, "requestor"),
        ({"account": "Operating System-UnixSSH-db8.corp.example-root"}, "account"),
        ({"device_user": "oracle"}, "device user"),
        ({"reason": "Something else"}, "reason"),
        ({"reason": ""}, "reason"),
    ],
)
def test_each_altered_line_is_named(said: dict[str, Any], field: str) -> None:
    """One edited line is enough, and the sender learns which."""
    assert found(**said) == (field,)


def test_the_safe_and_names_compare_without_case_and_with_white_space_folded() -> None:
    """Mail programs wrap lines and people type safes in lower case; the Vault does not tell case."""
    assert found(safe="db-prod-01", account="operating  system-UnixSSH-db7.corp.example-root", device_user="ROOT") == ()


def test_any_address_of_the_requestor_is_the_requestor() -> None:
    """An alias in the notification is the same person."""
    person = make_person("timo.gast", aliases=("t.gast@corp.example",))
    assert differences(notification(requestor="T.Gast@corp.example"), waits_for(), person, Comparison()) == ()


def test_the_address_we_write_to_counts_as_an_address() -> None:
    """A directory entry whose list of addresses lacks its own main address is still that person."""
    person = make_person("timo.gast", addresses=frozenset())
    assert differences(notification(), waits_for(), person, Comparison()) == ()


def test_an_unknown_requestor_is_left_to_its_own_check() -> None:
    """`altered` accuses the mail; a requestor that the directory does not know is no fault of the mail."""
    assert differences(notification(), waits_for(), NoPerson(), Comparison()) == ()


def test_what_pvwa_does_not_show_cannot_be_confirmed_as_the_same() -> None:
    """A mail may not claim an account where nothing can contradict it."""
    assert found(request=waits_for(account=None, device_user=None)) == ("account", "device user")


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        (LONG, True),
        (LONG.replace(" ", "\n  "), True),
        (f"(ConnectionClient=PSM-SSH) {LONG}", True),
        (LONG[:CUT_AT_LEAST], True),
        (LONG[:60] + "...", True),
        (LONG[:60] + "…", True),
        (LONG[: CUT_AT_LEAST - 1], False),
        (LONG[:20] + "...", False),
        (LONG + " and more", False),
        (LONG.upper(), False),
    ],
)
def test_a_reason_is_whole_or_a_long_cut_beginning(printed: str, *, same: bool) -> None:
    """CyberArk's mail may cut a long reason; a short beginning proves nothing, and nothing may be added."""
    request = waits_for(user_reason=LONG, requestor_reason=f"(ConnectionClient=PSM-SSH) {LONG}")
    assert (found(request=request, reason=printed) == ()) is same


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("ok \x1b[2J", "ok \x1b[2J"),
        ("nul\x00 bell\x07", "nul\ufffd bell\x07"),
        ("left\u202eright", "left\u202eright"),
        ("line\u2028line\x85line", "line\u2028line\x85line"),
        ("soft\u00adhyphen", "soft\u00adhyphen"),
        ("no\u00a0break", "no\u00a0break"),
        ("> as quoted", "as quoted"),
        ("long story " * 400, "long story " * 400),
    ],
)
def test_a_reason_survives_what_our_record_of_it_is_spared(typed: str, printed: str) -> None:
    """PVWA's texts are taken without control characters and cut at 2,000; the mail prints them as they were typed."""
    request = waits_for(user_reason=clean(typed, TEXT_CHARS), requestor_reason="")
    assert found(request=request, reason=printed) == ()
    assert found(request=request, reason=f"Not {printed}") == ("reason",)


def test_a_difference_set_to_note_is_noted_and_does_not_refuse() -> None:
    """A site whose template prints another name for the account says so in its configuration."""
    mail = notification(account="db7", device_user="oracle", reason="none")
    lenient = Comparison(account="note", device_user="note", reason="note")
    assert differences(mail, waits_for(), TIMO, lenient) == ()
    assert noted(mail, waits_for()) == ("account", "device_user", "reason")
    assert differences(mail, waits_for(), TIMO, Comparison(account="note")) == ("device user", "reason")


def test_no_setting_lets_another_requestor_or_request_pass() -> None:
    """Safe, number and requestor always refuse."""
    lenient = Comparison(account="note", device_user="note", reason="note")
    mail = notification(requestor="wen.zhao@corp.example", number="18")
    assert differences(mail, waits_for(), TIMO, lenient) == ("request id", "requestor")
