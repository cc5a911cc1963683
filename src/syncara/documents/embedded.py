"""Documents in the engine's own SQLite file, so that a write and its receipt are one transaction."""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from syncara.abc import SqlFile
from syncara.documents import calls
from syncara.documents.calls import FIND_CHARS_MAX, FIND_DOCUMENTS_MAX
from syncara.documents.query import Query
from syncara.documents.sql import Collection, Row
from syncara.documents.update import Update
from syncara.documents.values import build_all

CHANGED_DOCUMENTS_MAX = 100_000
"""Documents that one update or delete may touch; meanwhile nothing else is written."""

SCHEMA: tuple[str, ...] = (
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
"""`id` is the canonical JSON of `_id`. `type` and `value` are a value as `sql.Key` says."""

Result = dict[str, Any]


class EmbeddedDocuments:
    """The `Documents` of abc.py on `file`, in which the tables of `SCHEMA` exist.

    Raises ValidationError with everything that is wrong with a call; then nothing is written.
    """

    def __init__(self, file: SqlFile) -> None:
        self._file = file

    @property
    def path(self) -> str | None:
        """Where the file lies, if it says so."""
        return getattr(self._file, "path", None)

    async def find(
        self,
        collection: str,
        query: dict[str, Any],
        *,
        sort: Any = None,
        limit: int = 0,
        skip: int = 0,
        projection: Any = None,
        scope: str = "",
    ) -> list[dict[str, Any]]:
        """The matching documents, without `sort` oldest first. `limit` 0: all, at most FIND_DOCUMENTS_MAX."""
        compiled, order, pick = calls.find(collection, query, sort, limit, skip, projection)

        def job(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            rows = Collection(connection, scope, collection).matching(compiled)
            return [pick(row.document) for row in _select(rows, order, limit, skip)]

        return await self._file.read(job)

    async def insert(
        self, collection: str, documents: list[dict[str, Any]], *, key: str | None = None, scope: str = ""
    ) -> Result:
        identified = calls.insert(collection, documents, key)

        def job(rows: Collection) -> Result:
            build_all(partial(rows.add, document, f"documents[{at}]") for at, document in enumerate(identified))
            return {"inserted_ids": [document["_id"] for document in identified]}

        return await self._write(collection, scope, key, job)

    async def update(
        self,
        collection: str,
        query: dict[str, Any],
        changes: dict[str, Any],
        *,
        many: bool = True,
        upsert: bool = False,
        key: str | None = None,
        scope: str = "",
    ) -> Result:
        compiled, change = calls.update(collection, query, changes, many, upsert)

        def job(rows: Collection) -> Result:
            numbers = _numbers(rows, compiled, many)
            modified = sum(_change(rows, rows.row(number), change) for number in numbers)
            result = {"matched": len(numbers), "modified": modified}
            if upsert and not numbers:
                document = calls.identified(change.upserted(compiled), 0, key)
                rows.add(document, "upsert")
                result["upserted_id"] = document["_id"]
            return result

        return await self._write(collection, scope, key, job)

    async def delete(
        self, collection: str, query: dict[str, Any], *, many: bool = True, key: str | None = None, scope: str = ""
    ) -> Result:
        compiled = calls.delete(collection, query, many)

        def job(rows: Collection) -> Result:
            numbers = _numbers(rows, compiled, many)
            for number in numbers:
                rows.remove(rows.row(number))
            return {"deleted": len(numbers)}

        return await self._write(collection, scope, key, job)

    async def create_index(self, collection: str, field: str, *, unique: bool = False, scope: str = "") -> None:
        """Index a field, so that comparisons with it read only what they need. Repeating the call changes nothing.

        A unique index allows a value in one document only; a document without the field counts as null.
        """
        calls.index(collection, field, unique)
        await self._file.write(
            lambda connection: Collection(connection, scope, collection).create_index(field, unique=unique)
        )

    async def close(self) -> None:
        """Let go of nothing: the file belongs to the engine."""

    async def _write(self, collection: str, scope: str, key: str | None, job: Callable[[Collection], Result]) -> Result:
        """Run `job` and keep its result under `key`, in one transaction; a key seen before gives its result again."""

        def write(connection: sqlite3.Connection) -> Result:
            if key is not None:
                kept = connection.execute("SELECT result FROM receipts WHERE key = ?", (key,)).fetchone()
                if kept:
                    return msgspec.json.decode(kept[0], type=Result)
            result = job(Collection(connection, scope, collection))
            if key is not None:
                receipt = (key, time.time(), msgspec.json.encode(result).decode())
                connection.execute("INSERT INTO receipts (key, at, result) VALUES (?, ?, ?)", receipt)
            return result

        return await self._file.write(write)


def _select(rows: Iterator[Row], order: Callable[[Any], Any] | None, limit: int, skip: int) -> list[Row]:
    wanted = skip + (limit or FIND_DOCUMENTS_MAX + 1)
    if order is None:
        chosen = list(_within_size(islice(rows, skip, wanted)))
    else:
        chosen = heapq.nsmallest(wanted, rows, key=lambda row: order(row.document))[skip:]
        chosen = list(_within_size(chosen))
    if not limit and len(chosen) > FIND_DOCUMENTS_MAX:
        calls.refuse_too_many()
    return chosen


def _within_size(rows: Iterable[Row]) -> Iterator[Row]:
    size = 0
    for row in rows:
        size += len(row.body)
        if size > FIND_CHARS_MAX:
            calls.refuse_too_large()
        yield row


def _numbers(rows: Collection, query: Query, many: bool) -> list[int]:
    """The rows to write to; the search is over before the first of them changes."""
    numbers = [row.number for row in islice(rows.matching(query), CHANGED_DOCUMENTS_MAX + 1 if many else 1)]
    if len(numbers) > CHANGED_DOCUMENTS_MAX:
        message = f"more than {CHANGED_DOCUMENTS_MAX} documents match"
        calls.refuse("too_many_documents", "query", message, "narrow the query and write in parts")
    return numbers


def _change(rows: Collection, row: Row, change: Update) -> bool:
    return rows.replace(row, calls.changed(change, row.document), f"document {row.document['_id']!r:.100}")
