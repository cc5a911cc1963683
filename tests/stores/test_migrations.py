"""From one version of the schema to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from syncara.abc import NewWorkflow, Owner, Record, Row, RunnerInfo
from syncara.core.errors import DamagedError, DatabaseBusy
from syncara.core.model import Workflow
from syncara.documents.embedded import SCHEMA as DOCUMENTS
from syncara.stores.lock import RunnerLock
from syncara.stores.migrations import MIGRATIONS, Migration, migrate, version_of
from syncara.stores.sqlite import SqliteStore
from tests.stores.samples import entry, must_commit, step, summary, workflow

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


OF_SCHEMA_1 = [
    "UPDATE meta SET epoch = 7, clean = 0",
    """INSERT INTO workflows VALUES (1, 'w', 1.5, 0, 1, '{"id":"w","name":"W","created_at":1.5}')""",
    """INSERT INTO workflows VALUES (2, 'gone', 1.5, 1, 0, '{"id":"gone","name":"Gone"}')""",
    """INSERT INTO steps VALUES (1, 0, 'id of a', 'a', '{"id":"id of a","name":"a","handler":"log"}')""",
    "INSERT INTO executions VALUES (9, 'run-9', 'gone', 'Gone', 'running', 1, '5', 2, NULL, 1, 0, NULL, 0, 0, '', 1)",
    "INSERT INTO events VALUES (1, 9, 0, 1, 7, 0, x'5B5D')",
]


def test_a_file_of_the_first_schema_is_opened_with_all_that_is_in_it(path: Path) -> None:
    """Its definitions have no chat, its runs go on, its numbers are not used again, and the new tables are there."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, str(path), MIGRATIONS[:1])
        for statement in OF_SCHEMA_1:
            connection.execute(statement)
    store = SqliteStore(path)

    assert RunnerInfo(epoch=8, clean=False, next_key=10) == store.acquire()
    old = Workflow(id="w", name="W", created_at=1.5)
    assert [old] == store.workflows() == store.workflows(owner=Owner(None)) == store.workflows(name="W")
    assert [] == store.workflows(owner=Owner("5"))
    assert msgspec.structs.replace(old, steps=(step("a"),)) == store.workflow("w")
    assert [Row(0, 1, b"[]", 0)] == store.rows(9)
    must_commit(store, entry(9, 1), entry(10, 0, listed=summary(10, workflow_id="w")))
    must_commit(store, changes=[NewWorkflow(workflow("mine", chat_id="5")), Record("receipt", "a", 1.0, b"")])
    assert ["run-10", "run-9"] == [each.id for each in store.summaries()]
    assert [workflow("mine", chat_id="5")] == store.workflows(owner=Owner("5"))
    store.close()
    assert 1 == version(path.with_name(f"{path.name}.v1.bak"), MIGRATIONS)


OF_SCHEMA_2 = [
    """INSERT INTO workflows VALUES (1, 'w1', 1.5, 0, 1, '{"id":"w1","name":"Tea","chat_id":5}', 5)""",
    """INSERT INTO workflows VALUES (2, 'w2', 1.5, 0, 0, '{"id":"w2","name":"\\u00e9\\u0000\\"","chat_id":5}', 5)""",
    """INSERT INTO workflows VALUES (3, 'w3', 1.5, 1, 0, '{"id":"w3","name":"Tea","chat_id":5}', 5)""",
    """INSERT INTO workflows VALUES (4, 'w4', 1.5, 0, 0, '{"id":"w4","name":"Tea"}', NULL)""",
    """INSERT INTO workflows VALUES (5, 'w5', 1.5, 0, 0, '{"id":"w5","name', 5)""",
    """INSERT INTO workflows VALUES (6, 'w6', 1.5, 0, 0, '{"id":"w6","name":6}', 5)""",
]


def test_definitions_of_the_second_schema_are_found_by_their_names(path: Path) -> None:
    """Also next to one that is damaged, which stays where it was: whoever reads that one is told."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, str(path), MIGRATIONS[:2])
        for statement in OF_SCHEMA_2:
            connection.execute(statement)
    store = SqliteStore(path)
    store.save_workflow(Workflow(id="w7", name="Tea", chat_id=5))

    found = [[each.id for each in store.workflows(owner=Owner(5), name=name)] for name in ("Tea", 'é\0"')]
    assert [["w7", "w1"], ["w2"]] == found
    assert ["w4"] == [each.id for each in store.workflows(owner=Owner(None), name="Tea")]
    with pytest.raises(DamagedError):
        store.workflow("w5")
    store.close()
    assert 2 == version(path.with_name(f"{path.name}.v2.bak"), MIGRATIONS)


def test_a_file_of_the_first_schema_that_runs_keeps_it(path: Path) -> None:
    """Its runner does not know the new one; DatabaseBusy says who must stop first."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, str(path), MIGRATIONS[:1])
    lock = RunnerLock(str(path))
    lock.acquire()

    with pytest.raises(DatabaseBusy):
        SqliteStore(path)
    lock.release()
    assert 1 == version(path, MIGRATIONS)


def test_the_documents_have_the_tables_that_they_expect(old: sqlite3.Connection) -> None:
    """The schema of the database file holds what the embedded documents state as theirs, to the letter."""
    listing = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    with closing(sqlite3.connect(":memory:")) as theirs:
        for statement in DOCUMENTS:
            theirs.execute(statement)
        expected = theirs.execute(listing).fetchall()

    assert set(expected) <= set(old.execute(listing).fetchall())
