"""parallel_group in real runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from syncara import Execution, MultiStepProcessor, ValidationError
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from tests.integration.support import HANG_S, one_step, statuses


def group(*tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "All", "handler": "parallel_group", "params": {"tasks": list(tasks)}, **fields}


async def run(processor: MultiStepProcessor, *steps: dict[str, Any], **fields: Any) -> Execution:
    workflow_id = processor.define({"name": "Group", "steps": steps, **fields})
    return await processor.wait(await processor.execute_workflow(workflow_id, {"name": "Ana"}), HANG_S)


def data(execution: Execution, name: str = "All") -> Any:
    result = execution.steps[name].result
    assert result is not None, execution.error
    return result.data


async def test_tasks_are_steps_of_their_own(processor: MultiStepProcessor) -> None:
    """The guide's example: `{task name: data}` is the group's result, and each task is a step `Group/Task`."""
    ended = await run(
        processor,
        group(
            {"name": "Task 1", "handler": "log", "params": {"message": "Hi {context.name}"}},
            {"name": "Task 2", "handler": "delay", "params": {"seconds": 0.01}},
        ),
    )

    assert {"Task 1": {"message": "Hi Ana", "level": "info"}, "Task 2": {"seconds": 0.01}} == data(ended)
    assert {"All": "completed", "All/Task 1": "completed", "All/Task 2": "completed"} == statuses(ended)


async def test_tasks_run_side_by_side(processor: MultiStepProcessor) -> None:
    """All that the workflow's `max_parallel_steps` lets run are in their handlers at the same time."""
    together = asyncio.Barrier(4)

    async def meet(step: StepInput, execution: ExecutionInput) -> None:
        await asyncio.wait_for(together.wait(), HANG_S)

    processor.register_handler("meet", meet)
    ended = await run(processor, group(*({"name": str(n), "handler": "meet"} for n in range(4))), max_parallel_steps=4)

    assert "completed" == ended.status


async def test_tasks_keep_to_the_limit_of_the_workflow(processor: MultiStepProcessor) -> None:
    """The group itself holds no slot, so one slot is enough for it to finish."""
    at_once: list[int] = []
    running = 0

    async def count(step: StepInput, execution: ExecutionInput) -> None:
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0)
        running -= 1

    processor.register_handler("count", count)
    ended = await run(processor, group(*({"name": str(n), "handler": "count"} for n in range(6))), max_parallel_steps=2)

    assert ("completed", 2, 6) == (ended.status, max(at_once), len(at_once))


async def test_a_failing_task_lets_its_siblings_finish(processor: MultiStepProcessor) -> None:
    """Then the group fails once, names the task, and its followers do not run."""

    async def fail(step: StepInput, execution: ExecutionInput) -> None:
        raise OSError("no answer")

    processor.register_handler("fail", fail)
    ended = await run(
        processor,
        group(
            {"name": "Bad", "handler": "fail", "retry_count": 1, "retry_delay": 0},
            {"name": "Nap", "handler": "delay", "params": {"seconds": 0.03}},
            {"name": "Good", "handler": "noop"},
        ),
        {"name": "After", "handler": "noop", "dependencies": ["All"]},
    )
    failed = [event.step for event in processor.get_history(ended.id) if isinstance(event, e.StepFailed)]

    assert ("failed", "error", ["All/Bad", "All"]) == (ended.status, ended.code, failed)
    assert {
        "All": "failed",
        "All/Bad": "failed",
        "All/Nap": "completed",
        "All/Good": "completed",
        "After": "skipped",
    } == statuses(ended)
    assert 2 == ended.steps["All/Bad"].attempts
    assert "1 task(s) failed: All/Bad: OSError: no answer" == ended.steps["All"].error


async def test_a_task_that_may_fail_does_not_fail_its_group(processor: MultiStepProcessor) -> None:
    """Tasks carry every field of a step but dependencies: here `on_error`, `save_as` and a condition."""

    async def fail(step: StepInput, execution: ExecutionInput) -> None:
        raise OSError("no answer")

    processor.register_handler("fail", fail)
    ended = await run(
        processor,
        group(
            {"name": "Bad", "handler": "fail", "retry_count": 0, "on_error": "continue"},
            {"name": "Kept", "handler": "get_context", "params": {"key": "name"}, "save_as": "kept"},
            {"name": "Not", "handler": "noop", "condition": "context.name == 'Bo'"},
        ),
    )

    assert "completed_with_errors" == ended.status
    assert {"All": "completed", "All/Bad": "failed", "All/Kept": "completed", "All/Not": "skipped"} == statuses(ended)
    assert ({"Bad": None, "Kept": "Ana", "Not": None}, "Ana") == (data(ended), ended.context["kept"])


async def test_later_steps_read_a_task_by_its_full_name(processor: MultiStepProcessor) -> None:
    """`steps['Group/Task']` in conditions, and the group's own result in placeholders."""
    ended = await run(
        processor,
        group({"name": "One", "handler": "get_context", "params": {"key": "name"}}),
        {
            "name": "Say",
            "handler": "log",
            "params": {"message": "{steps.All.data.One} {steps.All/One.data}"},
            "condition": "steps['All/One'].data == 'Ana'",
            "dependencies": ["All"],
        },
    )

    assert "Ana Ana" == data(ended, "Say")["message"]


async def test_groups_may_hold_groups(processor: MultiStepProcessor) -> None:
    """The inner one is a task like any other; its own tasks carry both names."""
    inner = {
        "name": "In",
        "handler": "parallel_group",
        "params": {"tasks": [{"name": "X", "handler": "get_context", "params": {"key": "name"}}]},
    }
    ended = await run(processor, group(inner, {"name": "Y", "handler": "noop"}))

    assert {"In": {"X": "Ana"}, "Y": None} == data(ended)
    assert ["All", "All/In", "All/In/X", "All/Y"] == list(ended.steps)


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({}, "invalid_params", "parallel_group needs 'tasks', a non-empty list of objects"),
        ({"tasks": []}, "invalid_params", "parallel_group needs 'tasks'"),
        ({"tasks": "{context.tasks}"}, "invalid_params", "parallel_group needs 'tasks'"),
        ({"tasks": [{"name": "A"}]}, "missing_field", "task 1"),
        ({"tasks": [{"name": "A", "handler": "nop"}]}, "unknown_handler", "Did you mean 'noop'?"),
        (
            {"tasks": [{"name": "A", "handler": "noop", "dependencies": ["B"]}]},
            "invalid_params",
            "a task cannot have dependencies",
        ),
        ({"tasks": [{"name": "A", "handler": "noop"}] * 2}, "duplicate_step", "'All/A'"),
    ],
)
async def test_wrong_tasks_are_refused_before_anything_runs(
    processor: MultiStepProcessor, params: dict[str, Any], code: str, text: str
) -> None:
    """Tasks are written out, so all of them can be checked."""
    with pytest.raises(ValidationError) as refused:
        await processor.execute_workflow(one_step(processor, "parallel_group", params=params))

    assert code == refused.value.code
    assert text.replace("All/", "Only/") in str(refused.value)
