"""The SQL of the store, as functions on a connection. Transactions are the caller's."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from syncara.abc import (
    Change,
    Entry,
    HideWorkflow,
    NewSteps,
    NewWorkflow,
    Record,
    Row,
    RunnerInfo,
    Summary,
)
from syncara.core.errors import DamagedError
from syncara.core.limits import BLOB_BYTES_MIN
from syncara.core.model import FINAL_EXECUTION, Step, Workflow
from syncara.stores.definitions import id_in_use, other_steps, refuse_duplicates, unknown_workflow

PAGE_ROWS = 1_000
DELETED_AT_ONCE = 20
"""Executions to a transaction of a clean-up, so that it does not hold up the journal."""
RECEIPTS_DELETED_AT_ONCE = 500

_encode = msgspec.json.Encoder().encode
_decode_step = msgspec.json.Decoder(Step).decode
_decode_header = msgspec.json.Decoder(Workflow).decode

_SUMMARY = ", ".join(Summary.__struct_fields__)
_SELECT_SUMMARY = f"SELECT {_SUMMARY} FROM executions"  # noqa: S608 (names of columns, from the contract)
_INSERT_SUMMARY = (
    f"INSERT INTO executions ({_SUMMARY}, open) "  # noqa: S608 (as above)
    f"VALUES ({'?, ' * len(Summary.__struct_fields__)}?)"
)
# What identifies an execution is written once. A final status is for good, so `open` changes only there.
_UPDATE_OPEN = (
    "UPDATE executions SET status = ?, finished_at = ?, wake_at = ?, parked = ?, progress = ?, error = ? WHERE key = ?"
)
_UPDATE_FINAL = _UPDATE_OPEN.replace("SET", "SET open = 0,")
_INSERT_EVENTS = "INSERT INTO events (execution, seq, count, epoch, checksum, body) VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_EVENT_OF_EPOCH = (
    "INSERT INTO events (execution, seq, count, epoch, checksum, body) "
    "SELECT ?, ?, ?, epoch, ?, ? FROM meta WHERE epoch = ?"
)
_SELECT_RECORD = "SELECT kind, key, at, body FROM records"


# The runner.


def begin_epoch(connection: sqlite3.Connection) -> RunnerInfo:
    _remember_keys(connection)
    clean, epoch, next_key = connection.execute("SELECT clean, epoch + 1, next_key FROM meta").fetchone()
    connection.execute("UPDATE meta SET epoch = ?, clean = 0", (epoch,))
    return RunnerInfo(epoch, bool(clean), next_key)


def _remember_keys(connection: sqlite3.Connection) -> None:
    """Keep the numbers of the executions that there are from being used again."""
    connection.execute("UPDATE meta SET next_key = max(next_key, (SELECT coalesce(max(key), 0) + 1 FROM executions))")


def end_epoch(connection: sqlite3.Connection, epoch: int, clean: bool) -> None:
    connection.execute("UPDATE meta SET clean = ? WHERE epoch = ?", (clean, epoch))


def current_epoch(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT epoch FROM meta").fetchone()[0])


# The journal.


def append(
    connection: sqlite3.Connection, epoch: int, entries: Sequence[Entry], changes: Sequence[Change], where: str
) -> None:
    """Make `changes` and write `entries`, which may start what the changes define."""
    for change in changes:
        _make(connection, change, where)
    _require_definitions(connection, entries)
    _insert_entries(connection, epoch, entries)


def _make(connection: sqlite3.Connection, change: Change, where: str) -> None:
    match change:
        case NewWorkflow(workflow):
            insert_workflow(connection, workflow, where)
        case NewSteps(workflow_id, steps, after):
            append_steps(connection, workflow_id, steps, after)
        case HideWorkflow(workflow_id):
            if not hide_workflow(connection, workflow_id):
                raise unknown_workflow(workflow_id)
        case Record():
            put_record(connection, change)


def _require_definitions(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Raise NotFoundError for an execution whose definition was cleaned up while it was about to start."""
    for workflow_id in {e.summary.workflow_id for e in entries if e.seq == 0 and e.summary is not None}:
        if connection.execute("SELECT 1 FROM workflows WHERE id = ?", (workflow_id,)).fetchone() is None:
            raise unknown_workflow(workflow_id)


