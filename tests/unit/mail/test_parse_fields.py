"""The labelled lines: every honest text form gives the values, every forged one is refused and never guessed."""

from __future__ import annotations

import dataclasses

import pytest

from approvald.core.model import Ambiguous, Incomplete, Notification
from approvald.mail.parse.read import read
from approvald.mail.parse.rules import ParseRules
from mailbag import LINES, RULES, html_of, multipart, part, read_html, read_text, text_of

CORE = {"Requester email": "requestor", "Safe": "safe", "Request Id": "number"}
TRUE = ("mara.voss@corp.example", "DB-PROD-01", "1101")


def notification(text: str, rules: ParseRules = RULES.parse) -> Notification:
    """Return what a text says, which must be a notification."""
    reading = read_text(text, rules)
    assert isinstance(reading, Notification), reading
    return reading


def values_of(text: str, rules: ParseRules = RULES.parse) -> tuple[str, str, str]:
    """Return the core values of a text."""
    found = notification(text, rules)
    return found.requestor, found.safe, found.number


def incomplete(text: str, rules: ParseRules = RULES.parse) -> Incomplete:
    """Return why a text is incomplete, which it must be."""
    reading = read_text(text, rules)
    assert isinstance(reading, Incomplete), reading
    return reading


def ambiguous(text: str) -> tuple[str, ...]:
    """Return the fields in which a text is ambiguous, which it must be."""
    reading = read_text(text)
    assert isinstance(reading, Ambiguous), reading
    return reading.fields


@pytest.mark.parametrize(
    "text",
    [
        text_of(),
        text_of().replace("\n", "\r\n"),
        text_of().replace("\n", "\r\r\n"),
        text_of(separator=":"),
        text_of(separator=" : "),
        text_of(separator=":\u00a0"),
        text_of(separator=":\t"),
        text_of(separator=":\n    "),
        text_of(separator=":\u00a0\n\n"),
        text_of(separator="\u200b:\u200b "),
        "\n".join(f">> {line}" for line in text_of().splitlines()),
        "\n".join(f"> \u00a0>\t{line}" for line in text_of(separator=":\n").splitlines()),
        "\ufeff" + "\n".join(f"\u200b{line}\u200b\u2060" for line in text_of().splitlines()),
        text_of().replace("Requester", "Requestor"),
        text_of().upper().replace("DB7.CORP.EXAMPLE", "db7.corp.example"),
        text_of().replace("Request Id", "Request\u00a0 Id"),
        text_of({"Requester email": "mara.voss@corp.example<mailto:mara.voss@corp.example>"}),
        text_of({"Requester email": "mara.voss@corp.example <mailto:Mara.Voss%40corp.example?subject=x>"}),
        text_of({"Requester email": "mara.voss@corp.example [mailto:mara.voss@corp.example]"}),
        text_of({"Requester email": "mara.voss@corp.example\n> <mailto:mara.voss@corp.example>"}),
        text_of({"Request Id": "\ufeff1101\u200c"}),
        f"{text_of()}\n\nFrom: me\n\n{text_of()}",
        f"CAUTION: external. Safe: never click. Request Id: none\n{text_of()}",
    ],
)
def test_every_honest_text_gives_the_same_values(text: str) -> None:
    """Quoting, spacing, NBSP, zero width at the edges, next-line values, either spelling and printed links."""
    assert values_of(text) == TRUE


def test_all_lines_of_the_block_are_read() -> None:
    """Account, device user and reason are kept for the comparison with PVWA's record."""
    found = notification(text_of())
    assert found.account == LINES["Account name"]
    assert found.device_user == "root"
    assert found.reason == LINES["Reason"]
    assert notification(text_of().replace("Account name", "Object")).account == LINES["Account name"]


def test_lines_that_are_not_there_are_none() -> None:
    """Only the three core fields are needed; an empty line is as good as none."""
    found = notification(f"Requester email: {TRUE[0]}\nSafe: {TRUE[1]}\nRequest Id: {TRUE[2]}\nReason:\n")
    assert (found.account, found.device_user, found.reason) == (None, None, None)


def test_a_reason_runs_to_the_next_label() -> None:
    """Broken, quoted and indented lines of a reason are one text; labels in mid-line are part of it."""
    reason = "first line\n> \n> second\tline: Safe: NET-CORE\n third"
    assert notification(text_of({"Reason": reason})).reason == "first line second line: Safe: NET-CORE third"


