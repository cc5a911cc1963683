"""What SQLite reports, said as a StorageError: code, message, the file, the next move."""

from __future__ import annotations

import sqlite3
from typing import NoReturn

from syncara.core.errors import DamagedError, StorageError, SyncaraError

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for a lock that another process holds."""

_WRITABLE = "make the file and its folder writable for this user"
_FAULTS: dict[int, tuple[str, str, str]] = {
    sqlite3.SQLITE_FULL: ("disk_full", "the disk is full", "free some space, then try again"),
    sqlite3.SQLITE_READONLY: ("read_only", "the database cannot be written", _WRITABLE),
    sqlite3.SQLITE_PERM: ("read_only", "the database cannot be written", _WRITABLE),
    sqlite3.SQLITE_IOERR: ("io_error", "the disk refused to read or write", "look at the disk, then try again"),
    sqlite3.SQLITE_BUSY: (
        "locked",
        f"another process has kept the database locked for {BUSY_TIMEOUT_S:g} seconds",
        "end the transaction that holds it (a database shell or a backup, say), then try again",
    ),
    sqlite3.SQLITE_CANTOPEN: ("cannot_open", "the file cannot be opened", _WRITABLE),
    sqlite3.SQLITE_CORRUPT: (
        "damaged",
        "the database file is damaged",
        "stop using the file, and restore it from a backup",
    ),
    sqlite3.SQLITE_NOTADB: (
        "not_a_database",
        "the file is not an SQLite database",
        "give Syncara a file of its own, or restore this one from a backup",
    ),
}
_FAULTS[sqlite3.SQLITE_LOCKED] = _FAULTS[sqlite3.SQLITE_BUSY]


def fault(error: BaseException, where: str) -> StorageError | None:
    """The StorageError for a failing disk or file; None when `error` is something else, such as a mistake in a job."""
    if isinstance(error, StorageError):
        return error
    known = _FAULTS.get(primary_code(error))
    if known is None:
        return None
    code, message, fix = known
    kind = DamagedError if code == "damaged" else StorageError
    translated = kind(code, f"{message} ({error})", where, fix)
    translated.__cause__ = error
    return translated


def reraise(error: BaseException, where: str) -> NoReturn:
    """Raise `error`, as a StorageError if it is a fault of the disk or file."""
    translated = fault(error, where)
    if translated is None or translated is error:
        raise error
    raise translated from error


def refusal(error: BaseException, where: str) -> BaseException:
    """What the one who asked for a failed transaction is told: an error of ours, or an interrupt as it came."""
    if isinstance(error, SyncaraError) or not isinstance(error, Exception):
        return error
    return fault(error, where) or _other(error, where)


def _other(error: Exception, where: str) -> StorageError:
    if isinstance(error, sqlite3.IntegrityError):
        translated = conflict(str(error), where)
    elif isinstance(error, sqlite3.OperationalError):
        translated = StorageError("storage_failed", f"the database refused the transaction: {error}", where)
    else:
        fix = "pass text without lone surrogates, and whole numbers of at most 64 bits"
        translated = StorageError("not_storable", f"the database cannot hold this: {error}", where, fix)
    translated.__cause__ = error
    return translated


def conflict(what: str, where: str) -> StorageError:
    fix = "this is a mistake of the caller: the same call will be refused again"
    return StorageError("conflict", f"this contradicts what is stored: {what}", where, fix)


def closed(where: str) -> StorageError:
    return StorageError("closed", "the store has been closed", where, "open a new one")


def not_runner(where: str) -> StorageError:
    return StorageError(
        "not_runner",
        "another runner has taken over this database, or this store never became its runner",
        where,
        "acquire the database before appending to it, and run it from one process at a time",
    )


def primary_code(error: BaseException) -> int:
    """SQLite's result code without its extension; 0 for errors that do not come from SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
