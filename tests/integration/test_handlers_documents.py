"""database_operation in real runs, with the embedded documents in the engine's own file."""

from __future__ import annotations

from typing import Any

import pytest

from syncara import Execution, MultiStepProcessor, ValidationError
from tests.integration.support import HANG_S, one_step

PEOPLE = [
    {"_id": "a", "id": 123456789, "name": "Ana", "active": True, "age": 31},
    {"_id": "b", "id": 2, "name": "Bo", "active": True, "age": 25},
    {"_id": "c", "id": 3, "name": "Cy", "active": False, "age": 44},
]


async def run(processor: MultiStepProcessor, *steps: dict[str, Any], **context: Any) -> Execution:
    """Run the steps, which are params of database_operation by name, one after another."""
    chain = [
        {
            "name": str(n),
            "handler": "database_operation",
            "params": params,
            "retry_count": 0,
            "dependencies": [str(n - 1)] if n else [],
        }
        for n, params in enumerate(steps)
    ]
    workflow_id = processor.define({"name": "Documents", "steps": chain})
    return await processor.wait(await processor.execute_workflow(workflow_id, context), HANG_S)


def results(execution: Execution) -> list[Any]:
    assert "completed" == execution.status, execution.error
    return [step.result.data for step in execution.steps.values() if step.result is not None]


def insert(data: Any) -> dict[str, Any]:
    return {"operation": "insert", "collection": "users", "data": data}


def find(query: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"operation": "find", "collection": "users", "query": query or {}, **more}


async def test_what_was_inserted_is_found(processor: MultiStepProcessor) -> None:
    """`insert` takes one document or several and returns their ids; `find` returns the documents that match."""
    ended = await run(processor, insert(PEOPLE), insert({"name": "Di"}), find({"active": True}), find({"name": "Di"}))
    several, one, active, di = results(ended)

    assert {"inserted_ids": ["a", "b", "c"]} == several
    assert PEOPLE[:2] == active
    assert [{"_id": one["inserted_ids"][0], "name": "Di"}] == di


async def test_a_typed_placeholder_matches_the_integer(processor: MultiStepProcessor) -> None:
    """`"{context.user_id}"` alone in its string stays the number that it is, as in the guide's first example."""
    update = {
        "operation": "update",
        "collection": "users",
        "query": {"id": "{context.user_id}"},
        "data": {"onboarded": True},
    }
    ended = await run(processor, insert(PEOPLE), update, find({"onboarded": True}), user_id=123456789)
    _, updated, found = results(ended)

    assert {"matched": 1, "modified": 1} == updated
    assert [{**PEOPLE[0], "onboarded": True}] == found


async def test_find_sorts_limits_skips_and_projects(processor: MultiStepProcessor) -> None:
    """As the query language has it."""
    ended = await run(
        processor,
        insert(PEOPLE),
        find({"age": {"$gt": 20}}, sort={"age": -1}, limit=1, skip=1, projection={"name": 1, "_id": 0}),
    )

    assert [{"name": "Ana"}] == results(ended)[-1]


async def test_updates_reach_all_or_the_first_and_may_insert(processor: MultiStepProcessor) -> None:
    """Plain data means `$set`; `many` and `upsert` say how far an update goes."""

    def update(query: dict[str, Any], data: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"operation": "update", "collection": "users", "query": query, "data": data, **more}

    ended = await run(
        processor,
        insert(PEOPLE),
        update({"active": True}, {"$inc": {"age": 1}}),
        update({"active": True}, {"seen": True}, many=False),
        update({"_id": "z"}, {"name": "Zoe"}, upsert=True),
        find(sort=[["_id", 1]]),
    )
    _, everyone, first, made, found = results(ended)

    assert ({"matched": 2, "modified": 2}, {"matched": 1, "modified": 1}) == (everyone, first)
    assert {"matched": 0, "modified": 0, "upserted_id": "z"} == made
    assert [
        {**PEOPLE[0], "age": 32, "seen": True},
        {**PEOPLE[1], "age": 26},
        PEOPLE[2],
        {"_id": "z", "name": "Zoe"},
    ] == found