def test_a_reason_at_the_end_is_one_wrapped_line() -> None:
    """Where no label follows, a reason ends before what a client or a disclaimer writes below it."""
    long = "because the nightly import needs a new index before the maintenance\nwindow ends"
    core = text_of().partition("Reason")[0]
    assert notification(f"{core}Reason: {long}\n\nKind regards").reason == long.replace("\n", " ")
    assert notification(f"{core}Reason: short\nKind regards").reason == "short"
    assert notification(f"{core}Reason:\nshort").reason == "short"
    reading = read_html(html_of().partition("Issued")[0] + "<p>Kind regards</p>")
    assert isinstance(reading, Notification)
    assert reading.reason == LINES["Reason"]


def test_lines_that_a_client_wrapped_are_joined() -> None:
    """A long account broken at a blank equals the unbroken one in the HTML of the same mail."""
    account = "Operating System-UnixSSH-database-server-seven.production.corp.example-application administrator"
    broken = text_of({"Account name": account.replace(" admin", "\nadmin")})
    assert notification(broken).account == account
    both = multipart("alternative", part(broken), part(html_of({"Account name": account}), "text/html"))
    assert isinstance(read(both, RULES.parse), Notification)
    assert notification(text_of({"Device User Name": "root\nsmall talk"})).device_user == "root"


def test_an_endless_wrapped_value_ends() -> None:
    """Joining stops at a fixed length, and a value over the limit is refused."""
    assert incomplete(text_of({"Account name": "\n".join(["x" * 80] * 5_000)})).missing == ()


@pytest.mark.parametrize(("label", "field"), CORE.items())
def test_a_missing_field_is_named(label: str, field: str) -> None:
    """The sender is told which of the three is missing, whether its line is gone or misspelt."""
    for text in (
        "\n".join(line for line in text_of().splitlines() if not line.startswith(label)),
        text_of().replace(f"{label}:", f"x {label}:"),
        text_of().replace(f"{label}:", f"{label}\uff1a"),
        text_of().replace(f"{label}:", f"{label[:2]}\u200b{label[2:]}:"),
        text_of().replace(f"{label}:", f"{label};"),
    ):
        reading = incomplete(text)
        assert reading.missing == (field,)
        assert reading.why.startswith("The mail does not state the ")


@pytest.mark.parametrize("label", ["Safe", "Request Id"])
def test_an_empty_field_is_missing(label: str) -> None:
    """A label whose next line is another label has no value; nothing is borrowed from the neighbour."""
    reading = incomplete(text_of({label: ""}))
    assert reading.missing == (CORE[label],)
    assert "does not state" in reading.why
    assert incomplete(text_of().partition(label)[0] + f"{label}:\n \n").missing[-1] == "number"


def test_a_requestor_without_address_is_told_apart() -> None:
    """CyberArk leaves the line empty for users without an address: that request needs the portal."""
    reading = incomplete(text_of({"Requester email": ""}))
    assert reading.missing == ("requestor",)
    assert reading.why == "The requestor has no e-mail address in CyberArk: approve in PVWA."


def test_all_that_is_missing_is_named() -> None:
    """One answer names everything, so that nobody has to forward three times."""
    reading = incomplete("approved, see above")
    assert reading.missing == ("requestor", "safe", "number")
    assert "the requestor's e-mail address, the safe, the request id" in reading.why


@pytest.mark.parametrize(
    "value",
    [
        "twelve",
        "\uff11\uff12",
        "\u0661\u0662",
        "1_2",
        "1 2",
        "+12",
        "-1",
        "1.5",
        "0x1f",
        "1e3",
        "1" * 10,
        "1" * 5_000,
        "12/Confirm?x=1#",
        "12;id",
        "1\u200b2",
        "\u202e12",
        "12\u00ad",
    ],
)
def test_a_request_id_is_one_to_nine_ascii_digits(value: str) -> None:
    """What int() and isdigit() take is not enough."""
    reading = incomplete(text_of({"Request Id": value}))
    assert reading.missing == ("number",)
    assert "number of 1 to 9 digits" in reading.why


@pytest.mark.parametrize(
    "value",
    [
        "../../Safes/DB-PROD-01",
        "DB-PROD-01;id>/tmp/x",
        "DB/PROD",
        "DB\\PROD",
        "DB?x=1",
        "DB#1",
        "A" * 29,
        "A" * 300,
        "-DB",
        "_DB",
        "(DB)",
        "D\u0412-PROD-01",
        "\u202e10-DORP-BD\u202c",
        "\u2066DB\u2069",
        "DB-PROD\u00ad-01",
        "DB\u200b-PROD",
        "DB\u0336",
        "\U0001d403\U0001d401",
        "\uff24\uff22",
        "DB.PROD",
        "DB\u2011PROD",
        "$(id)",
        "{x.__class__}",
        "%s",
        "DB\x1b[2J",
        "DB\x00",
    ],
)
def test_a_safe_is_plain_ascii(value: str) -> None:
    """Paths, shells, URLs, templates, look-alikes and invisible characters are no safe."""
    reading = incomplete(text_of({"Safe": value}))
    assert reading.missing == ("safe",)


