"""Options of the whole test suite."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import leftovers

pytest_plugins = ["postgresql_fixtures"]
OPEN_CORPUS = Path(__file__).parent / "corpus" / "open"

# A loaded machine makes random input slow and thin; that is no finding. In CI the same examples are tried every time,
# so that a change is judged by what it changes; `make fuzz` and runs at home go on looking.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Let no end of the run leave anything behind; SIGTERM ends it in order, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.add_cleanup(leftovers.watch())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that it waits beside everything else and not at the end alone.

    After pytest-randomly, which has put the files into another order; inside a file its order stays.
    """
    items.sort(key=lambda item: -minutes(item))


def minutes(item: pytest.Item) -> float:
    """Return how long the file of a test takes, 0 where it is not marked as long."""
    mark = item.get_closest_marker("long")
    return float(mark.kwargs["minutes"]) if mark else 0.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--corpus DIR`: another folder of mails with a manifest and a world (format: tests/corpus/README.md)."""
    parser.addoption(
        "--corpus", metavar="DIR", type=Path, default=OPEN_CORPUS, help="The corpus that test_corpus.py feeds."
    )
