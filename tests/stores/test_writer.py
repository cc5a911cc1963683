"""One connection writes: in groups on its own thread, or at once on the caller's."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from syncara.abc import Change, Entry, HideWorkflow, NewWorkflow, Owner, Record, SqlFile, Store
from syncara.core.errors import StorageError
from syncara.core.limits import MIB
from syncara.stores.sqlite import SqliteStore
from tests.stores.samples import WAIT_S, code, commit, define_welcome, entry, must_commit, summary, workflow

INSERT = "INSERT INTO receipts (key, at, result) VALUES (?, 0, '')"


class Gate:
    """Holds the writer's thread inside a transaction until it is opened."""

    def __init__(self, store: SqliteStore) -> None:
        self._file: SqlFile = store.file
        self._shut = threading.Event()
        self._entered = threading.Event()
        self.statements: list[str] = []

    async def __aenter__(self) -> Self:
        self._job = asyncio.create_task(self._file.write(self._wait))
        await asyncio.to_thread(self._entered.wait, WAIT_S)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._shut.set()
        await self._job

    def _wait(self, connection: sqlite3.Connection) -> None:
        self._entered.set()
        self._shut.wait(WAIT_S)
        connection.set_trace_callback(self.statements.append)


async def test_what_gathers_during_a_commit_is_the_next_transaction(store: SqliteStore) -> None:
    """Fifty appends and a job that wait behind a slow transaction share one COMMIT."""
    heard: list[int] = []
    async with Gate(store) as gate:
        for key in range(1, 51):
            store.append([entry(key, 0)], lambda _, key=key: heard.append(key), inline=True)  # type: ignore[misc]
        job = asyncio.create_task(store.file.write(lambda connection: connection.execute(INSERT, ["k"]).rowcount))
        await asyncio.sleep(0)

    assert await job == 1
    assert list(range(1, 51)) == heard
    assert gate.statements.count("COMMIT") == 2, "the gate's own, and one for all that waited"
    assert len(store.summaries()) == 50


def test_a_lone_append_is_committed_on_the_calling_thread(store: SqliteStore) -> None:
    """With `inline` and nothing under way, append() returns after done()."""
    threads: list[int] = []
    store.append([entry(1, 0)], lambda _: threads.append(threading.get_ident()), inline=True)

    assert [threading.get_ident()] == threads


def test_a_callback_may_make_the_next_append(store: SqliteStore) -> None:
    """A chain of inline appends, each made by the callback of the one before, comes to its end."""
    heard: list[int] = []
    last = threading.Event()

    def after(seq: int) -> Callable[[BaseException | None], None]:
        def done(error: BaseException | None) -> None:
            heard.append(seq)
            if seq < 3:
                store.append([entry(1, seq + 1)], after(seq + 1), inline=True)
            else:
                last.set()

        return done

    store.append([entry(1, 0)], after(0), inline=True)

    assert last.wait(WAIT_S)
    assert [0, 1, 2, 3] == heard


def test_slow_commits_are_kept_off_the_calling_thread(store: SqliteStore) -> None:
    """When commits have been slow, `inline` is not used: the event loop would stand still."""
    for seq in range(8):
        must_commit(store, entry(2, seq, size=16 * MIB))
    threads: list[int] = []
    told = threading.Event()

    def done(error: BaseException | None) -> None:
        threads.append(threading.get_ident())
        told.set()

    store.append([entry(1, 0)], done, inline=True)

    assert told.wait(WAIT_S)
    assert threading.get_ident() not in threads


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (entry(1, 0), "conflict"),
        (entry(9, 0, listed=summary(9, user_id={"a": 1})), "not_storable"),
        (entry(9, 0, listed=summary(9, user_id=2**70)), "not_storable"),
        (entry(9, 0, listed=summary(9, error="\ud800")), "not_storable"),
    ],
)
async def test_an_entry_that_cannot_be_stored_fails_alone(store: SqliteStore, bad: Entry, expected: str) -> None:
    """The others of its group are committed."""
    must_commit(store, entry(1, 0))
    outcomes: dict[str, str] = {}

    def append(name: str, *entries: Entry) -> None:
        store.append(entries, lambda error: outcomes.update({name: code(error)}))

    async with Gate(store):
        append("before", entry(2, 0))
        append("bad", entry(3, 0), bad)
        append("after", entry(4, 0))
    must_commit(store)

    assert {"before": "None", "bad": expected, "after": "None"} == outcomes
    assert [4, 2, 1] == [each.key for each in store.summaries()]


