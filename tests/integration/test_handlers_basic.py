"""log, notification and delay in real runs."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncara import Execution, MultiStepProcessor, ValidationError
from syncara.core import events as e
from tests.integration.support import HANG_S, noop, one_step, statuses


async def run(processor: MultiStepProcessor, handler: str, params: dict[str, Any], **context: Any) -> Execution:
    workflow_id = one_step(processor, handler, params=params)
    return await processor.wait(await processor.execute_workflow(workflow_id, context), HANG_S)


def data(execution: Execution) -> Any:
    result = execution.steps["Only"].result
    assert result is not None
    return result.data


@pytest.mark.parametrize(
    ("level", "number"),
    [("debug", logging.DEBUG), ("info", logging.INFO), ("warning", logging.WARNING), ("error", logging.ERROR)],
)
async def test_log_writes_to_the_runs_log_and_to_pythons(
    processor: MultiStepProcessor, caplog: pytest.LogCaptureFixture, level: str, number: int
) -> None:
    """The line stands in `get_log` with its level, and goes to the logger `syncara.workflow`."""
    caplog.set_level(logging.DEBUG, "syncara.workflow")

    ended = await run(processor, "log", {"message": "Hello {context.name}!", "level": level}, name="Ana")

    assert {"message": "Hello Ana!", "level": level} == data(ended)
    assert [("syncara.workflow", number, "Only: Hello Ana!")] == caplog.record_tuples
    assert [(level, "Hello Ana!")] == [
        (line.level, line.message)
        for line in processor.get_log(ended.id)
        if line.step == "Only" and "scheduled" not in line.message
    ]


async def test_log_is_at_level_info_unless_told_otherwise(processor: MultiStepProcessor) -> None:
    """What is not text is written as JSON."""
    ended = await run(processor, "log", {"message": "{context.user}"}, user={"id": 5, "tags": ["a"]})

    assert {"message": '{"id":5,"tags":["a"]}', "level": "info"} == data(ended)


@pytest.mark.parametrize(
    ("handler", "params", "text"),
    [
        ("log", {}, "param 'message' is missing"),
        ("log", {"message": "x", "level": "loud"}, "Invalid enum value 'loud'"),
        ("log", {"mesage": "x"}, "Did you mean 'message'?"),
        ("notification", {"message": "x", "type": "loud"}, "Invalid enum value 'loud'"),
        ("delay", {}, "delay needs 'seconds'"),
        ("delay", {"seconds": -1}, "delay needs 'seconds', a number from 0"),
        ("delay", {"seconds": "5"}, "delay needs 'seconds', a number from 0"),
        ("delay", {"seconds": True}, "delay needs 'seconds', a number from 0"),
        ("delay", {"seconds": 1, "minutes": 1}, "delay takes only 'seconds'"),
    ],
)
async def test_wrong_params_are_refused_before_anything_runs(
    processor: MultiStepProcessor, handler: str, params: dict[str, Any], text: str
) -> None:
    """What can be known without running is said by the check."""
    with pytest.raises(ValidationError) as refused:
        await run(processor, handler, params)

    assert "invalid_params" == refused.value.code
    assert text in str(refused.value)


class Recorder:
    """A notifier that keeps what it is given."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, str]] = []

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        if message == "fail":
            raise ConnectionError("no route")
        self.notes.append((message, type, idempotency_key))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def notifying(database: Path, recorder: Recorder) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(database, notifier=recorder) as processor:
        yield processor


async def test_a_notification_goes_to_the_notifier(notifying: MultiStepProcessor, recorder: Recorder) -> None:
    """Text, type and the step's idempotency key, so that an implementation can drop a repeat."""
    ended = await run(notifying, "notification", {"message": "Done: {context.n}", "type": "success"}, n=3)

    key = f"{ended.id}:{ended.steps['Only'].id}"
    assert [("Done: 3", "success", key)] == recorder.notes
    assert {"message": "Done: 3", "type": "success"} == data(ended)


