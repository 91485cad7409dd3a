"""The demo's stories: which mails arrive at the approval mailbox, and what must become of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from approvald_sandbox.demo.story import WHEN, Act, Outcome, Story
from approvald_sandbox.systems.faults import System
from approvald_sandbox.world.mails import Notice, forwarded, forwarded_as_attachment, out_of_office

DOMAIN: Final = "corp.example"
ILKA, MARA = f"ilka.brandt@{DOMAIN}", f"mara.voss@{DOMAIN}"
DARIO, RHEA = f"dario.conti@{DOMAIN}", f"rhea.malik@{DOMAIN}"
TIMO, JONAS, TEAM = f"timo.gast@{DOMAIN}", f"jonas.keil@{DOMAIN}", f"cyberark-team@{DOMAIN}"
LEVEL1, LEVEL2 = "svc-pam-l1", "svc-pam-l2"
SAFE: Final = "DB-PROD-01"


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """An access request that waits in PVWA."""

    number: str
    safe: str = SAFE
    requestor: str = JONAS
    more: Mapping[str, Any] = field(default_factory=dict)

    def request(self, **more: Any) -> Mapping[str, Any]:
        named = {"safe": self.safe, "request_id": self.number, "requestor": self.requestor}
        return named | dict(self.more) | more

    def notice(self) -> Notice:
        return Notice(requestor=self.requestor, safe=self.safe, number=self.number)

    def forward(self, sender: str, expected: Outcome, what: str = "", **how: Any) -> Act:
        """Let `sender` forward the notification."""
        said = what or f"{_name(sender)} forwards the notification of {self.safe}, request {self.number}"
        return Act(what=said, mail=forwarded(self.notice(), sender, **how), expected=expected)


def stories() -> tuple[Story, ...]:
    """Return the demo's stories in their order; each has a request number of its own."""
    return (*_approvals(), *_refusals_of_people(), *_refusals_of_requests(), *_mails_of_another_kind())


def _approvals() -> tuple[Story, ...]:
    first, two, attached = _Asked(number="1101"), _Asked(number="1102", more={"levels": 2}), _Asked(number="1103")
    return (
        Story(
            title="First level",
            why="An approver of the safe's team forwards the notification, and the request is confirmed in CyberArk.",
            requests=(first.request(),),
            acts=(first.forward(ILKA, _approved(ILKA, LEVEL1, 1)),),
            shows_reply=True,
        ),
        Story(
            title="Second level after the first",
            why="This request needs both levels: two people, two accounts in CyberArk.",
            requests=(two.request(),),
            acts=(
                two.forward(ILKA, replace(_approved(ILKA, LEVEL1, 1), says="second-level approver must now approve")),
                two.forward(RHEA, _approved(RHEA, LEVEL2, 2)),
            ),
        ),
        Story(
            title="Forwarded as an attachment",
            why="Attached or inline, a forwarded notification counts.",
            requests=(attached.request(),),
            acts=(
                Act(
                    what=f"{_name(MARA)} attaches the notification of {SAFE}, request 1103, to a mail",
                    mail=forwarded_as_attachment(attached.notice(), MARA),
                    expected=_approved(MARA, LEVEL1, 1),
                ),
            ),
        ),
    )


def _refusals_of_people() -> tuple[Story, ...]:
    own, none, other = _Asked(number="1104", requestor=ILKA), _Asked(number="1105"), _Asked(number="1106")
    delegate = _Asked(number="1107")
    return (
        _refusal("The approver's own request", "Nobody approves their own request.", own, ILKA, "own_request"),
        _refusal("Not an approver", "Timo is in none of the approver groups.", none, TIMO, "not_an_approver"),
        _refusal(
            "Another team's safe", "Dario approves for another team than this safe's.", other, DARIO, "other_team"
        ),
        Story(
            title="Sent on behalf of the approver",
            why="An assistant may write for Ilka, but an approval must come from Ilka herself.",
            requests=(delegate.request(),),
            acts=(
                Act(
                    what=f"{_name(TIMO)} sends the mail on behalf of {_name(ILKA)}",
                    mail=f"Sender: {TIMO}\r\n".encode() + forwarded(delegate.notice(), ILKA),
                    expected=_refused(ILKA, "on_behalf"),
                ),
            ),
        ),
    )


