"""The rows of one collection: documents, and what its indexes say about them.

An index holds, for each document, every value that a query on the indexed field is tested against. So it answers by
the same rules as the query, arrays and missing fields included, and only the documents it names are read. Every value
is bound: names of collections and fields never become part of a statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import msgspec

from syncara.core.errors import Problem, ValidationError
from syncara.documents.calls import duplicate_id, encode
from syncara.documents.query import Condition, Query
from syncara.documents.values import (
    ARRAY,
    NULL,
    OBJECT,
    Path,
    canonical,
    rank,
    reach,
)

INDEXES_MAX = 20
"""Indexes of one collection."""
INDEXED_VALUES_MAX = 500
"""Longer `$in` lists are answered without an index."""
INDEX_TERMS_MAX = 10
"""Conditions of one query that indexes answer; SQLite bounds the size of a statement."""

Key = tuple[int, Any]
"""A type's rank and a value that SQLite compares as MongoDB does within the type."""

_EQUALITIES = ("$eq", "$in")
_COMPARISONS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_BY_ID = "SELECT number FROM documents WHERE scope = ? AND collection = ? AND id IN (SELECT value FROM json_each(?))"
_BY_RANGE = "SELECT document FROM document_keys WHERE index_number = ? AND type = ? AND value {} ?"
# CROSS JOIN keeps the order: each value is looked up in the index.
_BY_VALUES = (
    "SELECT document FROM (VALUES {}) AS wanted CROSS JOIN document_keys AS k "
    "ON k.index_number = ? AND k.type = wanted.column1 AND k.value = wanted.column2"
)

_encode_json = msgspec.json.encode
_decode_json = msgspec.json.decode


class Row(NamedTuple):
    number: int
    body: str
    document: dict[str, Any]


class Index(NamedTuple):
    number: int
    field: str
    unique: bool

    @property
    def path(self) -> Path:
        return tuple(self.field.split("."))


