"""Attempts: cancelled, in a thread, too slow, or without the handler that they need."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from syncara import MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from tests.integration.support import (
    HANG_S,
    Gate,
    completes,
    happens,
    noop,
    one_step,
    statuses,
)


async def test_a_handlers_own_cancelled_error_is_a_failed_attempt(processor: MultiStepProcessor) -> None:
    """Nobody cancelled it, so it counts as any other error, and is retried."""

    async def give_up(step: StepInput, execution: ExecutionInput) -> str:
        if execution.attempt == 1:
            raise asyncio.CancelledError
        return "second time lucky"

    processor.register_handler("give up", give_up)
    execution_id = await processor.execute_workflow(one_step(processor, "give up", retry_count=1, retry_delay=0))
    ended = await processor.wait(execution_id, HANG_S)
    erred = [event.error for event in processor.get_history(execution_id) if isinstance(event, e.StepErred)]

    assert ("completed", 2, ["CancelledError"]) == (ended.status, ended.steps["Only"].attempts, erred)


async def test_a_cancel_reaches_an_async_handler(processor: MultiStepProcessor) -> None:
    """It gets CancelledError where it waits, and may clean up."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    await gate.begun.wait()

    await processor.cancel_execution(execution_id)

    await asyncio.wait_for(gate.cancelled.wait(), HANG_S)
    assert "cancelled" == processor.get_execution(execution_id).status


async def test_a_plain_function_runs_in_a_thread(processor: MultiStepProcessor) -> None:
    """It may block: the loop goes on, other runs complete meanwhile, and its context changes count."""
    begun, let_go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def block(step: StepInput, execution: ExecutionInput) -> bool:
        loop.call_soon_threadsafe(begun.set)
        execution.context["waited"] = let_go.wait(HANG_S)
        return threading.current_thread() is not threading.main_thread()

    processor.register_handler("block", block)
    execution_id = await processor.execute_workflow(one_step(processor, "block"))
    await begun.wait()
    await completes(processor)
    meanwhile = processor.get_execution(execution_id).status
    let_go.set()
    ended = await processor.wait(execution_id, HANG_S)
    result = ended.steps["Only"].result

    assert result is not None
    assert ("running", "completed", True, {"waited": True}) == (meanwhile, ended.status, result.data, ended.context)


async def test_an_attempt_that_takes_too_long_is_cancelled_and_retried(processor: MultiStepProcessor) -> None:
    """`timeout` is seconds per attempt; the code of the failure says `timeout`."""
    cancelled = []

    async def slow(step: StepInput, execution: ExecutionInput) -> str:
        if execution.attempt == 1:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                cancelled.append(execution.attempt)
        return "in time"

    processor.register_handler("slow", slow)
    execution_id = await processor.execute_workflow(
        one_step(processor, "slow", timeout=0.02, retry_count=1, retry_delay=0)
    )
    ended = await processor.wait(execution_id, HANG_S)
    erred = [event for event in processor.get_history(execution_id) if isinstance(event, e.StepErred)]

    assert ("completed", 2, [1]) == (ended.status, ended.steps["Only"].attempts, cancelled)
    assert [("timeout", "the attempt took longer than its timeout of 0.02 s")] == [(x.code, x.error) for x in erred]


async def test_a_run_that_takes_too_long_fails(processor: MultiStepProcessor) -> None:
    """`global_timeout` is seconds for the whole run; what is under way is cancelled, recovery steps still run."""
    gate = Gate()
    processor.register_handler("gate", gate)
    workflow_id = processor.define(
        {
            "name": "Slow",
            "global_timeout": 0.3,
            "steps": [
                {"name": "Held", "handler": "gate"},
                {"name": "Never", "handler": "noop", "dependencies": ["Held"]},
                {"name": "Recover", "handler": "noop", "dependencies": ["Held"], "run_when": "any_failed"},
            ],
        }
    )
    execution_id = await processor.execute_workflow(workflow_id)
    ended = await processor.wait(execution_id, HANG_S)

    assert gate.cancelled.is_set()
    assert ("failed", "global_timeout") == (ended.status, ended.code)
    assert {"Held": "cancelled", "Never": "skipped", "Recover": "completed"} == statuses(ended)


async def test_a_handler_gone_missing_blocks_its_step_until_it_is_back(database: Path) -> None:
    """After a restart without the handler the step is `blocked`, not failed; registering it lets the run go on."""
    gate = Gate()
    async with MultiStepProcessor(database) as before:
        before.register_handler("gate", gate)
        execution_id = await before.execute_workflow(one_step(before, "gate"))
        await gate.begun.wait()
    async with MultiStepProcessor(database) as after:
        await happens(after, execution_id, e.StepBlocked)
        blocked = after.get_execution(execution_id)
        await completes(after)
        after.register_handler("gate", noop)
        ended = await after.wait(execution_id, HANG_S)

    step = blocked.steps["Only"]
    assert ("running", "blocked", "the handler 'gate' is not registered in this process") == (
        blocked.status,
        step.status,
        step.reason,
    )
    assert ("completed", 1) == (ended.status, ended.steps["Only"].attempts)


async def test_a_run_that_ended_while_it_was_blocked_stays_ended(tmp_path: Path) -> None:
    """Registering the handler that it lacked does not bring it back, and waiting for it returns at once."""
    async with MultiStepProcessor(tmp_path / "a.db") as bot:
        bot.register_handler("gone", noop)
        workflow = bot.define({"name": "One", "steps": [{"name": "A", "handler": "gone"}]})
        await bot.execute_workflow(workflow)  # which finds the definition right
        bot._handlers._handlers.pop("gone")  # noqa: SLF001 - as if this process had never registered it
        run = await bot.execute_workflow(workflow)
        await happens(bot, run, e.StepBlocked)
        await bot.cancel_execution(run)
        await bot.wait(run)
        bot.register_handler("gone", noop)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert "cancelled" == (await bot.wait(run, timeout=HANG_S)).status
