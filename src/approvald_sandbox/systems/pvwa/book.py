"""The Vault's dual-control rules: two levels, one vote for a group, expiry, window, deletion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from approvald_sandbox.systems.pvwa.confirmers import CONFIRMED, REJECTED, Confirmers, number_of, same
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.world.world import REQUEST_LIFE_SECONDS, Confirmation, Request, World


class Refusal(StrEnum):
    """Why the Vault does not do as asked."""

    UNKNOWN = auto()
    NO_ACCESS = auto()
    NOT_PERMITTED = auto()
    """Wrong level, own request, or no confirmer at all: the PVWA does not say which."""
    CLOSED = auto()


class Refused(Exception):
    """The Vault refuses; nothing was changed."""

    def __init__(self, refusal: Refusal, key: str) -> None:
        super().__init__(f"{refusal}: {key}")
        self.refusal = refusal
        self.key = key


@dataclass(frozen=True, kw_only=True)
class NewRequest:
    """What a requestor asks for. Times are epoch seconds UTC, 0 for no window."""

    account_id: str
    reason: str = ""
    access_from: int = 0
    access_to: int = 0


def account_id(request: Request) -> str:
    """PVWA's id of the privileged account that the request is for: safe number and object number."""
    return f"{number_of(request.safe)}_{number_of(request.account)}"


class Book:
    """All requests, as the Vault judges them. `now` is epoch seconds UTC everywhere."""

    def __init__(self, world: World, profile: Profile) -> None:
        self._world = world
        self._profile = profile
        self.confirmers = Confirmers(world, profile)

    def status(self, request: Request, now: int) -> str:
        """Return the status in the world's words, with time taken into account."""
        if request.status == "waiting" and 0 < request.expires < now:
            return "expired"
        return request.status

    def window_over(self, request: Request, now: int) -> bool:
        """Whether the time for which access was asked has passed."""
        return 0 < request.access_to < now

    def incoming(self, user: str, key: str) -> Request:
        """Return a request to one of its confirmers. Raises Refused (UNKNOWN or NO_ACCESS)."""
        request = self.find(key)
        if self.confirmers.is_blind(user, request):
            raise Refused(Refusal.UNKNOWN, key)
        if not self.confirmers.sees(user, request):
            raise Refused(Refusal.NO_ACCESS, key)
        return request

    def all_incoming(self, user: str, now: int) -> list[Request]:
        """Every request that the user may confirm, or could have."""
        with self._world.lock:
            found = [r for r in self._world.requests.values() if r.status != "deleted"]
            found = [r for r in found if self.confirmers.sees(user, r)]
            if self._profile.handled_hidden:
                found = [r for r in found if not self._handled(user, r, now)]
        return found

    def _handled(self, user: str, request: Request, now: int) -> bool:
        level = self.confirmers.level(request)
        votes = self.confirmers.votes_of(user, request, level)
        spent = {act.principal for act in self.confirmers.acts(request, level)}
        return self.status(request, now) not in {"waiting", "expired"} or (bool(votes) and spent.issuperset(votes))

    def confirm(self, user: str, key: str, reason: str, now: int) -> Confirmation:
        """Spend one vote of the user's. Raises Refused."""
        with self._world.lock:
            request, act = self._act(user, key, reason, now, CONFIRMED)
            level = self.confirmers.level(request)
            if self.confirmers.votes_left(request, level) == 0:
                if level < self.confirmers.levels(request):
                    request.level = level + 1
                else:
                    request.status = CONFIRMED
            return act

    def reject(self, user: str, key: str, reason: str, now: int) -> Confirmation:
        """Close the request for good: one rejection is enough. Raises Refused."""
        with self._world.lock:
            request, act = self._act(user, key, reason, now, REJECTED)
            request.status = REJECTED
            return act

    def _act(self, user: str, key: str, reason: str, now: int, action: str) -> tuple[Request, Confirmation]:
        """Write down what the user does with the first vote he has left. A user acts once at a level."""
        try:
            request = self.incoming(user, key)
        except Refused as error:
            if error.refusal is Refusal.NO_ACCESS:
                raise Refused(Refusal.NOT_PERMITTED, key) from error
            raise
        if same(user, request.requestor):
            raise Refused(Refusal.NOT_PERMITTED, key)
        if self.status(request, now) != "waiting" or self.window_over(request, now):
            raise Refused(Refusal.CLOSED, key)
        level = self.confirmers.level(request)
        votes = self.confirmers.votes_of(user, request, level)
        if not votes:
            raise Refused(Refusal.NOT_PERMITTED, key)
        acts = self.confirmers.acts(request, level)
        spent = {act.principal for act in acts}
        left = [vote for vote in votes if vote not in spent]
        if not left or any(same(act.actor, user) for act in acts):
            raise Refused(Refusal.CLOSED, key)
        person = self._world.people.get(user)
        act = Confirmation(
            principal=left[0],
            actor=user,
            level=level,
            action=action,
            reason=reason,
            at=now,
            full_name=person.display_name if person else "",
        )
        request.confirmations.append(act)
        return request, act

    def mine(self, user: str, key: str) -> Request:
        """Return a request to its requestor. Raises Refused (UNKNOWN or NO_ACCESS)."""
        request = self.find(key)
        if not same(request.requestor, user):
            raise Refused(Refusal.NO_ACCESS, key)
        return request

    def all_mine(self, user: str) -> list[Request]:
        """Return the requests that the user made and did not delete."""
        with self._world.lock:
            found = list(self._world.requests.values())
        return [r for r in found if same(r.requestor, user) and r.status != "deleted"]

    def delete(self, user: str, key: str) -> None:
        """Take back one's own request: it is gone for everybody. Raises Refused."""
        with self._world.lock:
            self.mine(user, key).status = "deleted"

    def create(self, user: str, wanted: NewRequest, now: int) -> Request:
        """Ask for an account that some request of the world names. Raises Refused (UNKNOWN) for any other."""
        with self._world.lock:
            like = next((r for r in self._world.requests.values() if account_id(r) == wanted.account_id), None)
            if like is None:
                raise Refused(Refusal.UNKNOWN, wanted.account_id)
            numbers = [
                int(r.number) for r in self._world.requests.values() if r.safe == like.safe and r.number.isdecimal()
            ]
            request = Request(
                safe=like.safe,
                number=str(max(numbers, default=0) + 1),
                requestor=user,
                account=like.account,
                device_user=like.device_user,
                reason=wanted.reason,
                created=now,
                expires=now + REQUEST_LIFE_SECONDS,
                access_from=wanted.access_from,
                access_to=wanted.access_to,
                levels=like.levels,
                confirmers_needed=like.confirmers_needed,
            )
            self._world.requests[request.key] = request
            return request

    def find(self, key: str) -> Request:
        """Return a request that nobody has deleted; the Vault does not tell upper case from lower. Raises Refused."""
        with self._world.lock:
            request = next((r for r in self._world.requests.values() if same(r.key, key)), None)
        if request is None or request.status == "deleted":
            raise Refused(Refusal.UNKNOWN, key)
        return request
