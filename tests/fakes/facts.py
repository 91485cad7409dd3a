"""Facts for a decision, as they are when everything is right; a test changes the one it speaks of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from approvald.approval.compare import Comparison
from approvald.approval.facts import Facts
from approvald.approval.people import VerifiedApprover
from approvald.core.model import (
    AccessRequest,
    ApproverGroup,
    Confirmer,
    GroupBook,
    Level,
    ListedMail,
    Mail,
    Notification,
    Person,
)
from approvald.mail.sender import ProvenAddress, SenderRules, prove, verify
from fakes.directory import make_person

NOW: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OURS: Final = frozenset({"svc-pam-l1", "svc-pam-l2"})
ILKA: Final = make_person("ilka.brandt")
MARA: Final = make_person("mara.voss")
RHEA: Final = make_person("rhea.malik")
TIMO: Final = make_person("timo.gast")
_RULES: Final = SenderRules(
    auth_as=frozenset({"Internal"}), auth_mechanisms=frozenset({"04"}), auth_sources=("ex1.corp.example",)
)


def make_group(name: str, level: Level = Level.FIRST) -> ApproverGroup:
    """Return a group as the directory resolves one; its SID follows from its name."""
    number = sum(name.encode()) + 1000
    return ApproverGroup(
        name=name, dn=f"CN={name},OU=Groups,DC=corp,DC=example", sid=f"S-1-5-21-1-2-3-{number}", level=level
    )


DB: Final = make_group("DB_PAMapprover")
FIN: Final = make_group("FIN_PAMapprover")
L2: Final = make_group("L2_PAMapprover", Level.SECOND)
BOOK: Final = GroupBook(first=(DB, FIN), second=L2)


def verified(person: Person) -> VerifiedApprover:
    """Prove and verify a mail of this person's, as intake does."""
    auth = "X-MS-Exchange-Organization-Auth"
    mail = Mail(
        listed=ListedMail(item_id="1", item_class="IPM.Note", size=1, received=NOW),
        message_id="<1@corp.example>",
        headers=(
            ("From", person.address),
            (f"{auth}As", "Internal"),
            (f"{auth}Mechanism", "04"),
            (f"{auth}Source", "ex1.corp.example"),
        ),
        mime=b"",
    )
    proof = prove(mail, _RULES)
    assert isinstance(proof, ProvenAddress)
    sender = verify(proof, person)
    assert isinstance(sender, VerifiedApprover)
    return sender


def waits_for(*names: str, **changes: Any) -> AccessRequest:
    """Return a request that waits; `names` are PVWA's names of the confirming groups, none of which has acted."""
    request = AccessRequest(
        request_id="DB-PROD-01_17",
        safe="DB-PROD-01",
        requestor_user_name="timo.gast",
        requestor_full_name="Timo Gast",
        requestor_reason="(ConnectionClient=PSM-SSH) Kernel patch in the agreed window",
        user_reason="Kernel patch in the agreed window",
        account="Operating System-UnixSSH-db7.corp.example-root",
        device_user="root",
        created=NOW - timedelta(hours=1),
        expires=NOW + timedelta(days=30),
        status=1,
        status_title="Waiting: 1 more user(s) must confirm the request",
        confirmations_left=1,
        level=Level.FIRST,
        second_level_left=1,
        confirmers=tuple(Confirmer(name=name, is_group=True, action=2) for name in names or ("DB_PAMapprover",)),
    )
    return replace(request, **changes)


def acted(name: str, *members: str, comment: str = "", at: datetime = NOW, is_group: bool = True) -> Confirmer:
    """Return a confirmer that has acted; `members` are the user names that PVWA lists for the group."""
    return Confirmer(
        name=name,
        is_group=is_group,
        action=1,
        acted_at=at,
        comment=comment,
        members=tuple((member, member.replace(".", " ").title()) for member in members),
    )


def notification(**changes: Any) -> Notification:
    """Return what a forwarded mail about that request says."""
    said = Notification(
        requestor="timo.gast@corp.example",
        safe="DB-PROD-01",
        number="17",
        account="Operating System-UnixSSH-db7.corp.example-root",
        device_user="root",
        reason="Kernel patch in the agreed window",
    )
    return replace(said, **changes)


def facts(**changes: Any) -> Facts:
    """Return the facts of an honest first-level mail by Ilka Brandt about Timo Gast's request."""
    values: dict[str, Any] = {
        "now": NOW,
        "sender": verified(ILKA),
        "sender_groups": (DB,),
        "book": BOOK,
        "notification": notification(),
        "request": waits_for("DB_PAMapprover"),
        "requestor": TIMO,
        "portal_people": (),
        "comparison": Comparison(),
    }
    return Facts(**(values | changes))
