"""Pause, resume, cancel, answers to steps that ask, starts that lie ahead, and progress."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor, NotFoundError, ValidationError
from syncara.abc import ExecutionInput, StepInput
from syncara.core import events as e
from tests.integration.support import HANG_S, Gate, happens, next_line, noop, one_step, program, statuses

PAIR = [{"name": "First", "handler": "gate"}, {"name": "Second", "handler": "noop", "dependencies": ["First"]}]


async def test_a_paused_run_records_what_ends_and_starts_nothing(processor: MultiStepProcessor) -> None:
    """The attempt under way finishes and counts; its follower starts after `resume_execution`."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(processor.define({"name": "Pair", "steps": PAIR}))
    await gate.begun.wait()

    paused = await processor.pause_execution(execution_id)
    watching = processor.watch(execution_id, from_seq=len(processor.get_history(execution_id)))
    gate.open.set()
    recorded = type(await anext(watching)).__name__
    meanwhile = processor.get_execution(execution_id)
    resumed = await processor.resume_execution(execution_id)
    ended = await processor.wait(execution_id, HANG_S)

    assert (True, True) == (paused, resumed)
    assert "StepSucceeded" == recorded
    assert ("paused", {"First": "completed", "Second": "pending"}) == (meanwhile.status, statuses(meanwhile))
    assert ("completed", {"First": "completed", "Second": "completed"}) == (ended.status, statuses(ended))


async def test_steering_says_whether_it_changed_anything(processor: MultiStepProcessor) -> None:
    """True for the call that changed the run; False for a repeat, and for a run that has ended."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))
    calls = [
        processor.resume_execution,
        processor.pause_execution,
        processor.pause_execution,
        processor.resume_execution,
        processor.resume_execution,
        processor.pause_execution,
        processor.cancel_execution,
        processor.cancel_execution,
        processor.pause_execution,
        processor.resume_execution,
    ]

    answers = [await call(execution_id) for call in calls]

    assert [False, True, False, True, False, True, True, False, False, False] == answers
    assert "cancelled" == processor.get_execution(execution_id).status


async def test_a_cancelled_run_ends_with_the_reason(processor: MultiStepProcessor) -> None:
    """Steps under way are cancelled, the rest is skipped, and the reason stands with each of them."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(processor.define({"name": "Pair", "steps": PAIR}))
    await gate.begun.wait()

    assert await processor.cancel_execution(execution_id, reason="not needed any more")
    ended = await processor.wait(execution_id, HANG_S)

    assert ("cancelled", "cancelled", "not needed any more") == (ended.status, ended.code, ended.error)
    assert {"First": "cancelled", "Second": "skipped"} == statuses(ended)
    assert {"the run was cancelled: not needed any more"} == {step.reason for step in ended.steps.values()}


