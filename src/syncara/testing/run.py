"""Runs one workflow to its end without waiting for anything."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from syncara.abc import HandlerFunction
from syncara.app import MultiStepProcessor
from syncara.core.model import Workflow
from syncara.core.views import Execution
from syncara.stores.memory import MemoryDisk, MemoryStore
from syncara.testing.clock import FakeClock, VirtualLoop


def run_to_end(
    workflow: dict[str, Any] | Workflow,
    handlers: Mapping[str, HandlerFunction] | None = None,
    *,
    context: dict[str, Any] | None = None,
    clock: FakeClock | None = None,
) -> Execution:
    """Run a definition, as `define` takes it, until its final status; delays and retry waits take no time.

    Everything is in memory. `handlers` are registered first; plain functions are called in place, not in a thread.
    `clock` stands, afterwards, at the end of the run. Raises what `define` and `execute_workflow` raise; raises Idle
    when the run waits for something that only the outside could bring, such as a person's answer.
    """
    clock = clock or FakeClock()
    loop = VirtualLoop(clock)

    async def main() -> Execution:
        async with MultiStepProcessor(store=MemoryStore(MemoryDisk()), clock=clock) as processor:
            for name, handler in (handlers or {}).items():
                processor.register_handler(name, _in_place(handler))
            execution_id = await processor.execute_workflow(processor.define(workflow), context=context)
            return await processor.wait(execution_id)

    try:
        return loop.run_until_complete(main())
    finally:
        loop.discard()


def _in_place(handler: HandlerFunction) -> HandlerFunction:
    """The handler as a coroutine function: a thread would not know of the jumps of time."""

    async def called(step: Any, execution: Any) -> Any:
        result = handler(step, execution)
        return await result if inspect.isawaitable(result) else result

    return called
