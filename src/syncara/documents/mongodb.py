"""Documents on a MongoDB server.

Calls are judged by the compilers that the embedded documents run on, so that the same ones are refused, and then
answered by the server.

What a key promises. Not every server has transactions, so none are used; the order of writes and receipt does it:

    insert            receipt, documents, receipt done. A repeat after the receipt inserts those that are not there:
                      exactly once. (One that somebody deletes before an interrupted attempt is repeated comes back.)
    upsert, made      the document's `_id` is made from the key, and a repeat finds it: exactly once.
    update, delete    write, then receipt. A process or connection that dies between the two leaves the repeat to write
                      again: at least once. An upsert that names its `_id` is like these.

An insert that is refused is taken back. An update of many that the server refuses for one document leaves those changed
that it had come to before. Everything goes to the primary, and a write counts once a majority of the servers has it.

Values that JSON has no type for are read as text: an ObjectId as its 24 digits, a date in ISO 8601, bytes as base64.
A query for an `_id` of 24 digits, alone or in `$in`, finds both the text and the ObjectId.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, NoReturn

import msgspec
from bson import ObjectId
from bson.errors import BSONError
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteError,
)
from pymongo.uri_parser import parse_uri

from syncara.core.errors import Problem, StorageError, ValidationError
from syncara.documents import calls
from syncara.documents.calls import FIND_CHARS_MAX, FIND_DOCUMENTS_MAX
from syncara.documents.query import Query
from syncara.documents.update import Document, Update
from syncara.documents.values import build_all, canonical

DATABASE = "syncara"
RECEIPTS = "syncara_receipts"
NAMESPACE_BYTES_MAX = 255
"""MongoDB's limit on `database.collection`."""

Result = dict[str, Any]
Collection = AsyncCollection[Document]

_DUPLICATE = 11000
_DENIED = {13, 18, 8000}
_REFUSED = {2, 9, 14, 28, 52, 53, 66, 73, 121, 10334, 17419}
"""What is wrong with a call in the server's eyes, or with what it would make of a document."""
_INDEX_DIFFERS = {85, 86}


