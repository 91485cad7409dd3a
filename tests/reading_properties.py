"""What holds for every mail there can be: the rules that the fuzzer and the tests of the reading hold mails against.

`check` raises AssertionError where a rule is broken, and lets every exception of the code under test through.
"""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random
from typing import Final

from approvald.core import frozen_json
from approvald.core.errors import Unreadable
from approvald.core.model import REQUEST_NUMBER, Ambiguous, Incomplete, NotARequest, Notification, Reading
from approvald.core.text import ADDRESS
from approvald.mail.explain import mail_of, sender_words
from approvald.mail.intake import Automatic, CodeMail, ForReading, RuleForward, UnreadableMail, classify
from approvald.mail.parse.agree import agree
from approvald.mail.parse.read import read
from approvald.mail.parse.views import View, Views, views_of
from approvald.mail.sender import OnBehalf, ProvenAddress, Unproven, WrongRoute, prove
from mailbag import AUTH, RULES

KINDS: Final = (Automatic, RuleForward, CodeMail, NotARequest, UnreadableMail, ForReading)
PROOFS: Final = (ProvenAddress, Unproven, WrongRoute, OnBehalf)
READINGS: Final = (Notification, Incomplete, Ambiguous)
SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _()-]{0,27}", re.ASCII)
LIMITS: Final = RULES.parse.limits
# A reading of a plain text that knows nothing of the parser's: a core label at the start of a line, and what follows
LINES: Final = {
    name: re.compile(rf"^[> \t]*{label}[ \t]*:[ \t]*(\S[^\n]*?)[ \t\r]*$", re.ASCII | re.IGNORECASE | re.MULTILINE)
    for name, label in {"safe": r"Safe", "number": r"Request[ \t]+Id"}.items()
}


def check(raw: bytes) -> Reading:
    """Hold intake, sender proof and reading of a raw mail against every rule; return the reading."""
    mail = mail_of(raw)
    kind = classify(mail, RULES.intake)
    assert isinstance(kind, KINDS)
    assert isinstance(kind, ForReading) or is_own_sentence(kind.why)
    proof = prove(mail, RULES.sender)
    assert isinstance(proof, PROOFS)
    if isinstance(proof, ProvenAddress):
        _check_proof(proof, mail.headers)
    reading = read(raw, RULES.parse)
    check_reading(reading)
    assert sender_words(raw, RULES).isprintable()
    _check_views(raw, reading)
    return reading


def is_own_sentence(why: str) -> bool:
    """Tell whether a sentence can be shown anywhere: ASCII and printable, whatever stood in the mail."""
    return why.isascii() and why.isprintable() and len(why) < 400


def _check_proof(proof: ProvenAddress, fields: tuple[tuple[str, str], ...]) -> None:
    """Hold a proven address against the rule: exactly one of each of Exchange's fields and one From."""
    names = [name.strip().casefold() for name, _ in fields]
    assert all(names.count(name.casefold()) == 1 for name, _ in (*AUTH, ("From", "")))
    assert "x-ms-exchange-p2fromregexmatch" not in names
    assert ADDRESS.fullmatch(proof.address)
    assert proof.proof == "Internal/04"
    assert all(value.isascii() and value.isprintable() for _, value in proof.values)


def check_reading(reading: Reading) -> None:
    """See that a reading has values of allowed forms, or a sentence of ours, and survives the way between processes."""
    assert isinstance(reading, READINGS)
    assert frozen_json.loads(frozen_json.dumps(reading), *READINGS) == reading
    if not isinstance(reading, Notification):
        assert is_own_sentence(reading.why)
        return
    assert REQUEST_NUMBER.fullmatch(reading.number)
    assert SAFE.fullmatch(reading.safe)
    assert ADDRESS.fullmatch(reading.requestor)
    assert reading.requestor.isascii()
    assert reading.requestor.partition("@")[2] in RULES.parse.domains
    for value in (reading.account, reading.device_user):
        assert value is None or (len(value) <= LIMITS.value_chars and "\n" not in value)


def _check_views(raw: bytes, reading: Reading) -> None:
    """See that views say the same in every order and however often, and that a contradiction is never read over."""
    try:
        views = views_of(raw, RULES.parse)
    except Exception:  # noqa: BLE001 - what Python's parser raises; read() has already made it a refusal
        assert isinstance(reading, Incomplete)
        assert reading.unreadable
        return
    chance = Random(len(raw))  # noqa: S311 - any order, and the same one for the same mail
    order = tuple(chance.sample(views.views, len(views.views)))
    assert agreed(views, order + order[: chance.randrange(2)]) == reading
    if isinstance(reading, Notification):
        _check_alone(views, reading, chance)
    elif isinstance(reading, Ambiguous):
        more = View(text="Safe: DB-PROD-01\nRequest Id: 1101\n", is_html=False)
        assert isinstance(agreed(views, (*order, more)), Ambiguous)


def _check_alone(views: Views, reading: Notification, chance: Random) -> None:
    """Nothing else stands in any view, and one more value anywhere, shown or hidden, ends the reading."""
    for view in views.views:
        if not view.is_html:
            for name, line in LINES.items():
                found = {" ".join(value.split()) for value in line.findall(view.text.replace("\xa0", " "))}
                assert found <= {" ".join(str(getattr(reading, name)).split())}
    others = {"safe": "Safe: NET-CORE", "number": "Request Id: 999999999", "requestor": "Requester email: lea@x.yz"}
    name = chance.choice([name for name in others if getattr(reading, name) not in others[name]])
    is_html, form = chance.choice(((False, "{}"), (True, "<p>{}</p>"), (True, "<p hidden>{}</p>")))
    other = View(text=form.format(others[name]), is_html=is_html)
    assert isinstance(agreed(views, (*views.views, other)), Ambiguous)


def agreed(views: Views, order: tuple[View, ...]) -> Reading:
    """Return what these views say together, as `read` would."""
    try:
        together = replace(views, views=order)
        return agree(together, RULES.parse)
    except Unreadable as error:
        return read_unreadable(str(error))


def read_unreadable(why: str) -> Incomplete:
    """Return what `read` makes of a mail that is over a limit."""
    advice = "Forward CyberArk's notification alone, unchanged, or approve in PVWA."
    return Incomplete(missing=("requestor", "safe", "number"), why=f"{why} {advice}", unreadable=True)
