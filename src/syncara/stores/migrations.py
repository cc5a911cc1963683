"""The schema of the database file, as numbered migrations.

A file carries the number of its last migration in `user_version`, and Syncara's mark in `application_id`. A migration
that has been released is never changed; a new one goes to the end of `MIGRATIONS`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from syncara.core.errors import StorageError
from syncara.stores.lock import RunnerLock

Migration = Callable[[sqlite3.Connection], None] | Sequence[str]
"""SQL statements, or a function that makes its changes on the connection. The transaction is the caller's."""

APPLICATION_ID = int.from_bytes(b"SYNC", "big")

_FIRST = (
    # The runner. `epoch` counts its changes of hand; `clean` is 1 after an orderly stop.
    """
    CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,
        clean INTEGER NOT NULL
    ) STRICT
    """,
    "INSERT INTO meta VALUES (1, 0, 1)",
    # Definitions. Steps are rows, so that adding one never rewrites the others. `steps` is how many there are.
    """
    CREATE TABLE workflows (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        created_at REAL NOT NULL,
        deleted INTEGER NOT NULL,
        steps INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE steps (
        workflow INTEGER NOT NULL REFERENCES workflows (number),
        position INTEGER NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (workflow, position),
        UNIQUE (workflow, id),
        UNIQUE (workflow, name)
    ) STRICT, WITHOUT ROWID
    """,
    # Executions. The ids of people and chats keep their type: 5 and '5' differ. `open` follows from `status`; it is a
    # column because an index on `status` itself would be rewritten with every change of the row.
    """
    CREATE TABLE executions (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        workflow_id TEXT NOT NULL,
        workflow_name TEXT NOT NULL,
        status TEXT NOT NULL,
        user_id ANY,
        chat_id ANY,
        message_id ANY,
        idempotency_key TEXT,
        created_at REAL NOT NULL,
        finished_at REAL,
        wake_at REAL,
        parked INTEGER NOT NULL,
        progress REAL NOT NULL,
        error TEXT,
        open INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX executions_once ON executions (idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX executions_open ON executions (key) WHERE open = 1",
    "CREATE INDEX executions_by_chat ON executions (chat_id, key) WHERE chat_id IS NOT NULL",
    "CREATE INDEX executions_by_workflow ON executions (workflow_id, key)",
    # The journal: append-only. Clustered by execution, a transaction over many executions would write a page for each.
    """
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        execution INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        count INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (execution, seq)
    ) STRICT
    """,
    # Bodies over 256 KiB, compressed: a large result does not spread the journal of all other executions.
    """
    CREATE TABLE blobs (
        execution INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (execution, seq)
    ) STRICT
    """,
    # The embedded documents, their indexes, and the results of writes that carried an idempotency key.
    """
    CREATE TABLE documents (
        number INTEGER PRIMARY KEY,
        scope TEXT NOT NULL,
        collection TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (scope, collection, id)
    ) STRICT
    """,
    "CREATE INDEX documents_in_order ON documents (scope, collection)",
    """
    CREATE TABLE document_indexes (
        number INTEGER PRIMARY KEY,
        scope TEXT NOT NULL,
        collection TEXT NOT NULL,
        field TEXT NOT NULL,
        is_unique INTEGER NOT NULL,
        UNIQUE (scope, collection, field)
    ) STRICT
    """,
    """
    CREATE TABLE document_keys (
        index_number INTEGER NOT NULL,
        type INTEGER NOT NULL,
        value ANY NOT NULL,
        document INTEGER NOT NULL,
        PRIMARY KEY (index_number, type, value, document)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE receipts (key TEXT PRIMARY KEY, at REAL NOT NULL, result TEXT NOT NULL) STRICT",
)

_SECOND = (
    # The first execution number that was never used: a clean-up may delete the executions that had the last ones.
    "ALTER TABLE meta ADD COLUMN next_key INTEGER NOT NULL DEFAULT 1",
    # The chat that a definition belongs to, typed as in `executions`.
    "ALTER TABLE workflows ADD COLUMN chat_id ANY",
    "CREATE INDEX workflows_by_chat ON workflows (chat_id, number) WHERE deleted = 0",
    # What the layers above keep beside the journal. Bodies may be long, so the table is not clustered by its key.
    """
    CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        at REAL NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (kind, key)
    ) STRICT
    """,
    # How many runs of a chat have not ended is asked with each start that an assistant asks for.
    "CREATE INDEX executions_open_by_chat ON executions (chat_id, key) WHERE open = 1 AND chat_id IS NOT NULL",
    "CREATE INDEX records_to_clean ON records (at) WHERE kind IN ('receipt', 'approval')",
)


def _third(connection: sqlite3.Connection) -> None:
    """Definitions are found by the name that a chat gave them."""
    connection.execute("ALTER TABLE workflows ADD COLUMN name TEXT NOT NULL DEFAULT ''")
    connection.create_function("name_in", 1, _name_in)
    connection.execute("UPDATE workflows SET name = name_in(body)")
    connection.execute("CREATE INDEX workflows_by_name ON workflows (chat_id, name, number) WHERE deleted = 0")


class _Named(msgspec.Struct):
    name: str = ""


def _name_in(body: str) -> str:
    """The name in a definition; nothing where it cannot be read, which whoever reads the definition is told."""
    # Not by SQLite's `json_extract`, which ends a text at its first NUL.
    try:
        return msgspec.json.decode(body, type=_Named).name
    except msgspec.MsgspecError:
        return ""


MIGRATIONS: tuple[Migration, ...] = (_FIRST, _SECOND, _third)


def migrate(connection: sqlite3.Connection, path: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the file at `path` to the newest schema, all of it or nothing.

    A file that holds data is copied to `<path>.v<old version>.bak` first, and must have no runner meanwhile. Raises
    StorageError code `not_syncara` or `newer_version`, and DatabaseBusy.
    """
    version = version_of(connection, path, migrations)
    if version == len(migrations):
        return
    lock = RunnerLock(path)
    with contextlib.ExitStack() as cleanup:
        if version:
            lock.acquire()
            cleanup.callback(lock.release)
        connection.execute("BEGIN IMMEDIATE")
        try:
            _migrate(connection, path, migrations)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def version_of(connection: sqlite3.Connection, path: str, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """The number of the file's last migration; 0 for a new file. Refuses a file that is not ours, or too new."""
    # One statement, so that the answers are of one moment: another process may be creating the file just now.
    application, version, objects = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
        "FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application != APPLICATION_ID and (application or version or objects):
        fix = "give Syncara a file of its own; a path that does not exist yet will do"
        raise StorageError("not_syncara", "the database belongs to another program", path, fix)
    if version > len(migrations):
        message = f"the database has schema {version}, and this version of Syncara knows up to {len(migrations)}"
        raise StorageError("newer_version", message, path, "upgrade Syncara, or open a backup made before the upgrade")
    return int(version)


def _migrate(connection: sqlite3.Connection, path: str, migrations: Sequence[Migration]) -> None:
    # Asked again now that nobody else can write: another process may have done it meanwhile.
    version = version_of(connection, path, migrations)
    if 0 < version < len(migrations):
        _back_up(path, version)
    for migration in migrations[version:]:
        if callable(migration):
            migration(connection)
        else:
            for statement in migration:
                connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(migrations)}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _back_up(path: str, version: int) -> None:
    """Copy what is committed, by a connection of its own: the one that migrates has a transaction open."""
    with (
        contextlib.closing(sqlite3.connect(path)) as source,
        contextlib.closing(sqlite3.connect(f"{path}.v{version}.bak")) as target,
    ):
        source.backup(target)