class Collection:
    """A collection in one scope, inside a transaction of `connection`."""

    def __init__(self, connection: sqlite3.Connection, scope: str, name: str) -> None:
        self._connection = connection
        self._place = (scope, name)
        self.indexes = [
            Index(number, field, bool(unique))
            for number, field, unique in connection.execute(
                "SELECT number, field, is_unique FROM document_indexes WHERE scope = ? AND collection = ?", self._place
            )
        ]

    def matching(self, query: Query) -> Iterator[Row]:
        """The documents that match, oldest first. No row may be changed before the iterator is at its end."""
        terms, values = self._terms(query)
        found = self._connection.execute(
            f"SELECT number, body FROM documents WHERE scope = ? AND collection = ?{terms} ORDER BY number",  # noqa: S608
            (*self._place, *values),
        )
        for number, body in found:
            document = _decode_json(body)
            if query.matches(document):
                yield Row(number, body, document)

    def row(self, number: int) -> Row:
        (body,) = self._connection.execute("SELECT body FROM documents WHERE number = ?", (number,)).fetchone()
        return Row(number, body, _decode_json(body))

    def add(self, document: dict[str, Any], where: str) -> None:
        """Raises ValidationError: `duplicate_id`, `duplicate_value`, or for what a document cannot hold."""
        body = encode(document, where)
        added = self._connection.execute(
            "INSERT INTO documents (scope, collection, id, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*self._place, canonical(document["_id"]), body),
        )
        if not added.rowcount:
            raise ValidationError([duplicate_id(self._place[1], where, document["_id"])])
        self._index(added.lastrowid or 0, {}, document, where)

    def replace(self, row: Row, document: dict[str, Any], where: str) -> bool:
        """Store `document` in place of the row's; False when nothing has changed. Raises as `add` does."""
        body = encode(document, where)
        if body == row.body:
            return False
        self._connection.execute("UPDATE documents SET body = ? WHERE number = ?", (body, row.number))
        self._index(row.number, row.document, document, where)
        return True

    def remove(self, row: Row) -> None:
        self._connection.execute("DELETE FROM documents WHERE number = ?", (row.number,))
        self._index(row.number, row.document, {}, "")

    def create_index(self, field: str, *, unique: bool) -> None:
        """Index `field`. Nothing happens when there is such an index; one of the other kind is refused."""
        known = next((index for index in self.indexes if index.field == field), None)
        if known is not None:
            if known.unique != unique:
                kind = "a unique" if known.unique else "an"
                self._refuse("index_exists", "field", f"there is {kind} index on '{field}' already", "keep its kind")
            return
        if len(self.indexes) >= INDEXES_MAX:
            self._refuse("too_many_indexes", "field", f"there are {INDEXES_MAX} indexes already", "index fewer fields")
        added = self._connection.execute(
            "INSERT INTO document_indexes (scope, collection, field, is_unique) VALUES (?, ?, ?, ?)",
            (*self._place, field, unique),
        )
        index = Index(added.lastrowid or 0, field, unique)
        numbers = self._connection.execute(
            "SELECT number FROM documents WHERE scope = ? AND collection = ? ORDER BY number", self._place
        )
        for (number,) in numbers.fetchall():
            self._add_keys(index, number, _keys(self.row(number).document, index.path), "field")

    def _terms(self, query: Query) -> tuple[str, list[Any]]:
        """SQL that every matching document fulfils, from the conditions that an index can answer."""
        numbers = {index.path: index.number for index in self.indexes}
        terms: list[str] = []
        values: list[Any] = []
        for condition in query.required:
            if condition.path == ("_id",) and condition.operator in _EQUALITIES:
                terms.append(_BY_ID)
                values += [*self._place, _encode_json(list(map(canonical, _operands(condition)))).decode()]
            elif condition.path in numbers and (indexed := _indexed(condition, numbers[condition.path])):
                terms.append(indexed[0])
                values += indexed[1]
            if len(terms) == INDEX_TERMS_MAX:
                break
        return "".join(f" AND number IN ({term})" for term in terms), values

    def _index(self, number: int, old: dict[str, Any], new: dict[str, Any], where: str) -> None:
        """Bring the indexes from the document `old` to `new`; an empty one is none."""
        for index in self.indexes:
            before, after = (_keys(document, index.path) if document else set() for document in (old, new))
            self._connection.executemany(
                "DELETE FROM document_keys WHERE index_number = ? AND type = ? AND value = ? AND document = ?",
                [(index.number, *key, number) for key in before - after],
            )
            self._add_keys(index, number, after - before, where)

    def _add_keys(self, index: Index, number: int, keys: set[Key], where: str) -> None:
        for key in keys:
            if (
                index.unique
                and self._connection.execute(
                    "SELECT 1 FROM document_keys WHERE index_number = ? AND type = ? AND value = ?",
                    (index.number, *key),
                ).fetchone()
            ):
                value = None if key[0] == NULL else key[1]
                message = f"another document has {value!r:.100} in '{index.field}', which is unique"
                self._refuse("duplicate_value", where, message, "choose another value, or update the other document")
            self._connection.execute(
                "INSERT INTO document_keys (index_number, type, value, document) VALUES (?, ?, ?, ?)",
                (index.number, *key, number),
            )

    def _refuse(self, code: str, where: str, message: str, fix: str) -> NoReturn:
        raise ValidationError([Problem(code, f"collection '{self._place[1]}', {where}", message, fix)])


def _keys(document: dict[str, Any], path: Path) -> set[Key]:
    return {_key(value) for value in reach(document, path, True)}


def _key(value: Any) -> Key:
    kind = rank(value)
    if kind in (OBJECT, ARRAY):
        return kind, canonical(value)
    return kind, 0 if kind == NULL else value


def _operands(condition: Condition) -> list[Any]:
    """The values, one of which must be there."""
    return condition.operand if condition.operator == "$in" else [condition.operand]


def _indexed(condition: Condition, index: int) -> tuple[str, list[Any]] | None:
    """A query for the documents that fulfil the condition, with its values; None when the index cannot answer it."""
    if condition.operator in _EQUALITIES:
        keys = [_key(operand) for operand in _operands(condition)]
        if not 0 < len(keys) <= INDEXED_VALUES_MAX:
            return None
        rows = ", ".join(["(?, ?)"] * len(keys))
        return _BY_VALUES.format(rows), [*(part for key in keys for part in key), index]
    kind, value = _key(condition.operand)
    if kind in (OBJECT, ARRAY, NULL):
        return None
    return _BY_RANGE.format(_COMPARISONS[condition.operator]), [index, kind, value]