async def test_a_change_that_is_refused_fails_alone_in_its_transaction(store: SqliteStore) -> None:
    """What waited with it, entries, changes and jobs, is committed in the one transaction of the group."""
    heard: list[str] = []

    def append(key: int, *changes: Change) -> None:
        store.append([entry(key, 0)], lambda error: heard.append(code(error)), changes=changes)

    async with Gate(store) as gate:
        append(1, NewWorkflow(workflow("v", "a")))
        append(2, Record("note", "a", 1.0, b""), HideWorkflow("w"))
        append(3, HideWorkflow("v"))
        job = asyncio.create_task(store.file.write(lambda connection: connection.execute(INSERT, ["k"]).rowcount))
        await asyncio.sleep(0)

    assert await job == 1
    assert ["None", "unknown_workflow", "None"] == heard
    assert gate.statements.count("COMMIT") == 2, "the gate's own, and one for all that waited"
    assert [3, 1] == [each.key for each in store.summaries()]
    assert workflow("v", "a") == store.pinned("v", 1)
    assert store.record("note", "a") is None


@pytest.mark.parametrize("bad", [{"key": "\ud800"}, {"at": None}])
def test_a_record_that_cannot_be_stored_refuses_its_append(store: SqliteStore, bad: dict[str, object]) -> None:
    """The error says so, and what came before it is undone."""
    record = Record("note", "a", 1.0, b"")

    error = commit(store, entry(1, 0), changes=[record, record._replace(**bad)])  # type: ignore[arg-type]
    assert code(error) in {"not_storable", "conflict"}
    assert [] == [*store.records("note"), *store.summaries()]


async def test_a_job_that_raises_is_undone_alone(store: SqliteStore) -> None:
    """Its own error comes back to it, and its neighbours in the transaction are committed."""

    def failing(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ["bad"])
        raise LookupError("mine")

    async with Gate(store):
        jobs = [
            asyncio.create_task(store.file.write(job))
            for job in (lambda c: c.execute(INSERT, ["a"]), failing, lambda c: c.execute(INSERT, ["b"]))
        ]
        await asyncio.sleep(0)
    results = await asyncio.gather(*jobs, return_exceptions=True)

    assert [False, True, False] == [isinstance(result, LookupError) for result in results]
    keys = await store.file.read(lambda c: [key for (key,) in c.execute("SELECT key FROM receipts ORDER BY key")])
    assert ["a", "b"] == keys


async def test_a_job_that_meddles_with_the_transaction_does_not_wedge_the_writer(store: SqliteStore) -> None:
    """It is refused, and the next transaction begins afresh."""
    with pytest.raises(StorageError) as caught:
        await store.file.write(lambda connection: connection.executescript("COMMIT; BEGIN"))

    assert caught.value.code == "storage_failed"
    assert commit(store, entry(1, 0)) is None


async def test_a_mistake_in_a_job_is_not_taken_for_a_fault_of_the_disk(store: SqliteStore) -> None:
    """SQL errors and broken constraints reach the one who wrote the job, as they are."""
    with pytest.raises(sqlite3.OperationalError):
        await store.file.write(lambda connection: connection.execute("NONSENSE"))
    with pytest.raises(sqlite3.IntegrityError):
        await store.file.write(lambda connection: connection.executemany(INSERT, [["a"], ["a"]]))


async def test_many_writes_are_all_answered(store: SqliteStore) -> None:
    """However they are grouped, each gets its own result."""
    results = await asyncio.gather(
        *(store.file.write(lambda c, n=n: (c.execute(INSERT, [str(n)]), n)[1]) for n in range(500))  # type: ignore[misc]
    )

    assert list(range(500)) == results


async def test_a_read_cannot_write(store: SqliteStore) -> None:
    """Read jobs get a connection that refuses to change anything."""
    with pytest.raises(StorageError) as caught:
        await store.file.read(lambda connection: connection.execute(INSERT, ["a"]))

    assert caught.value.code == "read_only"


async def test_a_read_sees_one_moment(store: SqliteStore) -> None:
    """What is committed while a read job runs does not show up in it."""
    loop = asyncio.get_running_loop()

    def job(connection: sqlite3.Connection) -> list[int]:
        def count() -> int:
            return int(connection.execute("SELECT count(*) FROM receipts").fetchone()[0])

        first = count()
        asyncio.run_coroutine_threadsafe(store.file.write(lambda c: c.execute(INSERT, ["a"])), loop).result(WAIT_S)
        return [first, count()]

    assert await store.file.read(job) == [0, 0]
    assert await store.file.read(lambda c: c.execute("SELECT count(*) FROM receipts").fetchone()[0]) == 1


