"""The journal of a run through the public API: watch, get_history and get_log."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from syncara import LogLine, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from tests.integration.support import HANG_S, PROGRAMS, Gate, happens, kinds, one_step

ONE_STEP = ["Started", "StepScheduled", "StepSucceeded", "Finished"]


async def test_a_watcher_gets_every_event_from_the_first_to_the_last(processor: MultiStepProcessor) -> None:
    """`watch` replays what happened, follows what happens, and ends with the run."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    await gate.begun.wait()
    seen: list[e.AnyEvent] = []
    async for event in processor.watch(execution_id):
        seen.append(event)
        gate.open.set()

    assert ONE_STEP == kinds(seen)
    assert processor.get_history(execution_id) == seen
    assert seen == [event async for event in processor.watch(execution_id)]


async def test_a_watcher_can_go_on_where_it_left_off(processor: MultiStepProcessor) -> None:
    """`from_seq` is the number of the first event wanted, counted from 0."""
    execution_id = await processor.execute_workflow(one_step(processor))
    await processor.wait(execution_id, HANG_S)

    replayed = [kinds([event async for event in processor.watch(execution_id, n)]) for n in range(6)]

    assert [ONE_STEP[n:] for n in range(6)] == replayed


async def test_events_are_committed_before_a_watcher_sees_them(
    processor: MultiStepProcessor, onlooker: MultiStepProcessor
) -> None:
    """Whatever `watch` has yielded, another reader of the file finds in the journal."""
    execution_id = await processor.execute_workflow(one_step(processor))
    seen: list[e.AnyEvent] = []
    async for event in processor.watch(execution_id):
        seen.append(event)
        assert seen == onlooker.get_history(execution_id)[: len(seen)]

    assert ONE_STEP == kinds(seen)


async def test_several_watchers_see_the_same(processor: MultiStepProcessor) -> None:
    """One that stops early disturbs neither the run nor the others."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))

    async def watch_all() -> list[str]:
        return kinds([event async for event in processor.watch(execution_id)])

    watchers = [asyncio.create_task(watch_all()) for _ in range(3)]
    await happens(processor, execution_id, e.StepScheduled)
    gate.open.set()

    assert [ONE_STEP] * 3 == await asyncio.gather(*watchers)


async def test_a_watcher_ends_when_the_engine_stops(processor: MultiStepProcessor) -> None:
    """The run is not over, but nothing more will come here; at the next start one can watch on."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    await gate.begun.wait()
    seen: list[e.AnyEvent] = []

    async for event in processor.watch(execution_id):
        seen.append(event)
        if isinstance(event, e.StepScheduled):
            await processor.stop()

    assert ["Started", "StepScheduled"] == kinds(seen)


async def test_a_run_can_be_watched_from_another_process(processor: MultiStepProcessor, database: Path) -> None:
    """A process that does not run the workflows follows a run to its end through the file."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    child = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAMS / "watch.py", database, execution_id, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(2)]
    assert child.returncode is None

    gate.open.set()
    lines += [line async for line in child.stdout]

    assert 0 == await child.wait()
    assert kinds(processor.get_history(execution_id)) == [json.loads(line)["event"] for line in lines]


async def test_the_log_tells_the_run_in_lines_for_people(processor: MultiStepProcessor) -> None:
    """`get_log` shows what log and notification steps said, and each turn of the run with its level."""

    async def stumble(step: StepInput, execution: ExecutionInput) -> None:
        if execution.attempt == 1:
            raise OSError("no answer")

    processor.register_handler("stumble", stumble)
    workflow_id = processor.define(
        {
            "name": "Log",
            "steps": [
                {"name": "Say", "handler": "log", "params": {"message": "Hi {context.name}", "level": "warning"}},
                {"name": "Try", "handler": "stumble", "retry_delay": 0, "dependencies": ["Say"]},
                {
                    "name": "Tell",
                    "handler": "notification",
                    "params": {"message": "Done", "type": "success"},
                    "dependencies": ["Try"],
                },
            ],
        }
    )
    execution_id = await processor.execute_workflow(workflow_id, {"name": "Ana"})
    await processor.wait(execution_id, HANG_S)
    log = processor.get_log(execution_id)

    assert all(isinstance(line, LogLine) for line in log)
    assert sorted(line.at for line in log) == [line.at for line in log]
    assert [
        ("info", None, "started"),
        ("info", "Say", "scheduled (attempt 1)"),
        ("warning", "Say", "Hi Ana"),
        ("info", "Try", "scheduled (attempt 1)"),
        ("warning", "Try", "erred (attempt 1): OSError: no answer"),
        ("info", "Try", "retry planned (attempt 2)"),
        ("info", "Try", "scheduled (attempt 2)"),
        ("info", "Try", "completed"),
        ("info", "Tell", "scheduled (attempt 1)"),
        ("success", "Tell", "Done"),
        ("info", None, "finished completed"),
    ] == [(line.level, line.step, line.message) for line in log]