async def test_a_notifier_that_fails_fails_the_step(notifying: MultiStepProcessor) -> None:
    """Its error is the step's, and is retried like any other."""
    ended = await run(notifying, "notification", {"message": "fail"})

    assert ("failed", "ConnectionError: no route") == (ended.status, ended.steps["Only"].error)


async def test_without_a_notifier_notifications_are_logged(
    processor: MultiStepProcessor, caplog: pytest.LogCaptureFixture
) -> None:
    """They go to the logger `syncara.notification`."""
    await run(processor, "notification", {"message": "Careful", "type": "warning"})

    assert [("syncara.notification", logging.WARNING, "warning: Careful")] == caplog.record_tuples


async def test_a_delay_is_a_wake_time_in_the_journal(processor: MultiStepProcessor) -> None:
    """While it lasts the step is `delayed` and says until when; afterwards its follower starts."""
    steps = [
        {"name": "Nap", "handler": "delay", "params": {"seconds": "{context.nap}"}},
        {"name": "Then", "handler": "noop", "dependencies": ["Nap"]},
    ]
    workflow_id = processor.define({"name": "Nap", "steps": steps})
    before = time.time()
    long = processor.get_execution(await processor.execute_workflow(workflow_id, {"nap": 1000}))
    short = await processor.wait(await processor.execute_workflow(workflow_id, {"nap": 0.05}), HANG_S)
    slept = next(event for event in processor.get_history(short.id) if isinstance(event, e.StepSlept))
    nap = short.steps["Nap"]

    assert ("running", {"Nap": "delayed", "Then": "pending"}) == (long.status, statuses(long))
    assert before + 1000 <= (long.steps["Nap"].wake_at or 0) <= time.time() + 1000
    assert ("completed", 0.05, slept.at + 0.05) == (short.status, slept.seconds, slept.wake_at)
    assert (nap.finished_at or 0) >= slept.wake_at
    assert nap.result is not None
    assert {"seconds": 0.05} == nap.result.data


async def test_a_delay_goes_on_over_a_restart(database: Path) -> None:
    """The wake time stays what it was; a delay that is over meanwhile ends at the start."""
    steps = [{"name": "Nap", "handler": "delay", "params": {"seconds": "{context.nap}"}}]
    async with MultiStepProcessor(database) as before:
        workflow_id = before.define({"name": "Nap", "steps": steps})
        short = await before.execute_workflow(workflow_id, {"nap": 0.02})
        long = await before.execute_workflow(workflow_id, {"nap": 1000})
        wake_at = before.get_execution(long).steps["Nap"].wake_at
    async with MultiStepProcessor(database) as after:
        ended = await after.wait(short, HANG_S)

        assert "completed" == ended.status
        assert wake_at == after.get_execution(long).steps["Nap"].wake_at


async def test_a_cancel_ends_a_delay(processor: MultiStepProcessor) -> None:
    """Nothing waits it out."""
    execution_id = await processor.execute_workflow(one_step(processor, "delay", params={"seconds": 1000}))

    await processor.cancel_execution(execution_id)
    ended = await processor.wait(execution_id, HANG_S)

    assert ("cancelled", {"Only": "cancelled"}) == (ended.status, statuses(ended))


async def test_delays_take_slots(processor: MultiStepProcessor) -> None:
    """A delay counts towards `max_parallel_steps`, as an attempt in a handler does."""
    steps = [{"name": f"Nap {n}", "handler": "delay", "params": {"seconds": 1000}} for n in range(4)]
    workflow_id = processor.define({"name": "Naps", "max_parallel_steps": 3, "steps": steps})

    seen = processor.get_execution(await processor.execute_workflow(workflow_id))

    assert ["delayed", "delayed", "delayed", "pending"] == list(statuses(seen).values())


async def test_a_delay_whose_length_turns_out_wrong_fails_at_once(processor: MultiStepProcessor) -> None:
    """A placeholder may bring anything; only a number of seconds is a delay."""
    processor.register_handler("noop", noop)
    ended = await run(processor, "delay", {"seconds": "{context.nap}"}, nap="soon")

    assert ("failed", "invalid_params", 0) == (ended.status, ended.code, ended.steps["Only"].attempts)
    assert "delay needs seconds as a number" in (ended.error or "")
