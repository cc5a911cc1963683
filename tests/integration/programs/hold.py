"""Starts a run whose only step never ends, and waits to be stopped: `hold.py DATABASE [on_crash]`.

It prints the execution's id when the step has begun, and `cancelled` when the step is cancelled.
"""

from __future__ import annotations

import asyncio
import sys

from syncara import MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput


async def hold(step: StepInput, execution: ExecutionInput) -> None:
    print(execution.id, flush=True)
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise


async def main(database: str, on_crash: str = "retry") -> None:
    async with MultiStepProcessor(database) as processor:
        processor.register_handler("hold", hold)
        workflow_id = processor.define(
            {"name": "hold", "steps": [{"name": "Hold", "handler": "hold", "on_crash": on_crash}]}
        )
        await processor.wait(await processor.execute_workflow(workflow_id))


asyncio.run(main(*sys.argv[1:]))