class MongoDocuments:
    """The `Documents` of abc.py in a database: `database`, else the one in the URL's path, else `syncara`.

    Nothing is connected before the first call. Raises ValidationError with what is wrong with a call or the URL, and
    StorageError: `unreachable` (nothing was sent), `connection_lost` (the server may have acted), `access_denied`,
    `storage_failed`.
    """

    def __init__(self, url: str, database: str | None = None) -> None:
        self._url = url
        self._name = database
        self._client: AsyncMongoClient[Document] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            if not url.startswith("mongodb+srv://"):  # such a URL is complete only with what the network says
                parse_uri(url)
            self._database(self._connect())
        except (PyMongoError, ValueError) as error:
            problem = Problem("bad_url", "documents", str(error), "correct it", "mongodb://localhost:27017/bot")
            raise ValidationError([problem]) from error
        hosts = re.split("[/?]", url.partition("://")[2].rpartition("@")[2])[0]
        self._place = f"MongoDB at {hosts}"

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
    ) -> list[Document]:
        """The matching documents, without `sort` in the server's order. `limit` 0: all, at most FIND_DOCUMENTS_MAX."""
        calls.find(collection, query, sort, limit, skip, projection)
        order = [(sort, 1)] if isinstance(sort, str) else list(sort.items() if isinstance(sort, dict) else sort or ())
        fields = dict.fromkeys(projection, True) if isinstance(projection, list) else projection
        wanted = limit or FIND_DOCUMENTS_MAX + 1
        found: list[Document] = []
        size = 0
        with _translated(self._place):
            rows = self._collection(collection, scope)
            async with rows.find(_sent(query), fields or None, skip, wanted, sort=order or None) as cursor:
                async for row in cursor:
                    found.append(_plain(row))
                    size += len(msgspec.json.encode(found[-1]))
                    if size > FIND_CHARS_MAX:
                        calls.refuse_too_large()
        if not limit and len(found) > FIND_DOCUMENTS_MAX:
            calls.refuse_too_many()
        return found

    async def insert(
        self, collection: str, documents: list[dict[str, Any]], *, key: str | None = None, scope: str = ""
    ) -> Result:
        identified = calls.insert(collection, documents, key)
        build_all(partial(calls.encode, document, f"documents[{at}]") for at, document in enumerate(identified))
        result = {"inserted_ids": [document["_id"] for document in identified]}
        with _translated(self._place):
            rows, receipt = self._collection(collection, scope), self._receipt(key)
            kept = await receipt.read()
            if kept is not None and kept.done:
                return kept.result
            there = await _there(rows, identified)
            if kept is None:
                _refuse_duplicates(collection, identified, there)
                await receipt.write(result, done=False)
            missing = {at: one for at, one in enumerate(identified) if canonical(one["_id"]) not in there}
            refused = await _add(rows, collection, missing, again=kept is not None)
            if refused:
                added = [one["_id"] for at, one in enumerate(identified) if at not in refused]
                await rows.delete_many({"_id": {"$in": added}})
                await receipt.drop()
                raise ValidationError(refused.values())
            await receipt.write(result, done=True)
        return result

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
        made, sent = _with_new_id(compiled, change, changes, key) if upsert else (None, _operators(changes))

        async def write(rows: Collection) -> Result:
            if key is not None and made is not None and await _there(rows, [{"_id": made}]):
                return {"matched": 0, "modified": 0, "upserted_id": made}  # by an attempt that came to no receipt
            try:
                done = await (rows.update_many if many else rows.update_one)(_sent(query), sent, upsert)
            except WriteError as error:
                await _explain(error, rows, collection, query, change, compiled if upsert else None)
            if done.did_upsert:
                return {"matched": 0, "modified": 0, "upserted_id": _plain(done.upserted_id)}
            return {"matched": done.matched_count, "modified": done.modified_count}

        return await self._once(collection, scope, key, write)

    async def delete(
        self, collection: str, query: dict[str, Any], *, many: bool = True, key: str | None = None, scope: str = ""
    ) -> Result:
        calls.delete(collection, query, many)

        async def write(rows: Collection) -> Result:
            done = await (rows.delete_many if many else rows.delete_one)(_sent(query))
            return {"deleted": done.deleted_count}

        return await self._once(collection, scope, key, write)

    async def create_index(self, collection: str, field: str, *, unique: bool = False, scope: str = "") -> None:
        """Index a field. Repeating the call changes nothing.

        A unique index allows a value in one document only; a document without the field counts as null.
        """
        calls.index(collection, field, unique)
        with _translated(self._place):
            try:
                await self._collection(collection, scope).create_index([(field, 1)], unique=unique)
            except OperationFailure as error:
                if error.code in _INDEX_DIFFERS:
                    where = f"collection '{collection}', field"
                    calls.refuse("index_exists", where, f"there is another index on '{field}' already", "keep its kind")
                if error.code == _DUPLICATE:
                    raise ValidationError([_refusal(error.details, collection, "field")]) from error
                raise

    async def close(self) -> None:
        """Disconnect. A later call connects again."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()

    async def _once(
        self, collection: str, scope: str, key: str | None, write: Callable[[Collection], Awaitable[Result]]
    ) -> Result:
        """What `write` returns, or returned when its key was seen before; its receipt follows it."""
        with _translated(self._place):
            rows, receipt = self._collection(collection, scope), self._receipt(key)
            kept = await receipt.read()
            if kept is not None:
                return kept.result
            result = await write(rows)
            await receipt.write(result, done=True)
            return result

    # The server.

    def _connect(self) -> AsyncMongoClient[Document]:
        return AsyncMongoClient(self._url, tz_aware=True)

    def _open(self) -> AsyncDatabase[Document]:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:  # a client serves the loop that it was first used in
            self._client, self._loop = self._connect(), loop
        return self._database(self._client)

    def _database(self, client: AsyncMongoClient[Document]) -> AsyncDatabase[Document]:
        """Whatever the URL says, what is read is what was written, and what was written is not rolled back."""
        options: Any = {"read_preference": ReadPreference.PRIMARY, "write_concern": WriteConcern("majority")}
        if self._name is not None:
            return client.get_database(self._name, **options)
        return client.get_default_database(DATABASE, **options)

    def _collection(self, collection: str, scope: str) -> Collection:
        if scope:  # of fixed length, so that no two pairs of a scope and a name meet
            collection = f"syncara_{hashlib.sha256(scope.encode()).hexdigest()[:32]}_{collection}"
        rows = self._open()[collection]
        if len(rows.full_name.encode()) > NAMESPACE_BYTES_MAX:
            message = f"database and collection have more than {NAMESPACE_BYTES_MAX} bytes together"
            calls.refuse("bad_collection", "collection", message, "use a shorter name")
        return rows

    def _receipt(self, key: str | None) -> _Receipt:
        return _Receipt(self._open()[RECEIPTS], key)


class _Kept(NamedTuple):
    done: bool
    result: Result


class _Receipt:
    """What is kept of the write with a key; without a key, nothing."""

    def __init__(self, rows: Collection, key: str | None) -> None:
        self._rows = rows
        self._key = key

    async def read(self) -> _Kept | None:
        receipt = None if self._key is None else await self._rows.find_one({"_id": self._key})
        return None if receipt is None else _Kept(receipt["done"], _plain(receipt["result"]))

    async def write(self, result: Result, *, done: bool) -> None:
        if self._key is not None:
            receipt = {"at": datetime.now(UTC), "done": done, "result": result}
            await self._rows.update_one({"_id": self._key}, {"$set": receipt}, upsert=True)

    async def drop(self) -> None:
        if self._key is not None:
            await self._rows.delete_one({"_id": self._key})


# What goes out.


def _sent(query: dict[str, Any]) -> dict[str, Any]:
    """The query, with each 24 digits that `_id` is compared with standing for the ObjectId too that is read as them."""
    return {name: _with_object_ids(name, operand) for name, operand in query.items()}


def _with_object_ids(name: str, operand: Any) -> Any:
    if name in ("$and", "$or", "$nor"):
        return [_sent(query) for query in operand]
    if name == "_id" and _is_object_id(operand):
        return {"$in": _both(operand)}
    if name == "_id" and isinstance(operand, dict) and "$in" in operand:
        return {**operand, "$in": [one for member in operand["$in"] for one in _both(member)]}
    return operand


def _is_object_id(value: Any) -> bool:
    return isinstance(value, str) and ObjectId.is_valid(value)


def _both(value: Any) -> list[Any]:
    return [value, ObjectId(value)] if _is_object_id(value) else [value]


def _operators(changes: dict[str, Any]) -> dict[str, Any]:
    return changes if any(name.startswith("$") for name in changes) else {"$set": changes}


def _with_new_id(
    query: Query, change: Update, changes: dict[str, Any], key: str | None
) -> tuple[str | None, dict[str, Any]]:
    """The `_id` that an upsert would make, if it would, and the changes that say so to the server."""
    sent = _operators(changes)
    if any(path[0] == "_id" for one in change.changes for path in one.paths):
        return None, sent
    required = [one.operand for one in query.required if one.path == ("_id",) and one.operator == "$eq"]
    if required and not _is_object_id(required[0]):
        return None, sent
    made = None if required else calls.new_id(key, 0)
    inserting = {**sent.get("$setOnInsert", {}), "_id": made or required[0]}
    return made, {**sent, "$setOnInsert": inserting}


async def _add(rows: Collection, collection: str, missing: dict[int, Document], *, again: bool) -> dict[int, Problem]:
    """Insert what can be, and say by position why the rest cannot.

    `again`: an `_id` that has appeared since `missing` was found out is the interrupted attempt's, still at work.
    """
    if not missing:
        return {}
    try:
        await rows.insert_many(list(missing.values()), ordered=False)
    except BulkWriteError as error:
        positions = list(missing)
        failed = {positions[one["index"]]: one for one in error.details["writeErrors"]}
        if not failed or any(one["code"] not in {_DUPLICATE, *_REFUSED} for one in failed.values()):
            raise
        return {
            at: _refusal(one, collection, f"documents[{at}]")
            for at, one in failed.items()
            if not (again and one.get("keyPattern") == {"_id": 1})
        }
    return {}


# What comes back.


def _plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int):
        return int(value)  # a 64-bit integer comes as a class of its own
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _there(rows: Collection, documents: list[Document]) -> set[str]:
    """Which of the documents' `_id`s are taken, each as its canonical text."""
    wanted = {"_id": {"$in": [document["_id"] for document in documents]}}
    async with rows.find(wanted, {"_id": True}) as found:
        return {canonical(_plain(row["_id"])) async for row in found}


