"""Documents in the engine's own SQLite file, so that a write and its receipt are one transaction."""

from __future__ import annotations

import hashlib
import heapq
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NoReturn

import msgspec

from syncara.abc import SqlFile
from syncara.core.errors import Problem, ValidationError
from syncara.core.limits import MIB, NAME_CHARS_MAX
from syncara.documents.query import Query, compile_query
from syncara.documents.shape import compile_projection, compile_sort
from syncara.documents.sql import Collection, Row
from syncara.documents.update import Update, compile_update
from syncara.documents.values import build_all, is_index, parse_path

FIND_DOCUMENTS_MAX = 10_000
"""Documents that a find without `limit` may return."""
FIND_CHARS_MAX = 64 * MIB
"""Stored size of the documents that one find may return, before a projection."""
WRITE_DOCUMENTS_MAX = 100_000
"""Documents that one insert, update or delete may touch; meanwhile nothing else is written."""
COUNT_MAX = 2**31 - 1

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
        compiled, order, pick, *_ = _check_all(
            partial(compile_query, query),
            partial(_sort, sort),
            partial(compile_projection, {} if projection is None else projection),
            partial(_check_name, collection),
            partial(_check_count, limit, "limit"),
            partial(_check_count, skip, "skip"),
        )

        def job(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            rows = Collection(connection, scope, collection).matching(compiled)
            return [pick(row.document) for row in _select(rows, order, limit, skip)]

        return await self._file.read(job)

    async def insert(
        self, collection: str, documents: list[dict[str, Any]], *, key: str | None = None, scope: str = ""
    ) -> Result:
        _check_name(collection)
        if type(documents) is not list or len(documents) > WRITE_DOCUMENTS_MAX:
            _refuse("bad_operand", "documents", f"takes a list of at most {WRITE_DOCUMENTS_MAX} documents")
        identified = build_all(partial(_identified, one, at, key) for at, one in enumerate(documents))

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
        compiled, update, *_ = _check_all(
            partial(compile_query, query),
            partial(compile_update, changes),
            partial(_check_name, collection),
            partial(_check_flag, many, "many"),
            partial(_check_flag, upsert, "upsert"),
        )

        def job(rows: Collection) -> Result:
            numbers = _numbers(rows, compiled, many)
            modified = sum(_change(rows, rows.row(number), update) for number in numbers)
            result = {"matched": len(numbers), "modified": modified}
            if upsert and not numbers:
                document = _identified(update.upserted(compiled), 0, key)
                rows.add(document, "upsert")
                result["upserted_id"] = document["_id"]
            return result

        return await self._write(collection, scope, key, job)

    async def delete(
        self, collection: str, query: dict[str, Any], *, many: bool = True, key: str | None = None, scope: str = ""
    ) -> Result:
        compiled, *_ = _check_all(
            partial(compile_query, query), partial(_check_name, collection), partial(_check_flag, many, "many")
        )

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
        _check_all(
            partial(_check_name, collection), partial(_check_index, field), partial(_check_flag, unique, "unique")
        )
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


def _refuse(code: str, where: str, message: str, fix: str = "") -> NoReturn:
    raise ValidationError([Problem(code, where, message, fix)])


def _check_all(*checks: Callable[[], Any]) -> list[Any]:
    return build_all(checks)


def _sort(sort: Any) -> Callable[[Any], Any] | None:
    return None if sort in (None, "", [], {}) else compile_sort(sort)


def _check_name(collection: Any) -> None:
    """The rules of MongoDB, so that a collection can move there."""
    if not isinstance(collection, str) or not 0 < len(collection) <= NAME_CHARS_MAX:
        _refuse("bad_collection", "collection", f"a collection is named by 1 to {NAME_CHARS_MAX} characters")
    if not collection.isprintable() or "$" in collection or collection[0] == "." or collection[-1] == ".":
        message = f"{collection!r:.100} has a '$', an unprintable character, or a dot at its beginning or end"
        _refuse("bad_collection", "collection", message, "use letters, digits, '_' and '-'")
    if collection.startswith("system."):
        _refuse("bad_collection", "collection", "names that begin with 'system.' are reserved", "choose another name")


def _check_count(count: Any, where: str) -> None:
    if type(count) is not int or not 0 <= count <= COUNT_MAX:
        _refuse("bad_operand", where, f"takes a whole number from 0 to {COUNT_MAX}, not {count!r:.100}")


def _check_flag(flag: Any, where: str) -> None:
    if type(flag) is not bool:
        _refuse("bad_operand", where, f"takes true or false, not {flag!r:.100}")


def _check_index(field: Any) -> None:
    if any(map(is_index, parse_path(field, "field"))):
        _refuse("bad_field_name", "field", f"{field!r:.100} names an array element by number", "index the whole array")


def _identified(document: Any, position: int, key: str | None) -> dict[str, Any]:
    """A copy that is fit to be stored and begins with its `_id`, which is made where there is none."""
    where = f"documents[{position}]"
    if type(document) is not dict:
        _refuse("bad_document", where, f"a document is an object, not {document!r:.100}")
    if type(document.get("_id")) is list:
        _refuse("bad_document", where, "an array cannot be an _id", "use text or a number")
    return {"_id": document["_id"] if "_id" in document else new_id(key, position), **document}


def new_id(key: str | None, position: int) -> str:
    """24 hexadecimal digits: from `key` and the document's place in the write, so that a repeat gives the same."""
    if key is None:
        return secrets.token_hex(12)
    return hashlib.sha256(f"{key}\0{position}".encode()).hexdigest()[:24]


def _select(rows: Iterator[Row], order: Callable[[Any], Any] | None, limit: int, skip: int) -> list[Row]:
    wanted = skip + (limit or FIND_DOCUMENTS_MAX + 1)
    if order is None:
        chosen = list(_within_size(islice(rows, skip, wanted)))
    else:
        chosen = heapq.nsmallest(wanted, rows, key=lambda row: order(row.document))[skip:]
        chosen = list(_within_size(chosen))
    if not limit and len(chosen) > FIND_DOCUMENTS_MAX:
        message = f"more than {FIND_DOCUMENTS_MAX} documents match"
        _refuse("too_many_documents", "limit", message, "narrow the query, or give a limit")
    return chosen


def _within_size(rows: Iterable[Row]) -> Iterator[Row]:
    size = 0
    for row in rows:
        size += len(row.body)
        if size > FIND_CHARS_MAX:
            message = f"the documents found are larger than {FIND_CHARS_MAX} characters"
            _refuse("result_too_large", "limit", message, "narrow the query, or give a smaller limit")
        yield row


def _numbers(rows: Collection, query: Query, many: bool) -> list[int]:
    """The rows to write to; the search is over before the first of them changes."""
    numbers = [row.number for row in islice(rows.matching(query), WRITE_DOCUMENTS_MAX + 1 if many else 1)]
    if len(numbers) > WRITE_DOCUMENTS_MAX:
        message = f"more than {WRITE_DOCUMENTS_MAX} documents match"
        _refuse("too_many_documents", "query", message, "narrow the query and write in parts")
    return numbers


def _change(rows: Collection, row: Row, update: Update) -> bool:
    where = f"document {row.document['_id']!r:.100}"
    try:
        changed = update.apply(row.document)
    except ValidationError as error:
        problems = [msgspec.structs.replace(one, where=f"{one.where}, {where}") for one in error.problems]
        raise ValidationError(problems) from error
    return rows.replace(row, changed, where)
