"""A PVWA in memory: CyberArk's dual-control rules as far as approvald meets them, and a note of every call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from approvald.core.model import AccessRequest, ConfirmingAccount, Level
from approvald.core.ports import Absent, Accepted, Clock, Declined, Forbidden
from fakes.pvwa_requests import Act, Action, FakeRequest

Permit = Callable[[], None] | None
Call = Literal["details", "lists", "incoming", "confirm", "reject"]
CLOSED: Final = Declined(status=500, code="CAWS00001E", words="This request has already been closed.")
NOT_PERMITTED: Final = Declined(status=403, code="PASWS041E", words="You are not authorized to perform this action.")
UNKNOWN: Final = Declined(status=404, code="CAWS00001E", words="The request was not found.")


@dataclass(frozen=True)
class ConfirmAttempt:
    """One call of `confirm`, whatever became of it."""

    request_id: str
    account: ConfirmingAccount
    comment: str


@dataclass(kw_only=True)
class _Fault:
    call: Call
    error: BaseException
    skip: int
    times: int | None
    after_effect: bool


class FakePvwa:
    """The port Pvwa. `calls`, `attempts` and `confirmations` hold in order what was asked, tried and taken.

    The first-level account is in every group but `second_level_group`, the second-level account in that one only.
    """

    def __init__(self, clock: Clock, *, second_level_group: str = "L2_PAMapprover", blind: bool = False) -> None:
        self._clock = clock
        self._second_level_group = second_level_group
        self.blind = blind
        """The second-level account does not see a request that waits for level 1."""
        self._faults: list[_Fault] = []
        self.user_names = {ConfirmingAccount.FIRST: "svc-pam-l1", ConfirmingAccount.SECOND: "svc-pam-l2"}
        self.requests: dict[str, FakeRequest] = {}
        self.calls: list[tuple[Call, str, ConfirmingAccount]] = []
        self.attempts: list[ConfirmAttempt] = []
        self.confirmations: list[ConfirmAttempt] = []
        self.rejections: list[ConfirmAttempt] = []
        self.listed_but_absent: set[str] = set()
        """Ids of requests that are in the lists, and whose records PVWA says are not there."""
        self.permit: Permit = None
        """Is asked right before anything is sent, after the permit of the call."""
        self.before_confirming: Callable[[Permit], Accepted | None] = lambda _: None
        """What stands in front of PVWA: it may take a confirmation without passing it on."""
        self.after_confirming: Callable[[Accepted | Declined], Accepted | Declined] = lambda answer: answer
        """What it answers to what it has done: an error may come after the effect."""
        self.shown: Callable[[AccessRequest], AccessRequest] = lambda record: record
        """How this PVWA shows a record: some leave out comments, or confirmers of other levels."""
        self.idle_log_offs = 0
        self.closed = False

    # What a test arranges

    def add(self, request: FakeRequest) -> FakeRequest:
        """Put a request into the Vault."""
        self.requests[request.request_id] = request
        return request

    def ask(self, request_id: str = "DB-PROD-01_17", requestor: str = "timo.gast") -> FakeRequest:
        """Let somebody ask for access, now, for thirty days."""
        now = self._now()
        return self.add(
            FakeRequest(
                request_id=request_id,
                requestor=requestor,
                requestor_full_name=requestor.replace(".", " ").title(),
                created=now,
                expires=now + timedelta(days=30),
            )
        )

    def delete(self, request_id: str) -> None:
        """Let the requestor take the request back."""
        del self.requests[request_id]

    def act_in_portal(self, request_id: str, actor: str, action: Action = "confirmed", *, comment: str = "") -> None:
        """Let a person act in PVWA with the first vote that is left at the level it waits for."""
        request = self.requests[request_id]
        spent = {act.principal for act in request.acts if act.level == request.level}
        vote = next(name for name in request.confirmers(request.level) if name not in spent)
        self._act(request, vote, actor, action, comment)

    def fail(
        self,
        call: Call,
        error: BaseException,
        *,
        skip: int = 0,
        times: int | None = 1,
        after_effect: bool = False,
    ) -> None:
        """Let a call raise, after `skip` good ones, `times` times (None: from then on).

        With `after_effect` the act is done and its answer lost; otherwise nothing happens.
        """
        self._faults.append(_Fault(call=call, error=error, skip=skip, times=times, after_effect=after_effect))

    def recover(self) -> None:
        """Take every fault out."""
        self._faults.clear()

    # The port

    def details(self, request_id: str, account: ConfirmingAccount) -> AccessRequest | Absent | Forbidden:
        """Read one request as that account sees it."""
        self.calls.append(("details", request_id, account))
        self._meet_fault("details")
        request = self._find(request_id)
        if request is None or request_id in self.listed_but_absent or self._is_blind(request, account):
            return Absent(code=UNKNOWN.code)
        if not self._sees(request, account):
            return Forbidden(code=NOT_PERMITTED.code, words=NOT_PERMITTED.words)
        return self.shown(request.shown(self._clock.now()))

    def lists(self, request_id: str, account: ConfirmingAccount) -> bool:
        """Whether the account's list holds the request."""
        self.calls.append(("lists", request_id, account))
        self._meet_fault("lists")
        request = self._find(request_id)
        return request is not None and self._sees(request, account) and not self._is_blind(request, account)

    def incoming(self, account: ConfirmingAccount) -> Sequence[str]:
        """Return the ids of what the account sees."""
        self.calls.append(("incoming", "", account))
        self._meet_fault("incoming")
        seen = [key for key, each in self.requests.items() if self._sees(each, account)]
        return [key for key in seen if not self._is_blind(self.requests[key], account)]

    def confirm(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """Confirm once."""
        taken = self.before_confirming(permit)
        if taken is not None:
            return taken
        self._ask_permits(permit)
        attempt = ConfirmAttempt(request_id, account, comment)
        self.attempts.append(attempt)
        return self.after_confirming(self._attempt("confirm", attempt, self.confirmations))

    def reject(
        self, request_id: str, account: ConfirmingAccount, comment: str, *, permit: Callable[[], None] | None = None
    ) -> Accepted | Declined:
        """Reject once."""
        self._ask_permits(permit)
        return self._attempt("reject", ConfirmAttempt(request_id, account, comment), self.rejections)

    def user_name(self, account: ConfirmingAccount) -> str:
        """Return the confirming account's name."""
        return self.user_names[account]

    def log_off_idle(self) -> None:
        """Count how often it was offered to log off."""
        self.idle_log_offs += 1

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _ask_permits(self, asked: Permit) -> None:
        for permit in (asked, self.permit):
            if permit is not None:
                permit()

    # The Vault's rules

    def _attempt(
        self, call: Literal["confirm", "reject"], attempt: ConfirmAttempt, taken: list[ConfirmAttempt]
    ) -> Accepted | Declined:
        self.calls.append((call, attempt.request_id, attempt.account))
        fault = self._fault(call)
        if fault is not None and not fault.after_effect:
            raise fault.error
        answer = self._vote(attempt, "confirmed" if call == "confirm" else "rejected")
        if isinstance(answer, Accepted):
            taken.append(attempt)
        if fault is not None:
            raise fault.error
        return answer

    def _vote(self, attempt: ConfirmAttempt, action: Action) -> Accepted | Declined:
        request = self._find(attempt.request_id)
        if request is None or self._is_blind(request, attempt.account):
            return UNKNOWN
        if not self._sees(request, attempt.account):
            return NOT_PERMITTED
        now = self._clock.now()
        if request.closed or request.expires < now or (request.access_to or now) < now:
            return CLOSED
        votes = [name for name in request.confirmers(request.level) if self._votes_for(attempt.account, name)]
        if not votes:
            return NOT_PERMITTED
        acts = [act for act in request.acts if act.level == request.level]
        left = [vote for vote in votes if vote not in {act.principal for act in acts}]
        actor = self.user_names[attempt.account]
        if not left or any(act.actor == actor for act in acts):
            return CLOSED
        self._act(request, left[0], actor, action, attempt.comment)
        return Accepted()

    def _act(self, request: FakeRequest, principal: str, actor: str, action: Action, comment: str) -> None:
        full_name = "" if actor in self.user_names.values() else actor.replace(".", " ").title()
        request.acts.append(
            Act(
                principal=principal,
                actor=actor,
                full_name=full_name,
                level=request.level,
                action=action,
                comment=comment,
                at=self._now(),
            )
        )
        if action == "rejected" or (request.left() == 0 and request.level == request.levels):
            request.closed = True
        elif request.left() == 0:
            request.level += 1

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def _find(self, request_id: str) -> FakeRequest | None:
        found = (each for key, each in self.requests.items() if key.casefold() == request_id.casefold())
        return next(found, None)

    def _votes_for(self, account: ConfirmingAccount, group: str) -> bool:
        plain = group.rpartition("\\")[2].partition("@")[0].casefold()
        return (plain == self._second_level_group.casefold()) == (account is ConfirmingAccount.SECOND)

    def _sees(self, request: FakeRequest, account: ConfirmingAccount) -> bool:
        names = [name for level in range(1, request.levels + 1) for name in request.confirmers(level)]
        return Level(account) not in request.forbidden_to and any(self._votes_for(account, name) for name in names)

    def _is_blind(self, request: FakeRequest, account: ConfirmingAccount) -> bool:
        early = request.level == 1 and not any(self._votes_for(account, name) for name in request.level1)
        return self.blind and account is ConfirmingAccount.SECOND and request.levels > 1 and early

    # Faults

    def _fault(self, call: Call) -> _Fault | None:
        for fault in self._faults:
            if fault.call != call:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault
        return None

    def _meet_fault(self, call: Call) -> None:
        fault = self._fault(call)
        if fault is not None:
            raise fault.error
