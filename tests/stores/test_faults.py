"""A disk that fails under a running store: nothing happens by halves, and work goes on afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncara.core.errors import DamagedError, StorageError
from syncara.core.limits import MIB
from syncara.stores.sqlite import SqliteStore
from tests.stores.conftest import Start, heard
from tests.stores.samples import code, commit, define_welcome, entry, must_commit, summary, workflow


async def pragma(store: SqliteStore, text: str) -> None:
    """Set something on the connection that writes."""
    connection = await store.file.write(lambda connection: connection)
    connection.execute(f"PRAGMA {text}")


async def test_a_full_disk_refuses_and_is_used_again_when_it_has_space(store: SqliteStore) -> None:
    """disk_full: the entry did not happen, nor did a definition, and both succeed once there is room."""
    must_commit(store, entry(1, 0))
    big = entry(1, 1, size=16 * MIB, listed=summary(1, progress=9.0))
    await pragma(store, "max_page_count = 1")

    assert code(commit(store, big)) == "disk_full"
    with pytest.raises(StorageError) as caught:
        store.save_workflow(workflow("w", description="…" * 8 * MIB))
    assert ("disk_full", store.path) == (caught.value.code, caught.value.where)
    assert caught.value.fix
    assert summary(1) == store.summary_at(1)
    assert store.workflow("w") is None

    await pragma(store, "max_page_count = 1000000")
    assert commit(store, big) is None
    assert summary(1, progress=9.0) == store.summary_at(1)


def test_an_error_of_the_disk_during_the_commit_undoes_it(start: Start) -> None:
    """io_error: a write that the system refuses leaves nothing behind, and the next one succeeds."""
    assert ["io_error", 1, "None", 2] == heard(start("outgrow"))


async def test_a_database_that_turns_read_only_refuses_and_recovers(store: SqliteStore) -> None:
    """read_only: as with a file system that is mounted anew."""
    connection = await store.file.write(lambda connection: connection)
    connection.execute("PRAGMA query_only = ON")
    assert code(commit(store, entry(1, 0))) == "read_only"

    connection.execute("PRAGMA query_only = OFF")
    assert commit(store, entry(1, 0)) is None


async def test_a_lock_that_another_program_keeps_is_reported(store: SqliteStore, path: Path) -> None:
    """Locked: after waiting, the entry is refused; when the lock is gone it succeeds."""
    await pragma(store, "busy_timeout = 10")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert code(commit(store, entry(1, 0))) == "locked"

    assert commit(store, entry(1, 0)) is None


@pytest.mark.parametrize("replaced", [True, False])
def test_a_file_that_is_gone_takes_no_more_entries(store: SqliteStore, path: Path, replaced: bool) -> None:
    """database_gone: what SQLite would write to a deleted file is not acknowledged."""
    must_commit(store, entry(1, 0))
    if replaced:
        copy = path.with_name("copy.db")
        copy.write_bytes(path.read_bytes())
        copy.replace(path)
    else:
        path.unlink()

    assert code(commit(store, entry(1, 1))) == "database_gone"
    assert code(commit(store, entry(1, 1), inline=True)) == "database_gone"


def test_a_database_that_fails_does_not_keep_its_runner_from_stopping(store: SqliteStore, path: Path) -> None:
    """The lock is given back although the clean stop could not be recorded; so it counts as unclean."""
    moved = path.rename(path.with_name("moved.db"))
    with pytest.raises(StorageError):
        store.release(clean=True)
    moved.rename(path)
    other = SqliteStore(path)

    assert not other.acquire().clean
    other.close()


def test_damaged_pages_are_reported_by_every_read_of_them(path: Path) -> None:
    """DamagedError: a journal that cannot be read is never taken for an empty one."""
    store = SqliteStore(path)
    store.acquire()
    define_welcome(store)
    must_commit(store, *(entry(1, seq, size=3_000) for seq in range(100)))
    store.close()
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    damaged = SqliteStore(path)

    with pytest.raises(DamagedError) as caught:
        damaged.rows(1)
    assert ("damaged", damaged.path) == (caught.value.code, caught.value.where)
    damaged.close()


def test_a_damaged_definition_is_reported_by_its_id(store: SqliteStore, path: Path) -> None:
    """DamagedError: text that is no definition is not taken for one, and other definitions are read."""
    store.save_workflow(workflow("good", "a"))
    store.save_workflow(workflow("bad", "a"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE steps SET body = '{' WHERE workflow = 3")

    with pytest.raises(DamagedError) as caught:
        store.workflow("bad")
    assert ("definition_damaged", "workflow 'bad'") == (caught.value.code, caught.value.where)
    assert workflow("good", "a") == store.workflow("good")
