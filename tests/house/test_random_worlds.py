"""Whole houses at random: who asks, who is in which group, who forwards what, and in which order."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from approvald.config.load import load
from approvald.config.settings import Settings
from fakes.directory import make_person
from fakes.house import House
from fakes.pvwa_requests import Act
from places import ROOT

pytestmark = [pytest.mark.long(minutes=1), pytest.mark.timeout(600)]

SHIPPED: Final[Settings] = load(ROOT / "config" / "approvald.toml")
LENDING: Final = SHIPPED.model_copy(
    update={"people": SHIPPED.people.model_copy(update={"approver_by_linked_account": True})}
)
HUMANS: Final = {
    "ilka.brandt": "ilka", "adm-ilka": "ilka", "mara.voss": "mara", "adm-mara": "mara", "rhea.malik": "rhea",
    "timo.gast": "timo",
}  # fmt: skip
"""Account -> the human behind it; the link attribute, or the manager of an admin account, joins those of one human."""
OWNERS: Final = {"adm-ilka": "ilka.brandt", "adm-mara": "mara.voss"}
FIRST: Final = ("DB_PAMapprover", "NET_PAMapprover")
SECOND: Final = "L2_PAMapprover"
ON_BEHALF: Final = re.compile(r"Approved on behalf of ([^@]+)@corp\.example \(approvald [a-z0-9]+\)")


@dataclass(frozen=True)
class World:
    """Members of each group, one request and what happens to it: an account, and whether it uses mail or the portal.

    `by_manager`: admin accounts name their owner as manager, and bear no link. `lends`: as approver_by_linked_account.
    """

    members: dict[str, list[str]]
    requestor: str
    level1: tuple[str, ...]
    levels: int
    needed: int
    acts: list[tuple[str, bool]]
    by_manager: bool
    lends: bool


def worlds() -> st.SearchStrategy[World]:
    """Return worlds in which the same few humans meet again and again."""
    accounts = st.sampled_from(sorted(HUMANS))
    return st.builds(
        World,
        members=st.fixed_dictionaries(
            {name: st.lists(accounts, min_size=2, max_size=5, unique=True) for name in (*FIRST, SECOND)}
        ),
        requestor=st.just("timo.gast") | accounts,
        level1=st.sampled_from([FIRST[:1], FIRST[:1], FIRST, (SECOND,), (FIRST[1], SECOND)]),
        levels=st.sampled_from([1, 2, 2]),
        needed=st.sampled_from([1, 1, 2]),
        acts=st.lists(st.tuples(accounts, st.sampled_from([True, True, True, False])), min_size=2, max_size=5),
        by_manager=st.booleans(),
        lends=st.booleans(),
    )


def house_of(world: World, folder: Path) -> House:
    """Build the house of a world."""
    house = House(folder, LENDING if world.lends else SHIPPED)
    if world.by_manager:
        owners = {account: make_person(owner).dn for account, owner in OWNERS.items()}
        # Everybody's line manager is Rhea, which joins nobody.
        boss = make_person("rhea.malik").dn
        people = [make_person(account, manager_dn=owners.get(account, boss)) for account in HUMANS]
    else:
        people = [make_person(account, link=human) for account, human in HUMANS.items()]
    house.directory.people = people
    for name, members in world.members.items():
        house.directory.add_group(name, *members)
    return house


@given(worlds())
@settings(max_examples=100, deadline=None)
def test_every_confirmation_is_by_another_human_of_a_group_that_confirms(world: World) -> None:
    """Requestor, level-1 and level-2 approvers are different humans, each in a group that the record names."""
    with tempfile.TemporaryDirectory() as folder:
        house = house_of(world, Path(folder))
        needed = min(world.needed, len(world.level1)) if world.levels == 1 else 1
        request = house.ask(requestor=world.requestor, level1=world.level1, levels=world.levels, needed=needed)
        for account, by_mail in world.acts:
            level, before = request.level, len(request.acts)
            if by_mail:
                house.forward(request, f"{account}@corp.example")
                house.round()
            elif not request.closed and request.left() > 0:
                house.pvwa.act_in_portal(request.request_id, account)
            house.clock.turn(60)
            if by_mail and len(request.acts) > before:
                approver = ON_BEHALF.fullmatch(request.acts[-1].comment)
                assert approver is not None
                assert approver[1] == account
                theirs = {each for each in HUMANS if HUMANS[each] == HUMANS[account]} if world.lends else {account}
                assert any(not theirs.isdisjoint(world.members[name]) for name in request.confirmers(level))
                others = humans_of(house, request.acts[:-1])
                assert len({HUMANS[account], HUMANS[world.requestor], *others}) == 2 + len(others)
        event(f"{sum(act.actor.startswith('svc-') for act in request.acts)} confirmed by mail")
        assert house.mailbox.folder(None) == []


def humans_of(house: House, acts: list[Act]) -> set[str]:
    """Return the humans who acted, by mail or in the portal."""
    ours = set(house.pvwa.user_names.values())
    found = (ON_BEHALF.fullmatch(act.comment) if act.actor in ours else None for act in acts)
    return {HUMANS[mail[1] if mail else act.actor] for act, mail in zip(acts, found, strict=True)}
