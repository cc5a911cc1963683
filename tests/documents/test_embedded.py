"""Documents in the engine's file: receipts, indexes, limits, and names that try to break out."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara.abc import SqlFile
from syncara.core.errors import Problem, ValidationError
from syncara.documents.embedded import SCHEMA, EmbeddedDocuments
from syncara.documents.query import compile_query
from syncara.documents.sql import Collection
from syncara.stores.sqlite import SqliteStore
from tests.documents.strategies import documents as any_document
from tests.documents.strategies import queries, single_changes

T = TypeVar("T")


async def problems(call: Any) -> list[Problem]:
    with pytest.raises(ValidationError) as caught:
        await call
    return list(caught.value.problems)


async def rows(file: SqlFile, sql: str) -> list[tuple[Any, ...]]:
    return await file.read(lambda connection: connection.execute(sql).fetchall())


# Tables, receipts, ids.


async def test_the_engines_file_has_the_tables_that_documents_need(file: SqlFile) -> None:
    """The store's migrations make the tables as `SCHEMA` states them."""
    reference = sqlite3.connect(":memory:")
    for statement in SCHEMA:
        reference.execute(statement)
    wanted = "SELECT name, sql FROM sqlite_schema WHERE name LIKE 'document%' OR name = 'receipts' ORDER BY name"
    expected = [(name, " ".join(sql.split())) for name, sql in reference.execute(wanted)]
    reference.close()

    assert expected == [(name, " ".join(sql.split())) for name, sql in await rows(file, wanted)]


async def test_the_write_and_its_receipt_are_one_transaction(file: SqlFile) -> None:
    """When the transaction fails after the write, neither the document nor the receipt is there."""

    class Failing:
        async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
            def broken(connection: sqlite3.Connection) -> T:
                job(connection)
                raise OSError

            return await file.write(broken)

        read = file.read

    with pytest.raises(OSError):  # noqa: PT011 - the very one raised above
        await EmbeddedDocuments(Failing()).insert("users", [{"_id": 1}], key="k")
    assert ([], []) == (await rows(file, "SELECT * FROM documents"), await rows(file, "SELECT * FROM receipts"))

    assert {"inserted_ids": [1]} == await EmbeddedDocuments(file).insert("users", [{"_id": 1}], key="k")


async def test_calls_with_one_key_at_the_same_time_write_once(documents: EmbeddedDocuments) -> None:
    """Of racing repeats one writes, and all get its result."""
    results = await asyncio.gather(*(documents.insert("users", [{"a": n}], key="k") for n in range(10)))

    assert [results[0]] * 10 == results
    assert 1 == len(await documents.find("users", {}))


async def test_receipts_survive_a_restart(tmp_path: Path) -> None:
    """A key seen before the process ended is known after it."""
    results = []
    for _ in range(2):
        store = SqliteStore(tmp_path / "documents.db", durability="fast")
        results.append(await EmbeddedDocuments(store.file).insert("users", [{"a": 1}], key="k"))
        assert 1 == len(await EmbeddedDocuments(store.file).find("users", {}))
        store.close()

    assert results[0] == results[1]


async def test_equal_ids_are_one_id(documents: EmbeddedDocuments) -> None:
    """1 and 1.0 are the same _id; 1, "1" and true are three, and the order of fields tells objects apart."""
    await documents.insert("users", [{"_id": one} for one in (1, "1", True, None, {"a": 1, "b": 2}, {"b": 2, "a": 1})])

    for identity in (1.0, {"a": 1.0, "b": 2}, None):
        assert ["duplicate_id"] == [one.code for one in await problems(documents.insert("users", [{"_id": identity}]))]
    assert [{"_id": 1}] == await documents.find("users", {"_id": 1.0})
    assert [{"_id": {"a": 1, "b": 2}}] == await documents.find("users", {"_id": {"a": 1, "b": 2.0}})


# Bad input.


