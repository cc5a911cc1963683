"""Documents on a MongoDB server: keys and lost connections, foreign types, errors, limits; see also tests/contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId
from pymongo import AsyncMongoClient

from syncara import MultiStepProcessor
from syncara.abc import Documents
from syncara.core.errors import StorageError, SyncaraError, ValidationError
from syncara.documents.mongodb import MongoDocuments
from tests.documents.mongodb_server import GoBetween, at, go_between

OBJECT_ID = "5f2b6c1e9d3e2a0017c0ffee"


@pytest.fixture
async def documents(mongodb_url: str, database: str) -> AsyncIterator[MongoDocuments]:
    async with at(mongodb_url, database) as opened:
        yield opened


@pytest.fixture
async def between(mongodb_url: str) -> AsyncIterator[tuple[GoBetween, str]]:
    async with go_between(mongodb_url) as pair:
        yield pair


@pytest.fixture
async def remote(between: tuple[GoBetween, str], database: str) -> AsyncIterator[MongoDocuments]:
    """The same documents as `documents`, behind the go-between."""
    async with at(between[1], database) as opened:
        yield opened


# Keys, when the connection breaks.

Call = Callable[[Documents], Awaitable[dict[str, Any]]]


async def interrupted(
    pair: tuple[GoBetween, str], database: str, call: Call, command: int, deliver: bool
) -> str | dict[str, Any]:
    """What comes of a call whose connection breaks at a command: its result, or the code of its error."""
    pair[0].lose, pair[0].deliver = command, deliver
    async with at(pair[1], database) as remote:
        try:
            return await call(remote)
        except StorageError as error:
            return error.code


@pytest.mark.parametrize("deliver", [False, True], ids=["request lost", "answer lost"])
@pytest.mark.parametrize("command", range(6))
async def test_an_insert_happens_once_wherever_the_connection_breaks(
    documents: MongoDocuments, between: tuple[GoBetween, str], database: str, command: int, deliver: bool
) -> None:
    """The repeat completes what the interrupted attempt began, with own and with made ids, and returns all of them."""

    async def call(target: Documents) -> dict[str, Any]:
        return await target.insert("c", [{"a": 1}, {"_id": 7}], key="k")

    await interrupted(between, database, call, command, deliver)
    result = await call(documents)

    made = result["inserted_ids"][0]
    assert {"inserted_ids": [made, 7]} == result == await call(documents)
    assert [{"_id": made, "a": 1}, {"_id": 7}] == await documents.find("c", {})


@pytest.mark.parametrize("deliver", [False, True], ids=["request lost", "answer lost"])
@pytest.mark.parametrize("command", range(5))
async def test_an_upsert_inserts_once_wherever_the_connection_breaks(
    documents: MongoDocuments, between: tuple[GoBetween, str], database: str, command: int, deliver: bool
) -> None:
    """The repeat finds the document by its `_id`, and does not take it for one to change."""

    async def call(target: Documents) -> dict[str, Any]:
        return await target.update("c", {"name": "Ani"}, {"$inc": {"n": 1}}, upsert=True, key="k")

    await interrupted(between, database, call, command, deliver)
    result = await call(documents)

    assert {"matched": 0, "modified": 0, "upserted_id": result["upserted_id"]} == result == await call(documents)
    assert [{"_id": result["upserted_id"], "name": "Ani", "n": 1}] == await documents.find("c", {})


@pytest.mark.parametrize(
    ("command", "deliver", "times"),
    [(0, False, 1), (0, True, 1), (1, False, 1), (1, True, 2), (2, False, 2), (2, True, 1), (3, True, 1)],
)
async def test_an_update_happens_again_only_if_the_connection_breaks_before_its_receipt(
    documents: MongoDocuments, between: tuple[GoBetween, str], database: str, command: int, deliver: bool, times: int
) -> None:
    """Command 1 is the write and command 2 its receipt; the write is never lost."""

    async def call(target: Documents) -> dict[str, Any]:
        return await target.update("c", {}, {"$inc": {"n": 1}}, key="k")

    await documents.insert("c", [{"_id": 1, "n": 0}])
    await interrupted(between, database, call, command, deliver)

    assert {"matched": 1, "modified": 1} == await call(documents) == await call(documents)
    assert [{"_id": 1, "n": times}] == await documents.find("c", {})


async def test_a_refused_insert_is_taken_back_also_by_the_repeat_of_an_interrupted_one(
    documents: MongoDocuments, between: tuple[GoBetween, str], database: str
) -> None:
    """Nothing of it stays, and its key is unused afterwards."""
    await documents.create_index("c", "name", unique=True)
    await documents.insert("c", [{"_id": 1, "name": "Ani"}])

    async def call(target: Documents) -> dict[str, Any]:
        return await target.insert("c", [{"name": "Budi"}, {"name": "Ani"}], key="k")

    assert "connection_lost" == await interrupted(between, database, call, 3, deliver=True)
    assert 2 == len(await documents.find("c", {}))
    with pytest.raises(ValidationError, match=r"duplicate_value: collection 'c', documents\[1\]"):
        await call(documents)
    assert [{"_id": 1, "name": "Ani"}] == await documents.find("c", {})
    with pytest.raises(ValidationError, match="duplicate_id"):
        await documents.insert("c", [{"_id": 1}], key="k")
    assert {"inserted_ids": [2]} == await documents.insert("c", [{"_id": 2, "name": "Budi"}], key="k")


async def test_what_another_program_has_inserted_meanwhile_is_not_taken_back(
    documents: MongoDocuments, between: tuple[GoBetween, str], remote: MongoDocuments
) -> None:
    """A refused insert removes only what it has inserted itself."""
    await documents.insert("c", [{"_id": 1, "by": "another"}])
    between[0].answers["find"] = {"ok": 1, "cursor": {"id": 0, "ns": "x.c", "firstBatch": []}}

    with pytest.raises(ValidationError, match="UNIQUE"):
        await remote.insert("c", [{"_id": 1}, {"_id": 2}])

    assert [{"_id": 1, "by": "another"}] == await documents.find("c", {})


async def test_an_id_that_appears_while_an_insert_is_repeated_is_its_own(
    documents: MongoDocuments, between: tuple[GoBetween, str], mongodb_url: str, database: str
) -> None:
    """An interrupted attempt may still be at work when its repeat begins."""
    taken = {"index": 0, "code": 11000, "errmsg": "the reason", "keyPattern": {"_id": 1}}

    async def call(target: Documents) -> dict[str, Any]:
        return await target.insert("c", [{"_id": 1}], key="k")

    assert "connection_lost" == await interrupted(between, database, call, 3, deliver=False)
    async with go_between(mongodb_url) as (second, url), at(url, database) as remote:
        second.answers["insert"] = {"ok": 1, "n": 0, "writeErrors": [taken]}
        assert {"inserted_ids": [1]} == await call(remote)
    assert {"inserted_ids": [1]} == await call(documents)


async def test_what_a_call_says_of_an_interrupted_write_is_that_nobody_knows(
    between: tuple[GoBetween, str], remote: MongoDocuments
) -> None:
    """`connection_lost` is an error that another attempt may help."""
    between[0].lose = 0

    with pytest.raises(StorageError, match=r"connection_lost: MongoDB at 127.0.0.1:.* whether the server has acted"):
        await remote.delete("c", {})


# What the server says.


def refusal(code: int, key: str = "") -> dict[str, Any]:
    pattern = {"keyPattern": {key: 1}} if key else {}
    return {"ok": 1, "n": 0, "writeErrors": [{"index": 0, "code": code, "errmsg": "the reason", **pattern}]}


def failure(code: int) -> dict[str, Any]:
    return {"ok": 0, "code": code, "errmsg": "the reason"}


@pytest.mark.parametrize(
    ("command", "answer", "expected"),
    [
        ("find", failure(13), "access_denied"),
        ("find", failure(1), "storage_failed"),
        ("find", failure(91), "connection_lost"),
        ("find", failure(2), "refused_by_server"),
        (
            "find",
            {"ok": 1, "cursor": {"id": 0, "ns": "x.c", "firstBatch": [{"at": DatetimeMS(2**60)}]}},
            "storage_failed",
        ),
        ("insert", refusal(11000, "_id"), "duplicate_id"),
        ("insert", refusal(11000, "name"), "duplicate_value"),
        ("insert", refusal(121), "refused_by_server"),
        ("insert", refusal(112), "storage_failed"),
        ("insert", {"ok": 1, "n": 1, "writeConcernError": {"code": 64, "errmsg": "the reason"}}, "storage_failed"),
        ("update", refusal(11000, "_id"), "duplicate_id"),
        ("update", refusal(11000, "name"), "duplicate_value"),
        ("update", refusal(2), "refused_by_server"),
        ("update", refusal(1), "storage_failed"),
        ("delete", failure(18), "access_denied"),
        ("createIndexes", failure(11000), "duplicate_value"),
        ("createIndexes", failure(86), "index_exists"),
        ("createIndexes", failure(67), "storage_failed"),
    ],
)
async def test_what_the_server_refuses_has_a_code_that_says_whether_to_try_again(
    between: tuple[GoBetween, str], remote: MongoDocuments, command: str, answer: dict[str, Any], expected: str
) -> None:
    """StorageError may pass, ValidationError will not; both are worded as the embedded documents word them."""
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "find": lambda: remote.find("c", {}),
        "insert": lambda: remote.insert("c", [{"_id": 1}]),
        "update": lambda: remote.update("c", {}, {"a": 1}, upsert=True),
        "delete": lambda: remote.delete("c", {}),
        "createIndexes": lambda: remote.create_index("c", "a"),
    }
    between[0].answers[command] = answer

    with pytest.raises(SyncaraError) as caught:
        await calls[command]()

    assert expected == caught.value.code
    again = expected in ("access_denied", "storage_failed", "connection_lost")
    assert (again, not again) == (isinstance(caught.value, StorageError), isinstance(caught.value, ValidationError))


@pytest.mark.parametrize(
    ("changes", "upsert", "problem"),
    [
        ({"$inc": {"name": 1}}, False, "not_a_number: changes.$inc.name, document 2"),
        ({"$push": {"name": 1}}, False, "not_an_array: changes.$push.name, document 2"),
        ({"$set": {"_id": 5}}, False, "immutable_id: _id, document 1"),
        ({"$set": {"name.first": "A"}}, False, "path_blocked: name.first, document 2"),
        ({"$push": {"new": 1}}, True, "not_an_array: changes.$push.new"),
    ],
)
async def test_an_update_that_a_document_does_not_allow_is_explained(
    documents: MongoDocuments,
    between: tuple[GoBetween, str],
    remote: MongoDocuments,
    changes: dict[str, Any],
    upsert: bool,
    problem: str,
) -> None:
    """The server's refusal is said in the words of the embedded documents, with the document."""
    await documents.insert("c", [{"_id": 1}, {"_id": 2, "name": "Ani"}])
    between[0].answers["update"] = refusal(14)

    with pytest.raises(ValidationError, match=problem.replace("$", r"\$")):
        await remote.update("c", {"new": 7} if upsert else {}, changes, upsert=upsert)


