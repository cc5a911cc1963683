"""Database files that cannot serve, or stop serving: each row gives the error, and the state that it leaves."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from syncara import DamagedError, MultiStepProcessor, StorageError
from syncara.abc import ExecutionInput, Row, StepInput
from syncara.runtimes import stalled
from syncara.stores.sqlite import SqliteStore
from tests.integration.support import HANG_S, Gate, completes, healthy_run, noop, one_step, run_program, statuses

# A file that cannot serve is refused before anything in it is changed.


class Unfit(NamedTuple):
    prepare: Callable[[Path], object]
    """Make what stands at the path."""
    code: str
    text: str


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE contacts (name TEXT)")


def newer(path: Path) -> None:
    made(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1000")


def damaged(path: Path) -> None:
    made(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)


def made(path: Path) -> None:
    """A database of ours."""
    processor = MultiStepProcessor(path)
    one_step(processor)
    asyncio.run(processor.stop())


FILES = {
    "text": Unfit(lambda path: path.write_text("dear diary\n" * 500), "not_a_database", "not an SQLite database"),
    "another program's": Unfit(other_program, "not_syncara", "the database belongs to another program"),
    "newer": Unfit(newer, "newer_version", "the database has schema 1000, and this version of Syncara knows up to"),
    "damaged": Unfit(damaged, "damaged", "restore it from a backup"),
    "a folder": Unfit(Path.mkdir, "is_a_folder", "the path names a folder (add the name of a file to it)"),
}


@pytest.mark.parametrize("row", FILES.values(), ids=FILES)
def test_a_file_that_cannot_serve_is_refused_untouched(tmp_path: Path, row: Unfit) -> None:
    """The error names the file, what is wrong with it and what to do; a processor on another file is not troubled."""
    path = tmp_path / "unfit.db"
    row.prepare(path)
    before = contents(tmp_path)

    async def use() -> StorageError:
        async with MultiStepProcessor(tmp_path / "healthy" / "syncara.db") as healthy, healthy_run(healthy):
            with pytest.raises(StorageError) as refused:
                await MultiStepProcessor(path).start()
            with pytest.raises(StorageError, match=refused.value.code):
                MultiStepProcessor(path).create_workflow("New")
        return refused.value

    (tmp_path / "healthy").mkdir()
    error = asyncio.run(use())

    assert (row.code, str(path)) == (error.code, error.where)
    assert row.text in str(error)
    assert before == contents(tmp_path)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.glob("unfit*")}


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("nowhere/syncara.db", "no_folder", "make the folder, or mend the path"),
        (":memory:", "not_a_file", "runs that live in memory are not durable (name a file)"),
    ],
)
def test_a_path_that_cannot_hold_a_file_is_refused(tmp_path: Path, name: str, code: str, text: str) -> None:
    """Nothing is made at the path, nor on the way to it."""
    with pytest.raises(StorageError) as refused:
        MultiStepProcessor(tmp_path / name).create_workflow("New")

    assert code == refused.value.code
    assert text in str(refused.value)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_a_read_only_place_is_refused(read_only: str) -> None:
    """The user who runs the bot must be able to write the file and beside it."""
    # Not in tmp_path, into whose parents only its owner may look: the superuser, for whom nothing is read-only, has
    # the program act as somebody else.
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name, "syncara.db")
        made(path)
        before = path.read_bytes()
        path.chmod(0o444 if read_only == "file" else 0o666)
        folder.chmod(0o555 if read_only == "folder" else 0o777)
        done = run_program("open.py", path)
        folder.chmod(0o777)
        after = path.read_bytes()

    assert ("", "read_only\n") == (done.stderr, done.stdout)
    assert before == after


# A file that stops serving while runs are under way.


@contextmanager
def lock(database: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else's write transaction on the file, which ends with the block or before."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


async def test_a_short_lock_goes_unnoticed(
    processor: MultiStepProcessor, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While somebody else writes, commits wait, but never the event loop; then they go through."""
    ended = asyncio.Event()

    async def work(step: StepInput, execution: ExecutionInput) -> None:
        await go.wait()
        ended.set()

    go = asyncio.Event()
    processor.register_handler("work", work)
    execution_id = await processor.execute_workflow(one_step(processor, "work"))
    with lock(database):
        go.set()
        await ended.wait()
        for _ in range(10):  # turns of the loop, in which the commit is begun and has to wait
            await asyncio.sleep(0)
        locked = processor.get_execution(execution_id).status
    await processor.wait(execution_id, HANG_S)
    await completes(processor)

    assert "running" == locked
    assert [] == [record.message for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_long_lock_is_reported_and_outlived(
    processor: MultiStepProcessor, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After five seconds the caller is told; a run whose result could not be written keeps it until it can be."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    workflow_id = one_step(processor)
    async with healthy_run(processor):
        with lock(database):
            gate.open.set()
            with pytest.raises(StorageError) as refused:
                await processor.execute_workflow(workflow_id)
            locked = processor.get_execution(execution_id)
            listed = processor.list_executions(workflow_id=workflow_id)
        ended = await processor.wait(execution_id, HANG_S)

    assert ("locked", str(database)) == (refused.value.code, refused.value.where)
    assert "another process has kept the database locked for 5 seconds" in refused.value.message
    assert ("running", {"Only": "running"}, []) == (locked.status, statuses(locked), listed)
    assert ("completed", 1) == (ended.status, ended.steps["Only"].attempts)
    assert "the database does not take writes; nothing new starts until it does" in caplog.text


class Disk:
    """A database file on which space can run out: SQLite itself refuses more pages than there are."""

    def __init__(self, path: Path) -> None:
        self.store = SqliteStore(path)

    async def fill(self) -> None:
        await self.store.file.write(fill)

    async def free(self) -> None:
        await self.store.file.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())


def fill(connection: sqlite3.Connection) -> None:
    ((size,), (free,)) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "freelist_count"))
    connection.execute("CREATE TABLE ballast (body BLOB)")
    connection.execute("INSERT INTO ballast VALUES (zeroblob(?))", (max(free - 20, 0) * size,))
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


