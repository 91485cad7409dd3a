"""A request in the shape of PVWA's JSON (types from its OpenAPI description, values from a published sample)."""

from __future__ import annotations

from typing import Any, Final

from approvald_sandbox.systems.pvwa.book import Book, account_id
from approvald_sandbox.systems.pvwa.confirmers import REJECTED, number_of
from approvald_sandbox.systems.pvwa.profile import Profile
from approvald_sandbox.world.world import Confirmation, Request, World

ACCOUNT_NAME_PARTS: Final = 4
"""Device type, platform, address, user: how the Vault composes an account name."""
NOT_ACTED: Final = 2
USER_TYPE: Final = 1
GROUP_TYPE: Final = 2
WINDOW_OVER: Final = 4
"""An InvalidRequestReason other than 0; the real numbers are not public."""
CONNECT_OPERATION: Final = 4
REASON_PREFIX: Final = "(ConnectionClient=PSM-SSH) "
STATUS_NUMBERS: Final = {
    "a": {"waiting": 1, "confirmed": 2, "expired": 4, "used": 8, "rejected": 16, "deleted": 32},
    "b": {"waiting": 1, "confirmed": 2, "rejected": 3, "expired": 4, "used": 5, "deleted": 6},
}
TITLES: Final = {
    "confirmed": "Confirmed: the request was confirmed",
    "rejected": "Rejected: the request was rejected",
    "expired": "Expired: the request has expired",
    "used": "Used: the access was used",
}


def spelled(name: str, domain: str, spelling: str) -> str:
    r"""Write a user or group name plain, as DOMAIN\name, or as name@domain."""
    if spelling == "domain":
        return f"{domain.partition('.')[0].upper()}\\{name}"
    return f"{name}@{domain}" if spelling == "upn" else name