def _refusals_of_requests() -> tuple[Story, ...]:
    partial, late = _Asked(number="1108"), _Asked(number="1109")
    expired, gone = _Asked(number="1110", more={"status": "expired"}), _Asked(number="1111")
    edited = _Asked(number="1112", requestor=ILKA)
    without = forwarded(replace(partial.notice(), changes={"Request Id": None}), ILKA)
    pretending = forwarded(replace(edited.notice(), requestor=JONAS), ILKA)
    already = replace(_refused(MARA, "already_confirmed"), says=f"already approved by {ILKA} on {WHEN}")
    return (
        Story(
            title="A detail is missing",
            why="Without the request id it is unclear which request is meant; the sender reads what is missing.",
            requests=(partial.request(),),
            acts=(
                Act(
                    what=f"{_name(ILKA)} forwards the notification without its line 'Request Id'",
                    mail=without,
                    expected=replace(_refused(ILKA, "incomplete"), says="the request id is missing"),
                ),
            ),
        ),
        Story(
            title="Already approved: who and when",
            why="The second approver of the team is late, and reads who was first.",
            requests=(late.request(),),
            acts=(late.forward(ILKA, _approved(ILKA, LEVEL1, 1)), late.forward(MARA, already)),
            shows_reply=True,
        ),
        _refusal("The request has expired", "Too late: CyberArk has closed the request.", expired, ILKA, "expired"),
        Story(
            title="The request was deleted",
            why="The requestor withdrew the request before anybody approved it.",
            requests=(gone.request(), gone.request(delete=True)),
            acts=(gone.forward(ILKA, _refused(ILKA, "request_gone")),),
        ),
        Story(
            title="The requestor line was edited",
            why="Ilka's own request, with another requestor typed into the mail: CyberArk's record says who asked.",
            requests=(edited.request(),),
            acts=(
                Act(
                    what=f"{_name(ILKA)} forwards her own request and makes {_name(JONAS)} its requestor",
                    mail=pretending,
                    expected=_refused(ILKA, "altered"),
                ),
            ),
        ),
    )


def _mails_of_another_kind() -> tuple[Story, ...]:
    unproven, twice, patient = _Asked(number="1113"), _Asked(number="1114"), _Asked(number="1115")
    relayed = forwarded(unproven.notice(), ILKA).replace(b"AuthAs: Internal", b"AuthAs: Anonymous")
    once = _approved(ILKA, LEVEL1, 1)
    waiting = patient.forward(ILKA, replace(once, waited_for=System.PVWA))
    return (
        Story(
            title="Out-of-office reply",
            why="Nobody answers a machine.",
            requests=(),
            acts=(
                Act(
                    what=f"{_name(ILKA)}'s mailbox says that she is away",
                    mail=out_of_office(ILKA),
                    expected=Outcome(code="automatic", folder="Ignored"),
                ),
            ),
        ),
        Story(
            title="A sender that nobody vouches for",
            why="It says it is from Ilka, but came through an anonymous relay: no answer, and an alarm to the team.",
            requests=(unproven.request(),),
            acts=(
                Act(
                    what=f"a mail in {_name(ILKA)}'s name arrives through an anonymous relay",
                    mail=relayed,
                    expected=Outcome(code="sender_unproven", folder="Quarantine", to=(TEAM,), says="unproven sender"),
                ),
            ),
        ),
        Story(
            title="The same mail twice",
            why="A mail that is delivered twice is answered once, and confirmed once.",
            requests=(twice.request(),),
            acts=(
                twice.forward(ILKA, once, message_id=f"<twice@{DOMAIN}>"),
                twice.forward(
                    ILKA,
                    Outcome(code="duplicate", folder="Ignored"),
                    "exactly the same mail arrives again",
                    message_id=f"<twice@{DOMAIN}>",
                ),
            ),
        ),
        Story(
            title="PVWA is away, and comes back",
            why="An outage is not a refusal: the mail waits in the Inbox and is decided when CyberArk is back.",
            requests=(patient.request(),),
            acts=(replace(waiting, away=System.PVWA),),
        ),
    )


def _refusal(title: str, why: str, asked: _Asked, sender: str, code: str) -> Story:
    return Story(
        title=title, why=why, requests=(asked.request(),), acts=(asked.forward(sender, _refused(sender, code)),)
    )


def _approved(sender: str, account: str, level: int) -> Outcome:
    vote = (account, level)
    return Outcome(code="confirmed", folder="Done", confirmations=(vote,), confirm_calls=1, to=(sender,))


def _refused(sender: str, code: str) -> Outcome:
    return Outcome(code=code, folder="Refused", to=(sender,), cc=(TEAM,))


def _name(address: str) -> str:
    return " ".join(part.capitalize() for part in address.partition("@")[0].split("."))