def _insert_entries(connection: sqlite3.Connection, epoch: int, entries: Sequence[Entry]) -> None:
    rows = [(e.key, e.seq, e.events, epoch, e.checksum, _inline(e.body)) for e in entries]
    connection.executemany(_INSERT_EVENTS, rows)
    blobs = [(e.key, e.seq, zlib.compress(e.body, 1)) for e in entries if not _inline(e.body)]
    if blobs:
        connection.executemany("INSERT INTO blobs (execution, seq, body) VALUES (?, ?, ?)", blobs)
    created: list[Any] = []
    changed: list[Any] = []
    finished: list[Any] = []
    for entry in entries:
        summary = entry.summary
        if summary is None:
            continue
        final = summary.status in FINAL_EXECUTION
        if entry.seq == 0:
            created.append((*msgspec.structs.astuple(summary), not final))
        else:
            (finished if final else changed).append(_state(summary))
    for sql, rows in ((_INSERT_SUMMARY, created), (_UPDATE_OPEN, changed), (_UPDATE_FINAL, finished)):
        if rows:
            connection.executemany(sql, rows)


def is_one_row(entries: Sequence[Entry]) -> bool:
    """Whether `entries` go into a single row: what a step that follows another needs, most of all transactions."""
    return len(entries) == 1 and entries[0].summary is None and len(entries[0].body) <= BLOB_BYTES_MIN


def insert_row(connection: sqlite3.Connection, epoch: int | None, entry: Entry) -> bool:
    """Commit an entry that is one row, as one statement; False when the epoch is over."""
    values = (entry.key, entry.seq, entry.events, entry.checksum, entry.body, epoch)
    return connection.execute(_INSERT_EVENT_OF_EPOCH, values).rowcount > 0


def _inline(body: bytes) -> bytes:
    """What of a body stands in the journal's own row: nothing, when it is kept as a blob."""
    return body if len(body) <= BLOB_BYTES_MIN else b""


def _state(summary: Summary) -> tuple[Any, ...]:
    return (
        summary.status,
        summary.finished_at,
        summary.wake_at,
        summary.parked,
        summary.progress,
        summary.error,
        summary.key,
    )


def rows(connection: sqlite3.Connection, key: int, from_seq: int) -> list[Row]:
    # An entry may begin before `from_seq` and reach beyond it, so the search starts at the last one not after it.
    found = connection.execute(
        """
        SELECT seq, count, body, checksum FROM events
        WHERE execution = :key AND seq + count > :from_seq AND seq >= coalesce(
            (SELECT max(seq) FROM events WHERE execution = :key AND seq <= :from_seq), 0)
        ORDER BY seq
        """,
        {"key": key, "from_seq": from_seq},
    )
    return [Row(seq, count, body or _blob(connection, key, seq), checksum) for seq, count, body, checksum in found]


def _blob(connection: sqlite3.Connection, key: int, seq: int) -> bytes:
    """A body that is kept apart; nothing when it is lost or damaged, which the checksum then tells."""
    found = connection.execute("SELECT body FROM blobs WHERE execution = ? AND seq = ?", (key, seq)).fetchone()
    try:
        return b"" if found is None else zlib.decompress(found[0])
    except zlib.error:
        return b""


# Executions.


def summary_where(connection: sqlite3.Connection, column: str, value: Any) -> Summary | None:
    row = connection.execute(f"{_SELECT_SUMMARY} WHERE {column} = ?", (value,)).fetchone()
    return None if row is None else _summary(row)


def summaries(connection: sqlite3.Connection, filters: dict[str, Any], limit: int, offset: int) -> list[Summary]:
    """Newest first. `filters` are columns and the values they must have."""
    terms = [f"{column} {'IS' if value is None else '='} ?" for column, value in filters.items()]
    if filters.get("status", "") not in {"", *FINAL_EXECUTION}:
        terms.append("open = 1")
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    found = connection.execute(
        f"{_SELECT_SUMMARY} {where} ORDER BY key DESC LIMIT ? OFFSET ?", (*filters.values(), limit, offset)
    )
    return [_summary(row) for row in found]


