"""The seam for a second runtime: the same core and driver decide alike here and on a Temporal server."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncara.app import MultiStepProcessor
from syncara.core import events as e

pytest.importorskip("temporalio", reason="temporalio is not installed")

STEPS: list[dict[str, Any]] = [
    {"name": "Greet", "handler": "handle", "params": {"say": "hello"}, "save_as": "greeting"},
    {
        "name": "Stumble",
        "handler": "handle",
        "params": {"failures": 1},
        "dependencies": ["Greet"],
        "retry_delay": 0.2,
    },
    {"name": "Rest", "handler": "delay", "params": {"seconds": 0.5}, "dependencies": ["Stumble"]},
    {
        "name": "Never",
        "handler": "handle",
        "params": {},
        "dependencies": ["Rest"],
        "condition": "context.greeting.said == 'goodbye'",
    },
    {"name": "Echo", "handler": "handle", "params": {"say": "{context.greeting.said}"}, "dependencies": ["Rest"]},
    {"name": "End", "handler": "handle", "params": {}, "dependencies": ["Never", "Echo"]},
]


def decided(history: list[e.AnyEvent]) -> list[tuple[str, str, int]]:
    """Kind, step and attempt of each decision, in order."""
    return [
        (type(event).__name__, getattr(event, "step", ""), getattr(event, "attempt", 0))
        for event in history
        if isinstance(event, e.DECISIONS)
    ]


async def test_a_temporal_server_comes_to_the_same_decisions_as_the_local_runtime(tmp_path: Path) -> None:
    """Six steps with a retry, a delay and a skip: execution id, decisions and idempotency keys are equal on both."""
    from tests.temporal.seam_workflow import handle  # noqa: PLC0415 - only where temporalio is installed

    async with MultiStepProcessor(tmp_path / "local.db") as processor:
        processor.register_handler("handle", handle)
        workflow_id = processor.define({"name": "Seam", "steps": STEPS})
        execution_id = await processor.execute_workflow(workflow_id)
        local = await processor.wait(execution_id, timeout=30)
        history = processor.get_history(execution_id)
        definition = tmp_path / "definition.json"
        definition.write_bytes(msgspec.json.encode(processor.get_workflow(workflow_id)))

    journal = tmp_path / "journal.json"
    program = Path(__file__).with_name("seam_run.py")
    run = await asyncio.create_subprocess_exec(
        sys.executable, program, definition, execution_id, journal, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await asyncio.wait_for(run.communicate(), timeout=120)

    assert 0 == run.returncode, said.decode()
    elsewhere = msgspec.json.decode(journal.read_bytes(), type=list[e.AnyEvent])
    assert decided(history) == decided(elsewhere)
    assert ("RetryPlanned", "Stumble", 2) in decided(elsewhere)
    assert ("StepSkipped", "Never", 0) in decided(elsewhere)
    started, *_ = elsewhere
    assert isinstance(started, e.Started)
    assert execution_id == started.execution_id
    keys = {event.step: event.changes for event in elsewhere if isinstance(event, e.StepSucceeded)}
    assert {step: {step: local.context[step]} for step in ("Greet", "Stumble", "Echo", "End")} == keys
