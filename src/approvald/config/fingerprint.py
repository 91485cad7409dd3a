"""Names the program and the rules that made a decision: version, and hashes of the configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from approvald import __version__
from approvald.config.settings import Settings

POLICY_SECTIONS: Final = ("sender", "mail", "parse", "groups", "people", "policy", "plausibility")
"""The sections that say who may approve what; [pvwa.compare] belongs to them."""


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The marks that every decision carries. `policy`: the rules themselves, as plain JSON values; none is a secret."""

    version: str
    configuration_hash: str
    policy_hash: str
    policy: Mapping[str, Any]

    @classmethod
    def from_settings(cls, settings: Settings) -> Fingerprint:
        """Take it from the settings in force. Hashes are SHA-256 of canonical JSON, defaults included."""
        whole = settings.model_dump(mode="json")
        policy = {name: whole[name] for name in POLICY_SECTIONS} | {"compare": whole["pvwa"]["compare"]}
        return cls(version=__version__, configuration_hash=_hash(whole), policy_hash=_hash(policy), policy=policy)

    def marks(self) -> dict[str, str]:
        """Return the marks of every start and decision."""
        return {
            "version": self.version,
            "configuration_hash": self.configuration_hash,
            "policy_hash": self.policy_hash,
        }


def _hash(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