def open_page(connection: sqlite3.Connection, after_key: int) -> list[Summary]:
    """The next open executions, oldest first: in pages, because a long read would keep the log from being reused."""
    sql = f"{_SELECT_SUMMARY} WHERE open = 1 AND key > ? ORDER BY key LIMIT ?"
    return [_summary(row) for row in connection.execute(sql, (after_key, PAGE_ROWS))]


def _summary(row: tuple[Any, ...]) -> Summary:
    summary = Summary(*row)
    summary.parked = bool(summary.parked)
    return summary


def delete_finished(connection: sqlite3.Connection, before: float) -> int:
    """Delete some of the executions that finished before a time; 0 when none are left."""
    found = connection.execute(
        "SELECT key, id FROM executions WHERE open = 0 AND finished_at < ? LIMIT ?", (before, DELETED_AT_ONCE)
    ).fetchall()
    if not found:
        _delete_unused_definitions(connection)
        return 0
    _remember_keys(connection)
    keys = [(key,) for key, _ in found]
    connection.executemany("DELETE FROM events WHERE execution = ?", keys)
    connection.executemany("DELETE FROM blobs WHERE execution = ?", keys)
    # An idempotency key begins with the execution's id and a colon; the semicolon is the character after that.
    receipts = [(f"{execution_id}:", f"{execution_id};") for _, execution_id in found]
    connection.executemany("DELETE FROM receipts WHERE key >= ? AND key < ?", receipts)
    connection.executemany("DELETE FROM executions WHERE key = ?", keys)
    return len(found)


def _delete_unused_definitions(connection: sqlite3.Connection) -> None:
    unused = "deleted = 1 AND NOT EXISTS (SELECT 1 FROM executions WHERE workflow_id = workflows.id)"
    connection.execute(f"DELETE FROM steps WHERE workflow IN (SELECT number FROM workflows WHERE {unused})")  # noqa: S608
    connection.execute(f"DELETE FROM workflows WHERE {unused}")  # noqa: S608


# Definitions.


def insert_workflow(connection: sqlite3.Connection, workflow: Workflow, where: str) -> None:
    refuse_duplicates(workflow.steps)
    header = msgspec.structs.replace(workflow, steps=())
    added = connection.execute(
        "INSERT INTO workflows (id, name, created_at, deleted, steps, body, chat_id) VALUES (?, ?, ?, 0, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (
            workflow.id,
            workflow.name,
            workflow.created_at,
            len(workflow.steps),
            _encode(header).decode(),
            workflow.chat_id,
        ),
    )
    if not added.rowcount:
        raise id_in_use(workflow.id, where)
    _insert_steps(connection, added.lastrowid or 0, 0, workflow.steps)


def append_steps(
    connection: sqlite3.Connection, workflow_id: str, steps: Sequence[Step], after: int | None = None
) -> None:
    """`after`: how many steps there must be before; None when that does not matter."""
    row = connection.execute(
        "SELECT number, steps FROM workflows WHERE id = ? AND deleted = 0", (workflow_id,)
    ).fetchone()
    if row is None:
        raise unknown_workflow(workflow_id)
    number, count = row
    if after not in (None, count):
        raise other_steps(workflow_id, after, count)
    names = _taken(connection, number, "name", [step.name for step in steps])
    ids = _taken(connection, number, "id", [step.id for step in steps])
    refuse_duplicates(steps, names, ids)
    _insert_steps(connection, number, count, steps)
    connection.execute("UPDATE workflows SET steps = ? WHERE number = ?", (count + len(steps), number))


def _taken(connection: sqlite3.Connection, number: int, column: str, values: list[str]) -> list[str]:
    """Which of `values` the workflow has in `column` already."""
    found = connection.execute(
        f"SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM steps WHERE workflow = ? AND {column} = value)",  # noqa: S608 (`name` or `id`)
        (_encode(values), number),
    )
    return [value for (value,) in found]


