"""A ledger comes to the tables of this version from any earlier one, and is refused when it is damaged or newer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from approvald.core.errors import LedgerUnusable, Unavailable
from approvald.ledger import migrations, schema, tables
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


def at_first_revision(path: Path, *, stamped: bool) -> None:
    """Make a ledger of the first revision with one mail in it."""
    opened(path).close()
    first = scripts().get_revision("0001").module
    fresh = sqlite3.connect(path)
    fresh.executescript(
        "".join(f"DROP TABLE {name};" for (name,) in fresh.execute("SELECT name FROM sqlite_master WHERE type='table'"))
    )
    fresh.close()
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        from alembic.operations import Operations  # noqa: PLC0415 - used here only

        with Operations.context(MigrationContext.configure(connection)):
            first.upgrade()
        if stamped:
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
        connection.exec_driver_sql(
            "INSERT INTO mails (id, item_id, item_class, size, received, seen_at, message_id, sender, state, reply_to, "
            "rung, tries, told_waiting) VALUES ('mail1', 'item1', 'IPM.Note', 1, 1, 1, '', '', 'seen', '', '', 0, 0)"
        )
    engine.dispose()


def test_the_newest_revision_is_known() -> None:
    """The constant that spares loading Alembic at each start names the head of the revisions, and all are known."""
    assert scripts().get_current_head() == schema.NEWEST
    assert {each.revision for each in scripts().walk_revisions()} == set(schema.KNOWN)


@pytest.mark.parametrize("stamped", [False, True], ids=["before there were revisions", "of the first revision"])
def test_an_older_ledger_is_migrated_and_keeps_what_is_in_it(tmp_path: Path, *, stamped: bool) -> None:
    """A mail of before is there afterwards under its id, and the tables are those of this version."""
    at_first_revision(tmp_path / "ledger.db", stamped=stamped)
    store = opened(tmp_path / "ledger.db")
    assert Mails(store).entries(["item1"])["item1"].id == "mail1"
    store.close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """It is one transaction: a ledger is of the old version or of the new one."""
    path = tmp_path / "ledger.db"
    at_first_revision(path, stamped=True)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE shadow (something INTEGER)")
    with pytest.raises(Unavailable, match="nothing is confirmed"):
        opened(path)
    with sqlite3.connect(path) as raw:
        names = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert "audit" not in names


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
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0002'")
    store.peek()
    newer(path)
    with pytest.raises(LedgerUnusable, match="newer approvald"):
        store.peek()
    store.close()
    older = tmp_path / "older.db"
    at_first_revision(older, stamped=True)
    store = Store(f"sqlite:///{older}", FakeClock())
    with pytest.raises(LedgerUnusable, match="Start the daemon of this version once"):
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


@pytest.mark.parametrize(("damage", "words"), [(newer, "newer approvald"), (torn, "damaged"), (no_database, "damaged")])
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
