"""Turns a TOML file into `Settings`: finds, reads and checks it, and reports every problem at once.

Raises only `ConfigurationInvalid`. Its `problems` are sentences "file: key.path: what is wrong; what to do"; where the
operating system forbade the reading, its cause is a PermissionError.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from approvald.config.mistakes import sentences
from approvald.config.settings import Settings, disagreements
from approvald.core.errors import ConfigurationInvalid

PLACES: Final = (Path("config/approvald.toml"), Path("/etc/approvald/approvald.toml"))
"""The places where the file is looked for, in this order, when none is given."""


def find(given: Path | None, places: tuple[Path, ...] = PLACES) -> Path:
    """Return the configuration file to use: the given one, else the first of the places that is there."""
    if given is not None:
        return given
    for place in places:
        if place.exists():
            return place
    looked = " and ".join(str(place) for place in places)
    message = f"there is no configuration file: looked for {looked}; write one there, or name one with --config FILE"
    raise ConfigurationInvalid((message,))


def load(path: Path) -> Settings:
    """Read and check the file. Raises ConfigurationInvalid with all its problems."""
    values = _read(path)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        found = list(sentences(error, values))
    # The rules between sections are judged also where a section is wrong in itself
    found += [each for each in disagreements(values) if each not in found]
    raise ConfigurationInvalid(tuple(f"{path}: {sentence}" for sentence in found))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_mode & stat.S_IWOTH:
            raise _invalid(
                path, f"can be written by everybody, although it decides who approves; run: chmod o-w {path}"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise _invalid(path, "is not there; write it, or name another file with --config FILE") from error
    except PermissionError as error:
        raise _invalid(path, "may not be read by this user; run as the user approvald runs as, or as root") from error
    except OSError as error:
        raise _invalid(path, f"cannot be read ({error.strerror}); name a file with --config FILE") from error
    except UnicodeDecodeError as error:
        raise _invalid(path, "is not UTF-8 text; save it as UTF-8") from error
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        place = where.removesuffix(")").replace("end of document", "end of the file")
        problem = f"{place}: TOML does not allow this ({what}); write one key = value per line, with texts in quotes"
        raise _invalid(path, problem) from None


def _invalid(path: Path, problem: str) -> ConfigurationInvalid:
    return ConfigurationInvalid((f"{path}: {problem}",))