async def test_all_documents_that_cannot_be_inserted_are_named(documents: EmbeddedDocuments) -> None:
    """One refusal lists each of them with its place, and nothing is written."""
    await documents.insert("users", [{"_id": 1}])

    found = await problems(
        documents.insert(
            "users", [{"_id": 1}, {"_id": 2}, {"_id": 2}, {"a": float("nan")}, {"$b": {}}, {"c": {"d.e": 1}}]
        )
    )

    assert ["duplicate_id", "duplicate_id", "not_json", "bad_field_name", "bad_field_name"] == [
        one.code for one in found
    ]
    places = ["documents[0]", "documents[2]", "documents[3].a", "documents[4]", "documents[5].c"]
    assert all(place in problem.where for place, problem in zip(places, found, strict=True))
    assert [{"_id": 1}] == await documents.find("users", {})


async def test_an_update_that_makes_a_document_too_large_is_undone(documents: EmbeddedDocuments) -> None:
    """An update of many is all or nothing, and the refusal names the document."""
    await documents.insert("users", [{"_id": 1, "n": 1}, {"_id": 2, "n": "x"}, {"_id": 3, "n": 1}])

    (problem,) = await problems(documents.update("users", {}, {"$inc": {"n": 1}}))
    assert ("not_a_number", "changes.$inc.n, document 2") == (problem.code, problem.where)
    (problem,) = await problems(documents.update("users", {"n": 1}, {"a": "x" * 2**20}))
    assert ("document_too_large", "document 1") == (problem.code, problem.where)

    assert [1, "x", 1] == [one["n"] for one in await documents.find("users", {})]


async def test_a_find_of_too_much_asks_for_a_limit(documents: EmbeddedDocuments) -> None:
    """More than 10,000 documents come only when a limit says so; more than 64 MiB never."""
    await documents.insert("small", [{"_id": n} for n in range(10_001)])

    assert ["too_many_documents"] == [one.code for one in await problems(documents.find("small", {}))]
    assert ["too_many_documents"] == [one.code for one in await problems(documents.find("small", {}, sort={"_id": -1}))]
    assert 10_001 == len(await documents.find("small", {}, limit=20_000))
    assert 10_000 == len(await documents.find("small", {}, skip=1))

    await documents.insert("large", [{"a": "x" * 1_000_000} for _ in range(68)])
    for sort in (None, "_id"):
        assert ["result_too_large"] == [one.code for one in await problems(documents.find("large", {}, sort=sort))]
    assert 10 == len(await documents.find("large", {}, sort="_id", limit=10))


# Names that try to break out.

