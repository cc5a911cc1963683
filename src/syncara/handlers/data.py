"""database_operation: documents in collections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from syncara.abc import Documents, ExecutionInput, Handler, StepInput
from syncara.core.errors import Problem
from syncara.handlers.failures import FinalError
from syncara.handlers.registry import struct_check


class DatabaseParams(msgspec.Struct, forbid_unknown_fields=True):
    """Find, insert, update or delete documents of a collection. Queries and changes are written as for MongoDB."""

    operation: Literal["find", "insert", "update", "delete"]
    collection: str
    query: dict[str, Any] = {}
    data: dict[str, Any] | list[dict[str, Any]] | None = None
    sort: Any = None
    limit: int = 0
    skip: int = 0
    projection: Any = None
    many: bool = True
    """update and delete: all documents that match (the default), or only the first."""
    upsert: bool = False


_FIELDS = {
    "find": {"query", "sort", "limit", "skip", "projection"},
    "insert": {"data"},
    "update": {"query", "data", "many", "upsert"},
    "delete": {"query", "many"},
}
_NEEDED = {"find": set(), "insert": {"data"}, "update": {"query", "data"}, "delete": {"query"}}


def _check(params: dict[str, Any]) -> list[Problem]:
    found: list[Problem] = struct_check(DatabaseParams)(params)
    operation = params.get("operation")
    if not isinstance(operation, str) or operation not in _FIELDS:
        return found
    for name in sorted((params.keys() & set(DatabaseParams.__struct_fields__)) - _FIELDS[operation]):
        if name not in ("operation", "collection"):
            fix = f"'{operation}' takes " + ", ".join(sorted(_FIELDS[operation]))
            found.append(Problem("invalid_params", f"'{name}'", f"'{operation}' does not take '{name}'", fix))
    for name in sorted(_NEEDED[operation] - params.keys()):
        fix = "write {} to mean every document" if name == "query" else f"add '{name}'"
        found.append(Problem("invalid_params", "", f"'{operation}' needs '{name}'", fix))
    return found


def everyone(collection: str, execution: ExecutionInput) -> str:
    """The scope that all have in common."""
    return ""


def handlers(documents: Documents, scope: Callable[[str, ExecutionInput], str] = everyone) -> list[Handler]:
    """`scope` says in whose documents an execution finds a collection."""

    async def database_operation(step: StepInput, execution: ExecutionInput) -> Any:
        """find: a list of documents. insert: `{inserted_ids}`. update: `{matched, modified}`. delete: `{deleted}`."""
        p: DatabaseParams = step.params
        key, whose = execution.idempotency_key, scope(p.collection, execution)
        if p.operation == "find":
            shape = {"sort": p.sort, "limit": p.limit, "skip": p.skip, "projection": p.projection}
            return await documents.find(p.collection, p.query, **shape, scope=whose)
        if p.operation == "delete":
            return await documents.delete(p.collection, p.query, many=p.many, key=key, scope=whose)
        if p.operation == "insert":
            made = p.data if isinstance(p.data, list) else [p.data or {}]
            return await documents.insert(p.collection, made, key=key, scope=whose)
        if not isinstance(p.data, dict):
            message = "update needs 'data' as one object"
            raise FinalError("invalid_params", message, "'data'", "give fields to set, or operators such as $inc")
        how = {"many": p.many, "upsert": p.upsert}
        return await documents.update(p.collection, p.query, p.data, **how, key=key, scope=whose)

    return [Handler("database_operation", database_operation, "task", DatabaseParams, True, _check)]
