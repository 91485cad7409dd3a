"""A mail that breaks its reading is refused once and answered; the mails beside it are decided all the same."""

from __future__ import annotations

import os
import signal
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from approvald_sandbox.control.client import Sandbox
from approvald_sandbox.world.mails import Notice, forwarded
from e2e.stage import HANDLED, Stage, raised
from reading_process import STYLES, children, has_ended, processor_seconds

ILKA = "ilka.brandt@corp.example"


def heavy(notice: Notice, views: int) -> bytes:
    """Return the forwarded notification in one or more HTML texts that each take most of a second and 20 MiB."""
    mail = message_from_bytes(forwarded(notice, ILKA), policy=policy.default)
    shown = mail.get_body(("html",))
    assert shown is not None
    page = str(shown.get_content()).replace("</body>", f"{STYLES}</body>")
    mail.make_mixed()
    for _ in range(views):
        part = EmailMessage()
        part.set_content(page, subtype="html", cte="8bit")
        mail.attach(part)
    return mail.as_bytes()


def reader_of(stage: Stage) -> set[int]:
    """Return the process that reads mails for the daemon, if there is one now."""
    return children(stage.daemon.pid)


@pytest.mark.parametrize("limit", ["memory_mib = 68", "seconds = 0.6"])
def test_a_mail_over_the_limits_of_its_reading_is_answered_and_the_next_confirmed(
    sandbox: Sandbox, tmp_path: Path, limit: str
) -> None:
    """Three mails of one poll, the middle one a bomb: it alone is refused as unreadable, at the first try."""
    with raised(sandbox, tmp_path / "state", edit=lambda text: f"{text}\n[parse.limits]\n{limit}\n") as stage:
        before = stage.filed()
        first, bomb, last = (stage.request(number=number) for number in ("1101", "1102", "1103"))
        for raw in (forwarded(first, ILKA), heavy(bomb, views=4), forwarded(last, ILKA)):
            sandbox.deliver(raw)
        stage.wait_until_filed(before, 3)
        assert sorted(stage.codes()) == ["confirmed", "confirmed", "unreadable"]
        assert [stage.votes(notice) != [] for notice in (first, bomb, last)] == [True, False, True]
        assert stage.filed()["Refused"] == before["Refused"] + 1
        assert stage.waits() == 0
        assert len(sandbox.sent()) == 3


def test_a_reading_that_is_killed_is_not_tried_again(stage: Stage) -> None:
    """SIGKILL, as from the system's memory killer: unreadable, answered, and the daemon reads on with a new process."""
    before = stage.filed()
    stage.sandbox.deliver(heavy(stage.request(), views=5))
    stage.until(lambda: bool(reader_of(stage)))
    (reader,) = reader_of(stage)
    stage.until(lambda: processor_seconds(reader) > 0.4)
    os.kill(reader, signal.SIGKILL)
    assert stage.wait_until_filed(before) == "Refused"
    assert stage.codes() == ["unreadable"]
    assert stage.attempts() == 0
    assert stage.forward(stage.request(number="1102")) == "Done"


def test_mails_wait_while_nothing_can_be_read(sandbox: Sandbox, tmp_path: Path) -> None:
    """A reading process that does not start is no mail's fault: nothing is refused, and the log names the option."""
    with raised(sandbox, tmp_path / "state", edit=lambda text: f"{text}\n[parse.limits]\nmemory_mib = 40\n") as stage:
        sandbox.deliver(forwarded(stage.request(), ILKA))
        stage.until(lambda: stage.waits() > 0)
        assert sum(stage.filed()[name] for name in HANDLED) == 0
        assert sandbox.sent() == []
        assert "memory_mib" in str(next(iter(stage.daemon.events("mail.waiting")))["cause"])


def test_a_stop_ends_the_reading_process_too(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nothing of the daemon runs on after it, neither after SIGTERM nor after SIGKILL."""
    with raised(sandbox, tmp_path / "state") as stage:
        stage.forward(stage.request())
        (reader,) = reader_of(stage)
    assert has_ended(reader)