def _insert_steps(connection: sqlite3.Connection, number: int, position: int, steps: Sequence[Step]) -> None:
    connection.executemany(
        "INSERT INTO steps (workflow, position, id, name, body) VALUES (?, ?, ?, ?, ?)",
        ((number, place, step.id, step.name, _encode(step).decode()) for place, step in enumerate(steps, position)),
    )


def hide_workflow(connection: sqlite3.Connection, workflow_id: str) -> bool:
    sql = "UPDATE workflows SET deleted = 1 WHERE id = ? AND deleted = 0"
    return connection.execute(sql, (workflow_id,)).rowcount > 0


def step_count(connection: sqlite3.Connection, workflow_id: str) -> int | None:
    row = connection.execute("SELECT steps FROM workflows WHERE id = ? AND deleted = 0", (workflow_id,)).fetchone()
    return None if row is None else int(row[0])


def workflow(connection: sqlite3.Connection, workflow_id: str) -> Workflow | None:
    steps = step_count(connection, workflow_id)
    return None if steps is None else pinned(connection, workflow_id, steps)


def pinned(connection: sqlite3.Connection, workflow_id: str, steps: int) -> Workflow | None:
    row = connection.execute("SELECT number, body FROM workflows WHERE id = ?", (workflow_id,)).fetchone()
    if row is None:
        return None
    number, body = row
    found = connection.execute(
        "SELECT body FROM steps WHERE workflow = ? AND position < ? ORDER BY position", (number, steps)
    )
    header = _header(workflow_id, body)
    try:
        return msgspec.structs.replace(header, steps=tuple(_decode_step(step) for (step,) in found))
    except msgspec.MsgspecError as error:
        raise _damaged(workflow_id, error) from error


def workflows(connection: sqlite3.Connection, filters: dict[str, Any], limit: int, offset: int) -> list[Workflow]:
    """Newest first. `filters` are columns and the values they must have."""
    where = " AND ".join(["deleted = 0", *(f"{column} IS ?" for column in filters)])
    found = connection.execute(
        f"SELECT id, body FROM workflows WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608 (names of columns)
        (*filters.values(), limit, offset),
    )
    return [_header(workflow_id, body) for workflow_id, body in found]


def _header(workflow_id: str, body: str) -> Workflow:
    try:
        return _decode_header(body)
    except msgspec.MsgspecError as error:
        raise _damaged(workflow_id, error) from error


def _damaged(workflow_id: str, error: Exception) -> DamagedError:
    message = f"the stored definition cannot be read: {error}"
    return DamagedError(
        "definition_damaged", message, f"workflow '{workflow_id}'", "restore the database from a backup"
    )


# Records.


def put_record(connection: sqlite3.Connection, record: Record) -> None:
    if record.body is None:
        connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (record.kind, record.key))
    else:
        connection.execute(
            "INSERT INTO records (kind, key, at, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, key) DO UPDATE SET at = excluded.at, body = excluded.body",
            record,
        )


def record(connection: sqlite3.Connection, kind: str, key: str) -> Record | None:
    row = connection.execute(f"{_SELECT_RECORD} WHERE kind = ? AND key = ?", (kind, key)).fetchone()
    return None if row is None else Record(*row)


def records(connection: sqlite3.Connection, kind: str, after: str, limit: int, *, newest_first: bool) -> list[Record]:
    order = "DESC" if newest_first else "ASC"
    sql = f"{_SELECT_RECORD} WHERE kind = ? AND key > ? ORDER BY key {order} LIMIT ?"
    return [Record(*row) for row in connection.execute(sql, (kind, after, limit))]


def delete_receipts(connection: sqlite3.Connection, before: float) -> int:
    """Delete some of the receipts and approvals that are older than a time; 0 when none are left."""
    old = "SELECT number FROM records WHERE kind IN ('receipt', 'approval') AND at < ? LIMIT ?"
    sql = f"DELETE FROM records WHERE number IN ({old})"  # noqa: S608 (the literal above)
    return connection.execute(sql, (before, RECEIPTS_DELETED_AT_ONCE)).rowcount
