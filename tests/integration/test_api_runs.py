"""Starting runs, waiting for them and looking at them through the public API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from syncara import (
    Execution,
    InvalidStateError,
    MultiStepProcessor,
    NotFoundError,
    StepResult,
    StepState,
    ValidationError,
)
from syncara.abc import ExecutionInput, StepInput
from tests.integration.support import HANG_S, Gate, noop, one_step, statuses


async def test_a_run_is_durable_and_under_way_when_the_call_returns(
    processor: MultiStepProcessor, onlooker: MultiStepProcessor
) -> None:
    """`execute_workflow` returns the id after the commit and does not wait for the run."""
    gate = Gate()
    processor.register_handler("gate", gate)

    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    seen = onlooker.get_execution(execution_id)
    gate.open.set()
    ended = await processor.wait(execution_id, HANG_S)

    assert ("running", {"Only": "running"}) == (seen.status, statuses(seen))
    assert ("completed", {"Only": "completed"}) == (ended.status, statuses(ended))


async def test_a_handler_sees_who_started_the_run(processor: MultiStepProcessor) -> None:
    """Context, user, chat and message reach every handler and stand in the snapshot."""
    seen: list[tuple[Any, ...]] = []

    async def look(step: StepInput, execution: ExecutionInput) -> None:
        seen.append((execution.context, execution.user_id, execution.chat_id, execution.message_id))

    processor.register_handler("look", look)
    execution_id = await processor.execute_workflow(
        one_step(processor, "look"), context={"name": "AERIS"}, user_id=7, chat_id="@room", message_id=99
    )
    ended = await processor.wait(execution_id, HANG_S)

    assert [({"name": "AERIS"}, 7, "@room", 99)] == seen
    assert seen == [(ended.context, ended.user_id, ended.chat_id, ended.message_id)]


async def test_a_handler_sees_its_step_and_its_attempt(processor: MultiStepProcessor) -> None:
    """The step brings id, name and rendered params; every attempt of it has the same idempotency key."""
    seen: list[tuple[Any, ...]] = []

    async def look(step: StepInput, execution: ExecutionInput) -> None:
        seen.append((step.id, step.name, step.params, execution.id, execution.workflow_id, execution.attempt))
        keys.add(execution.idempotency_key)
        if execution.attempt == 1:
            raise RuntimeError("once more")

    keys: set[str] = set()
    processor.register_handler("look", look)
    workflow_id = one_step(processor, "look", params={"n": "{context.n}"}, retry_count=1, retry_delay=0)
    execution_id = await processor.execute_workflow(workflow_id, {"n": 5})
    await processor.wait(execution_id, HANG_S)
    (step,) = processor.get_workflow(workflow_id).steps

    assert [(step.id, "Only", {"n": 5}, execution_id, workflow_id, attempt) for attempt in (1, 2)] == seen
    assert 1 == len(keys)


async def test_a_snapshot_tells_the_whole_run(processor: MultiStepProcessor) -> None:
    """`get_execution` and `wait` return the same: the run, its context, and every step with its result."""

    async def work(step: StepInput, execution: ExecutionInput) -> StepResult:
        execution.context["touched"] = True
        return StepResult(success=True, data={"rows": 3}, metadata={"source": "test"})

    async def fail(step: StepInput, execution: ExecutionInput) -> None:
        raise ValueError("no such table")

    processor.register_handler("work", work)
    processor.register_handler("fail", fail)
    workflow_id = processor.define(
        {
            "name": "Whole",
            "steps": [
                {"name": "Work", "handler": "work", "save_as": "answer"},
                {"name": "Fail", "handler": "fail", "dependencies": ["Work"], "retry_count": 1, "retry_delay": 0},
                {"name": "After", "handler": "noop", "dependencies": ["Fail"]},
            ],
        }
    )
    execution_id = await processor.execute_workflow(workflow_id, {"given": 1})
    ended = await processor.wait(execution_id, HANG_S)

    error = "step 'Fail' failed: ValueError: no such table"
    failure = {"step": "Fail", "code": "error", "error": "ValueError: no such table"}
    assert (execution_id, workflow_id, "Whole", "failed") == (
        ended.id,
        ended.workflow_id,
        ended.workflow_name,
        ended.status,
    )
    assert (error, "error", [failure]) == (ended.error, ended.code, ended.errors)
    assert pytest.approx(100 / 3) == ended.progress
    assert {
        "given": 1,
        "touched": True,
        "answer": {"rows": 3},
        "error_occurred": True,
        "failed_step": "Fail",
        "last_error": "ValueError: no such table",
        "errors": [failure],
    } == ended.context
    assert [
        ("Work", "completed", 1, StepResult(True, {"rows": 3}, metadata={"source": "test"}), None),
        ("Fail", "failed", 2, StepResult(False, error="ValueError: no such table"), "ValueError: no such table"),
        ("After", "skipped", 0, None, None),
    ] == [(s.name, s.status, s.attempts, s.result, s.error) for s in ended.steps.values()]
    assert ended.steps["After"].reason == f"the run failed before: {error}"
    assert parts(ended) == parts(processor.get_execution(execution_id))


def parts(execution: Execution) -> tuple[Any, ...]:
    """A snapshot as something that can be compared."""
    fields = (getattr(execution, name) for name in Execution.__struct_fields__ if name != "steps")
    return (*fields, list(execution.steps.values()))


async def test_times_follow_the_order_of_events(processor: MultiStepProcessor) -> None:
    """A run starts when it is made, its steps within it, and all of them end before it does."""
    workflow_id = processor.define(
        {
            "name": "Times",
            "steps": [
                {"name": "A", "handler": "noop"},
                {"name": "B", "handler": "noop", "dependencies": ["A"]},
            ],
        }
    )
    ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)

    a, b = ended.steps.values()
    times = [
        ended.created_at,
        ended.started_at,
        a.started_at,
        a.finished_at,
        b.started_at,
        b.finished_at,
        ended.finished_at,
    ]
    assert None not in times
    assert sorted(times, key=lambda time: time or 0) == times


async def test_steps_are_found_by_name_and_by_id_in_definition_order(processor: MultiStepProcessor) -> None:
    """`Execution.steps` is a mapping that iterates names and takes either."""
    workflow_id = processor.create_workflow("Order")
    ids = [processor.add_step(workflow_id, name, "noop") for name in ("Zulu", "Alpha", "Mike")]
    ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)

    assert ["Zulu", "Alpha", "Mike"] == list(ended.steps)
    assert ids == [ended.steps[id].id for id in ids] == [ended.steps[name].id for name in ended.steps]
    assert 3 == len(ended.steps)
    assert "Nope" not in ended.steps
    with pytest.raises(KeyError):
        ended.steps["Nope"]


async def test_snapshots_are_frozen_and_share_nothing(processor: MultiStepProcessor) -> None:
    """A snapshot cannot be assigned to, and what is done to the values in it reaches neither the run nor others."""
    gate = Gate()
    processor.register_handler("gate", gate)
    processor.register_handler("make", lambda step, execution: {"deep": [1]})
    workflow_id = processor.define(
        {
            "name": "Frozen",
            "steps": [
                {"name": "Make", "handler": "make", "save_as": "made"},
                {"name": "Gate", "handler": "gate", "dependencies": ["Make"]},
            ],
        }
    )
    execution_id = await processor.execute_workflow(workflow_id)
    await gate.begun.wait()
    first = processor.get_execution(execution_id)
    state: StepState = first.steps["Make"]
    assert state.result is not None

    for target, field in ((first, "status"), (state, "status"), (state.result, "data")):
        with pytest.raises(AttributeError):
            setattr(target, field, "other")
    first.context["made"]["deep"].append(2)
    state.result.data["deep"].append(3)
    gate.open.set()
    ended = await processor.wait(execution_id, HANG_S)

    result = ended.steps["Make"].result
    assert result is not None
    assert ({"made": {"deep": [1]}}, {"deep": [1]}) == (ended.context, result.data)
    assert "running" == first.status


async def test_nothing_changes_the_callers_context_or_the_definition(processor: MultiStepProcessor) -> None:
    """A handler works on copies of context and params, however deep it reaches into them."""

    async def scribble(step: StepInput, execution: ExecutionInput) -> None:
        execution.context["user"]["tags"].append("seen")
        step.params["list"].append("more")

    processor.register_handler("scribble", scribble)
    workflow_id = one_step(processor, "scribble", params={"list": [1]})
    given = {"user": {"tags": ["new"]}}
    first = await processor.wait(await processor.execute_workflow(workflow_id, given), HANG_S)
    second = await processor.wait(await processor.execute_workflow(workflow_id, given), HANG_S)

    assert {"user": {"tags": ["new"]}} == given
    assert {"user": {"tags": ["new", "seen"]}} == first.context == second.context
    assert {"list": [1]} == processor.get_workflow(workflow_id).steps[0].params


async def test_the_context_is_copied_when_the_call_is_made(processor: MultiStepProcessor) -> None:
    """What the caller does with its dict afterwards does not reach the run."""
    gate = Gate()
    processor.register_handler("gate", gate)
    given = {"items": [1]}
    execution_id = await processor.execute_workflow(one_step(processor, "gate"), given)

    given["items"].append(2)
    gate.open.set()

    assert {"items": [1]} == (await processor.wait(execution_id, HANG_S)).context


async def test_one_definition_runs_many_times_at_once(processor: MultiStepProcessor) -> None:
    """Runs of one definition share nothing: each has its own context, results and attempts."""

    async def double(step: StepInput, execution: ExecutionInput) -> int:
        everyone_is_in.release()
        await all_in.wait()
        if execution.context["n"] % 3 == 0 and execution.attempt == 1:
            raise RuntimeError("every third one stumbles")
        return int(step.params["n"]) * 2

    everyone_is_in, all_in = asyncio.Semaphore(0), asyncio.Event()
    processor.register_handler("double", double)
    workflow_id = one_step(
        processor, "double", params={"n": "{context.n}"}, save_as="twice", retry_count=1, retry_delay=0
    )
    ids = await asyncio.gather(*(processor.execute_workflow(workflow_id, {"n": n}) for n in range(60)))
    for _ in ids:
        await everyone_is_in.acquire()
    all_in.set()
    ended = await asyncio.gather(*(processor.wait(id, HANG_S) for id in ids))

    assert 60 == len(set(ids))
    assert [{"n": n, "twice": 2 * n} for n in range(60)] == [run.context for run in ended]
    assert [1 + (n % 3 == 0) for n in range(60)] == [run.steps["Only"].attempts for run in ended]


# What cannot start.


async def test_nothing_starts_from_a_definition_with_problems(processor: MultiStepProcessor) -> None:
    """`execute_workflow` refuses exactly what `validate` reports, and leaves no run behind."""
    workflow_id = processor.define(
        {
            "name": "Broken",
            "steps": [
                {"name": "A", "handler": "nop"},
                {"name": "B", "handler": "noop", "dependencies": ["C"]},
            ],
        }
    )
    with pytest.raises(ValidationError) as refused:
        await processor.execute_workflow(workflow_id)

    assert ["unknown_handler", "unknown_dependency"] == [problem.code for problem in refused.value.problems]
    assert tuple(processor.validate(workflow_id)) == refused.value.problems
    assert [] == processor.list_executions()


async def test_a_workflow_without_steps_is_refused(processor: MultiStepProcessor) -> None:
    """There is nothing to do in it, so it was not meant."""
    with pytest.raises(ValidationError) as refused:
        await processor.execute_workflow(processor.create_workflow("Empty"))

    assert ("empty_workflow", "add at least one step") == (refused.value.code, refused.value.fix)
    assert [] == processor.list_executions()


# Idempotency keys.


async def test_a_repeated_key_starts_nothing(processor: MultiStepProcessor) -> None:
    """The first run's id comes back, also after that run has ended; another key starts another run."""
    workflow_id = one_step(processor)
    first = await processor.execute_workflow(workflow_id, {"n": 1}, idempotency_key="order-1")
    while_running = await processor.execute_workflow(workflow_id, {"n": 2}, idempotency_key="order-1")
    await processor.wait(first, HANG_S)
    after_the_end = await processor.execute_workflow(workflow_id, {"n": 3}, idempotency_key="order-1")
    other = await processor.execute_workflow(workflow_id, {"n": 4}, idempotency_key="order-2")

    assert {first} == {while_running, after_the_end}
    assert [other, first] == [run.id for run in processor.list_executions()]
    assert {"n": 1} == processor.get_execution(first).context


