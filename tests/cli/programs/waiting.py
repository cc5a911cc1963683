"""A bot whose assistant asks to write a file: prints what waits, and how the run ended. Again, it goes on with it."""

from __future__ import annotations

import asyncio

from syncara import MultiStepProcessor

WRITE = (
    '[MULTISTEP:QUICK_WORKFLOW:Note:[{"name":"Write","handler":"file_operation",'
    '"params":{"operation":"write","file_path":"a.txt","content":"hello"}}]]'
)


async def main() -> None:
    async with MultiStepProcessor("syncara.db", announce=False) as bot:
        if not bot.list_executions():
            await bot.process_reply(WRITE, chat_id=7, user_id=7)
        (run,) = bot.list_executions()
        print(f"{run.id} is {run.status}", flush=True)
        ended = await bot.wait(run.id)
        print(f"{ended.status} {ended.error}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
