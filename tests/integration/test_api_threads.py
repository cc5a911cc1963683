"""The methods that are not awaited work from any thread, inside and outside an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from syncara import MultiStepProcessor, Problem
from syncara.abc import ExecutionInput, StepInput
from tests.integration.support import HANG_S, Gate, one_step


def every_sync_method(processor: MultiStepProcessor, execution_id: str) -> list[Any]:
    """Call each once and return what can be compared."""
    workflow_id = processor.create_workflow("Threads")
    step_id = processor.add_step(workflow_id, "A", "log", {"message": "a"})
    processor.add_steps(workflow_id, [{"name": "B", "handler": "log", "params": {"message": "b"}}])
    copy_id = processor.define(processor.get_workflow(workflow_id))
    problems: list[Problem] = processor.validate(workflow_id)
    processor.register_handler(f"handler of {workflow_id}", lambda step, execution: None)
    processor.register_shortcode(f"CODE:{workflow_id}", shortcode)
    return [
        problems,
        processor.get_workflow(workflow_id).steps[0].id == step_id,
        {workflow_id, copy_id} <= {workflow.id for workflow in processor.list_workflows()},
        processor.delete_workflow(copy_id),
        str(processor.get_execution(execution_id).status),
        execution_id in [run.id for run in processor.list_executions()],
        processor.get_execution_progress(execution_id)["current_step"],
        len(processor.get_history(execution_id)),
        len(processor.get_log(execution_id)),
    ]


async def shortcode(params: str, execution: ExecutionInput) -> None: ...


EXPECTED = [[], True, True, True, "running", True, "Only", 2, 2]


async def test_sync_methods_work_on_the_loop_in_threads_and_in_handlers(processor: MultiStepProcessor) -> None:
    """None of them waits for the loop, so none can hang wherever it is called."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    await gate.begun.wait()
    from_handlers: list[Any] = []

    async def on_the_loop(step: StepInput, execution: ExecutionInput) -> None:
        from_handlers.append(every_sync_method(processor, execution_id))

    def in_a_thread(step: StepInput, execution: ExecutionInput) -> None:
        from_handlers.append(every_sync_method(processor, execution_id))

    processor.register_handler("on the loop", on_the_loop)
    processor.register_handler("in a thread", in_a_thread)
    for handler in ("on the loop", "in a thread"):
        await processor.wait(await processor.execute_workflow(one_step(processor, handler)), HANG_S)

    assert EXPECTED == every_sync_method(processor, execution_id)
    assert EXPECTED == await asyncio.to_thread(every_sync_method, processor, execution_id)
    assert [EXPECTED, EXPECTED] == from_handlers


def test_sync_methods_work_where_there_is_no_loop(onlooker: MultiStepProcessor) -> None:
    """A plain script defines, checks and reads without asyncio."""
    workflow_id = onlooker.create_workflow("Script")
    onlooker.add_step(workflow_id, "A", "log", {"message": "a"})

    assert [] == onlooker.validate(workflow_id)
    assert [workflow_id] == [workflow.id for workflow in onlooker.list_workflows()]
    assert [] == onlooker.list_executions()


def test_many_threads_write_at_once(onlooker: MultiStepProcessor) -> None:
    """Each call returns after its own commit; none is lost, and the steps of one workflow keep their names apart."""
    workflow_id = onlooker.create_workflow("Shared")
    together = threading.Barrier(8)

    def add(thread: int) -> list[str]:
        together.wait()
        return [onlooker.add_step(workflow_id, f"{thread}.{n}", "noop") for n in range(10)]

    ids = [id for added in everywhere(add, 8) for id in added]

    assert sorted(ids) == sorted(step.id for step in onlooker.get_workflow(workflow_id).steps)


def test_the_first_use_may_be_made_by_many_threads_at_once(onlooker: MultiStepProcessor) -> None:
    """The database is opened once."""
    together = threading.Barrier(8)

    def create(thread: int) -> str:
        together.wait()
        return onlooker.create_workflow(f"W{thread}")

    assert set(everywhere(create, 8)) == {workflow.id for workflow in onlooker.list_workflows()}


def everywhere(job: Callable[[int], Any], threads: int) -> list[Any]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(job, range(threads)))
