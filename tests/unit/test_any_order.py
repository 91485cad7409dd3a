"""No order of mails, copies, crashes, outages, lost answers, holds and other people's acts breaks the invariants."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from approvald import config
from approvald.errors import OutcomeUnknown, System, Unavailable
from approvald.ledger.halts import HaltKind
from approvald.ledger.store import Store
from fakes.house import ILKA, MARA, TIMO, House
from fakes.invariants import always, at_the_end

SHIPPED = Path(__file__).parents[2] / "config" / "approvald.toml"
SENDERS = st.sampled_from([ILKA, ILKA, MARA, TIMO])
CALLS = st.sampled_from(["details", "lists", "confirm"])


class AnyOrder(RuleBasedStateMachine):
    """The real ledger, pipeline, outbox and mailroom; whatever is outside is a fake that fails as it likes."""

    @initialize()
    def build(self) -> None:
        """Begin with an empty Inbox."""
        self.folder = tempfile.TemporaryDirectory(prefix="approvald-any-order-")
        raised: dict[str, Any] = config.load(SHIPPED).model_dump()
        raised["rates"]["answers_an_hour"] = raised["policy"]["hourly_cap"] = 100_000
        raised["mail"]["max_age_hours"] = 100_000.0
        self.house = House(Path(self.folder.name), type(config.load(SHIPPED)).model_validate(raised))
        self.requests: list[Any] = []
        self.mails = 0

    @rule(sender=SENDERS)
    def a_new_request_is_forwarded(self, sender: str) -> None:
        """By an approver, or by somebody who is none."""
        self.requests.append(self.house.ask(f"DB-PROD-01_{len(self.requests) + 1}"))
        self.house.forward(self.requests[-1], sender)
        self.mails += 1

    @rule(sender=SENDERS, which=st.integers(0, 50))
    def a_known_request_is_forwarded_again(self, sender: str, which: int) -> None:
        """By the same person or another one, in a mail of its own."""
        if self.requests:
            self.house.forward(self.requests[which % len(self.requests)], sender)
            self.mails += 1

    @rule()
    def the_daemon_polls(self) -> None:
        """And meets whatever is broken."""
        try:
            self.house.round()
        except Unavailable:
            self.house.clock.turn(1)

    @rule(seconds=st.sampled_from([1, 15, 61, 400]))
    def time_passes(self, seconds: int) -> None:
        """So that what waits comes due."""
        self.house.clock.turn(seconds)

    @rule()
    def the_daemon_crashes(self) -> None:
        """Whatever lives in the process is gone."""
        self.house.crash()

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

    @rule(call=CALLS, after=st.booleans(), times=st.integers(1, 3))
    def pvwa_fails(self, call: Any, times: int, *, after: bool) -> None:
        """Before the act, or with the answer lost after it."""
        if call == "confirm":
            self.house.pvwa.fail("confirm", OutcomeUnknown("the answer was lost"), after_effect=after, times=times)
        else:
            self.house.pvwa.fail(call, Unavailable(System.PVWA, "away"), times=times)

    @rule(count=st.integers(1, 2))
    def answers_of_exchange_are_lost(self, count: int) -> None:
        """Let the mails go out, and say nothing."""
        self.house.mailbox.lose_answers = count

    @rule()
    def exchange_goes_and_comes(self) -> None:
        """For some polls."""
        self.house.mailbox.away = not self.house.mailbox.away

    @rule()
    def the_directory_goes_and_comes(self) -> None:
        """For some polls."""
        if self.house.directory.error is None:
            self.house.directory.go_away()
        else:
            self.house.directory.error = None

    @rule()
    def an_operator_holds_and_resumes(self) -> None:
        """Refuse what comes meanwhile."""
        if self.house.halts.in_force() is None:
            self.house.halts.set(HaltKind.HOLD, "test", "test")
        else:
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
TestAnyOrder.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
