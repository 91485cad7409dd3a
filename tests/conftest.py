"""Options of the whole test suite."""

from __future__ import annotations

from pathlib import Path

import pytest

OPEN_CORPUS = Path(__file__).parent / "corpus" / "open"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--corpus DIR`: another folder of mails with a manifest and a world (format: tests/corpus/README.md)."""
    parser.addoption(
        "--corpus", metavar="DIR", type=Path, default=OPEN_CORPUS, help="The corpus that test_corpus.py feeds."
    )
