"""Signals, crashes and second processes: what becomes of the runs, and what may be done beside their runner."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from syncara import DatabaseBusy, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from tests.integration.support import (
    HANG_S,
    clean_ends,
    completes,
    happens,
    kinds,
    next_line,
    noop,
    one_step,
    program,
    statuses,
)

# Signals and crashes.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_interrupts(database: Path, number: signal.Signals) -> None:
    """The handler is cancelled, the process ends by the signal, and its end does not count as a crash."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.send_signal(number)
        cancelled = next_line(process)
        process.wait(HANG_S)
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        ended = await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)

    assert ("cancelled", -number) == (cancelled, process.returncode)
    assert ("completed", 1) == (ended.status, ended.steps["Hold"].attempts)
    assert [True] == clean_ends(history)


async def test_a_bot_that_handles_sigterm_keeps_its_handler(database: Path) -> None:
    """Where somebody else has a say in the signal, it is theirs to call `stop`."""

    def mine(*arguments: object) -> None: ...

    before = signal.signal(signal.SIGTERM, mine)
    try:
        async with MultiStepProcessor(database):
            during = signal.getsignal(signal.SIGTERM)
        after = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert (mine, mine) == (during, after)


async def test_sigkill_counts_as_a_crash(database: Path) -> None:
    """The run goes on all the same, the attempt under its old number."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.kill()
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        ended = await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)

    assert ("completed", 1) == (ended.status, ended.steps["Hold"].attempts)
    assert [False] == clean_ends(history)


async def test_a_stop_right_after_a_start_hides_no_crash(database: Path) -> None:
    """The death before is told of each run, also of those that this start had not reached."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.kill()
    async with MultiStepProcessor(database):
        pass
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        await processor.wait(execution_id, HANG_S)
        history = processor.get_history(execution_id)

    assert [False, True] == clean_ends(history)


async def test_a_step_that_kills_the_process_three_times_is_poison(database: Path) -> None:
    """It is failed, so that it cannot keep the bot from starting; a run beside it completes."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.kill()
    for _ in range(2):
        with program("hold_again.py", database) as process:
            assert execution_id == next_line(process)
            process.kill()
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        ended = await processor.wait(execution_id, HANG_S)
        await completes(processor)

    assert ("failed", "poison") == (ended.status, ended.code)
    assert "the process died 3 times while this step was running" == ended.steps["Hold"].error


async def test_sigterm_never_makes_poison(database: Path) -> None:
    """However often a deployment interrupts a step, it is made again."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        process.terminate()
        process.wait(HANG_S)
    for _ in range(2):
        with program("hold_again.py", database) as process:
            assert execution_id == next_line(process)
            process.terminate()
            process.wait(HANG_S)
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)

        assert "completed" == (await processor.wait(execution_id, HANG_S)).status


# Beside the process that runs the workflows.