async def test_concurrent_duplicates_start_one_run(processor: MultiStepProcessor) -> None:
    """Calls with one key that are made at the same moment all return the same run."""
    workflow_id = one_step(processor)

    ids = await asyncio.gather(
        *(processor.execute_workflow(workflow_id, {"n": n}, idempotency_key="once") for n in range(20))
    )

    assert 1 == len(set(ids))
    assert [ids[0]] == [run.id for run in processor.list_executions()]


async def test_a_key_outlives_the_process(database: Path) -> None:
    """The next process on the file knows the keys that were used."""
    async with MultiStepProcessor(database) as before:
        before.register_handler("noop", noop)
        workflow_id = one_step(before)
        first = await before.execute_workflow(workflow_id, idempotency_key="once")
        await before.wait(first, HANG_S)
    async with MultiStepProcessor(database) as after:
        after.register_handler("noop", noop)

        assert first == await after.execute_workflow(workflow_id, idempotency_key="once")
        assert 1 == len(after.list_executions())


async def test_a_refused_start_does_not_use_up_its_key(processor: MultiStepProcessor) -> None:
    """Concurrent duplicates are all refused for the same reason; once that is mended the key starts a run."""
    workflow_id = one_step(processor, "later")
    refused = await asyncio.gather(
        *(processor.execute_workflow(workflow_id, idempotency_key="once") for _ in range(3)), return_exceptions=True
    )

    processor.register_handler("later", noop)
    execution_id = await processor.execute_workflow(workflow_id, idempotency_key="once")

    assert ["unknown_handler"] * 3 == [getattr(error, "code", error) for error in refused]
    assert "completed" == (await processor.wait(execution_id, HANG_S)).status