async def test_what_was_deleted_is_gone(processor: MultiStepProcessor) -> None:
    """`delete` returns how many there were."""
    delete = {"operation": "delete", "collection": "users", "query": {"active": False}}
    ended = await run(processor, insert(PEOPLE), delete, delete, find(projection={"_id": 1}))

    assert [{"deleted": 1}, {"deleted": 0}, [{"_id": "a"}, {"_id": "b"}]] == results(ended)[1:]


async def test_documents_outlive_the_run_and_are_shared_between_runs(processor: MultiStepProcessor) -> None:
    """They are in the database, not in the run."""
    await run(processor, insert(PEOPLE))

    assert [PEOPLE] == results(await run(processor, find()))


async def test_results_feed_later_steps(processor: MultiStepProcessor) -> None:
    """A find's documents are there for placeholders, conditions and `save_as`, with their types."""
    await run(processor, insert(PEOPLE))
    workflow_id = processor.define(
        {
            "name": "Feed",
            "steps": [
                {"name": "Load", "handler": "database_operation", "params": find({"name": "Bo"}), "save_as": "users"},
                {
                    "name": "Mark",
                    "handler": "database_operation",
                    "params": {
                        "operation": "update",
                        "collection": "users",
                        "query": {"id": "{context.users[0].id}"},
                        "data": {"greeted_by": "{steps.Load.data[0].name}"},
                    },
                    "condition": "len(context.users) == 1",
                    "dependencies": ["Load"],
                },
            ],
        }
    )
    await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)

    assert [[{**PEOPLE[1], "greeted_by": "Bo"}]] == results(await run(processor, find({"greeted_by": "Bo"})))


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"operation": "drop", "collection": "users"}, "Invalid enum value 'drop'"),
        ({"operation": "find"}, "param 'collection' is missing"),
        ({"operation": "insert", "collection": "users"}, "'insert' needs 'data'"),
        ({"operation": "update", "collection": "users", "query": {}}, "'update' needs 'data'"),
        ({"operation": "delete", "collection": "users"}, "write {} to mean every document"),
        ({"operation": "insert", "collection": "users", "data": {}, "query": {}}, "'insert' does not take 'query'"),
        ({"operation": "find", "collection": "users", "filter": {}}, "there is no param 'filter'"),
        ({"operation": "find", "collection": "users", "limit": "3"}, "Expected `int`, got `str`"),
    ],
)
async def test_wrong_params_are_refused_before_anything_runs(
    processor: MultiStepProcessor, params: dict[str, Any], text: str
) -> None:
    """What can be known without running is said by the check."""
    with pytest.raises(ValidationError) as refused:
        await processor.execute_workflow(one_step(processor, "database_operation", params=params))

    assert "invalid_params" == refused.value.code
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("params", "operator"),
    [
        (find({"age": {"$near": 1}}), "$near"),
        (find({"$where": "true"}), "$where"),
        ({"operation": "update", "collection": "users", "query": {}, "data": {"$bit": {"age": 1}}}, "$bit"),
        ({"operation": "delete", "collection": "users", "query": {"age": "{context.which}"}}, "$near"),
    ],
    ids=["query", "top level", "update", "from a placeholder"],
)
async def test_an_unknown_operator_is_refused_and_nothing_is_written(
    processor: MultiStepProcessor, params: dict[str, Any], operator: str
) -> None:
    """It is never ignored, and not tried again."""
    await run(processor, insert(PEOPLE))
    workflow_id = one_step(processor, "database_operation", params=params, retry_count=3)
    ended = await processor.wait(await processor.execute_workflow(workflow_id, {"which": {"$near": 1}}), HANG_S)

    assert ("failed", "unknown_operator", 1) == (ended.status, ended.code, ended.steps["Only"].attempts)
    assert operator in (ended.error or "")
    assert [PEOPLE] == results(await run(processor, find()))


async def test_a_duplicate_id_fails_the_step_and_inserts_nothing(processor: MultiStepProcessor) -> None:
    """All documents of an insert, or none."""
    ended = await run(processor, insert(PEOPLE), insert([{"_id": "d"}, {"_id": "a"}]))

    assert "failed" == ended.status
    assert [PEOPLE] == results(await run(processor, find()))
