"""The Exchange adapter and the odd answers of real servers, which the sandbox's Exchange does not give."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from approvald.core.errors import AuthenticationFailed, OutcomeUnknown, Unavailable
from approvald.core.model import Folder, Mail
from approvald.core.ports import Moved, NotDone, Unfetchable
from sandbox.exchange_client import SECRET_LINE, mail, reply
from sandbox.scripted_exchange import ENVELOPE, Answer, fault, ids_in, item, listed, row, rows, scripted


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}, {"WWW-Authenticate": "Negotiate"}])
def test_every_401_is_a_refused_log_on(tmp_path: Path, headers: dict[str, str]) -> None:
    """The library takes a 401 on a closing connection for a busy server; asked again and again it locks the account."""
    with scripted(tmp_path, lambda *_: Answer(status=401, headers=headers)) as exchange:
        for _ in range(3):
            with pytest.raises(AuthenticationFailed):
                exchange.mailbox.list_inbox(1)
        assert len(exchange.asked) == len(exchange.guard.failures) == 1


@pytest.mark.parametrize("code", ["ErrorInvalidServerVersion", "ErrorInvalidRequest", "ErrorSchemaValidation"])
def test_a_refused_form_is_not_sent_in_older_forms(tmp_path: Path, code: str) -> None:
    """The library would send a CreateItem again for every version that EWS ever had."""
    with scripted(tmp_path, lambda *_: fault(code)) as exchange:
        with pytest.raises(Unavailable, match="refused the form of CreateItem"):
            exchange.mailbox.send([reply()])
        assert exchange.asked == ["CreateItem"]


@pytest.mark.parametrize(
    "code", ["ErrorInternalServerTransientError", "ErrorTimeoutExpired", "ErrorInternalServerError"]
)
def test_a_failure_inside_exchange_leaves_the_sending_open(tmp_path: Path, code: str) -> None:
    """The library calls some of these busy, and so not done; the mail may be out."""
    for answer in (fault(code), rows("CreateItem", [row("CreateItem"), row("CreateItem", code=code)])):
        with scripted(tmp_path, lambda *_, answer=answer: answer) as exchange, pytest.raises(OutcomeUnknown):
            exchange.mailbox.send([reply("a"), reply("b")])


def test_one_refused_reply_does_not_hide_the_others(tmp_path: Path) -> None:
    """A recipient that does not exist fails its own mail; the others are known to be sent."""
    answer = rows("CreateItem", [row("CreateItem", code="ErrorInvalidRecipients"), row("CreateItem")])
    with scripted(tmp_path, lambda *_: answer) as exchange:
        refused, sent = exchange.mailbox.send([reply("a"), reply("b")])
    assert isinstance(refused, NotDone)
    assert "ErrorInvalidRecipients" in refused.why
    assert sent is None


def test_fewer_answers_than_replies_are_an_unknown_outcome(tmp_path: Path) -> None:
    """Which reply an answer belongs to is never guessed."""
    answer = rows("CreateItem", [row("CreateItem")])
    with scripted(tmp_path, lambda *_: answer) as exchange, pytest.raises(OutcomeUnknown):
        exchange.mailbox.send([reply("a"), reply("b")])


@pytest.mark.parametrize("spoils", ["500", "fault", "row", "not base64", "no mime", "empty"])
def test_one_poisonous_item_spoils_no_other(tmp_path: Path, spoils: str) -> None:
    """However Exchange fails over one item: the others are fetched, and that one is named."""

    def script(_: str, request: str, with_mime: bool) -> Answer:  # noqa: FBT001 - the script's form
        del with_mime
        good = {each: row("GetItem", items=item(each)) for each in ids_in(request)}
        if "bad" not in good:
            return rows("GetItem", list(good.values()))
        if spoils == "500":
            return Answer("oops", status=500)
        if spoils == "fault":
            return fault("ErrorInternalServerError")
        bad = {
            "row": row("GetItem", code="ErrorInternalServerError"),
            "not base64": row("GetItem", items=item("bad", mime="***")),
            "no mime": row("GetItem", items=item("bad", mime="")),
            "empty": row("GetItem"),
        }
        return rows("GetItem", list((good | {"bad": bad[spoils]}).values()))

    with scripted(tmp_path, script) as exchange:
        results = exchange.mailbox.fetch(listed("one", "bad", "two"))
    assert [type(each) for each in results] == [Mail, Unfetchable, Mail]
    assert isinstance(results[1], Unfetchable)
    assert not results[1].gone


@pytest.mark.parametrize("answer", [Answer("oops", status=500), fault("ErrorInternalServerError")])
def test_a_poisonous_item_alone_is_known_by_its_head(tmp_path: Path, answer: Answer) -> None:
    """With nothing else to fetch, Exchange is asked for the item without its MIME: if it gives that, it works."""

    def script(_: str, request: str, with_mime: bool) -> Answer:  # noqa: FBT001 - the script's form
        return answer if with_mime else rows("GetItem", [row("GetItem", items=item(each)) for each in ids_in(request)])

    with scripted(tmp_path, script) as exchange:
        (result,) = exchange.mailbox.fetch(listed("bad"))
        assert isinstance(result, Unfetchable)
        assert exchange.asked == ["GetItem", "GetItem"]


@pytest.mark.parametrize("code", ["ErrorMailboxStoreUnavailable", "ErrorServerBusy", "ErrorTimeoutExpired"])
def test_an_item_put_off_by_a_sick_server_is_not_poison(tmp_path: Path, code: str) -> None:
    """An honest mail is never set aside because a database was away while it was fetched."""
    answer = rows("GetItem", [row("GetItem", items=item("one")), row("GetItem", code=code)])
    with scripted(tmp_path, lambda *_: answer) as exchange, pytest.raises(Unavailable):
        exchange.mailbox.fetch(listed("one", "two"))


def test_forbidden_characters_in_an_answer_spoil_nothing(tmp_path: Path) -> None:
    """Exchange passes control characters of a hostile mail on, in a way that XML forbids."""
    header = (
        '<t:InternetMessageHeaders><t:InternetMessageHeader HeaderName="X-Odd">a&#x1B;b&#x0;</t:InternetMessageHeader>'
    )
    answer = rows("GetItem", [row("GetItem", items=item("one", more=header + "</t:InternetMessageHeaders>"))])
    with scripted(tmp_path, lambda *_: answer) as exchange:
        (result,) = exchange.mailbox.fetch(listed("one"))
    assert isinstance(result, Mail)
    assert result.mime == mail()
    assert [name for name, _ in result.headers] == ["X-Odd"]


@pytest.mark.parametrize("body", ["", "no xml", "<a/>", "<html>", "<?xml version='1.0'?><s:Envelope"])
def test_what_is_no_soap_is_unavailable(tmp_path: Path, body: str) -> None:
    """Nothing is guessed from an answer that is not EWS; above all, never that the Inbox is empty."""
    with scripted(tmp_path, lambda *_: Answer(body)) as exchange, pytest.raises(Unavailable):
        exchange.mailbox.list_inbox(1)


def test_an_error_does_not_quote_the_answer(tmp_path: Path) -> None:
    """The library's errors hold the whole answer they could not use, and so a mail; a traceback of ours does not."""
    answer = Answer(ENVELOPE.format(f"<m:Strange>{SECRET_LINE}</m:Strange>"))
    with scripted(tmp_path, lambda *_: answer) as exchange, pytest.raises(Unavailable) as caught:
        exchange.mailbox.list_inbox(1)
    assert SECRET_LINE not in "".join(traceback.format_exception(caught.value))


