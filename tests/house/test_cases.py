"""What is asked of the ledger by one name is the whole case, whatever name that is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from approvald.audit.check_evidence import check_evidence
from approvald.audit.evidence import gather, write
from approvald.config.load import load
from approvald.core.errors import OutcomeUnknown
from approvald.ledger.audit import AuditRows
from approvald.ledger.cases import Cases, SeveralRequests
from fakes.house import MARA, House
from places import SHIPPED


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Give approvald on fakes, with two mails about one request: one has no ending yet, one is answered."""
    made = House(tmp_path, load(SHIPPED))
    request = made.ask()
    made.forward(request)
    made.pvwa.fail("confirm", OutcomeUnknown("the answer was lost"), after_effect=True)
    made.round()
    made.forward(request, MARA)
    made.round()
    return made


@pytest.mark.parametrize("name", ["ledger id", "Message-ID", "request id"])
def test_a_mail_without_an_ending_is_of_the_case_it_was_decided_about(house: House, name: str) -> None:
    """By its own names, too; and its evidence names that request."""
    waiting = house.mails.unfiled()[0]
    asked = {"ledger id": waiting.id, "Message-ID": waiting.message_id, "request id": "db-prod-01_17"}[name]
    case = Cases(house.store).find(asked)
    assert case is not None
    assert (case.request_id.casefold(), len(case.mails)) == ("db-prod-01_17", 2)


def test_evidence_of_a_mail_that_still_waits_is_whole(house: House, tmp_path: Path) -> None:
    """Asked for by its ledger id."""
    case = Cases(house.store).find(house.mails.unfiled()[0].id)
    assert case is not None
    gathered = gather(case, AuditRows(house.store))
    write(tmp_path / "evidence", gathered, request_id=case.request_id, made_at=datetime.now(UTC))
    assert [str(each) for each in check_evidence(tmp_path / "evidence", {}).findings] == []


def test_a_number_that_several_requests_have_names_none(house: House) -> None:
    """Safes number their requests by themselves; the sentence says which there are."""
    cases = Cases(house.store)
    assert cases.find("17") == cases.find("DB-PROD-01_17")
    assert cases.find("7") is None
    house.forward(house.ask("FIN-PROD-02_17"))
    house.round()
    with pytest.raises(SeveralRequests, match="name one in full: db-prod-01_17, fin-prod-02_17"):
        cases.find("17")
