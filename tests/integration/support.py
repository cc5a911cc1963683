"""Handlers, definitions and programs that the integration tests share."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from syncara import Execution, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.core.events import AnyEvent, Event, RunnerLost
from tests.processes import interruptible, under_way

PROGRAMS = Path(__file__).with_name("programs")
HANG_S = 30
"""When a process or a wait counts as hung. No test waits for it unless it fails."""


async def noop(step: StepInput, execution: ExecutionInput) -> None:
    """Do nothing, successfully."""


class Gate:
    """A handler that says when an attempt begins, and ends it when it is told to."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, step: StepInput, execution: ExecutionInput) -> str:
        self.begun.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "through"


class Stubborn:
    """A handler that goes on when it is cancelled, until it is let go."""

    def __init__(self) -> None:
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()
        self.let_go, self.returned = asyncio.Event(), asyncio.Event()

    async def __call__(self, step: StepInput, execution: ExecutionInput) -> str:
        self.begun.set()
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
        self.returned.set()
        return "too late"


def one_step(processor: MultiStepProcessor, handler: str = "noop", **fields: Any) -> str:
    """A workflow of one step, `Only`, that is not retried."""
    step = {"name": "Only", "handler": handler, "retry_count": 0, **fields}
    return processor.define({"name": "one step", "steps": [step]})


def statuses(execution: Execution) -> dict[str, str]:
    return {name: str(state.status) for name, state in execution.steps.items()}


def kinds(events: list[AnyEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def clean_ends(events: list[AnyEvent]) -> list[bool]:
    """Of each runner that the run lost, whether it had stopped in good order."""
    return [event.clean for event in events if isinstance(event, RunnerLost)]


async def happens(processor: MultiStepProcessor, execution_id: str, kind: type[Event]) -> None:
    """Wait until an event of this kind is in the run's journal."""
    async for event in processor.watch(execution_id):
        if isinstance(event, kind):
            return
    raise AssertionError(f"the run ended without {kind.__name__}")


async def completes(processor: MultiStepProcessor) -> None:
    """Assert that an ordinary execution runs to its end on `processor`."""
    workflow_id = processor.define(
        {"name": "healthy", "steps": [{"name": "Set", "handler": "set_context", "params": {"key": "well", "value": 1}}]}
    )
    ended = await processor.wait(await processor.execute_workflow(workflow_id), timeout=HANG_S)
    assert ("completed", {"well": 1}) == (ended.status, ended.context)


@asynccontextmanager
async def healthy_run(processor: MultiStepProcessor) -> AsyncIterator[None]:
    """Assert that a run which is under way during the block, and one that starts after it, complete."""
    gate = Gate()
    processor.register_handler("healthy gate", gate)
    execution_id = await processor.execute_workflow(one_step(processor, "healthy gate"))
    await gate.begun.wait()
    yield
    gate.open.set()
    ended = await processor.wait(execution_id, HANG_S)
    assert ("completed", {"Only": "completed"}) == (ended.status, statuses(ended))
    await completes(processor)


# Other processes.


def run_program(
    name: str, *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program of `programs/` to its end."""
    return subprocess.run(
        [sys.executable, PROGRAMS / name, *map(str, arguments)],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


@contextmanager
def program(name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A running program of `programs/`, whose lines are read from `stdout`; killed if it outlives the block."""
    process = subprocess.Popen(
        interruptible(PROGRAMS / name, *map(str, arguments)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with under_way(process, HANG_S):
        yield process


def next_line(process: subprocess.Popen[str]) -> str:
    """The program's next line; it is empty when the program has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