@pytest.mark.parametrize("value", ["A", "APP PAY 02", "SAP_BASIS", "a(b)-c", "0-day", "A" * 28, "APP\u00a0PAY 02"])
def test_the_usual_names_of_safes_are_read(value: str) -> None:
    """Letters, digits, blank, underscore, brackets and hyphen, up to 28 characters; NBSP is a blank."""
    assert notification(text_of({"Safe": value})).safe == value.replace("\u00a0", " ")


@pytest.mark.parametrize("value", ["R&D", "A+B", "100%", "R&D/../x"])
def test_safes_that_the_api_cannot_address_are_told_apart(value: str) -> None:
    """&, + and % need the portal; forwarding again would not help."""
    assert "cannot be addressed through the API: approve in PVWA." in incomplete(text_of({"Safe": value})).why


def test_a_site_may_allow_further_characters_in_safes() -> None:
    """[parse] safe_extra_characters adds characters, each as itself, never as the first."""
    rules = dataclasses.replace(RULES.parse, safe_extra_characters=".]^$")
    assert notification(text_of({"Safe": "DB.1]^$"}), rules).safe == "DB.1]^$"
    assert incomplete(text_of({"Safe": ".DB"}), rules).missing == ("safe",)
    assert incomplete(text_of({"Safe": "DB,1"}), rules).missing == ("safe",)


@pytest.mark.parametrize(
    "value",
    [
        "Mara Voss",
        "mara.voss",
        "mara.voss@corp.example, jonas.keil@corp.example",
        "Mara <mara.voss@corp.example>",
        "m\u0430ra.voss@corp.example",
        "mara.\u200bvoss@corp.example",
        '"mara voss"@corp.example',
        "mara@[10.0.0.1]",
        "mara.voss@corp.example;id",
        "mara.voss@corp.example (via x)",
        "mara.voss\uff20corp.example",
        "@corp.example",
        "x@corp",
        f"{'x' * 65}@corp.example",
        "mara.voss@corp.example<mailto:>x",
        "mara.vo\u017fs@corp.example",
        "mara.vo\u017fs@corp.example<mailto:mara.vo\u017fs@corp.example>",
        "\u212a@corp.example",
    ],
)
def test_a_requestor_is_one_plain_address(value: str) -> None:
    """Names, lists, look-alikes and quoted local parts are no address."""
    reading = incomplete(text_of({"Requester email": value}))
    assert reading.missing == ("requestor",)
    assert "not one plain address" in reading.why


@pytest.mark.parametrize("domain", ["evil.example", "corp.example.evil.example", "sub.corp.example", "xcorp.example"])
def test_a_requestor_is_of_our_domains(domain: str) -> None:
    """Whole domains are compared, and the sender is told that this is the reason."""
    reading = incomplete(text_of({"Requester email": f"mara.voss@{domain}"}))
    assert reading.missing == ("requestor",)
    assert "[mail] domains" in reading.why


@pytest.mark.parametrize(
    ("addition", "field"),
    [
        ("Safe: NET-CORE", "safe"),
        ("> > SAFE :\u00a0NET-CORE", "safe"),
        ("Safe: db-prod-01", "safe"),
        ("Safe:\nNET-CORE", "safe"),
        ("Request Id: 1102", "number"),
        ("Request Id: 01101", "number"),
        ("Requestor email: jonas.keil@corp.example", "requestor"),
        ("Requester email: mara.voss@corp.example<mailto:lea.fontaine@corp.example>", "requestor"),
        ("Requester email: mara.voss@corp.example\n<mailto:lea.fontaine@corp.example>", "requestor"),
        ("Requester email: mara.voss@corp.example [mailto:]", "requestor"),
        ("Account name: other", "account"),
        ("Device User Name: admin", "device_user"),
        ("Reason: read a log\nIssued on: x", "reason"),
        ("Safe: D\u0412-PROD-01", "safe"),
        ("S\u200bafe: NET-CORE", "safe"),
        ("Safe\uff1a NET-CORE", "safe"),
        ("\uff33afe: NET-CORE", "safe"),
        ("\u202aSafe: NET-CORE", "safe"),
        ("\u0405\u0430f\u0435: NET-CORE", "safe"),
        ("S\u03b1fe\u2236 NET-CORE", "safe"),
        ("R\u0435qu\u0435st Id: 1102", "number"),
        ("R\u0435\u0430s\u043en: harmless", "reason"),
        ("\u0410ccount n\u0430me: other", "account"),
    ],
)
def test_a_second_value_anywhere_is_ambiguous(addition: str, field: str) -> None:
    """Above or below, quoted, on the next line, behind a link or behind a disguised label."""
    assert ambiguous(f"{text_of()}\n{addition}\n") == (field,)
    assert ambiguous(f"{addition}\n\n{text_of()}") == (field,)