HOSTILE = [
    "users'; DROP TABLE documents; --",
    'x" OR "1"="1',
    "a')",
    "%",
    "_",
    "a b",
    "имя",
    "\\",
    "`",
    "*/",
    "?1",
    ":a",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_only_a_name(documents: EmbeddedDocuments, name: str) -> None:
    """Collections, fields, scopes, keys and values with the signs of SQL and JSON paths mean nothing but themselves."""
    await documents.insert(name, [{"_id": name, name: name, "b": {name: 1}}], key=name, scope=name)
    await documents.insert("other", [{"_id": 1}])
    await documents.create_index(name, name, unique=True, scope=name)
    await documents.create_index(name, f"b.{name}", scope=name)

    query = {name: name, f"b.{name}": {"$gte": 1}, "_id": {"$in": [name]}}
    assert 1 == len(await documents.find(name, query, sort=name, projection=[name], scope=name))
    assert {"matched": 1, "modified": 1} == await documents.update(name, query, {f"b.{name}": 2}, scope=name)
    assert [{"_id": 1}] == await documents.find("other", {})
    assert {"deleted": 1} == await documents.delete(name, {f"b.{name}": 2}, scope=name)


# Indexes.

INDEXED = ["a", "t", "d.x", "items.k", "n"]


@settings(max_examples=40)
@given(
    st.lists(queries, min_size=1, max_size=4), st.lists(any_document, max_size=8), st.lists(single_changes, max_size=3)
)
def test_indexes_change_no_answer(
    asked: list[dict[str, Any]], stored: list[dict[str, Any]], changes: list[dict[str, Any]]
) -> None:
    """With every field indexed, before and after updates and deletes, a query finds what it finds without an index."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in SCHEMA:
        connection.execute(statement)
    documents = EmbeddedDocuments(InMemory(connection))

    async def scenario() -> None:
        for field in INDEXED:
            await documents.create_index("indexed", field)
        for name in ("plain", "indexed"):
            await documents.insert(name, [{"_id": n, **one} for n, one in enumerate(stored)])
        for change in changes:
            outcomes = [await outcome(documents.update(name, asked[0], change)) for name in ("plain", "indexed")]
            assert outcomes[0] == outcomes[1]
        assert await documents.delete("plain", asked[-1]) == await documents.delete("indexed", asked[-1])
        for query in asked:
            assert await documents.find("plain", query) == await documents.find("indexed", query)
        await documents.delete("indexed", {})

    asyncio.run(scenario())
    assert [] == connection.execute("SELECT * FROM document_keys").fetchall()
    connection.close()


class InMemory:
    """A SqlFile without a file, for many short runs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        self._connection.execute("BEGIN")
        try:
            result = job(self._connection)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return job(self._connection)


async def outcome(call: Any) -> Any:
    try:
        return await call
    except ValidationError as error:
        return error.code


@pytest.mark.parametrize(
    ("query", "candidates"),
    [
        ({"_id": 7}, 1),
        ({"_id": {"$in": [7, 8, "x"]}}, 2),
        ({"n": 7}, 1),
        ({"n": {"$in": [7, 8.0]}, "free": 1}, 2),
        ({"n": {"$gt": 90}}, 9),
        ({"n": {"$gte": 10, "$lt": 20}}, 10),
        ({"$and": [{"n": {"$lte": 9}}, {"n": {"$gt": 5}}]}, 4),
        ({"tag": "t3"}, 10),
        ({"tag": "t3", "n": {"$lt": 50}}, 5),
        ({"mixed": 1}, 50),
        ({"mixed": {"$gt": False}}, 50),
        ({"none": None}, 100),
        ({"n": {"$in": list(range(501))}}, 100),
        ({"$or": [{"n": 1}, {"n": 2}]}, 100),
        ({"free": 1}, 100),
    ],
)
async def test_an_index_lets_a_query_read_only_what_it_needs(
    documents: EmbeddedDocuments, file: SqlFile, query: dict[str, Any], candidates: int
) -> None:
    """Comparisons with `_id` and indexed fields choose the rows; the rest is matched on those."""
    await documents.insert(
        "c", [{"_id": n, "n": n, "tag": ["x", f"t{n % 10}"], "mixed": (1, True)[n % 2], "free": 1} for n in range(100)]
    )
    for field in ("n", "tag", "mixed", "none"):
        await documents.create_index("c", field)
    read: list[Any] = []

    def matches(document: Any) -> bool:
        read.append(document)
        return compiled.matches(document)

    compiled = compile_query(query)
    counting = compiled._replace(matches=matches)
    await file.read(lambda connection: list(Collection(connection, "", "c").matching(counting)))

    assert candidates == len(read)


async def test_a_query_may_name_more_values_than_a_statement_holds(documents: EmbeddedDocuments) -> None:
    """However many conditions an index could answer, the query stays one that SQLite takes."""
    await documents.insert("c", [{"_id": n, "n": n} for n in range(10)])
    await documents.create_index("c", "n")
    query = {"$and": [{"n": {"$in": list(range(start, start + 500))}} for start in range(400)]}

    assert [] == await documents.find("c", query)
    assert 10 == len(await documents.find("c", {"_id": {"$in": list(range(50_000))}}))


async def test_indexes_are_bounded_and_keep_their_kind(documents: EmbeddedDocuments) -> None:
    """A 21st index is refused, and so is one that contradicts another."""
    for number in range(20):
        await documents.create_index("c", f"f{number}")

    assert ["too_many_indexes"] == [one.code for one in await problems(documents.create_index("c", "f20"))]
    assert ["index_exists"] == [one.code for one in await problems(documents.create_index("c", "f1", unique=True))]


async def test_a_unique_index_counts_array_elements_and_missing_fields(documents: EmbeddedDocuments) -> None:
    """An element may be in one document only, there also twice; one document may lack the field."""
    await documents.create_index("c", "tags", unique=True)
    await documents.insert("c", [{"_id": 1, "tags": ["a", "b", "a"]}, {"_id": 2}])

    for document in ({"tags": ["c", "b"]}, {"tags": "a"}, {"tags": None}, {}):
        assert ["duplicate_value"] == [one.code for one in await problems(documents.insert("c", [document]))]
    assert {"inserted_ids": [3]} == await documents.insert("c", [{"_id": 3, "tags": ["c"]}])
