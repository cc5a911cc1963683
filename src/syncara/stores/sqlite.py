"""The store on one SQLite file: journal, definitions and documents, in transactions of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from syncara.abc import Change, Done, Entry, Owner, Record, Row, RunnerInfo, Summary
from syncara.core.errors import StorageError
from syncara.core.limits import MIB
from syncara.core.model import Step, Workflow
from syncara.stores import tables
from syncara.stores.connections import Durability, ReaderPool, check_readable, open_writer
from syncara.stores.lock import RunnerLock
from syncara.stores.writer import Job, ReadOnly, Writer

T = TypeVar("T")

WAL_BYTES = 4 * MIB + MIB // 8
"""The size that the write-ahead log is given at once: a little more than SQLite lets gather before a checkpoint."""


class SqliteStore:
    """A Store in the file `path`, which is created when it does not exist; its folder must exist.

    durability: `full` survives a power cut from the moment that a call returns; `fast` survives the death of the
    process, and a power cut may take the last moments. read_only: the file must exist, and whatever would change it
    gets StorageError code `read_only`. Raises StorageError when the file cannot serve.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, durability: Durability = "full", read_only: bool = False
    ) -> None:
        # Two names of one file must find the same lock beside it.
        self.path = os.path.realpath(path)
        if read_only:
            check_readable(self.path)
        self._writer = ReadOnly(self.path) if read_only else Writer(self.path, open_writer(self.path, durability))
        self._readers = ReaderPool(self.path)
        self._lock = RunnerLock(self.path)
        self.file = _File(self.path, self._writer, self._readers)

    def acquire(self) -> RunnerInfo:
        if isinstance(self._writer, ReadOnly):
            raise self._writer.refusal()
        self._lock.acquire()
        try:
            self._grow_wal()
            info = self._writer.run(tables.begin_epoch)
        except BaseException:
            self._lock.release()
            raise
        self._writer.epoch = info.epoch
        return info

    def release(self, *, clean: bool) -> None:
        epoch = self._writer.epoch
        if epoch is None:
            return
        try:
            self._writer.run(partial(tables.end_epoch, epoch=epoch, clean=clean))
        finally:
            self._writer.epoch = None
            self._lock.release()

    def append(
        self, entries: Sequence[Entry], done: Done, *, inline: bool = False, changes: Sequence[Change] = ()
    ) -> None:
        self._writer.append(entries, done, inline=inline, changes=changes)

    def put(self, record: Record) -> None:
        self._writer.run(partial(tables.put_record, record=record))

    def save_workflow(self, workflow: Workflow) -> None:
        self._writer.run(partial(tables.insert_workflow, workflow=workflow, where=self.path))

    def add_steps(self, workflow_id: str, steps: Sequence[Step]) -> None:
        self._writer.run(partial(tables.append_steps, workflow_id=workflow_id, steps=steps))

    def delete_workflow(self, workflow_id: str) -> bool:
        return self._writer.run(partial(tables.hide_workflow, workflow_id=workflow_id))

    def workflow(self, workflow_id: str) -> Workflow | None:
        return self._readers.read(tables.workflow, workflow_id)

    def step_count(self, workflow_id: str) -> int | None:
        return self._readers.read(tables.step_count, workflow_id)

    def pinned(self, workflow_id: str, steps: int) -> Workflow | None:
        return self._readers.read(tables.pinned, workflow_id, steps)

    def workflows(
        self, limit: int = 100, offset: int = 0, owner: Owner | None = None, *, name: str | None = None
    ) -> list[Workflow]:
        filters: dict[str, Any] = {} if name is None else {"name": name}
        if owner is not None:
            filters["chat_id"] = owner.chat_id
        return self._readers.read(tables.workflows, filters, limit, offset)

    def summary(self, execution_id: str) -> Summary | None:
        return self._readers.read(tables.summary_where, "id", execution_id)

    def summary_of_key(self, idempotency_key: str) -> Summary | None:
        return self._readers.read(tables.summary_where, "idempotency_key", idempotency_key)

    def summary_at(self, key: int) -> Summary | None:
        return self._readers.read(tables.summary_where, "key", key)

    def summaries(
        self,
        *,
        status: str | None = None,
        workflow_id: str | None = None,
        owner: Owner | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Summary]:
        given = {"status": status, "workflow_id": workflow_id}
        filters = {column: value for column, value in given.items() if value is not None}
        if owner is not None:
            filters["chat_id"] = owner.chat_id
        return self._readers.read(tables.summaries, filters, limit, offset)

    def open_summaries(self) -> Iterator[Summary]:
        page = self._readers.read(tables.open_page, 0)
        while page:
            yield from page
            page = self._readers.read(tables.open_page, page[-1].key)

    def rows(self, key: int, from_seq: int = 0) -> list[Row]:
        return self._readers.read(tables.rows, key, from_seq)

    def cleanup(self, before: float) -> int:
        # In transactions of a bounded size, so that a large clean-up does not hold up the journal.
        total = 0
        while deleted := self._writer.run(partial(tables.delete_finished, before=before)):
            total += deleted
        while self._writer.run(partial(tables.delete_receipts, before=before)):
            pass
        return total

    def record(self, kind: str, key: str) -> Record | None:
        return self._readers.read(tables.record, kind, key)

    def records(self, kind: str, *, after: str = "", limit: int = 1000, newest_first: bool = False) -> list[Record]:
        return self._readers.read(tables.records, kind, after, limit, newest_first=newest_first)

    def close(self) -> None:
        """Finish what is queued and let go of the file. Without a `release` before, the stop counts as unclean."""
        # The connection that writes goes last: it then folds the log into the file and removes it.
        self._readers.close()
        self._writer.close()
        self._writer.epoch = None
        self._lock.release()

    def _grow_wal(self) -> None:
        """Give the write-ahead log its size at once: a commit that makes a file grow takes half as long again.

        The log fills up, is checkpointed, and from then on is written over from its start. The pages stay free in the
        database file. Commits work without it, so a full disk is no reason to fail.
        """
        with contextlib.suppress(StorageError, FileNotFoundError):
            if Path(f"{self.path}-wal").stat().st_size < WAL_BYTES:
                self._writer.run(_fill)
                self._writer.run(_empty)


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS filler (body BLOB) STRICT")
    connection.execute("INSERT INTO filler VALUES (zeroblob(?))", (WAL_BYTES,))


