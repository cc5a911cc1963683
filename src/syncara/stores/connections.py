"""Connections to the database file: the one that writes, and a pool of those that read."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, TypeVar
from urllib.parse import quote

from syncara.core.errors import StorageError
from syncara.core.limits import MIB
from syncara.stores.faults import BUSY_TIMEOUT_S, closed, primary_code, reraise
from syncara.stores.migrations import MIGRATIONS, migrate, version_of

T = TypeVar("T")
P = ParamSpec("P")
Durability = Literal["full", "fast"]

READERS_IDLE_MAX = 8
WAL_BYTES_MAX = 64 * MIB
"""What is left of a write-ahead log that a long read made grow; it is used again from its start."""

_SYNCHRONOUS = {"full": "FULL", "fast": "NORMAL"}


def open_writer(path: str, durability: Durability) -> sqlite3.Connection:
    """Open or create the database, bring its schema up to date and set it up for writing.

    A file that cannot serve is refused with a StorageError before anything in it is changed.
    """
    _check_place(Path(path))
    connection = _connect(path, "rwc")
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(connection.close)
        try:
            version_of(connection, path)
            _enter_wal(connection, path)
            connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
            migrate(connection, path)
            connection.execute(
                "PRAGMA busy_timeout = 0"
            )  # whoever writes decides how long to wait, and on which thread
        except sqlite3.Error as error:
            reraise(error, path)
        on_failure.pop_all()
    return connection


def check_readable(path: str) -> None:
    """Refuse, with a StorageError, a file that cannot be read as it is; nothing is created or changed."""
    if not Path(path).is_file():
        raise StorageError(
            "no_database", "there is no such database", path, "mend the path, or run a workflow there first"
        )
    connection = _connect(path, "ro")
    try:
        version = version_of(connection, path)
    except sqlite3.Error as error:
        reraise(error, path)
    finally:
        connection.close()
    if version < len(MIGRATIONS):
        message = f"the database has schema {version}, and this version of Syncara reads {len(MIGRATIONS)}"
        raise StorageError("older_version", message, path, "open it once for writing, which upgrades it")


def _connect(path: str, mode: Literal["rwc", "ro"]) -> sqlite3.Connection:
    # As Path.as_uri writes it, which since Python 3.14 loads the HTTP client of the standard library.
    place = quote(os.fsencode(Path(path).as_posix().lstrip("/")))
    try:
        return sqlite3.connect(
            f"file:///{place}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        reraise(error, path)


def _check_place(file: Path) -> None:
    """Say what is wrong with a path in plainer words than SQLite would."""
    where, folder = str(file), file.parent
    if file.name == ":memory:":
        raise StorageError("not_a_file", "runs that live in memory are not durable", where, "name a file")
    try:
        file.stat()  # since Python 3.14, is_dir and exists do not tell what is closed from what is missing
    except PermissionError as error:
        fix = "let this user into the folders of the path"
        raise StorageError("cannot_open", "a folder on the way to the file is closed", where, fix) from error
    except OSError:
        pass  # what else is wrong shows below
    if file.is_dir():
        raise StorageError("is_a_folder", "the path names a folder", where, "add the name of a file to it")
    if not folder.is_dir():
        raise StorageError("no_folder", f"there is no folder '{folder}'", where, "make the folder, or mend the path")
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        raise StorageError("read_only", "the file may not be written", where, "make it writable for this user")
    if not os.access(folder, os.W_OK | os.X_OK):
        fix = "make the folder writable for this user: the database keeps its log and its lock beside the file"
        raise StorageError("read_only", f"the folder '{folder}' may not be written", where, fix)


def _enter_wal(connection: sqlite3.Connection, path: str) -> None:
    """Switch the file to a write-ahead log, which it keeps."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    mode = None
    while mode is None:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite does not wait here for another process that creates the same file just now, so this does.
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
    if mode != "wal":
        fix = "put the database on a disk of this machine"
        raise StorageError("no_wal", "the file system does not support a write-ahead log", path, fix)


class ReaderPool:
    """Read-only connections, lent to whichever thread reads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._mutex = threading.Lock()
        self._closed = False

    def read(self, job: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return `job(connection, ...)`. Errors of the file become StorageErrors."""
        connection = self._take()
        try:
            return job(connection, *args, **kwargs)
        except sqlite3.Error as error:
            reraise(error, self._path)
        finally:
            self._give_back(connection)

    def close(self) -> None:
        with self._mutex:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._mutex:
            if self._closed:
                raise closed(self._path)
            if self._idle:
                return self._idle.pop()
        return _connect(self._path, "ro")

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._mutex:
            if not self._closed and len(self._idle) < READERS_IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()
