"""PVWA's names of confirming groups -> the approver groups of the directory. Pure.

By sAMAccountName and never by CN, which anybody who may create an object can choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from approvald.approval.request import bare
from approvald.core.model import ApproverGroup, GroupBook


def group_of(confirmer_name: str, book: GroupBook, pvwa_names: Mapping[str, str]) -> ApproverGroup | None:
    r"""Return the one approver group that PVWA means by a name: by [groups.pvwa_names], else by the name itself.

    `DOMAIN\x` and `x@domain` are x, but for a group that is called so as a whole. Two groups of one name are none.
    `pvwa_names`: its keys are case folded.
    """
    whole = confirmer_name.casefold()
    short = bare(confirmer_name)
    configured = pvwa_names.get(whole, pvwa_names.get(short))
    for name in (whole, short) if configured is None else (configured.casefold(),):
        hits = {group for group in book.all() if group.name.casefold() == name}
        if hits:
            return hits.pop() if len(hits) == 1 else None
    return None


def held(listed: Iterable[ApproverGroup], sender_groups: Iterable[ApproverGroup]) -> Sequence[ApproverGroup]:
    """Return those of the listed groups that the sender is in, by SID, because a group may just have been moved."""
    mine = {(group.sid, group.level) for group in sender_groups}
    return sorted((group for group in listed if (group.sid, group.level) in mine), key=lambda group: group.name)