def _empty(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE filler")


class _File:
    """The database file for tables that share the store's transactions: a SqlFile."""

    def __init__(self, path: str, writer: Writer | ReadOnly, readers: ReaderPool) -> None:
        self.path = path
        self._writer = writer
        self._readers = readers
        self._mailbox: _Mailbox | None = None

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        mailbox = self._mailbox
        if mailbox is None or mailbox.loop is not loop:
            mailbox = self._mailbox = _Mailbox(loop)
        future: asyncio.Future[T] = loop.create_future()
        self._writer.submit(Job(job, partial(mailbox.put, future)))
        return await future

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._readers.read, _in_snapshot, job)


def _in_snapshot(connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], T]) -> T:
    """All that `job` reads is of one moment."""
    connection.execute("BEGIN")
    try:
        return job(connection)
    finally:
        connection.execute("ROLLBACK")


class _Mailbox:
    """Brings outcomes from the writer's thread to an event loop, with one wake-up for all that gather meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._outcomes: deque[tuple[asyncio.Future[Any], Job[Any]]] = deque()

    def put(self, future: asyncio.Future[Any], job: Job[Any]) -> None:
        self._outcomes.append((future, job))
        # Whoever is first calls; the others are delivered with it, for it stays in the deque until then.
        if len(self._outcomes) == 1:
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        while self._outcomes:
            future, job = self._outcomes.popleft()
            if future.done():
                continue
            if job.error is not None:
                future.set_exception(job.error)
            else:
                future.set_result(job.result)