# Values of other programs.


async def test_what_json_has_no_type_for_is_read_as_text(
    between: tuple[GoBetween, str], remote: MongoDocuments
) -> None:
    """Documents of other programs can be found; whole numbers are plain ones."""
    stored = {
        "_id": ObjectId(OBJECT_ID),
        "long": Int64(2**40),
        "at": datetime(2026, 5, 1, 12, 30, tzinfo=UTC),
        "bytes": Binary(b"\x00\xff"),
        "price": Decimal128("9.90"),
        "broken": float("nan"),
        "list": [{"ref": ObjectId(OBJECT_ID)}, None, True, 1.5, "x"],
    }
    between[0].answers["find"] = {"ok": 1, "cursor": {"id": 0, "ns": "x.c", "firstBatch": [stored]}}

    (found,) = await remote.find("c", {})

    assert {
        "_id": OBJECT_ID,
        "long": 2**40,
        "at": "2026-05-01T12:30:00+00:00",
        "bytes": "AP8=",
        "price": "9.90",
        "broken": "nan",
        "list": [{"ref": OBJECT_ID}, None, True, 1.5, "x"],
    } == found
    assert int is type(found["long"])


async def test_the_digits_of_an_object_id_find_its_document(
    documents: MongoDocuments, mongodb_url: str, database: str
) -> None:
    """So the `_id` that one step has found is good for the next one's query, whoever made it."""
    async with AsyncMongoClient[dict[str, Any]](mongodb_url) as client:
        await client[database]["c"].insert_one({"_id": ObjectId(OBJECT_ID), "n": 1})
    await documents.insert("c", [{"_id": OBJECT_ID[::-1], "n": 2}])

    for query in ({"_id": OBJECT_ID}, {"_id": {"$in": [5, OBJECT_ID]}}, {"$and": [{"_id": OBJECT_ID}, {"n": 1}]}):
        assert [{"_id": OBJECT_ID, "n": 1}] == await documents.find("c", query)
    assert [2] == [one["n"] for one in await documents.find("c", {"_id": OBJECT_ID[::-1]})]
    update = await documents.update("c", {"_id": OBJECT_ID}, {"n": 3}, upsert=True)
    assert {"matched": 1, "modified": 1} == update
    assert {"deleted": 1} == await documents.delete("c", {"_id": OBJECT_ID})


