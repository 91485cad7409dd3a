"""The edges of comparing and deciding, where a small change of the code would let another mail through."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from approvald.approval.actors import actors
from approvald.approval.compare import Comparison, differences, has_address
from approvald.approval.decide import Confirm, Refuse, decide
from approvald.approval.endings import Code, Ending
from approvald.approval.people import ApprovedBy, same_person
from approvald.core.model import Confirmer, Level, NoPerson
from fakes.directory import make_person
from fakes.facts import DB, FIN, ILKA, NOW, OURS, TIMO, acted, facts, notification, waits_for

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


def test_quote_marks_before_a_reason_are_the_mail_program_s_and_letters_are_not() -> None:
    """`> ` in front of it does not count; anything else in front makes it another reason."""
    assert not differs(f"> > {LONG}", LONG)
    for before in ("X", "x", "-", "Not: "):
        assert differs(before + LONG, LONG)


def test_words_are_parted_by_blanks_alone() -> None:
    """White space folds to one blank, and to nothing that could stand in a name."""
    request = waits_for(account="a b")
    assert differences(notification(account="a \t b"), request, TIMO, Comparison()) == ()
    for account in ("ab", "aXX XXb", "a_b"):
        assert differences(notification(account=account), request, TIMO, Comparison()) == ("account",)


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


PASSED: Final = ("as_notified", "still_waits", "requestor_known", "not_own_request", "own_team", "level")
BY_REQUESTOR: Final = "The requestor also approved this request, with another account."
BY_WEN: Final = acted("DB_PAMapprover", "wen.zhao", at=NOW - timedelta(hours=2))
BY_LEA: Final = acted("FIN_PAMapprover", "lea.fontaine", at=NOW - timedelta(hours=1))


def refusal(**changes: Any) -> Ending:
    """Decide on honest facts with these changes, and expect a refusal."""
    given = facts(**changes)
    decision = decide(replace(given, acted=actors(given.request, OURS)))
    assert isinstance(decision, Refuse)
    return decision.ending


@pytest.mark.parametrize(
    ("code", "passed", "changes"),
    [
        (Code.ALTERED, 0, {"notification": notification(reason="another")}),
        (Code.ALREADY_CONFIRMED, 1, {"request": waits_for(status=2, status_title="Confirmed", confirmers=(BY_WEN,))}),
        (Code.REQUESTOR_UNKNOWN, 2, {"requestor": NoPerson()}),
        (Code.OWN_REQUEST, 3, {"requestor": ILKA, "notification": notification(requestor=ILKA.address)}),
        (Code.OTHER_TEAM, 4, {"sender_groups": (FIN,)}),
        (Code.WRONG_LEVEL, 5, {"request": waits_for(level=Level.SECOND)}),
        (Code.NEEDS_OTHER_CONFIRMER, 6, {"request": waits_for(confirmers=(BY_WEN,))}),
        (Code.SAME_PERSON_TWICE, 6, {"portal_people": (ILKA,)}),
    ],
)
def test_a_refusal_names_the_checks_that_had_passed(code: Code, passed: int, changes: dict[str, Any]) -> None:
    """The audit shows how far a mail came, in the order of the checks."""
    ending = refusal(**changes)
    assert (ending.code, ending.checks) == (code, PASSED[:passed])


def test_fields_that_differ_are_listed_in_words() -> None:
    """The sender reads their names, parted by commas, and no value."""
    ending = refusal(notification=notification(reason="x", account="y", number="18"))
    assert ending.names == ("request id", "account", "reason")
    assert ending.why == "What differs from CyberArk's record: request id, account, reason."


@pytest.mark.parametrize(
    ("code", "record"),
    [
        (Code.ALREADY_CONFIRMED, {"status": 2, "status_title": "Confirmed: the request was confirmed"}),
        (Code.ALREADY_REJECTED, {"status": 3, "status_title": "Rejected: the request was rejected"}),
        (Code.WRONG_LEVEL, {"level": Level.SECOND}),
        (Code.NEEDS_OTHER_CONFIRMER, {}),
    ],
)
def test_a_team_reads_who_acted_last_and_when(code: Code, record: dict[str, Any]) -> None:
    """The last of those who acted, in PVWA's words, with the time in UTC."""
    ending = refusal(request=waits_for(confirmers=(BY_LEA, BY_WEN), confirmations_left=2, **record))
    assert ending.code is code
    assert (ending.who, ending.when) == ("Lea Fontaine (lea.fontaine)", BY_LEA.acted_at and BY_LEA.acted_at.isoformat())
    assert ending.words == record.get("status_title", "")
    assert ending.level == (Level.SECOND if code is Code.WRONG_LEVEL else None)
    assert ending.confirmations_left == (2 if code is Code.NEEDS_OTHER_CONFIRMER else None)


