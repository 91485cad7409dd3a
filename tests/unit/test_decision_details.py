"""The edges of comparing and deciding, where a small change of the code would let another mail through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from approvald.compare import Comparison, differences, has_address
from fakes.facts import TIMO, notification, waits_for

LONG = "Kernel patch in the agreed window, ticket CHG-4711, as spoken with the owner of the database"


def differs(reason: str, said: str) -> bool:
    """Tell whether a printed reason refuses, where PVWA has on record what was said."""
    request = waits_for(user_reason=said, requestor_reason="")
    return differences(notification(reason=reason), request, TIMO, Comparison()) == ("reason",)


def test_a_long_piece_from_the_middle_of_a_reason_is_no_beginning() -> None:
    """Leaving out how a reason begins changes what it says, however much of it is left."""
    assert differs(LONG[11:], LONG)
    assert not differs(LONG[:60], LONG)


def test_a_beginning_is_forty_characters_or_more() -> None:
    """Forty are enough, thirty-nine are not, and the dots of a cut do not count."""
    said = "abcdefghij" * 5
    assert not differs(said[:40], said)
    assert differs(said[:39], said)
    assert not differs(f"{said[:40]}...", said)
    assert differs(f"{said[:39]}...", said)


@pytest.mark.parametrize("dots", ["...", "…", " ...", " …"])
def test_dots_behind_a_cut_may_stand_apart(dots: str) -> None:
    """A mail program that cuts in the middle of a word may put a blank before its dots."""
    assert not differs(f"{LONG[:50]}{dots}", LONG)


def test_a_reason_longer_than_our_record_of_it_is_compared_as_far_as_ours_goes() -> None:
    """PVWA's texts are cut near 2,000 characters; from 1,900 on the mail may say more, below it may not."""
    assert not differs("x" * 1_900 + " and so on", "x" * 1_900)
    assert differs("x" * 1_899 + " and so on", "x" * 1_899)


@pytest.mark.parametrize("unseen", ["\x07", "\u200b", chr(0xD800), "\ufffd"])
def test_characters_that_nobody_sees_do_not_tell_reasons_apart(unseen: str) -> None:
    """Adapters drop them and mails carry them: control, format, half and replaced characters."""
    assert not differs(f"left{unseen}right", "leftright")
    assert differs(f"left{unseen} right", "leftright")


def test_an_empty_line_is_what_pvwa_shows_as_nothing() -> None:
    """A template prints the label of an account or a device user where there is none."""
    nothing = waits_for(account=None, device_user=None)
    assert differences(notification(account="", device_user=""), nothing, TIMO, Comparison()) == ()
    for name in ("account", "device_user"):
        said: dict[str, Any] = {"account": None, "device_user": None, name: "XXXX"}
        assert differences(notification(**said), nothing, TIMO, Comparison()) == (name.replace("_", " "),)


def test_the_address_we_write_to_compares_without_case() -> None:
    """The directory's main address may be written in any letter case."""
    person = replace(TIMO, address="Timo.Gast@Corp.Example", addresses=frozenset())
    assert has_address(person, "timo.gast@corp.EXAMPLE")
    assert not has_address(person, "timo.gast@corp.example.org")