async def test_a_cancelled_write_does_not_disturb_the_others(store: SqliteStore) -> None:
    """Whoever stops waiting is not told; the writer goes on."""
    async with Gate(store):
        job = asyncio.create_task(store.file.write(lambda connection: connection.execute(INSERT, ["a"])))
        await asyncio.sleep(0)
        job.cancel()

    assert await store.file.write(lambda connection: connection.execute(INSERT, ["b"]).rowcount) == 1


def test_a_loop_that_closes_does_not_disturb_the_writer(store: SqliteStore) -> None:
    """Writes of a loop that is gone are committed, and later loops are served."""
    shut, entered = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        entered.set()
        shut.wait(WAIT_S)
        connection.execute(INSERT, ["a"])

    async def leave() -> None:
        task = asyncio.create_task(store.file.write(slow))
        await asyncio.to_thread(entered.wait, WAIT_S)
        task.cancel()

    asyncio.run(leave())
    shut.set()
    must_commit(store)

    async def count() -> int:
        return int(await store.file.read(lambda c: c.execute("SELECT count(*) FROM receipts").fetchone()[0]))

    assert asyncio.run(count()) == 1


def test_a_callback_that_fails_does_not_stop_the_writer(store: SqliteStore, caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged, and the next append is committed and told."""

    def failing(error: BaseException | None) -> None:
        raise LookupError("mine")

    store.append([entry(1, 0)], failing)

    assert commit(store, entry(1, 1)) is None
    assert "mine" in caplog.text


def test_closing_finishes_what_is_queued(path: Path) -> None:
    """close() waits for every append that was accepted."""
    store = SqliteStore(path, durability="fast")
    store.acquire()
    define_welcome(store)
    heard: list[str] = []
    for seq in range(100):
        store.append([entry(1, seq)], lambda error: heard.append(code(error)))
    store.close()

    assert ["None"] * 100 == heard


def test_a_release_waits_for_what_is_queued(store: SqliteStore) -> None:
    """Every append made before release() is committed, not refused."""
    heard: list[str] = []
    for seq in range(100):
        store.append([entry(1, seq)], lambda error: heard.append(code(error)))
    store.release(clean=True)

    assert ["None"] * 100 == heard


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda store: list(store.open_summaries()), "executions_open"),
        (lambda store: store.summaries(status="running"), "executions_open"),
        (lambda store: store.summaries(owner=Owner(5)), "executions_by_chat"),
        (lambda store: store.summaries(workflow_id="w"), "executions_by_workflow"),
        (lambda store: store.summary_of_key("once"), "executions_once"),
        (lambda store: store.rows(1, 5), "events"),
        (lambda store: store.workflow("w"), "steps"),
        (lambda store: store.workflows(owner=Owner(5)), "workflows_by_chat"),
        (lambda store: store.workflows(owner=Owner(None)), "workflows_by_chat"),
        (lambda store: store.workflows(owner=Owner(5), name="W"), "workflows_by_name (chat_id=? AND name=?)"),
        (lambda store: store.workflows(owner=Owner(None), name="W"), "workflows_by_name (chat_id=? AND name=?)"),
        (lambda store: store.record("receipt", "a"), "records"),
        (lambda store: store.records("receipt", after="a"), "records"),
        (lambda store: store.records("receipt", newest_first=True), "records"),
    ],
)
async def test_reads_go_by_an_index(store: SqliteStore, read: Callable[[Store], object], index: str) -> None:
    """No read that a start, a step or a chat causes looks at every row."""
    store.save_workflow(workflow("w", "a"))
    statements: list[str] = []
    await store.file.read(lambda connection: connection.set_trace_callback(statements.append))
    read(store)
    plans = [
        detail
        for statement in statements
        if statement.lstrip().startswith("SELECT")
        for *_, detail in await store.file.read(
            lambda connection, statement=statement: connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()  # type: ignore[misc]
        )
    ]

    assert [] == [
        detail for detail in plans if detail.startswith("SCAN") and index not in detail and "CONST" not in detail
    ]
    assert any(index in detail for detail in plans), plans
    assert [] == [detail for detail in plans if "TEMP B-TREE" in detail]