def _refuse_duplicates(collection: str, documents: list[Document], there: set[str]) -> None:
    problems, taken = [], set(there)
    for at, document in enumerate(documents):
        identity = canonical(document["_id"])
        if identity in taken:
            problems.append(calls.duplicate_id(collection, f"documents[{at}]", document["_id"]))
        taken.add(identity)
    if problems:
        raise ValidationError(problems)


async def _explain(
    error: WriteError, rows: Collection, collection: str, query: dict[str, Any], change: Update, upsert: Query | None
) -> NoReturn:
    """Raise what is wrong with an update in the words of the embedded documents, where they have any."""
    if error.code == _DUPLICATE:
        raise ValidationError([_refusal(error.details, collection, "changes")]) from error
    matched = False
    async with rows.find(_sent(query), limit=FIND_DOCUMENTS_MAX) as found:
        async for row in found:
            matched = True
            calls.changed(change, _plain(row))
    if upsert is not None and not matched:
        change.upserted(upsert)
    raise error


def _refusal(details: Any, collection: str, where: str) -> Problem:
    """A write error as a problem, in the server's words."""
    code, fix = "refused_by_server", "see what MongoDB says about this call"
    if details["code"] == _DUPLICATE:
        code = "duplicate_id" if details.get("keyPattern") == {"_id": 1} else "duplicate_value"
        fix = "choose another value, or update the other document"
    return Problem(code, f"collection '{collection}', {where}", str(details["errmsg"]), fix)


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """Errors of the driver as errors of ours, of which StorageError means that another attempt may help."""
    try:
        yield
    except ServerSelectionTimeoutError as error:
        fix = "check the URL and that the server runs; serverSelectionTimeoutMS in the URL says how long to look for it"
        raise StorageError("unreachable", f"no server answers: {_short(error)}", place, fix) from error
    except ConfigurationError as error:
        raise StorageError("unreachable", f"no server is found: {_short(error)}", place, "check the URL") from error
    except ConnectionFailure as error:
        message = f"the connection broke, and whether the server has acted is not known: {_short(error)}"
        raise StorageError("connection_lost", message, place, "try again") from error
    except DocumentTooLarge as error:
        calls.refuse("document_too_large", "", str(error), "write in smaller parts")
    except OperationFailure as error:
        if error.code in _DENIED:
            fix = "check user and password in the URL, and what this user may do"
            raise StorageError("access_denied", _short(error), place, fix) from error
        if error.code in _REFUSED:
            calls.refuse("refused_by_server", place, _short(error))
        raise StorageError("storage_failed", f"the server failed: {_short(error)}", place) from error
    except (PyMongoError, BSONError) as error:
        raise StorageError("storage_failed", f"the driver failed: {_short(error)}", place) from error


def _short(error: Exception) -> str:
    """The error's text without the state of the driver that follows it."""
    return re.split(r" \(configured timeouts|, Timeout:|, full error:", str(error))[0]
