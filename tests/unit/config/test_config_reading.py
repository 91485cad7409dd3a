"""Finding and reading the configuration file, before anything in it is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvald.config.load import PLACES, find, load
from approvald.core.errors import ConfigurationInvalid
from places import SHIPPED


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[mailbox]\naddress = pam-approve@corp.example\n", "line 2, column 11"),
        ("[mailbox\n", "line 1, column 9"),
        ('a = "x', "end of the file"),
    ],
)
def test_a_toml_mistake_names_its_line(tmp_path: Path, text: str, place: str) -> None:
    """Where the file is no TOML the place is said, and the usual remedy."""
    file = tmp_path / "approvald.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationInvalid) as caught:
        load(file)
    found = str(caught.value).removeprefix(f"{file}: ")
    assert found.startswith(f"{place}: TOML does not allow this (")
    assert found.endswith("; write one key = value per line, with texts in quotes")


def test_a_file_from_an_editor_of_windows_is_read(tmp_path: Path) -> None:
    """A byte order mark and CRLF line ends are no mistake."""
    file = tmp_path / "approvald.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SHIPPED.read_bytes().replace(b"\n", b"\r\n"))
    assert load(file) == load(SHIPPED)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    """Another encoding is said as such."""
    file = tmp_path / "approvald.toml"
    file.write_bytes("# Gruß".encode("latin-1"))
    with pytest.raises(ConfigurationInvalid, match=r"approvald.toml: is not UTF-8 text; save it as UTF-8"):
        load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """--config with a wrong name says which."""
    with pytest.raises(ConfigurationInvalid, match=r"gone.toml: is not there; write it, or name another file"):
        load(tmp_path / "gone.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder's name is told apart from an unreadable file."""
    with pytest.raises(ConfigurationInvalid, match=r"cannot be read \(Is a directory\)"):
        load(tmp_path)


def test_a_file_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    """Whoever writes it names the approver groups."""
    file = tmp_path / "approvald.toml"
    file.write_bytes(SHIPPED.read_bytes())
    file.chmod(0o646)
    with pytest.raises(ConfigurationInvalid, match=r"can be written by everybody.*chmod o-w"):
        load(file)


def test_the_places_are_looked_through_in_order(tmp_path: Path) -> None:
    """--config wins, then the first place that is there; with none, both places are named."""
    near, far = tmp_path / "near.toml", tmp_path / "far.toml"
    with pytest.raises(ConfigurationInvalid, match=r"looked for .*near.toml and .*far.toml; .*--config FILE"):
        find(None, (near, far))
    far.touch()
    assert find(None, (near, far)) == far
    near.touch()
    assert find(None, (near, far)) == near
    assert find(tmp_path / "mine.toml", (near, far)) == tmp_path / "mine.toml"
    assert [str(place) for place in PLACES] == ["config/approvald.toml", "/etc/approvald/approvald.toml"]
