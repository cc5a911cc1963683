"""What the tests of handlers share: one attempt without an engine, and one-step runs with one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from syncara import Execution, MultiStepProcessor
from syncara.abc import ExecutionInput, Handler
from syncara.runtimes.driver import StepInput

HANG_S = 30
"""When a run or a process counts as hung. No test waits for it unless it fails."""


class Attempt(NamedTuple):
    """As much of an execution as these handlers look at."""

    idempotency_key: str = "execution:step"
    attempt: int = 1
    author: str = "developer"


def called(handler: Handler, params: Mapping[str, Any], attempt: Attempt) -> Any:
    """What the handler's function returns for params as the engine hands them over."""
    assert handler.params is not None
    step = StepInput("step", "Step", msgspec.convert(params, handler.params))
    return handler.fn(step, cast("ExecutionInput", attempt))


async def awaited(handler: Handler, params: Mapping[str, Any], attempt: Attempt | None = None) -> Any:
    value = called(handler, params, attempt or Attempt())
    return await value if inspect.isawaitable(value) else value


def refused(handler: Handler, params: dict[str, Any]) -> list[str]:
    """What the check says before anything runs."""
    assert handler.check is not None
    return [str(problem) for problem in handler.check(params)]


async def run(
    processor: MultiStepProcessor, handler: str, params: dict[str, Any], context: dict[str, Any] | None = None
) -> Execution:
    """A run of one step, `Only`, that is tried twice if a second attempt may help."""
    step = {"name": "Only", "handler": handler, "params": params, "retry_count": 1, "retry_delay": 0}
    workflow_id = processor.define({"name": "one step", "steps": [step]})
    return await processor.wait(await processor.execute_workflow(workflow_id, context), HANG_S)


def failed(execution: Execution) -> tuple[str, int, str]:
    """The code of the step's failure, the attempts that were made, and the error."""
    state = execution.steps["Only"]
    assert str(state.status) == "failed", state
    return execution.errors[0]["code"], state.attempts, execution.errors[0]["error"]