async def test_a_caller_that_gives_up_does_not_fail_the_others(processor: MultiStepProcessor) -> None:
    """Of two calls with one key the first is cancelled while it waits for the commit; the second gets the run's id."""
    workflow_id = one_step(processor)
    first, second = [
        asyncio.create_task(processor.execute_workflow(workflow_id, idempotency_key="once")) for _ in range(2)
    ]
    await asyncio.sleep(0)
    first.cancel()

    execution_id = await second

    assert [execution_id] == [run.id for run in processor.list_executions()]
    assert "completed" == (await processor.wait(execution_id, HANG_S)).status


# Waiting.


async def test_a_wait_that_times_out_leaves_the_run_going(processor: MultiStepProcessor) -> None:
    """TimeoutError is about the waiting only."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))

    with pytest.raises(TimeoutError):
        await processor.wait(execution_id, timeout=0.01)
    still = processor.get_execution(execution_id).status
    gate.open.set()

    assert "running" == still
    assert not gate.cancelled.is_set()
    assert "completed" == (await processor.wait(execution_id, HANG_S)).status


async def test_everyone_who_waits_gets_the_final_snapshot(processor: MultiStepProcessor) -> None:
    """Several may wait at once; one that gives up does not disturb the others; after the end it returns at once."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    waits = [asyncio.create_task(processor.wait(execution_id)) for _ in range(4)]
    await gate.begun.wait()
    waits.pop().cancel()
    gate.open.set()

    ended = await asyncio.gather(*waits)

    assert ["completed"] * 3 == [run.status for run in ended]
    assert "completed" == (await processor.wait(execution_id, timeout=0.001)).status


