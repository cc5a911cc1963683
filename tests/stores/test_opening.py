"""What a store opens, and what it refuses before it changes anything."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncara.core.errors import StorageError
from syncara.stores.migrations import APPLICATION_ID
from syncara.stores.sqlite import WAL_BYTES, SqliteStore
from tests.stores.conftest import CHILD
from tests.stores.samples import define_welcome, entry, must_commit, workflow


def refusal(path: Path) -> StorageError:
    with pytest.raises(StorageError) as caught:
        SqliteStore(path)
    return caught.value


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("place", "expected"),
    [("folder", "is_a_folder"), ("missing/x.db", "no_folder"), ("file/x.db", "no_folder"), (":memory:", "not_a_file")],
)
def test_a_path_that_cannot_hold_a_database_is_refused(tmp_path: Path, place: str, expected: str) -> None:
    """The error names the path and says what to do; nothing is created."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    error = refusal(tmp_path / place)

    assert (expected, str(tmp_path / place)) == (error.code, error.where)
    assert error.fix
    assert {"file", "folder"} == {child.name for child in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["CREATE TABLE notes (body)"], "not_syncara"),
        (["PRAGMA application_id = 7"], "not_syncara"),
        (["PRAGMA user_version = 3"], "not_syncara"),
        ([f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 999"], "newer_version"),
    ],
)
def test_a_database_of_another_kind_is_refused_and_left_alone(path: Path, statements: list[str], expected: str) -> None:
    """Another program's file, or a newer Syncara's, is not touched."""
    sql(path, *statements)
    before = path.read_bytes()
    error = refusal(path)

    assert (expected, str(path)) == (error.code, error.where)
    assert before == path.read_bytes()
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize("content", [b"just some text\n" * 100, b"SQLite format 3\0" + b"\1" * 5_000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    """not_a_database: also when it begins like one."""
    path.write_bytes(content)

    assert refusal(path).code == "not_a_database"
    assert content == path.read_bytes()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "expected"),
    [(0o444, 0o777, "read_only"), (0o666, 0o555, "read_only"), (0o666, 0o000, "cannot_open")],
)
def test_a_place_that_may_not_be_written_is_refused(
    public_folder: Path, file_mode: int, folder_mode: int, expected: str
) -> None:
    """A user without the right to write the file, or beside it, is told so at once."""
    path = public_folder / "x.db"
    SqliteStore(path).close()
    path.chmod(file_mode)
    public_folder.chmod(folder_mode)

    done = subprocess.run([sys.executable, CHILD, "open_as_nobody", path], capture_output=True, text=True, check=True)
    public_folder.chmod(0o755)
    assert [expected, str(path)] == json.loads(done.stdout)


def test_an_empty_file_is_a_new_database(path: Path) -> None:
    """A file made by `touch` or mktemp can be used."""
    path.touch(mode=0o600)
    store = SqliteStore(path)
    store.save_workflow(workflow("w", "a"))
    store.close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store.path == str(path)


def test_what_was_stored_is_there_after_opening_again(path: Path) -> None:
    """Closing and opening loses nothing, and after a close only the database and its lock file are left."""
    store = SqliteStore(path)
    store.acquire()
    store.save_workflow(workflow("w", "a"))
    define_welcome(store)
    must_commit(store, entry(1, 0))
    store.close()
    assert {path, path.with_name("x.db.lock")} == set(path.parent.iterdir())
    again = SqliteStore(path)

    assert workflow("w", "a") == again.workflow("w")
    assert [entry(1, 0)[1:5]] == again.rows(1)
    again.close()


def test_a_path_may_be_relative_and_hold_any_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that mean something in a URI are names all the same."""
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("a b?mode=ro#%41.db")
    store.save_workflow(workflow("w"))
    store.close()

    assert (tmp_path / "a b?mode=ro#%41.db").is_file()


@pytest.mark.parametrize(("durability", "expected"), [("full", 2), ("fast", 1)])
async def test_durability_is_sqlites_synchronous_setting(path: Path, durability: str, expected: int) -> None:
    """`full` waits for the disk with each commit, `fast` does not."""
    store = SqliteStore(path, durability=durability)  # type: ignore[arg-type]
    found = await store.file.write(lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0])
    store.close()

    assert expected == found


def test_a_runner_has_a_log_of_full_size_from_the_start(store: SqliteStore, path: Path) -> None:
    """The write-ahead log need not grow with the first commits, nor is it given back."""
    log = Path(f"{path}-wal")
    before = log.stat().st_size
    for seq in range(300):
        must_commit(store, entry(1, seq, size=10_000))

    assert before >= WAL_BYTES
    assert before <= log.stat().st_size < 2 * before
    sql(path, "SELECT * FROM meta")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'filler'").fetchall() == []
