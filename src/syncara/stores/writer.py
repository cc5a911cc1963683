"""The one connection that writes: transactions on the calling thread when it is idle, else in groups on its own."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from syncara.abc import Change, Done, Entry
from syncara.core.errors import StorageError
from syncara.stores import tables
from syncara.stores.faults import BUSY_TIMEOUT_S, closed, fault, not_runner, primary_code, refusal

T = TypeVar("T")

_BUSY_NAP_S = 0.002
INLINE_COMMIT_S_MAX = 0.001
"""Commits slower than this on average are kept off the caller's thread, which may be an event loop's."""
_COMMITS_AVERAGED = 8

_log = logging.getLogger(__name__)


class _Append:
    """Entries and changes to write, and whom to tell."""

    def __init__(self, entries: Sequence[Entry], done: Done, changes: Sequence[Change]) -> None:
        self.entries = entries
        self.changes = changes
        self.error: BaseException | None = None
        self._done = done

    def tell(self) -> None:
        self._done(self.error)


class Job(Generic[T]):
    """A function to run in a transaction, and whom to tell; then `error` is set, or `result` is what it returned."""

    result: T

    def __init__(self, function: Callable[[sqlite3.Connection], T], done: Callable[[Job[T]], None]) -> None:
        self._function = function
        self._done = done
        self.error: BaseException | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        self.result = self._function(connection)

    def tell(self) -> None:
        self._done(self)


class ReadOnly:
    """In the place of a Writer where nothing may be written."""

    epoch: int | None = None

    def __init__(self, path: str) -> None:
        self._path = path

    def refusal(self) -> StorageError:
        fix = "open it without read_only, in the process that is to write"
        return StorageError("read_only", "the database was opened for reading only", self._path, fix)

    def append(self, entries: Sequence[Entry], done: Done, *, inline: bool, changes: Sequence[Change]) -> None:
        done(self.refusal())

    def submit(self, job: Job[Any]) -> None:
        job.error = self.refusal()
        job.tell()

    def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        raise self.refusal()

    def close(self) -> None:
        pass


class Writer:
    """Group commit: whatever gathers while one transaction runs is the next one. It never waits for more.

    Whoever holds the turn may use the connection. A caller takes it only when nothing is queued, and the thread tells
    everyone their outcome before it gives the turn back; so for each caller outcomes come in the order of the calls.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.epoch: int | None = None
        """The epoch of this runner; None while this store is not the runner."""
        self._path = path
        self._file = Path(path).stat()
        self._connection = connection
        self._turn = threading.Lock()
        self._queue: list[_Append | Job[Any]] = []
        self._queued = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._commit_s = 0.0

    def append(self, entries: Sequence[Entry], done: Done, *, inline: bool, changes: Sequence[Change]) -> None:
        """Write all of it in one transaction and call `done`, which may append, but must not wait for anything."""
        item = _Append(entries, done, changes)
        if not (inline and self._commit_s < INLINE_COMMIT_S_MAX and self._commit_here(item, wait=False)):
            self._enqueue(item)
            return
        item.tell()
        if item.error is not None and not isinstance(item.error, Exception):
            raise item.error

    def submit(self, job: Job[Any]) -> None:
        """Run `job` on the writer's thread."""
        self._enqueue(job)

    def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Return `function(connection)` once its transaction, and all that was queued before, is committed."""
        finished = threading.Event()
        job = Job(function, lambda _: finished.set())
        if not self._commit_here(job, wait=True):
            self._enqueue(job)
            finished.wait()
        if job.error is not None:
            raise job.error
        return job.result

    def close(self) -> None:
        """Finish what is queued, then close the connection. Later calls get StorageError code `closed`."""
        with self._queued:
            self._closed = True
            self._queued.notify()
        if self._thread is not None:
            self._thread.join()
        with self._turn:
            self._connection.close()

    def _commit_here(self, item: _Append | Job[Any], *, wait: bool) -> bool:
        """Commit `item` on this thread, unless something else is under way here (or, without `wait`, elsewhere)."""
        if not self._turn.acquire(blocking=False):
            return False
        try:
            if self._queue or self._closed:
                return False
            if isinstance(item, _Append) and not item.changes and tables.is_one_row(item.entries):
                return self._insert_row(item)
            if not wait and self._locked_elsewhere():
                return False
            self._commit([item])
            return True
        finally:
            self._turn.release()

    def _insert_row(self, item: _Append) -> bool:
        """Commit one row without a BEGIN and a COMMIT of its own; False when another process holds the lock."""
        started = time.perf_counter()
        try:
            self._check_file()
            if not tables.insert_row(self._connection, self.epoch, item.entries[0]):
                item.error = not_runner(self._path)
        except BaseException as error:  # noqa: BLE001 (an interrupt too is told, and raised by `append`)
            if isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_BUSY:
                return False
            item.error = refusal(error, self._path)
        self._took(started)
        return True

    def _locked_elsewhere(self) -> bool:
        """Begin the transaction, unless another process holds the lock. Any other failure is left to come again."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return primary_code(error) == sqlite3.SQLITE_BUSY
        return False

    def _begin(self) -> None:
        """Begin the transaction; wait a while for another process that holds the lock."""
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while not self._connection.in_transaction:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_BUSY_NAP_S)

    def _enqueue(self, item: _Append | Job[Any]) -> None:
        with self._queued:
            if not self._closed:
                self._queue.append(item)
                if self._thread is None:
                    # A daemon, so that a script that forgets to close the store can end; nothing unsaid is lost.
                    self._thread = threading.Thread(target=self._serve, name="syncara-writer", daemon=True)
                    self._thread.start()
                self._queued.notify()
                return
        item.error = closed(self._path)
        item.tell()

    def _serve(self) -> None:
        while self._wait():
            self._commit_queued()

    def _wait(self) -> bool:
        """Wait for work; False when there is none left and none will come."""
        with self._queued:
            while not self._queue and not self._closed:
                self._queued.wait()
            return bool(self._queue)

    def _commit_queued(self) -> None:
        with self._turn:
            with self._queued:
                batch, self._queue = self._queue, []
            self._commit(batch)
            for item in batch:
                try:
                    item.tell()
                except Exception:  # noqa: BLE001 (nothing may end the thread)
                    _log.exception("a callback failed after its transaction")

    def _commit(self, batch: list[_Append | Job[Any]]) -> None:
        """One transaction for all of `batch`. Nothing is raised: every item gets its error."""
        try:
            self._transact(batch)
        except BaseException as error:  # noqa: BLE001 (nothing may end the thread, and everyone must be told)
            self._roll_back()
            for item in batch:
                item.error = refusal(error, self._path)

    def _transact(self, batch: list[_Append | Job[Any]]) -> None:
        self._check_file()
        self._begin()
        appends = [item for item in batch if isinstance(item, _Append)]
        if appends:
            self._append(appends)
        for item in batch:
            if isinstance(item, Job):
                error = self._alone(item.run)
                item.error = error and (fault(error, self._path) or error)
        started = time.perf_counter()
        self._connection.execute("COMMIT")
        if appends:
            self._took(started)

    def _took(self, started: float) -> None:
        # One checkpoint or one hiccup must not decide, so no single commit counts for more than a few.
        commit_s = min(time.perf_counter() - started, 4 * INLINE_COMMIT_S_MAX)
        self._commit_s += (commit_s - self._commit_s) / _COMMITS_AVERAGED

    def _append(self, appends: list[_Append], *, together: bool = True) -> None:
        epoch = self.epoch
        if epoch is None or epoch != tables.current_epoch(self._connection):
            for item in appends:
                item.error = not_runner(self._path)
        elif together:
            try:
                entries = [entry for item in appends for entry in item.entries]
                changes = [change for item in appends for change in item.changes]
                tables.append(self._connection, epoch, entries, changes, self._path)
            except Exception:  # noqa: BLE001 (it comes again, to the one it belongs to)
                # Something cannot be stored. All over again, one item at a time, so that only that one fails.
                self._roll_back()
                self._begin()
                self._append(appends, together=False)
        else:
            for item in appends:
                error = self._alone(
                    partial(tables.append, epoch=epoch, entries=item.entries, changes=item.changes, where=self._path)
                )
                item.error = error and refusal(error, self._path)

    def _alone(self, action: Callable[[sqlite3.Connection], None]) -> BaseException | None:
        """Run `action`; when it raises, undo it alone and return its error.

        Raises when SQLite has given up the whole transaction.
        """
        self._connection.execute("SAVEPOINT alone")
        try:
            action(self._connection)
        except BaseException as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO alone")
            self._connection.execute("RELEASE alone")
            return error
        self._connection.execute("RELEASE alone")
        return None

    def _roll_back(self) -> None:
        # SQLite may have done it already.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # what cannot even be undone is told by the error that led here
                self._connection.execute("ROLLBACK")

    def _check_file(self) -> None:
        # SQLite would go on writing to a file that has been deleted, and all of it would be lost.
        try:
            if os.path.samestat(os.stat(self._path), self._file):  # noqa: PTH116 (with each commit: Path is slower)
                return
        except OSError:
            pass
        raise StorageError(
            "database_gone",
            "the database file was deleted, moved or replaced while it was in use",
            self._path,
            "put the file back or restore a backup, then start again",
        )