BOTH = {"$in": [OBJECT_ID, ObjectId(OBJECT_ID)]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"_id": OBJECT_ID}, {"_id": BOTH}),
        ({"_id": {"$in": [5, OBJECT_ID], "$gt": 1}}, {"_id": {"$in": [5, *BOTH["$in"]], "$gt": 1}}),
        ({"$or": [{"$and": [{"_id": OBJECT_ID}]}, {"a": 1}]}, {"$or": [{"$and": [{"_id": BOTH}]}, {"a": 1}]}),
        ({"$nor": [{"_id": OBJECT_ID}]}, {"$nor": [{"_id": BOTH}]}),
        ({"_id": "x", "user": OBJECT_ID}, {"_id": "x", "user": OBJECT_ID}),
    ],
)
async def test_24_digits_for_an_id_ask_for_the_object_id_too(
    between: tuple[GoBetween, str], remote: MongoDocuments, query: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Nothing else of a query is changed."""
    between[0].answers["find"] = {"ok": 1, "cursor": {"id": 0, "ns": "x.c", "firstBatch": []}}

    await remote.find("c", query)

    assert expected == between[0].commands[0]["filter"]


@pytest.mark.parametrize(
    ("query", "changes", "expected"),
    [
        ({"_id": 7}, {"a": 1}, {"$set": {"a": 1}}),
        ({"a": 1}, {"$set": {"_id": 7}}, {"$set": {"_id": 7}}),
        ({"_id": OBJECT_ID}, {"$inc": {"a": 1}}, {"$inc": {"a": 1}, "$setOnInsert": {"_id": OBJECT_ID}}),
        ({"a": 1}, {"$setOnInsert": {"b": 1}}, {"$setOnInsert": {"b": 1, "_id": "1c63409b61691a2d0352b94f"}}),
    ],
)
async def test_an_upsert_says_which_id_to_make_when_the_server_would_choose_one(
    between: tuple[GoBetween, str],
    remote: MongoDocuments,
    query: dict[str, Any],
    changes: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """It is text: the digits of the query, or 24 digits made from the key."""
    await remote.update("c", query, changes, upsert=True, key="k")

    write = next(command for command in between[0].commands if command.get("update") == "c")
    assert expected == write["updates"][0]["u"]
    assert {"w": "majority"} == write["writeConcern"]


# Limits and names.


async def test_a_find_of_too_much_asks_for_a_limit(between: tuple[GoBetween, str], remote: MongoDocuments) -> None:
    """More than 10,000 documents come only when a limit says so; more than 64 MiB never."""
    many = [{"_id": number} for number in range(10_001)]
    large = [{"_id": number, "text": "x" * 2**20} for number in range(33)]
    between[0].answers["find"] = {"ok": 1, "cursor": {"id": 0, "ns": "x.c", "firstBatch": many}}

    with pytest.raises(ValidationError, match="too_many_documents"):
        await remote.find("c", {})
    assert 10_001 == len(await remote.find("c", {}, limit=20_000))
    assert [10_001, 20_000] == [command["limit"] for command in between[0].commands]

    between[0].answers["find"] = {"ok": 1, "cursor": {"id": Int64(5), "ns": "x.c", "firstBatch": large}}
    between[0].answers["getMore"] = {"ok": 1, "cursor": {"id": Int64(5), "ns": "x.c", "nextBatch": large}}
    with pytest.raises(ValidationError, match="result_too_large"):
        await remote.find("c", {})


async def test_a_call_that_mongodb_has_no_message_for_is_refused(documents: MongoDocuments) -> None:
    """An update is bounded as a document of MongoDB is."""
    with pytest.raises(ValidationError, match="document_too_large"):
        await documents.update("c", {}, {"text": "x" * 17 * 2**20})


async def test_names_are_bounded_and_those_of_the_engine_are_out_of_reach(documents: MongoDocuments) -> None:
    """A workflow can neither read nor change receipts, nor another scope's collections by their names."""
    with pytest.raises(ValidationError, match="255 bytes"):
        await documents.find("é" * 200, {})
    with pytest.raises(ValidationError, match=r"bad_collection.*reserved"):
        await documents.delete("syncara_receipts", {})


# In a run.


async def test_a_workflow_works_on_mongodb(tmp_path: Path, documents: MongoDocuments) -> None:
    """database_operation is the same on MongoDB as on the engine's own file."""

    def step(name: str, after: str, **params: Any) -> dict[str, Any]:
        params["collection"] = "users"
        return {
            "name": name,
            "handler": "database_operation",
            "params": params,
            "dependencies": [after] if after else [],
        }

    steps = [
        step("Add", "", operation="insert", data={"name": "Ani"}),
        step("Welcome", "Add", operation="update", query={"_id": "{steps.Add.data.inserted_ids[0]}"}, data={"new": 0}),
        step("Read", "Welcome", operation="find", query={}, projection={"_id": 0}),
    ]
    async with MultiStepProcessor(tmp_path / "x.db", documents=documents) as processor:
        execution_id = await processor.execute_workflow(processor.define({"name": "Mongo", "steps": steps}))
        ended = await processor.wait(execution_id)

    results = [state.result.data for state in ended.steps.values() if state.result is not None]
    assert ("completed", {"matched": 1, "modified": 1}, [{"name": "Ani", "new": 0}]) == (ended.status, *results[1:])
