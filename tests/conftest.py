"""Options of the whole test suite."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

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


LONG: Final = (
    "test_two_daemons.py", "test_crash_confirm.py", "test_power_cut.py", "test_crash_answer.py",
    "test_crash_challenge.py", "test_outage_matrix.py", "test_crash_already.py", "test_crash_refuse.py",
    "test_crash_load.py", "test_long_outages.py", "test_corpus.py", "test_any_order.py", "test_wrong_password_hour.py",
)  # fmt: skip
"""Files whose tests mostly wait, the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that it waits beside everything else and not at the end alone.

    After pytest-randomly, which has put the files into another order; inside a file its order stays.
    """
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--corpus DIR`: another folder of mails with a manifest and a world (format: tests/corpus/README.md)."""
    parser.addoption(
        "--corpus", metavar="DIR", type=Path, default=OPEN_CORPUS, help="The corpus that test_corpus.py feeds."
    )
