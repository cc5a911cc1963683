"""What a database file says of itself. Nothing is created, changed or run, and it works beside a runner."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from syncara.stores.connections import ReaderPool
from syncara.stores.migrations import MIGRATIONS, version_of


class Runner(NamedTuple):
    """The process that runs a database."""

    pid: int | None


class Examination(NamedTuple):
    bytes: int
    wal_bytes: int
    """Of the write-ahead log beside the file."""
    schema: int
    schema_newest: int
    """What this version of Syncara writes."""
    problems: list[str]
    """What SQLite's integrity check found; empty when the file is sound."""


def examine(path: str) -> Examination:
    """Check the whole file, which reads all of it. Raises StorageError when it cannot be read."""
    path = os.path.realpath(path)
    pool = ReaderPool(path)
    try:
        schema, problems = pool.read(_check, path)
    finally:
        pool.close()
    return Examination(_bytes(path), _bytes(f"{path}-wal"), schema, len(MIGRATIONS), problems)


def runner_of(path: str) -> Runner | None:
    """Who runs the database at this moment; None when nobody does, or when its lock file may not be read."""
    try:
        descriptor = os.open(f"{os.path.realpath(path)}.lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 20, 0).strip()
        return Runner(int(text) if text.isdigit() else None)
    finally:
        os.close(descriptor)  # which drops the lock
    return None


def _check(connection: sqlite3.Connection, path: str) -> tuple[int, list[str]]:
    found = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
    return version_of(connection, path), [line for line in found if line != "ok"]


def _bytes(path: str) -> int:
    file = Path(path)
    return file.stat().st_size if file.exists() else 0
