"""Real systems: skipped with the reason where this machine lacks them, but a failure in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from contract.directory_rules import GROUPS, KINDS, PEOPLE
from real.domain_controller import BuiltDomain, DomainController, what_is_missing

AWKWARD_NAME: Final = 'Keil, J\u00fcrgen (DB) *#1 "x" + <y>; z'
JUERGEN: Final = {
    "display_name": AWKWARD_NAME,
    "mail": "j\u00fcrgen.keil@corp.example",
    "proxy_addresses": ["smtp:juergen.keil@corp.example"],
}
ADMIN_OF_JUERGEN: Final[dict[str, Any]] = {
    "display_name": f"Admin of {AWKWARD_NAME}", "manager": "juergen.keil", "mail": None, "proxy_addresses": [],
}  # fmt: skip
SAMBA_WORLD: Final = {
    "people": PEOPLE | {"juergen.keil": JUERGEN, "adm-juergen": ADMIN_OF_JUERGEN},
    "groups": GROUPS | {"R&D (x) #1_PAM": ["Inner (Team)"], "Inner (Team)": ["juergen.keil"]},
    "group_kinds": KINDS,
}
"""The contract's world, and names that need every escape there is."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these tests connect to any loopback address: each domain controller has one of its own."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.0/8"]))


@pytest.fixture(scope="session")
def domain(tmp_path_factory: pytest.TempPathFactory) -> BuiltDomain:
    """Build the domain once."""
    missing = what_is_missing()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"CI must run these tests: {missing}")
    if missing:
        pytest.skip(missing)
    return BuiltDomain(tmp_path_factory.mktemp("domain"), SAMBA_WORLD)


class Controllers:
    """One running domain controller that tests share as long as they only read from it."""

    def __init__(self, domain: BuiltDomain) -> None:
        self._domain = domain
        self._shared: DomainController | None = None

    def shared(self) -> DomainController:
        """Return the one that runs, or start one."""
        if self._shared is None:
            self._shared = self._domain.start()
        return self._shared

    def discard(self) -> None:
        """Stop it because a test has changed it; the next test gets a new one."""
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.stop()


@pytest.fixture(scope="session")
def controllers(domain: BuiltDomain) -> Iterator[Controllers]:
    """Keep the shared domain controller."""
    kept = Controllers(domain)
    yield kept
    kept.discard()


@pytest.fixture
def controller(controllers: Controllers) -> DomainController:
    """Give the shared domain controller, to be read from only."""
    return controllers.shared()


@pytest.fixture
def own_controller(domain: BuiltDomain) -> Iterator[DomainController]:
    """Give a domain controller to one test, which may do with it what it likes."""
    with domain.start() as started:
        yield started