def test_an_account_without_rights_is_named(tmp_path: Path) -> None:
    """A good password without rights on the mailbox is for the operator to mend; it is no failed log-on."""
    with scripted(tmp_path, lambda *_: rows("FindItem", [row("FindItem", code="ErrorAccessDenied")])) as exchange:
        with pytest.raises(AuthenticationFailed, match="ErrorAccessDenied"):
            exchange.mailbox.list_inbox(1)
        assert exchange.guard.failures == []


def test_a_mail_that_cannot_be_moved_keeps_no_other_back(tmp_path: Path) -> None:
    """Each item has its own answer, also where Exchange moves some and not others."""

    def script(operation: str, _: str, __: bool) -> Answer:  # noqa: FBT001 - the script's form
        if operation == "CreateFolder":
            return rows("CreateFolder", [row("CreateFolder", code="ErrorFolderExists")] * 4)
        if operation == "FindFolder":
            folder = '<t:Folder><t:FolderId Id="f1" ChangeKey="c"/><t:DisplayName>done</t:DisplayName></t:Folder>'
            page = '<m:RootFolder TotalItemsInView="1" IncludesLastItemInRange="true" IndexedPagingOffset="1">'
            return rows(
                "FindFolder", [row("FindFolder", items=f"{page}<t:Folders>{folder}</t:Folders></m:RootFolder>")]
            )
        return rows(
            "MoveItem", [row("MoveItem", items=item("one, moved")), row("MoveItem", code="ErrorMoveCopyFailed")]
        )

    with scripted(tmp_path, script) as exchange:
        moved, kept = exchange.mailbox.file(["one", "two"], Folder.DONE)
        assert exchange.asked == ["CreateFolder", "FindFolder", "MoveItem"]
    assert moved == Moved(item_id="one, moved")
    assert isinstance(kept, NotDone)
    assert not kept.gone