@pytest.fixture
async def disk(database: Path) -> Disk:
    return Disk(database)


@pytest.fixture
async def on_disk(disk: Disk) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(store=disk.store) as processor:
        processor.register_handler("noop", noop)
        yield processor


async def test_a_full_disk_stops_transitions_until_there_is_space(
    disk: Disk, on_disk: MultiStepProcessor, caplog: pytest.LogCaptureFixture
) -> None:
    """What does not fit did not happen: the caller is told, a result is kept, no follower starts; then all goes on."""
    big = random.Random(1).randbytes(500_000).hex()  # which does not become small when it is compressed
    gate = Gate()
    followed: list[str] = []

    async def result(step: StepInput, execution: ExecutionInput) -> str:
        calls.append(execution.attempt)
        await gate(step, execution)
        return big

    async def follow(step: StepInput, execution: ExecutionInput) -> None:
        followed.append(on_disk.get_execution(execution.id).steps["Result"].status)

    calls: list[int] = []
    on_disk.register_handler("result", result)
    on_disk.register_handler("follow", follow)
    steps = [
        {"name": "Result", "handler": "result"},
        {"name": "Follow", "handler": "follow", "dependencies": ["Result"]},
    ]
    execution_id = await on_disk.execute_workflow(on_disk.define({"name": "Big", "steps": steps}))
    small = one_step(on_disk)
    await gate.begun.wait()
    async with healthy_run(on_disk):
        await disk.fill()
        gate.open.set()
        with pytest.raises(StorageError) as refused:
            await on_disk.execute_workflow(small, {"big": big})
        with pytest.raises(StorageError) as refused_too:
            on_disk.create_workflow("New", metadata={"big": big[:200_000]})
        full = on_disk.get_execution(execution_id)
        not_begun = list(followed)
        await disk.free()
        ended = await on_disk.wait(execution_id, HANG_S)

    assert ["disk_full"] * 2 == [refused.value.code, refused_too.value.code]
    assert "the disk is full" in refused.value.message
    assert "free some space, then try again" == refused.value.fix
    assert ([], []) == (on_disk.list_executions(workflow_id=small), not_begun)
    assert ("running", {"Result": "running", "Follow": "pending"}) == (full.status, statuses(full))
    assert ("completed", [1], ["completed"]) == (ended.status, calls, followed)
    assert "the database does not take writes; nothing new starts until it does" in caplog.text


