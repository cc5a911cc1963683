"""Several processes on one database file, and the death of one of them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncara.core.errors import DatabaseBusy
from syncara.stores.sqlite import SqliteStore
from tests.stores.conftest import Start, heard
from tests.stores.samples import code, commit, entry, must_commit, summary, workflow


@pytest.mark.parametrize("acknowledged", [1, 40, 300])
def test_a_killed_process_leaves_all_it_acknowledged_and_nothing_half(
    path: Path, start: Start, acknowledged: int
) -> None:
    """After kill -9 in the middle of appends, each transaction is there as a whole or not at all."""
    process = start("append")
    lines = [heard(process) for _ in range(acknowledged)]
    process.kill()
    rest, _ = process.communicate()
    known = acknowledged + rest.count("\n")
    store = SqliteStore(path)

    assert [[1, seq, "None"] for seq in range(acknowledged)] == lines
    stored = [len(store.rows(key)) for key in (1, 2)]
    assert stored[0] == stored[1] >= known
    for key in (1, 2):
        assert [entry(key, seq)[1:5] for seq in range(stored[0])] == store.rows(key)
        assert summary(key, progress=float(stored[0] - 1)) == store.summary_at(key)
    assert not store.acquire().clean
    store.close()


def test_a_second_process_is_told_who_runs_the_database(path: Path, start: Start) -> None:
    """DatabaseBusy names the pid, in either direction, and the lock ends with its process."""
    holder = start("hold")
    assert heard(holder) == "acquired"
    store = SqliteStore(path)
    with pytest.raises(DatabaseBusy) as caught:
        store.acquire()
    assert holder.pid == caught.value.pid
    assert f"process {holder.pid} already runs" in str(caught.value)
    holder.kill()
    holder.wait()

    assert not store.acquire().clean
    assert [os.getpid(), str(DatabaseBusy(store.path, os.getpid()))] == heard(start("run"))
    store.close()


def test_a_name_for_the_same_file_finds_the_same_lock(store: SqliteStore, path: Path) -> None:
    """A symbolic link to the database is no way around its runner."""
    link = path.with_name("link.db")
    link.symlink_to(path)
    other = SqliteStore(link)

    with pytest.raises(DatabaseBusy):
        other.acquire()
    other.close()


def test_a_runner_whose_lock_file_was_removed_is_fenced_off(store: SqliteStore, path: Path) -> None:
    """Where the lock fails, the epoch still keeps two runners from writing into one journal."""
    must_commit(store, entry(1, 0))
    Path(f"{path}.lock").unlink()
    usurper = SqliteStore(path)
    usurper.acquire()

    assert code(commit(store, entry(1, 1))) == "not_runner"
    must_commit(usurper, entry(1, 1))
    assert [0, 1] == [row.seq for row in store.rows(1)]
    usurper.close()


def test_a_second_process_defines_beside_the_runner(store: SqliteStore, start: Start) -> None:
    """Definitions need no runner: the runner sees them, and its appends go on."""
    process = start("define")
    for seq in range(200):
        must_commit(store, entry(1, seq))

    assert process.wait() == 0
    assert workflow(f"w{process.pid}", "a", "b") == store.workflow(f"w{process.pid}")


def test_a_file_may_be_created_by_many_at_the_same_moment(tmp_path: Path) -> None:
    """All of them find a complete database, also while another one switches the new file to its log."""
    for attempt in range(5):
        path = tmp_path / f"{attempt}.db"
        with ThreadPoolExecutor(8) as pool:
            start = threading.Barrier(8)

            def define(number: int, path: Path = path, start: threading.Barrier = start) -> None:
                start.wait()
                store = SqliteStore(path)
                store.save_workflow(workflow(f"w{number}"))
                store.close()

            list(pool.map(define, range(8)))
        store = SqliteStore(path)
        assert {f"w{number}" for number in range(8)} == {each.id for each in store.workflows()}
        store.close()
