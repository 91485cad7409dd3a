"""A ledger comes to the tables of this version from any earlier one, and is refused when it is damaged or newer."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from approvald.core.errors import LedgerUnusable
from approvald.ledger import migrations, schema, tables
from approvald.ledger.database import engine_for
from approvald.ledger.mails import Mails
from approvald.ledger.store import Store
from fakes.clock import FakeClock
from unit.ledger.test_ledger import listed

REVISIONS = Path(migrations.__path__[0])


def scripts() -> ScriptDirectory:
    """Return Alembic's view of the revisions."""
    config = Config()
    config.set_main_option("script_location", str(REVISIONS))
    return ScriptDirectory.from_config(config)


def opened(path: Path) -> Store:
    """Open a ledger."""
    store = Store(f"sqlite:///{path}", FakeClock())
    store.open()
    return store


SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "2a"
down_revision = "1a"


def upgrade():
    op.add_column("mails", sa.Column("added", sa.Integer()))
    op.create_table("more", sa.Column("id", sa.Integer(), primary_key=True))
"""


def next_revision(folder: Path) -> dict[str, Any]:
    """Make the revisions of a later approvald, which has one more. Returns how `migrate` is told of them."""
    scripts = shutil.copytree(REVISIONS, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "r2a_more.py").write_text(SECOND, encoding="utf-8")
    return {"newest": "2a", "known": ("1a", "2a"), "scripts": scripts}


def revision_of(path: Path) -> str:
    """Return the revision that a ledger says it is of."""
    with sqlite3.connect(path) as raw:
        ((found,),) = raw.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(found)


def test_the_newest_revision_is_known() -> None:
    """The constant that spares loading Alembic at each start names the head of the revisions, and all are known."""
    assert scripts().get_current_head() == schema.NEWEST
    assert {each.revision for each in scripts().walk_revisions()} == set(schema.KNOWN)


def test_a_new_ledger_has_the_tables_of_this_version(tmp_path: Path) -> None:
    """What the revisions make is what the program's own description of its tables says."""
    opened(tmp_path / "ledger.db").close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_an_older_ledger_is_migrated_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    """By a version with one revision more: a mail of before is there afterwards, with the new column."""
    path = tmp_path / "ledger.db"
    store = opened(path)
    Mails(store).seen(listed())
    store.close()
    engine = engine_for(f"sqlite:///{path}", None)
    schema.migrate(engine, **next_revision(tmp_path))
    engine.dispose()
    assert revision_of(path) == "2a"
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT item_id, added FROM mails").fetchall() == [(listed().item_id, None)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """It is one transaction: a ledger is of the old version or of the new one."""
    path = tmp_path / "ledger.db"
    opened(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE more (something INTEGER)")
    engine = engine_for(f"sqlite:///{path}", None)
    with pytest.raises(sa.exc.OperationalError):
        schema.migrate(engine, **next_revision(tmp_path))
    engine.dispose()
    assert revision_of(path) == "1a"
    with sqlite3.connect(path) as raw:
        assert "added" not in {row[1] for row in raw.execute("PRAGMA table_info(mails)")}


def before_release(path: Path) -> None:
    """Let an approvald of before the first release have written the ledger."""
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0004'")


def before_revisions(path: Path) -> None:
    """Let an approvald that knew no revisions have written the ledger."""
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE alembic_version")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A wrong ledger.file must not get our tables, nor be read as a ledger without mails."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE theirs (something INTEGER)")
    store = Store(f"sqlite:///{path}", FakeClock())
    for use in (store.open, store.join, store.peek):
        with pytest.raises(LedgerUnusable, match="is not a ledger of approvald"):
            use()
    store.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_commands_that_read_change_nothing(tmp_path: Path) -> None:
    """A ledger of another version, or none at all, is told apart from one in which nothing was found."""
    path = tmp_path / "ledger.db"
    path.touch()
    store = Store(f"sqlite:///{path}", FakeClock())
    with pytest.raises(LedgerUnusable, match="holds other tables, or none"):
        store.peek()
    store.open()
    store.peek()
    newer(path)
    with pytest.raises(LedgerUnusable, match="newer approvald"):
        store.peek()
    before_release(path)
    with pytest.raises(LedgerUnusable, match="before the first release"):
        store.peek()
    store.close()


def newer(path: Path) -> None:
    """Let a newer approvald have written the ledger."""
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")


def torn(path: Path) -> None:
    """Overwrite a page in the middle."""
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)


def no_database(path: Path) -> None:
    """Put something else in its place."""
    path.write_bytes(b"This is a text." * 1000)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (newer, "newer approvald"), (torn, "damaged"), (no_database, "damaged"),
        (before_release, "before the first release"), (before_revisions, "before the first release"),
    ],
)  # fmt: skip
def test_what_cannot_be_trusted_is_refused(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    """A damaged or newer ledger stops the start with a sentence that says what to do; nothing is changed."""
    path = tmp_path / "ledger.db"
    store = opened(path)
    Mails(store).seen(listed())
    store.close()
    damage(path)
    before = path.read_bytes()
    with pytest.raises(LedgerUnusable, match=words):
        opened(path)
    assert path.read_bytes() == before