async def test_pause_and_cancel_are_durable_when_they_return(
    processor: MultiStepProcessor, onlooker: MultiStepProcessor
) -> None:
    """Another reader of the file sees the new status at once."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))

    await processor.pause_execution(execution_id)
    paused = onlooker.get_execution(execution_id).status
    await processor.cancel_execution(execution_id)
    cancelled = onlooker.get_execution(execution_id).status

    assert ("paused", "cancelled") == (paused, cancelled)


async def test_a_paused_run_stays_paused_over_a_restart(database: Path) -> None:
    """A pause is in the journal; the next process waits for the resume."""
    async with MultiStepProcessor(database) as before:
        before.register_handler("noop", noop)
        steps = [
            {"name": "Nap", "handler": "delay", "params": {"seconds": 0.01}},
            {"name": "Then", "handler": "noop", "dependencies": ["Nap"]},
        ]
        execution_id = await before.execute_workflow(before.define({"name": "Nap", "steps": steps}))
        await before.pause_execution(execution_id)
    async with MultiStepProcessor(database) as after:
        after.register_handler("noop", noop)
        found = after.get_execution(execution_id).status
        await after.resume_execution(execution_id)
        ended = await after.wait(execution_id, HANG_S)

    assert ("paused", "completed") == (found, ended.status)


async def test_a_start_that_lies_ahead_is_scheduled(processor: MultiStepProcessor) -> None:
    """`start_at` is a Unix time; until then the run is `scheduled`, and can be cancelled."""
    workflow_id = one_step(processor)
    far = await processor.execute_workflow(workflow_id, start_at=time.time() + 3600)
    soon = await processor.execute_workflow(workflow_id, start_at=time.time() + 0.05)
    scheduled = processor.get_execution(far)

    ended = await processor.wait(soon, HANG_S)
    cancelled = await processor.cancel_execution(far)

    assert ("scheduled", None, {"Only": "pending"}) == (scheduled.status, scheduled.started_at, statuses(scheduled))
    assert ("completed", True, "cancelled") == (ended.status, cancelled, processor.get_execution(far).status)


# Answers.


@pytest.mark.parametrize(("answer", "outcome"), [("retry", "completed"), ("fail", "failed")])
async def test_a_step_that_asks_after_a_crash_gets_its_answer(database: Path, answer: str, outcome: str) -> None:
    """With `on_crash="ask"` an attempt that a crash cut off waits until a person says `retry` or `fail`."""
    with program("hold.py", database, "ask") as process:
        execution_id = next_line(process)
        process.kill()
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", noop)
        await happens(processor, execution_id, e.StepWaiting)
        waiting = processor.get_execution(execution_id).steps["Hold"]
        answers = [
            await processor.resolve_step(execution_id, waiting.id, answer),
            await processor.resolve_step(execution_id, "Hold", answer),
        ]
        ended = await processor.wait(execution_id, HANG_S)

    assert ("waiting", "the process ended during an attempt; a person decides whether it runs again") == (
        waiting.status,
        waiting.reason,
    )
    assert [True, False] == answers
    assert (outcome, {"Hold": outcome}) == (ended.status, statuses(ended))


async def test_an_answer_must_be_one_and_name_a_step(processor: MultiStepProcessor) -> None:
    """Anything but `retry` or `fail` is refused, and a step that does not exist is reported with the nearest."""
    gate = Gate()
    processor.register_handler("gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "gate"))

    with pytest.raises(ValidationError) as refused:
        await processor.resolve_step(execution_id, "Only", "maybe")
    with pytest.raises(NotFoundError) as unknown:
        await processor.resolve_step(execution_id, "Onyl", "retry")

    assert "answer 'retry' or 'fail'" == refused.value.fix
    assert "Did you mean 'Only'?" == unknown.value.fix
    assert not await processor.resolve_step(execution_id, "Only", "retry")


# Progress.


async def test_progress_has_the_promised_shape(processor: MultiStepProcessor) -> None:
    """`get_execution_progress` tells how far a run is, what it does now, and how each step fared."""
    gate = Gate()
    processor.register_handler("gate", gate)
    workflow_id = processor.define(
        {
            "name": "Four",
            "steps": [
                {"name": "Done", "handler": "noop"},
                {"name": "No", "handler": "noop", "dependencies": ["Done"], "condition": "context.get('yes') == True"},
                {"name": "Now", "handler": "gate", "dependencies": ["Done"]},
                {"name": "Later", "handler": "noop", "dependencies": ["Now"]},
            ],
        }
    )
    execution_id = await processor.execute_workflow(workflow_id)
    await gate.begun.wait()
    halfway = processor.get_execution_progress(execution_id)
    gate.open.set()
    await processor.wait(execution_id, HANG_S)
    done = processor.get_execution_progress(execution_id)

    steps = halfway.pop("steps")
    assert {
        "execution_id": execution_id,
        "workflow_name": "Four",
        "status": "running",
        "progress": 50.0,
        "current_step": "Now",
        "current_steps": ["Now"],
    } == halfway
    assert [
        ("Done", "completed", 1, None),
        ("No", "skipped", 0, "the condition is false: context.get('yes') == True"),
        ("Now", "running", 1, None),
        ("Later", "pending", 0, None),
    ] == [(s["name"], s["status"], s["attempts"], s["reason"]) for s in steps]
    keys = {"id", "name", "status", "attempts", "reason", "started_at", "finished_at", "execution_time"}
    assert {frozenset(keys)} == {frozenset(step) for step in steps}
    assert [step.id for step in processor.get_workflow(workflow_id).steps] == [step["id"] for step in steps]
    assert ("completed", 100.0, None, []) == tuple(
        done[key] for key in ("status", "progress", "current_step", "current_steps")
    )


async def test_progress_counts_a_group_by_its_tasks_and_never_goes_back(processor: MultiStepProcessor) -> None:
    """Each task of a group moves it; every figure along the way is at least the one before."""
    figures: list[float] = []

    async def look(step: StepInput, execution: ExecutionInput) -> None:
        figures.append(processor.get_execution_progress(execution.id)["progress"])

    processor.register_handler("look", look)
    tasks: list[dict[str, Any]] = [{"name": str(n), "handler": "look"} for n in range(4)]
    workflow_id = processor.define(
        {
            "name": "Group",
            "max_parallel_steps": 1,
            "steps": [
                {"name": "Before", "handler": "look"},
                {"name": "All", "handler": "parallel_group", "params": {"tasks": tasks}, "dependencies": ["Before"]},
            ],
        }
    )
    ended = await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)

    assert [0.0, 50.0, 62.5, 75.0, 87.5] == figures
    assert 100.0 == ended.progress
    assert ["Before", "All", "All/0", "All/1", "All/2", "All/3"] == list(ended.steps)
