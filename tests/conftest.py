"""Options of the whole test suite."""

from __future__ import annotations

import os
from pathlib import Path

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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--corpus DIR`: another folder of mails with a manifest and a world (format: tests/corpus/README.md)."""
    parser.addoption(
        "--corpus", metavar="DIR", type=Path, default=OPEN_CORPUS, help="The corpus that test_corpus.py feeds."
    )