async def test_whoever_waits_is_told_that_the_engine_stops(database: Path) -> None:
    """A run that is interrupted has not ended, so `wait` cannot return; it says when to wait again."""
    gate = Gate()
    processor = MultiStepProcessor(database)
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    waiting = asyncio.create_task(processor.wait(execution_id))
    await gate.begun.wait()

    await processor.stop()

    with pytest.raises(InvalidStateError) as stopped:
        await waiting
    assert ("stopped", execution_id) == (stopped.value.code, stopped.value.where)


# Lists.


async def test_runs_are_listed_newest_first_and_filtered(processor: MultiStepProcessor) -> None:
    """Filters combine; `limit` and `offset` page through what matches."""

    async def fail(step: StepInput, execution: ExecutionInput) -> None:
        raise RuntimeError("as planned")

    processor.register_handler("fail", fail)
    good, bad = one_step(processor), one_step(processor, "fail")
    a, b, c, d = [
        await processor.execute_workflow(workflow_id, chat_id=chat_id)
        for workflow_id, chat_id in ((good, 1), (bad, 1), (good, 2), (good, "1"))
    ]
    for execution_id in (a, b, c, d):
        await processor.wait(execution_id, HANG_S)

    def listed(**filters: Any) -> list[str]:
        return [run.id for run in processor.list_executions(**filters)]

    assert [d, c, b, a] == listed()
    assert [d, c, a] == listed(status="completed")
    assert [b] == listed(status="failed")
    assert [] == listed(status="running")
    assert [d, c, a] == listed(workflow_id=good)
    assert [b, a] == listed(chat_id=1)
    assert [a] == listed(chat_id=1, workflow_id=good, status="completed")
    assert [c, b] == listed(limit=2, offset=1)