async def test_a_second_runner_is_refused_and_may_define_and_read(database: Path) -> None:
    """One process runs the workflows of a file; another one gets its pid, and works beside it without running."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        second = MultiStepProcessor(database)
        with pytest.raises(DatabaseBusy) as busy:
            await second.start()
        workflow_id = second.create_workflow("Beside")
        second.add_step(workflow_id, "Say", "log", {"message": "hi"})
        problems, seen = second.validate(workflow_id), second.get_execution(execution_id)
        with pytest.raises(DatabaseBusy):
            await second.execute_workflow(workflow_id)
        process.terminate()
        process.wait(HANG_S)
        await completes(second)
        await second.stop()

    assert ("database_busy", process.pid) == (busy.value.code, busy.value.pid)
    assert f"process {process.pid} already runs the workflows of this database" == busy.value.message
    assert ([], "running", {"Hold": "running"}) == (problems, seen.status, statuses(seen))


async def test_a_read_only_processor_looks_at_a_run_under_way(database: Path) -> None:
    """Everything that reads works beside the process that runs the workflows."""
    with program("hold.py", database) as process:
        execution_id = next_line(process)
        reader = MultiStepProcessor(database, read_only=True)
        seen = reader.get_execution(execution_id)
        history = kinds(reader.get_history(execution_id))
        listed = [run.id for run in reader.list_executions()]
        await reader.stop()

    assert ("running", {"Hold": "running"}) == (seen.status, statuses(seen))
    assert (["Started", "StepScheduled"], [execution_id]) == (history, listed)


async def test_a_second_runner_in_the_same_process_is_refused(processor: MultiStepProcessor, database: Path) -> None:
    """Two processors on one file would make every decision twice, wherever they live."""
    second = MultiStepProcessor(database)
    with pytest.raises(DatabaseBusy) as busy:
        await second.start()
    await second.stop()
    await completes(processor)

    assert os.getpid() == busy.value.pid


# Tools that run no step.


async def test_hands_off_steers_a_run_and_runs_no_step(tmp_path: Path) -> None:
    """A tool can cancel a run of a bot that is down; the bot's other open runs are left as they are."""
    database, called = tmp_path / "a.db", list[str]()

    async def work(step: Any, execution: Any) -> None:
        called.append(step.name)

    steps = [{"name": "Wait", "handler": "delay", "params": {"seconds": 60}}, {"name": "Work", "handler": "work"}]
    async with MultiStepProcessor(database) as bot:
        bot.register_handler("work", work)
        workflow = bot.define({"name": "Two", "max_parallel_steps": 1, "steps": steps})
        runs = [await bot.execute_workflow(workflow) for _ in range(2)]
        await bot.pause_execution(runs[0])
        before = [len(bot.get_history(run)) for run in runs]

    async with MultiStepProcessor(database, hands_off=True) as tool:
        tool.register_handler("work", work)
        assert await tool.resume_execution(runs[0])
        assert await tool.cancel_execution(runs[0])

        assert ["cancelled", "running"] == [str(tool.get_execution(run).status) for run in runs]
        assert before[1] == len(tool.get_history(runs[1]))
    assert [] == called


async def test_a_step_that_a_tool_resumed_was_no_attempt(tmp_path: Path) -> None:
    """A hands-off resume leaves the step for the next runner, which makes its first attempt; on_crash has no say."""
    database = tmp_path / "a.db"
    steps = [
        {"name": "Wait", "handler": "delay", "params": {"seconds": 0.01}},
        {"name": "Work", "handler": "work", "dependencies": ["Wait"], "on_crash": "fail"},
    ]
    async with MultiStepProcessor(database) as bot:
        bot.register_handler("work", noop)
        run = await bot.execute_workflow(bot.define({"name": "Two", "steps": steps}))
        await bot.pause_execution(run)
    async with MultiStepProcessor(database, hands_off=True) as tool:
        assert await tool.resume_execution(run)

    async with MultiStepProcessor(database) as bot:
        bot.register_handler("work", noop)

        assert "completed" == (await bot.wait(run, timeout=HANG_S)).status


async def test_a_step_that_a_tool_leaves_waits_for_a_process(tmp_path: Path) -> None:
    """It says so, and nothing of a handler; one that the next process lacks is missed there, and only then."""
    database, said = tmp_path / "a.db", list[str]()

    async def say(step: StepInput, execution: ExecutionInput) -> None:
        said.append(step.params["text"])

    async with MultiStepProcessor(database, hands_off=True) as tool:
        tool.register_handler("say", say)
        workflow_id = one_step(tool, "say", params={"text": "Hello {context.name}"})
        run = await tool.execute_workflow(workflow_id, {"name": "Ana"})
        left, log = tool.get_execution(run).steps["Only"], [line.message for line in tool.get_log(run)]
    async with MultiStepProcessor(database) as bot:
        await happens(bot, run, e.StepErred)
        missed = bot.get_execution(run).steps["Only"]
        bot.register_handler("say", say)
        ended = await bot.wait(run, timeout=HANG_S)

    assert ("blocked", "runner", "it begins when a process runs this database") == (left.status, left.code, left.reason)
    assert [] == [line for line in log if "handler" in line]
    assert ("blocked", "the handler 'say' is not registered in this process") == (missed.status, missed.reason)
    assert ("completed", 1, ["Hello Ana"]) == (ended.status, ended.steps["Only"].attempts, said)
