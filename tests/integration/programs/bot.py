"""The singleton inside a bot: its loop serves messages, and workflows are one of the things that a message starts."""

from __future__ import annotations

import asyncio

from syncara.modules.multi_step_processor import multi_step_processor


async def serve(inbox: asyncio.Queue[str]) -> None:
    while (text := await inbox.get()) != "quit":
        if text == "start":
            await greet()
        else:
            print(text)


async def greet() -> None:
    workflow_id = multi_step_processor.create_workflow("Greet")
    multi_step_processor.add_step(workflow_id, "Say", "send_message", {"text": "hello"})
    execution_id = await multi_step_processor.execute_workflow(workflow_id)
    print((await multi_step_processor.wait(execution_id)).status)


async def main() -> None:
    inbox: asyncio.Queue[str] = asyncio.Queue()
    bot = asyncio.create_task(serve(inbox))
    for text in ("start", "still serving", "quit"):
        await inbox.put(text)
    await bot


asyncio.run(main())
