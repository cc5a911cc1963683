"""The singleton in an ordinary script: one workflow, made and run in one asyncio.run."""

from __future__ import annotations

import asyncio

from syncara.modules.multi_step_processor import multi_step_processor


async def main() -> None:
    workflow_id = multi_step_processor.create_workflow("Script")
    multi_step_processor.add_step(workflow_id, "Keep", "set_context", {"key": "id", "value": "{context.user_id}"})
    execution_id = await multi_step_processor.execute_workflow(workflow_id, context={"user_id": 123456789})
    ended = await multi_step_processor.wait(execution_id)
    print(ended.status, ended.context["id"])


asyncio.run(main())
