"""Follows a run that another process runs and prints its events as JSON lines: `watch.py DATABASE EXECUTION_ID`."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from syncara import MultiStepProcessor


async def main(database: str, execution_id: str) -> None:
    processor = MultiStepProcessor(database)
    async for event in processor.watch(execution_id):
        print(msgspec.json.encode(event).decode(), flush=True)
    await processor.stop()


asyncio.run(main(*sys.argv[1:]))
