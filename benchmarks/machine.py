"""What this machine can do at the most: single-row transactions of plain SQLite, and fdatasync, on the same disk."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from statistics import median

from benchmarks.workload import Measures, main, timed

WAL_BYTES = 4 * 1024 * 1024


class SingleRows:
    """Commits one row at a time: write-ahead log, FULL, the log grown beforehand as the engine grows its own."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE filler (body BLOB)")
        self._connection.execute("INSERT INTO filler VALUES (zeroblob(?))", (WAL_BYTES,))
        self._connection.execute("DROP TABLE filler")
        self._connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, body BLOB)")
        self.seconds: list[float] = []

    def commit(self, count: int) -> None:
        for _ in range(count):
            with timed(self.seconds):
                self._connection.execute("INSERT INTO rows (body) VALUES (zeroblob(100))")

    @property
    def per_s(self) -> float:
        return len(self.seconds) / sum(self.seconds)


def measure(folder: Path, rows: int) -> Measures:
    single = SingleRows(folder)
    single.commit(rows)
    return {
        "commits_per_s": single.per_s,
        "commit_ms": median(single.seconds) * 1e3,
        "fsyncs_per_s": _fsyncs_per_s(folder / "file", rows),
    }


def _fsyncs_per_s(path: Path, count: int) -> float:
    """Pages of a file that does not grow, each made durable before the next."""
    page, pages = bytes(4096), 256
    path.write_bytes(page * pages)
    file = os.open(path, os.O_RDWR)
    os.fsync(file)
    seconds: list[float] = []
    with timed(seconds):
        for number in range(count):
            os.pwrite(file, page, number % pages * len(page))
            getattr(os, "fdatasync", os.fsync)(file)  # macOS has only fsync
    os.close(file)
    return count / seconds[0]


if __name__ == "__main__":
    main(measure)
