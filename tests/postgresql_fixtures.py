"""The fixtures of tests that need PostgreSQL: skipped with a reason at home, a failure in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from real import postgresql


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """Start PostgreSQL once for each process of the tests."""
    why = postgresql.missing()
    if why and os.environ.get("CI") != "true":
        pytest.skip(why)
    assert not why, why
    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: postgresql.Server) -> str:
    """Give an empty database."""
    return postgresql_server.new_database()
