"""From one version of the schema to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from syncara.core.errors import DatabaseBusy
from syncara.documents.embedded import SCHEMA as DOCUMENTS
from syncara.stores.migrations import MIGRATIONS, Migration, migrate, version_of
from syncara.stores.sqlite import SqliteStore
from tests.stores.samples import workflow

ADD_TABLE: Migration = ["CREATE TABLE extra (body TEXT) STRICT"]


def fill_table(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO extra SELECT id FROM workflows")


@pytest.fixture
def old(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a database of today's schema, with a workflow in it."""
    store = SqliteStore(path)
    store.save_workflow(workflow("w", "a"))
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def version(path: Path, migrations: Sequence[Migration]) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return version_of(connection, str(path), migrations)


def test_pending_migrations_are_applied_after_a_backup(old: sqlite3.Connection, path: Path) -> None:
    """SQL and functions run in their order; the backup is a working database of the old version."""
    later = (*MIGRATIONS, ADD_TABLE, fill_table)
    migrate(old, str(path), later)

    assert [("w",)] == old.execute("SELECT body FROM extra").fetchall()
    assert len(later) == version(path, later)
    backup = SqliteStore(f"{path}.v{len(MIGRATIONS)}.bak")
    assert workflow("w", "a") == backup.workflow("w")
    backup.close()


def test_a_migration_that_fails_changes_nothing(old: sqlite3.Connection, path: Path) -> None:
    """All pending migrations are one transaction."""
    with pytest.raises(sqlite3.OperationalError):
        migrate(old, str(path), (*MIGRATIONS, ADD_TABLE, ["NONSENSE"]))

    assert [] == old.execute("SELECT name FROM sqlite_master WHERE name = 'extra'").fetchall()
    assert len(MIGRATIONS) == version(path, MIGRATIONS)


def test_a_database_that_is_running_is_not_migrated(old: sqlite3.Connection, path: Path) -> None:
    """A runner of the old version keeps its schema; DatabaseBusy says who must stop first."""
    runner = SqliteStore(path)
    runner.acquire()

    with pytest.raises(DatabaseBusy):
        migrate(old, str(path), (*MIGRATIONS, ADD_TABLE))
    runner.close()


def test_a_database_of_the_newest_version_is_left_alone(old: sqlite3.Connection, path: Path) -> None:
    """Nothing pending: no transaction and no backup."""
    before = path.read_bytes()
    migrate(old, str(path))

    assert before == path.read_bytes()
    assert [] == list(path.parent.glob("*.bak"))


def test_a_new_database_is_made_without_a_backup(path: Path) -> None:
    """There is nothing to keep."""
    SqliteStore(path).close()

    assert [] == list(path.parent.glob("*.bak"))


def test_the_documents_have_the_tables_that_they_expect(old: sqlite3.Connection) -> None:
    """The schema of the database file holds what the embedded documents state as theirs, to the letter."""
    listing = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    with closing(sqlite3.connect(":memory:")) as theirs:
        for statement in DOCUMENTS:
            theirs.execute(statement)
        expected = theirs.execute(listing).fetchall()

    assert set(expected) <= set(old.execute(listing).fetchall())
