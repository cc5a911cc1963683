"""How many transactions the work takes, counted at SQLite's own connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor
from syncara.documents.embedded import EmbeddedDocuments
from syncara.stores.sqlite import SqliteStore
from tests.integration.support import HANG_S, noop, one_step

BOUND = 50
"""What sharing must come to at the least: ten executions to a commit."""
MAKES = """[MULTISTEP:CREATE_WORKFLOW:Report]
[MULTISTEP:ADD_STEP:workflow_id:Wait:delay:{"seconds":600}]
[MULTISTEP:ADD_STEP:workflow_id:Tell:log:{"message":"Done"}:Wait]
[MULTISTEP:EXECUTE:workflow_id]
[MULTISTEP:EXECUTE:workflow_id]
"""
READS = """[MULTISTEP:STATUS:execution_id]
[MULTISTEP:LIST_EXECUTIONS:]
[MULTISTEP:LIST_WORKFLOWS:]
"""


@asynccontextmanager
async def counting(database: Path) -> AsyncIterator[tuple[MultiStepProcessor, Counter[str]]]:
    """A started processor with the handler `noop`, and the statements that its writing connection has begun."""
    statements: Counter[str] = Counter()
    store = SqliteStore(database)
    async with MultiStepProcessor(store=store, documents=EmbeddedDocuments(store.file)) as processor:
        processor.register_handler("noop", noop)
        await store.file.write(lambda connection: connection.set_trace_callback(partial(note, statements)))
        statements.clear()
        yield processor, statements


def note(statements: Counter[str], statement: str) -> None:
    """Count a statement by its first word; one that writes outside BEGIN and COMMIT is a transaction of its own."""
    word = statement.split(maxsplit=1)[0]
    if word in ("INSERT", "UPDATE", "DELETE") and statements["BEGIN"] == statements["ended"]:
        statements["COMMIT"] += 1
    statements[word] += 1
    if word in ("ROLLBACK", "COMMIT"):
        statements["ended"] += 1


def chain(length: int) -> list[dict[str, Any]]:
    return [
        {"name": f"Step {n}", "handler": "noop", "dependencies": [f"Step {n - 1}"] if n else []} for n in range(length)
    ]


async def test_a_chain_takes_one_commit_a_step(database: Path) -> None:
    """Success, context changes and the start of the follower are one transaction: 200 steps in at most 202."""
    async with counting(database) as (processor, statements):
        workflow_id = processor.define({"name": "Chain", "steps": chain(200)})
        statements.clear()
        ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)
        commits = statements["COMMIT"]

    assert ("completed", 200) == (ended.status, len(ended.steps))
    assert 200 <= commits <= 202


async def test_executions_share_commits(database: Path) -> None:
    """What gathers while one transaction runs is the next: 500 executions of 3 steps take far fewer than 500."""
    async with counting(database) as (processor, statements):
        workflow_id = processor.define({"name": "Short", "steps": chain(3)})
        statements.clear()
        ids = await asyncio.gather(*(processor.execute_workflow(workflow_id) for _ in range(500)))
        ended = await asyncio.gather(*(processor.wait(id, HANG_S) for id in ids))
        commits = statements["COMMIT"]

    assert {"completed"} == {str(run.status) for run in ended}
    assert 4 <= commits <= BOUND


async def test_a_definition_takes_one_commit(database: Path) -> None:
    """`define` and `add_steps` write all their steps together."""
    steps = [{"name": f"Step {n}", "handler": "noop"} for n in range(100)]
    async with counting(database) as (processor, statements):
        processor.define({"name": "Whole", "steps": steps})
        whole = statements["COMMIT"]
        processor.add_steps(processor.create_workflow("Parts"), steps)
        parts = statements["COMMIT"] - whole

    assert (1, 2) == (whole, parts)


async def test_a_document_and_its_receipt_take_one_commit(database: Path) -> None:
    """One for the start, one for the write with its receipt, one for the step's success."""
    insert = {"operation": "insert", "collection": "c", "data": [{"n": n} for n in range(50)]}
    async with counting(database) as (processor, statements):
        workflow_id = one_step(processor, "database_operation", params=insert)
        statements.clear()
        ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)
        commits = statements["COMMIT"]

    assert ("completed", 3) == (ended.status, commits)


@pytest.mark.parametrize(
    ("text", "ok", "commits"),
    [
        pytest.param(MAKES, True, 1, id="makes and starts"),
        pytest.param(f"{MAKES}[MULTISTEP:PAUSE:execution_id]\n{READS}", True, 1, id="makes, acts and reads"),
        pytest.param("[MULTISTEP:LIST_WORKFLOWS:]", True, 1, id="reads"),
        pytest.param(MAKES.replace("log", "lgo"), False, 1, id="is refused"),
        pytest.param("Good morning!", True, 0, id="has no codes"),
    ],
)
async def test_a_reply_takes_one_commit(database: Path, text: str, ok: bool, commits: int) -> None:
    """Definitions, starts, facts, the receipt and the audit are one transaction; a repeat of the reply takes none."""
    async with counting(database) as (processor, statements):
        first = await processor.process_reply(text, chat_id=5, user_id=7, message_id=1)
        once = statements["COMMIT"]
        again = await processor.process_reply(text, chat_id=5, user_id=7, message_id=1)
        twice = statements["COMMIT"]

    assert (ok, commits, commits) == (first.ok, once, twice)
    assert first == again
