"""Where things stand in this checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
SHIPPED: Final = ROOT / "config" / "approvald.toml"
"""The configuration that the package brings."""