async def test_a_list_holds_whole_snapshots(processor: MultiStepProcessor) -> None:
    """What `list_executions` returns equals what `get_execution` returns for each id."""
    ids = [await processor.execute_workflow(one_step(processor), {"n": n}) for n in range(3)]
    for execution_id in ids:
        await processor.wait(execution_id, HANG_S)

    assert [parts(processor.get_execution(id)) for id in reversed(ids)] == [
        parts(run) for run in processor.list_executions()
    ]


async def test_every_call_reports_an_unknown_run(processor: MultiStepProcessor) -> None:
    """An id that does not exist is NotFoundError wherever it is given, with the nearest one that does."""
    execution_id = await processor.execute_workflow(one_step(processor))
    await processor.wait(execution_id, HANG_S)
    mistyped = execution_id[:-1] + "!"

    for look in (
        processor.get_execution,
        processor.get_history,
        processor.get_log,
        processor.get_execution_progress,
    ):
        with pytest.raises(NotFoundError) as unknown:
            look(mistyped)
        assert ("not_found", f"Did you mean '{execution_id}'?") == (unknown.value.code, unknown.value.fix)
    for ask in (
        processor.wait,
        processor.pause_execution,
        processor.resume_execution,
        processor.cancel_execution,
        lambda id: processor.resolve_step(id, "Only", "retry"),
        lambda id: anext(processor.watch(id)),
    ):
        with pytest.raises(NotFoundError) as unknown:
            await ask(mistyped)
        assert ("not_found", f"Did you mean '{execution_id}'?") == (unknown.value.code, unknown.value.fix)