class Heard(logging.Handler):
    """Lets a test wait until a text is logged."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.event = text, asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.text in record.getMessage():
            self.event.set()


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Event]:
    """Happens when a commit has failed; it is not tried again by itself."""
    monkeypatch.setattr(stalled, "RETRY_FIRST_S", HANG_S)
    heard = Heard("the database does not take writes")
    logging.getLogger("syncara").addHandler(heard)
    yield heard.event
    logging.getLogger("syncara").removeHandler(heard)


@pytest.mark.parametrize("space", [True, False], ids=["freed", "still full"])
async def test_a_stop_writes_what_a_full_disk_refused(
    disk: Disk, database: Path, refused: asyncio.Event, caplog: pytest.LogCaptureFixture, space: bool
) -> None:
    """A last time, without waiting for the next try; when there is still no space, the log says that it is lost."""
    big = random.Random(1).randbytes(500_000).hex()
    called: list[int] = []
    gate = Gate()

    async def result(step: StepInput, execution: ExecutionInput) -> str:
        called.append(execution.attempt)
        await gate(step, execution)
        return big

    async with MultiStepProcessor(store=disk.store) as processor:
        processor.register_handler("result", result)
        execution_id = await processor.execute_workflow(one_step(processor, "result"))
        await gate.begun.wait()
        await disk.fill()
        gate.open.set()
        await refused.wait()
        if space:
            await disk.free()
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("result", result)
        ended = await processor.wait(execution_id, HANG_S)

    assert ("completed", [1] if space else [1, 1]) == (ended.status, called)
    assert space is ("runs of which the last results are lost: 1" not in caplog.text)


class Unreadable(SqliteStore):
    """A database of which the journals cannot be read for a while."""

    failures = 0

    def rows(self, key: int, from_seq: int = 0) -> list[Row]:
        if self.failures:
            self.failures -= 1
            raise StorageError("io_error", "the disk could not be read")
        return super().rows(key, from_seq)


async def test_a_run_that_cannot_be_read_at_the_start_is_taken_up_later(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again while the process lives, after waits that grow; its attempt is made again."""
    monkeypatch.setattr(stalled, "RETRY_FIRST_S", 0.001)
    gate = Gate()
    async with MultiStepProcessor(database) as before:
        before.register_handler("gate", gate)
        execution_id = await before.execute_workflow(one_step(before, "gate"))
        await gate.begun.wait()
    store = Unreadable(database)
    store.failures = 3
    async with MultiStepProcessor(store=store) as processor:
        processor.register_handler("gate", noop)
        ended = await processor.wait(execution_id, HANG_S)

    waits = re.findall(r"looked at again in (\S+) s", caplog.text)
    assert ("completed", ["0.001", "0.002", "0.004"]) == (ended.status, waits)


async def test_a_file_that_was_moved_away_takes_no_writes_until_it_is_back(
    processor: MultiStepProcessor, database: Path
) -> None:
    """Writing on into a file that nobody will find would lose everything; putting it back mends it."""
    moved = database.with_suffix(".moved")
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    async with healthy_run(processor):
        await asyncio.to_thread(database.rename, moved)
        with pytest.raises(StorageError) as refused:
            processor.create_workflow("New")
        gate.open.set()
        with pytest.raises(StorageError) as refused_too:
            await processor.execute_workflow(processor.list_workflows()[0].id)
        await asyncio.to_thread(moved.rename, database)
    ended = await processor.wait(execution_id, HANG_S)

    assert ["database_gone"] * 2 == [refused.value.code, refused_too.value.code]
    assert "the database file was deleted, moved or replaced while it was in use" == refused.value.message
    assert "New" not in [workflow.name for workflow in processor.list_workflows()]
    assert ("completed", 1) == (ended.status, ended.steps["Only"].attempts)


async def test_a_file_that_was_deleted_can_be_given_up(database: Path, tmp_path: Path) -> None:
    """The engine says so and can still be stopped; a processor on another file is not troubled."""
    async with MultiStepProcessor(tmp_path / "healthy.db") as healthy, healthy_run(healthy):
        processor = MultiStepProcessor(database)
        processor.register_handler("gate", Gate())
        await processor.execute_workflow(one_step(processor, "gate"))
        await asyncio.to_thread(database.unlink)

        with pytest.raises(StorageError) as refused:
            await processor.execute_workflow(processor.list_workflows()[0].id)
        with pytest.raises(StorageError) as at_the_end:
            await asyncio.wait_for(processor.stop(), HANG_S)

    assert ["database_gone"] * 2 == [refused.value.code, at_the_end.value.code]
    assert "put the file back or restore a backup, then start again" == refused.value.fix
    assert not await asyncio.to_thread(database.exists)


# A damaged journal.


async def test_a_damaged_run_is_set_aside(database: Path) -> None:
    """Its journal does not match its checksums, so nothing of it runs, and it says so; the other runs go on."""
    gate = Gate()
    async with MultiStepProcessor(database) as before:
        before.register_handler("gate", gate)
        workflow_id = one_step(before, "gate")
        bad, good = [await before.execute_workflow(workflow_id, {"n": n}) for n in range(2)]
        await gate.begun.wait()
    with closing(sqlite3.connect(database)) as connection, connection:
        (key,) = connection.execute("SELECT key FROM executions WHERE id = ?", (bad,)).fetchone()
        (body,) = connection.execute("SELECT body FROM events WHERE execution = ? AND seq = 0", (key,)).fetchone()
        forged = body.replace(b'"n":0', b'"n":7')
        connection.execute("UPDATE events SET body = ? WHERE execution = ? AND seq = 0", (forged, key))
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("gate", noop)
        ended = await processor.wait(good, HANG_S)
        with pytest.raises(DamagedError) as looked:
            processor.get_execution(bad)
        with pytest.raises(DamagedError) as cancelled:
            await processor.cancel_execution(bad)
        listed = {run.id: (run.status, run.code) for run in processor.list_executions()}
        await completes(processor)

    assert "completed" == ended.status
    assert ["journal_damaged"] * 2 == [looked.value.code, cancelled.value.code]
    assert "it is set aside and nothing of it runs" in looked.value.message
    assert ("running", "journal_damaged") == listed[bad]
