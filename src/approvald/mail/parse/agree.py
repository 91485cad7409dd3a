"""Makes one Reading of all views: every field has one value over all of them, or the mail is ambiguous.

A core field in hidden text is ambiguous whatever it says: nobody hides a request's data honestly. So is a core field
that some rendering of a mail has, but the one that the approver saw lacks: its HTML, or the last of the renderings.
The sentences are for people and never repeat a word of the mail.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from approvald.core.model import REQUEST_NUMBER, Ambiguous, Incomplete, Notification, Reading
from approvald.core.text import ADDRESS
from approvald.mail.parse.fields import Found, fields_of, readings
from approvald.mail.parse.html import read_html
from approvald.mail.parse.rejection import Doubtful, Openings
from approvald.mail.parse.rules import CORE, ParseRules
from approvald.mail.parse.views import View, Views

_NAMES: Final = {
    "requestor": "the requestor's e-mail address", "safe": "the safe", "number": "the request id",
    "account": "the account", "device_user": "the device user", "reason": "the reason",
}  # fmt: skip
_ORDER: Final = tuple(_NAMES)
REJECT: Final = "reject"
"""What is ambiguous where nobody can tell whether the approver rejects."""
_AGAIN: Final = "Forward CyberArk's whole notification again, unchanged, or approve in PVWA."
# what shapes text without being seen: soft hyphen, zero width, bidirectional marks, variation selectors, tags
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
Rendering = tuple[int, int]
"""The number of a multipart/alternative, and the position of one of its renderings."""
# letters of other alphabets, and signs, that look like those of our labels (Unicode's confusables, as far as needed)
_LOOK_ALIKES: Final = str.maketrans(
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408"
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u0501\u051b\u051d\u04bb\u04cf\u0433"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03b9\u03bd\u03bf\u03c1\u03c5\u0131\u0251\u0261\u01a6\u2236\ua789\u02d0\u05c3\ufe55",
    "ABEKMHOPCTYXSIJaeopcyxsijdqwhlrABEZHIKMNOPTYXaivopuiagR:::::",
)
_UNADDRESSABLE: Final = re.compile(r"[&+%]")


@dataclass(kw_only=True)
class _Table:
    """The fields of all views. `shown`: the fields by rendering; `in_html`: the renderings with HTML in them."""

    values: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    labels: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    disguised: set[str] = field(default_factory=set)
    shown: dict[Rendering, set[str]] = field(default_factory=lambda: defaultdict(set))
    in_html: set[Rendering] = field(default_factory=set)
    openings: Openings = field(default_factory=Openings)

    def show(self, view: View, names: Iterable[str]) -> None:
        """Note that a view shows these fields."""
        core = {name for name in names if name in CORE}
        for rendering in view.renderings:
            self.shown[rendering] |= core
        if view.is_html:
            self.in_html.update(view.renderings)
        if view.is_beside:
            self.doubtful |= core

    def add(self, found: Found) -> None:
        self.labels.add(found.name)
        self.values[found.name] |= {value for value in (found.value, *found.others) if value or found.others}

    def ambiguous(self, alternatives: Sequence[int]) -> tuple[str, ...]:
        several = {name for name, values in self.values.items() if len(values) > 1}
        # a disguised label beside a whole core would show what nobody compares; without one the core is missing
        is_whole = all(self.values[name] for name in CORE)
        twofold = {name for name in self.disguised if self.values[name] or is_whole}
        found = several | twofold | self.doubtful | self._unshown(alternatives)
        return tuple(name for name in _ORDER if name in found)

    def _unshown(self, alternatives: Sequence[int]) -> set[str]:
        """Return what some rendering of a text has, but one that clients prefer lacks."""
        found: set[str] = set()
        for number, count in enumerate(alternatives):
            renderings = [(number, position) for position in range(count)]
            said = {name for rendering in renderings for name in self.shown[rendering]}
            found |= {name for each in renderings if each in self.in_html or each == renderings[-1]
                      for name in said - self.shown[each]}  # fmt: skip
        return found

    def rejects(self) -> bool:
        return self.openings.rejection() is not None

    def value(self, name: str) -> str | None:
        return next(iter(self.values[name]), None)


def agree(views: Views, rules: ParseRules) -> Reading:
    """Return the one reading of these views. Raises Unreadable over a limit."""
    table = _Table()
    for view in views.views:
        if view.is_html:
            _add_html(table, view, rules)
        else:
            _add_text(table, view, rules)
    ambiguous = table.ambiguous(views.alternatives)
    if ambiguous:
        names = ", ".join(_NAMES[name] for name in ambiguous)
        why = (
            f"The mail gives more than one value for {names}, or hides one. Forward one notification alone, unchanged."
        )
        return Ambiguous(fields=ambiguous, why=why, rejects=table.rejects())
    short = _incomplete(table, views, rules) or _long(table, rules)
    return _notification(table) if short is None else replace(short, rejects=table.rejects())


_UNCLEAR: Final = (
    "The mail begins with the word reject, but in an unclear form. To reject, begin it with reject "
    "and a colon; to approve, forward the notification without that word."
)


def _add_text(table: _Table, view: View, rules: ParseRules) -> None:
    for text in readings(view.text, rules):
        for found in fields_of(text, rules, wraps=True):
            table.add(found)
            table.show(view, (found.name,))
    table.openings.add(view, view.text)
    table.disguised |= _disguised(view.text, rules)


def _add_html(table: _Table, view: View, rules: ParseRules) -> None:
    page = read_html(view.text)
    shown: set[str] = set()
    for text in readings(page.visible, rules):
        for found in fields_of(text, rules, wraps=False):
            table.add(found)
            shown.add(found.name)
    table.openings.add(view, page.visible)
    table.disguised |= _disguised(page.visible, rules)
    table.show(view, shown)
    if page.hidden.strip():
        for text in readings(page.hidden, rules):
            table.doubtful |= {found.name for found in fields_of(text, rules, wraps=False) if found.name in CORE}
        for text in readings(page.whole, rules):
            for found in fields_of(text, rules, wraps=False):
                if found.name in CORE:
                    table.add(found)


def _disguised(text: str, rules: ParseRules) -> set[str]:
    """Return the labels that appear only after look-alike and invisible characters are taken away."""
    if text.isascii():
        return set()
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_LOOK_ALIKES)
    true, all_of_them = (Counter(found.name for found in fields_of(form, rules, wraps=False)) for form in (text, plain))
    return set(all_of_them - true)


def _incomplete(table: _Table, views: Views, rules: ParseRules) -> Incomplete | None:
    faults = {name: why for name in CORE if (why := _fault(name, table, rules))}
    if not faults:
        return None
    absent = [name for name in CORE if name not in table.labels]
    if len(absent) == len(CORE) and (views.is_encrypted or views.has_winmail):
        return Incomplete(missing=tuple(faults), why=_CLOSED if views.is_encrypted else _WINMAIL)
    if absent:
        names = ", ".join(_NAMES[name] for name in absent)
        return Incomplete(missing=tuple(faults), why=f"The mail does not state {names}. {_AGAIN}")
    return Incomplete(missing=tuple(faults), why=next(iter(faults.values())))


_CLOSED: Final = f"The mail is encrypted or sealed, so nothing in it can be read. Send it unencrypted. {_AGAIN}"
_WINMAIL: Final = (
    f"The mail's text is in a file winmail.dat, which is not opened. Send it as HTML or plain text. {_AGAIN}"
)


def _fault(name: str, table: _Table, rules: ParseRules) -> str | None:
    """Return what is wrong with the value of a core field, as a sentence, or None."""
    value = table.value(name)
    if not value:
        if name == "requestor" and name in table.labels:
            return "The requestor has no e-mail address in CyberArk: approve in PVWA."
        return f"The mail does not state {_NAMES[name]}. {_AGAIN}"
    if name == "requestor":
        return _requestor_fault(value, rules)
    if name == "number":
        return None if REQUEST_NUMBER.fullmatch(value) else f"The request id is not a number of 1 to 9 digits. {_AGAIN}"
    if re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9 _()\-{re.escape(rules.safe_extra_characters)}]{{0,27}}", value):
        return None
    if _UNADDRESSABLE.search(value):
        return "A safe with &, + or % in its name cannot be addressed through the API: approve in PVWA."
    return f"The safe's name has a form that is not allowed here. {_AGAIN}"


def _requestor_fault(value: str, rules: ParseRules) -> str | None:
    if len(value) > rules.limits.value_chars or not ADDRESS.fullmatch(value):
        return f"The requestor's e-mail address is not one plain address. {_AGAIN}"
    if value.partition("@")[2] not in rules.domains:
        return "The requestor's e-mail address is not in one of our mail domains ([mail] domains): approve in PVWA."
    return None


def _long(table: _Table, rules: ParseRules) -> Incomplete | None:
    for name in ("account", "device_user"):
        if len(table.value(name) or "") > rules.limits.value_chars:
            return Incomplete(missing=(), why=f"The line about {_NAMES[name]} is too long. {_AGAIN}")
    return None


def _notification(table: _Table) -> Notification | Ambiguous:
    rejection = table.openings.rejection()
    if isinstance(rejection, Doubtful):
        return Ambiguous(fields=(REJECT,), why=_UNCLEAR, rejects=True)
    return Notification(
        requestor=table.value("requestor") or "",
        safe=table.value("safe") or "",
        number=table.value("number") or "",
        account=table.value("account"),
        device_user=table.value("device_user"),
        reason=table.value("reason"),
        rejection=rejection,
    )
