"""Takes up the runs of `hold.py`, whose step still never ends: `hold_again.py DATABASE`."""

from __future__ import annotations

import asyncio
import sys

from syncara import MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput


async def hold(step: StepInput, execution: ExecutionInput) -> None:
    print(execution.id, flush=True)
    await asyncio.get_running_loop().create_future()


async def main(database: str) -> None:
    processor = MultiStepProcessor(database)
    processor.register_handler("hold", hold)
    async with processor:
        await asyncio.get_running_loop().create_future()


asyncio.run(main(*sys.argv[1:]))