class Records:
    """Writes requests as PVWA answers them."""

    def __init__(self, world: World, profile: Profile, book: Book) -> None:
        self._world = world
        self._profile = profile
        self._book = book
        self._confirmers = book.confirmers

    def details(self, request: Request, now: int) -> dict[str, Any]:
        """Return the whole record, as GET IncomingRequests/{id} answers."""
        with self._world.lock:
            return self.listed(request, now) | {"Confirmers": self._rows(request)}

    def own(self, request: Request, now: int) -> dict[str, Any]:
        """Return the record as its requestor gets it: without RequestorFullName."""
        record = self.details(request, now)
        del record["RequestorFullName"]
        return record

    def listed(self, request: Request, now: int) -> dict[str, Any]:
        """Return the record for a list: Confirmers stays empty, because nobody may count on it there."""
        status = self._book.status(request, now)
        level = self._confirmers.level(request)
        waiting = status == "waiting"
        invalid = waiting and self._book.window_over(request, now)
        left = self._confirmers.votes_left(request, level) if waiting else 0
        title = TITLES.get(status, f"Waiting: {left} more user(s) must confirm the request")
        return {
            "RequestorFullName": self._full_name(request.requestor),
            "RequestID": request.key,
            "SafeName": request.safe,
            "RequestorUserName": spelled(request.requestor, self._world.domain, self._profile.requestor_names),
            "RequestorReason": REASON_PREFIX + request.reason,
            "UserReason": request.reason,
            "CreationDate": request.created,
            "Operation": f"Connect to {request.account}",
            "ExpirationDate": request.expires,
            "OperationType": CONNECT_OPERATION,
            "AccessType": "ManyTimes",
            "ConfirmationsLeft": left,
            "AccessFrom": request.access_from,
            "AccessTo": request.access_to,
            "Status": STATUS_NUMBERS[self._profile.status_map][status],
            "StatusTitle": "Invalid: the requested time has passed" if invalid else title,
            "InvalidRequestReason": WINDOW_OVER if invalid else 0,
            "CurrentConfirmationLevel": level,
            "RequiredConfirmersCountLevel2": self._second_level_count(request) if waiting else 0,
            "TicketingSystemProperties": {"Name": None, "Number": None, "Status": None},
            "AdditionalInfo": {},
            "AccountDetails": {"AccountID": account_id(request), "Properties": _properties(request)},
            "Confirmers": [],
        }

    def _second_level_count(self, request: Request) -> int:
        """Count as the published sample does: the policy's number even at level 1, which proves no second level."""
        return self._confirmers.votes_left(request, 2) if request.level > 1 else self._confirmers.needed(request)

    def _rows(self, request: Request) -> list[dict[str, Any]]:
        """One row for each confirmer of the levels shown, and for votes of confirmers that the safe no longer has."""
        last = self._confirmers.levels(request)
        current = self._confirmers.level(request)
        levels = [current] if self._profile.list_confirmers == "current" else range(1, last + 1)
        rows: list[dict[str, Any]] = []
        for level in levels:
            acts = {act.principal or act.actor: act for act in self._confirmers.acts(request, level)}
            names = self._confirmers.at(request, level)
            rows += [self._row(name, acts.get(name)) for name in [*names, *(n for n in acts if n not in names)]]
        return rows

    def _row(self, name: str, act: Confirmation | None) -> dict[str, Any]:
        group = self._confirmers.is_group(name)
        user = act.actor if act else name
        return {
            "Type": GROUP_TYPE if group else USER_TYPE,
            "ID": number_of(name),
            "Name": spelled(name, self._world.domain, self._profile.confirmer_names),
            "Action": self._action(act),
            "Reason": act.reason if act else "",
            "ActionDate": act.at if act else 0,
            "AdditionalDetails": {} if group else self._person(user, act),
            "Members": self._members(name, act) if group else None,
        }

    def _action(self, act: Confirmation | None) -> int:
        if act is None:
            return NOT_ACTED
        return self._profile.action_rejected if act.action == REJECTED else self._profile.action_confirmed

    def _members(self, group: str, act: Confirmation | None) -> list[dict[str, Any]]:
        names = self._confirmers.members(group)
        if act and self._profile.members == "actor":
            names = [act.actor]
        elif act and act.actor not in names:
            names = [*names, act.actor]
        return [
            {"UserID": number_of(name), "UserName": name, "AdditionalDetails": self._person(name, act)}
            for name in names
        ]

    def _person(self, user: str, act: Confirmation | None) -> dict[str, str]:
        """Return what PVWA tells of a user; of the one who acted, the name under which he did."""
        acted_as = act.full_name if act and act.actor == user else ""
        person = self._world.people.get(user)
        mail = (person.mail or "") if person else ""
        return {"fullname": acted_as or self._full_name(user), "email": mail, "phone": ""}

    def _full_name(self, user: str) -> str:
        person = self._world.people.get(user)
        return person.display_name if person else ""


def _properties(request: Request) -> dict[str, str]:
    """Return the privileged account's properties: strings all of them, some times in seconds, some in milliseconds."""
    parts = request.account.split("-")
    kind, platform, address = (parts[0], parts[1], parts[-2]) if len(parts) >= ACCOUNT_NAME_PARTS else ("", "", "")
    return {
        "Address": address,
        "Safe": request.safe,
        "Folder": "Root",
        "Name": request.account,
        "PolicyID": platform,
        "PlatformName": platform,
        "DeviceType": kind,
        "LastModifiedDate": f"{request.created - 86400}000",
        "LastModifiedBy": "Administrator",
        "LastUsedDate": f"{request.created - 3600}000",
        "LastUsedBy": "Administrator",
        "UserName": request.device_user,
        "LockedBy": "",
        "CPMDisabled": "",
        "CPMStatus": "NoAction",
        "ManagedByCPM": "True",
        "DeletedBy": "",
        "DeletionDate": "0",
        "ImmediateCPMTask": "NoTask",
        "LastCPMTask": "NoTask",
        "CreationDate": str(request.created - 86400),
        "IsSSHKey": "False",
        "IsIrregularPlatform": "False",
        "CreationMethod": "PVWA",
    }
