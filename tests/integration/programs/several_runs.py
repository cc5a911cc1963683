"""The singleton in several asyncio.run in a row: a run that the end of a loop interrupts goes on in the next one."""

from __future__ import annotations

import asyncio
from typing import Any

from syncara.modules.multi_step_processor import multi_step_processor


@multi_step_processor.register_handler("once more")
async def once_more(step: Any, execution: Any) -> None:
    global calls  # noqa: PLW0603 - how often this process has called it
    calls += 1
    begun.set()
    if calls == 1:
        await asyncio.get_running_loop().create_future()


async def complete() -> None:
    workflow_id = multi_step_processor.define(
        {"name": "quick", "steps": [{"name": "Say", "handler": "log", "params": {"message": "hi"}}]}
    )
    print((await multi_step_processor.wait(await multi_step_processor.execute_workflow(workflow_id))).status)


async def begin() -> str:
    workflow_id = multi_step_processor.define({"name": "slow", "steps": [{"name": "Try", "handler": "once more"}]})
    execution_id = await multi_step_processor.execute_workflow(workflow_id)
    await begun.wait()
    print(multi_step_processor.get_execution(execution_id).status)
    return execution_id


async def finish(execution_id: str) -> None:
    print((await multi_step_processor.wait(execution_id)).status)


calls = 0
begun = asyncio.Event()
asyncio.run(complete())
held = asyncio.run(begin())
asyncio.run(finish(held))
