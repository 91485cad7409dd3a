"""No order of mails, copies, crashes, outages, lost answers, holds and other people's acts breaks the invariants."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from approvald.config.load import load
from approvald.core.errors import OutcomeUnknown, System, Unavailable
from approvald.ledger.halts import HaltKind
from approvald.ledger.store import Store
from fakes.house import ILKA, MARA, TIMO, House
from fakes.invariants import always, at_the_end
from places import SHIPPED

pytestmark = [pytest.mark.long(minutes=2), pytest.mark.timeout(600)]

SENDERS = st.sampled_from([ILKA, ILKA, MARA, TIMO])


class AnyOrder(RuleBasedStateMachine):
    """The real ledger, pipeline, outbox and mailroom; whatever is outside is a fake that fails as it likes."""

    @initialize()
    def build(self) -> None:
        """Begin with an empty Inbox."""
        self.folder = tempfile.TemporaryDirectory(prefix="approvald-any-order-")
        raised: dict[str, Any] = load(SHIPPED).model_dump()
        raised["rates"]["answers_an_hour"] = raised["policy"]["hourly_cap"] = 100_000
        raised["mail"]["max_age_hours"] = 100_000.0
        self.house = House(Path(self.folder.name), type(load(SHIPPED)).model_validate(raised))
        self.requests: list[Any] = []
        self.mails = 0

    @rule(senders=st.lists(SENDERS, min_size=1, max_size=3))
    def new_requests_are_forwarded(self, senders: list[str]) -> None:
        """By approvers, or by somebody who is none."""
        for sender in senders:
            self.requests.append(self.house.ask(f"DB-PROD-01_{len(self.requests) + 1}"))
            self.house.forward(self.requests[-1], sender)
            self.mails += 1

    @rule(sender=SENDERS, which=st.integers(0, 50))
    def a_known_request_is_forwarded_again(self, sender: str, which: int) -> None:
        """By the same person or another one, in a mail of its own."""
        if self.requests:
            self.house.forward(self.requests[which % len(self.requests)], sender)
            self.mails += 1

    @rule(polls=st.integers(1, 3), seconds=st.sampled_from([0, 1, 15, 61, 400]))
    def the_daemon_polls(self, polls: int, seconds: int) -> None:
        """And time passes, so that what waits comes due."""
        for _ in range(polls):
            try:
                self.house.round()
            except Unavailable:
                self.house.clock.turn(1)
            self.house.clock.turn(seconds)

    @rule(act=st.sampled_from(["list_inbox", "fetch", "send", "file", "sent_markers"]))
    def it_crashes_behind_an_act_at_exchange(self, act: str) -> None:
        """Exchange has done it, and the next thing is a new start."""
        self.house.mailbox.requests.clear()
        self.house.mailbox.away_after = act
        try:
            self.house.round()
        except Unavailable:
            pass
        finally:
            self.house.mailbox.away_after = ""
            self.house.crash()

    @rule(answers=st.integers(1, 2))
    def exchange_loses_answers(self, answers: int) -> None:
        """Let mails go out and say nothing; then the daemon goes on, perhaps after a crash."""
        self.house.mailbox.lose_answers = answers
        self.the_daemon_polls(polls=2, seconds=15)
        self.house.mailbox.lose_answers = 0

    @rule(after=st.booleans(), times=st.integers(1, 2), crashes=st.booleans(), seconds=st.sampled_from([0, 15, 61]))
    def a_confirmation_gets_no_answer(self, times: int, seconds: int, *, after: bool, crashes: bool) -> None:
        """Before the act or after it; perhaps the daemon crashes over it."""
        self.house.pvwa.fail("confirm", OutcomeUnknown("the answer was lost"), after_effect=after, times=times)
        self.the_daemon_polls(polls=1, seconds=seconds)
        if crashes:
            self.house.crash()
        self.the_daemon_polls(polls=1, seconds=seconds)
        self.house.pvwa.recover()

    @rule(what=st.sampled_from(["pvwa", "exchange", "directory"]), polls=st.integers(1, 3), crashes=st.booleans())
    def a_system_is_away(self, what: str, polls: int, *, crashes: bool) -> None:
        """For some polls, and perhaps over a restart."""
        if what == "pvwa":
            self.house.pvwa.fail("details", Unavailable(System.PVWA, "away"), times=None)
        elif what == "directory":
            self.house.directory.go_away()
        else:
            self.house.mailbox.away = True
        self.the_daemon_polls(polls=polls, seconds=61)
        if crashes:
            self.house.crash()
        self.house.pvwa.recover()
        self.house.directory.error = None
        self.house.mailbox.away = False

    @rule()
    def an_operator_holds_and_resumes(self) -> None:
        """Refuse what comes meanwhile."""
        self.house.halts.set(HaltKind.HOLD, "test", "test")
        self.the_daemon_polls(polls=1, seconds=15)
        self.house.halts.end("test")

    @invariant()
    def nothing_is_ever_done_twice(self) -> None:
        """At every moment."""
        if hasattr(self, "house"):
            always(self.house)

    def teardown(self) -> None:
        """Mend everything: then all is decided and answered, once."""
        if not hasattr(self, "house"):
            return
        try:
            self._mended()
        finally:
            self.folder.cleanup()

    def _mended(self) -> None:
        self.house.pvwa.recover()
        self.house.mailbox.away, self.house.mailbox.lose_answers = False, 0
        self.house.directory.error = None
        for _ in range(40):
            self.house.clock.turn(61)
            self.house.round()
        store = Store(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}", self.house.clock)
        try:
            at_the_end(self.house, store, self.mails)
        finally:
            store.close()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