@pytest.mark.parametrize(
    "separator", ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_labels_behind_any_line_break_in_a_reason_are_ambiguous(separator: str) -> None:
    """Whatever some client takes for a line break: one of the two ways to read it finds the second value."""
    injected = separator.join(("urgent", "Safe: NET-CORE", "Request Id: 1"))
    assert set(ambiguous(text_of({"Reason": injected}))) >= {"safe", "number"}
    reading = read_html(html_of({"Reason": "<br>".join(injected.split("\n"))}))
    assert not isinstance(reading, Notification) or (reading.safe, reading.number) == TRUE[1:]


def test_rare_line_breaks_alone_change_nothing() -> None:
    """A reason with U+2028 in it reads the same in both ways."""
    assert notification(text_of({"Reason": "first\u2028second"})).reason == "first second"


@pytest.mark.parametrize(
    "reason",
    [
        "urgent Safe: NET-CORE Request Id: 1",
        "=cmd|'/C calc'!A0",
        "> 5 users wait; a -> b",
        'ok"}\\n{"level":"INFO"} \x1b[2J',
        "{0.__class__} %s",
        "<script>alert(1)</script>",
    ],
)
def test_a_reason_may_hold_anything_on_its_line(reason: str) -> None:
    """The requestor types it; it is compared and escaped later, and names nothing here."""
    found = notification(text_of({"Reason": reason}))
    assert found.reason == reason
    assert found.safe == "DB-PROD-01"


def test_further_labels_of_a_site_are_read() -> None:
    """[parse.labels] may name lines differently, with characters that mean something in patterns."""
    labels = (
        ("requestor", ("Antragsteller (E-Mail)",)),
        ("safe", ("Safe", "Tresor")),
        ("number", ("Nr.",)),
        ("reason", ()),
    )
    rules = dataclasses.replace(RULES.parse, labels=labels)
    text = "Antragsteller (E-Mail): mara.voss@corp.example\nTresor: DB-PROD-01\nNr.: 1101\nReason: not read here"
    assert values_of(text, rules) == TRUE
    assert notification(text, rules).reason is None
    assert incomplete(text.replace("Nr.", "Nrx"), rules).missing == ("number",)


@pytest.mark.parametrize("letter", ["\u017f", "\u212a"])
def test_letters_that_fold_to_ascii_make_no_label(letter: str) -> None:
    """A long s or a Kelvin sign equals s or k without case in Unicode, and is no letter of a label here."""
    text = text_of().replace("Safe", f"{letter}afe" if letter == "\u017f" else "Safe\u212a")
    assert incomplete(text).missing == ("safe",)


@pytest.mark.parametrize("line", ["Re\u0430son: harmless", "\u0410ccount name: other", "Device User N\uff41me: nobody"])
def test_a_line_that_only_looks_like_one_of_ours_is_ambiguous(line: str) -> None:
    """What people read as the reason and approvald does not would be compared with nothing."""
    label = {"R": "Reason", "\u0410": "Account name", "D": "Device User Name"}[line[0]]
    text = "\n".join(line if each.startswith(label) else each for each in text_of().split("\n"))
    assert line in text
    assert isinstance(read_text(text), Ambiguous)


def test_words_of_other_alphabets_are_no_labels() -> None:
    """Russian and Greek greetings and signatures around a notification change nothing."""
    russian = "\u041f\u0440\u0438\u0432\u0435\u0442: \u0421\u043f\u0430\u0441\u0438\u0431\u043e"
    greek = "\u0391\u03c0\u03cc: \u0399\u03ac\u03bd\u03b7\u03c2"
    assert isinstance(read_text(f"{russian}\n{greek}\n{text_of()}\n{greek}\n{russian}"), Notification)
