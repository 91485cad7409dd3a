"""Small durable facts in memory."""

from __future__ import annotations

from collections.abc import Mapping


class FakeNames:
    """The port Names. `kept` holds what was remembered, by kind."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}

    def recall(self, kind: str) -> Mapping[str, str]:
        """Return everything of that kind."""
        return dict(self.kept.get(kind, {}))

    def remember(self, kind: str, name: str, value: str) -> None:
        """Keep one fact."""
        self.kept.setdefault(kind, {})[name] = value