def test_an_expired_request_names_nobody() -> None:
    """Who had acted on it does not explain why it is over."""
    ending = refusal(request=waits_for(status=4, status_title="Expired: too late", confirmers=(BY_WEN,)))
    assert (ending.code, ending.who, ending.when, ending.words) == (Code.EXPIRED, "", None, "Expired: too late")


def test_the_other_level_s_approver_reads_who_acted_only_as_a_confirmer() -> None:
    """Where PVWA lists the current level alone, the other level's approver learns the level and nothing else."""
    ending = refusal(request=waits_for("L2_PAMapprover", level=Level.SECOND))
    assert (ending.code, ending.level, ending.request) == (Code.WRONG_LEVEL, Level.SECOND, None)


def test_a_configured_name_counts_with_a_domain_before_it_too() -> None:
    r"""`CORP\Oracle owners` is the group that the configuration means by Oracle owners."""
    decision = decide(facts(request=waits_for("CORP\\Oracle owners"), pvwa_names={"oracle owners": "DB_PAMapprover"}))
    assert isinstance(decision, Confirm)
    assert decision.group == DB


def test_admin_accounts_of_admin_accounts_are_one_human() -> None:
    """An owner joins both ways round, and the ledger's memory of an admin account is that account."""
    admin = make_person("adm-ilka", owner=ILKA.guid)
    second = make_person("adm2-ilka", owner=admin.guid)
    for one, other in ((admin, second), (second, admin), (admin, ILKA), (ILKA, admin)):
        assert same_person(one, other, {})
    before = ApprovedBy(guid=admin.guid, link=None, ledger_id="k3m9abcdefgh")
    assert same_person(admin, before, {})
    assert same_person(before, admin, {})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"portal_people": (ILKA,)}, "You have already approved this request, and it needs two different people."),
        (
            {"portal_people": (TIMO,)},
            BY_REQUESTOR,
        ),
        (
            {"request": waits_for(confirmers=(acted("FIN_PAMapprover", "ilka.brandt"),))},
            "You have already approved this request, and it needs two different people.",
        ),
        (
            {"request": waits_for(confirmers=(acted("FIN_PAMapprover", "ilka.brandt", "mara.voss"),))},
            "You may already have approved this request: CyberArk shows that your group has acted, but not who.",
        ),
    ],
)
def test_whoever_may_have_approved_before_reads_why_they_may_not_again(changes: dict[str, Any], why: str) -> None:
    """Certain, the requestor's own, or a doubt: each has its sentence."""
    request = changes.get("request", waits_for())
    other = Confirmer(name="DB_PAMapprover", is_group=True, action=2)
    ending = refusal(**changes | {"request": replace(request, confirmers=(*request.confirmers, other))})
    assert (ending.code, ending.why) == (Code.SAME_PERSON_TWICE, why)


def test_one_of_several_accounts_that_may_have_acted_is_enough() -> None:
    """A human with two accounts has acted where one of them may have."""
    admin = make_person("adm-ilka", owner=ILKA.guid)
    rows = (acted("FIN_PAMapprover", "adm-ilka"), Confirmer(name="DB_PAMapprover", is_group=True, action=2))
    for accounts in ((admin,), (admin, make_person("test-ilka"))):
        ending = refusal(request=waits_for(confirmers=rows), sender_accounts=accounts)
        assert ending.code is Code.SAME_PERSON_TWICE


def test_one_certain_act_beside_a_doubtful_one_is_certain() -> None:
    """The sentence about a doubt is for doubts alone."""
    rows = (acted("FIN_PAMapprover", "ilka.brandt"), acted("L2_PAMapprover", "ilka.brandt", "rhea.malik"))
    other = Confirmer(name="DB_PAMapprover", is_group=True, action=2)
    assert refusal(request=waits_for(confirmers=(*rows, other))).why.startswith("You have already approved")


def test_the_requestor_is_told_by_the_name_the_directory_has() -> None:
    """And by the one that PVWA shows where the directory does not know them."""
    person = replace(TIMO, display_name="Gast, Timo")
    known, unknown = refusal(request=waits_for(level=Level.SECOND), requestor=person), refusal(requestor=NoPerson())
    assert known.request is not None
    assert unknown.request is not None
    assert (known.request.requestor, unknown.request.requestor) == ("Gast, Timo", "Timo Gast")
