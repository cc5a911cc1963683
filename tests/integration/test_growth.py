"""How large a run may grow: its context and its journal are counted while it goes on, also over a restart."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from syncara import Execution, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.core.limits import CONTEXT_BYTES_MAX, RUN_STOP
from syncara.policy.policy import Policy, read
from syncara.stores.sqlite import SqliteStore
from tests.integration.support import HANG_S

RUN_BYTES = 20_000
HELD = read({"quotas": {"developer": {"run_bytes": RUN_BYTES}}})
TOLD = rf"run_bytes is \d+; the limit is {RUN_BYTES} \(quotas\.run_bytes\)"


def chain(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps one after another."""
    return [{"dependencies": [steps[n - 1]["name"]] if n else [], **step} for n, step in enumerate(steps)]


def says(name: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "handler": "get_context", "params": {"key": "x", "default": text}, **fields}


async def ended(database: Path, policy: Policy | None, *steps: dict[str, Any], context: Any = None) -> Execution:
    async with MultiStepProcessor(database, policy=policy) as processor:
        made = processor.define({"name": "Grows", "max_parallel_steps": 2, "steps": list(steps)})
        return await processor.wait(await processor.execute_workflow(made, context), HANG_S)


def journal_bytes(database: Path) -> int:
    """Of the only run of a database."""
    store = SqliteStore(database)
    try:
        return sum(len(row.body) for row in store.rows(store.summaries()[0].key))
    finally:
        store.close()


async def test_a_result_for_which_a_run_has_no_room_fails_its_step(tmp_path: Path) -> None:
    """It is refused by limit and number, not kept and not tried again; the results before it stay."""
    steps = chain(*(says(f"S{n}", "x" * 3_000) for n in range(9)))
    done = await ended(tmp_path / "a.db", HELD, *steps)
    states = list(done.steps.values())

    assert ("failed", "quota_exceeded") == (done.status, done.code)
    assert ["completed"] * 6 == [str(state.status) for state in states[:6]]
    (failed,) = [state for state in states if state.status == "failed"]
    assert re.fullmatch(TOLD, str(failed.error))
    assert 1 == failed.attempts
    assert journal_bytes(tmp_path / "a.db") < RUN_BYTES + 3_000


async def test_what_steps_are_given_counts_too(tmp_path: Path) -> None:
    """A run that goes on although its steps fail for it is cancelled before it is much larger than it may be."""
    gives = [says(f"S{n}", "", params={"key": "{context.text}"}, on_error="continue", retry_count=0) for n in range(60)]
    done = await ended(tmp_path / "a.db", HELD, *gives, context={"text": "x" * 2_000})
    states = [str(state.status) for state in done.steps.values()]

    assert "cancelled" == done.status
    assert re.fullmatch(TOLD, str(done.error))
    assert {"completed", "failed", "cancelled", "skipped"} == {*states}
    most_at_once = 2 * 2_000
    assert journal_bytes(tmp_path / "a.db") - 200 * len(states) <= RUN_STOP * RUN_BYTES + most_at_once


async def test_a_run_is_as_large_after_a_restart_as_before(tmp_path: Path) -> None:
    """What it kept before is counted from its journal: it gets as far as a run that nothing interrupted."""
    database = tmp_path / "a.db"
    results = [says(f"S{n}", "x" * 3_000) for n in range(9)]
    steps = chain(results[0], {"name": "Pass", "handler": "gate"}, *results[1:])
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def gate(step: StepInput, execution: ExecutionInput) -> None:
        begun.set()
        await stopped.wait()

    async with MultiStepProcessor(database, policy=HELD) as first:
        first.register_handler("gate", gate)
        made = first.define({"name": "Grows", "steps": steps})
        run = await first.execute_workflow(made)
        await begun.wait()
    stopped.set()
    async with MultiStepProcessor(database, policy=HELD) as second:
        second.register_handler("gate", gate)
        broken = await second.wait(run, HANG_S)
    async with MultiStepProcessor(tmp_path / "b.db", policy=HELD) as other:
        other.register_handler("gate", gate)
        whole = await other.wait(await other.execute_workflow(other.define({"name": "Grows", "steps": steps})), HANG_S)

    assert "quota_exceeded" == broken.code == whole.code
    assert [state.status for state in whole.steps.values()] == [state.status for state in broken.steps.values()]


async def test_the_developers_runs_have_the_engine_s_limits_alone(tmp_path: Path) -> None:
    """Without quotas of their own nothing is counted but the context, and a step that makes that too large fails."""
    value = "x" * (CONTEXT_BYTES_MAX * 6 // 10)
    steps = chain(
        says("A", value, save_as="a"),
        {"name": "B", "handler": "grow", "on_error": "continue", "retry_count": 3},
        says("C", "small", save_as="c"),
    )
    async with MultiStepProcessor(tmp_path / "a.db") as processor:
        processor.register_handler("grow", lambda step, execution: execution.context.update(b=value))
        steps[0]["handler"], steps[0]["params"] = "large", {}
        processor.register_handler("large", lambda step, execution: value)
        made = processor.define({"name": "Grows", "steps": steps})
        done = await processor.wait(await processor.execute_workflow(made), HANG_S)

    size = len(value) * 2 + len('{"a":"","b":""}')
    told = f"execution.context is {size} bytes as JSON; the limit is {CONTEXT_BYTES_MAX}"
    assert (1, told) == (done.steps["B"].attempts, done.steps["B"].error)
    assert {"a", "c"} == {key for key in done.context if len(key) == 1}


async def test_the_results_of_a_groups_tasks_count_together(tmp_path: Path) -> None:
    """Each was small enough, and none of them is what comes into the context."""
    most = 10_000
    policy = read({"quotas": {"developer": {"context_bytes": most}}})
    tasks = [says(f"T{n}", "x" * 2_000) for n in range(20)]
    group = {"name": "All", "handler": "parallel_group", "params": {"tasks": tasks}, "save_as": "all"}
    done = await ended(tmp_path / "a.db", policy, *chain(group, says("After", "")))

    assert ("failed", "quota_exceeded") == (done.status, done.code)
    assert re.search(rf"context_bytes is \d+; the limit is {most} \(quotas\.context_bytes\)", str(done.error))
