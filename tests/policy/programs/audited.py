"""A bot that carries out one reply after another until it is killed: `python audited.py DATABASE`.

Each call of its handler prints the execution's id, the step and the attempt before it returns.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from typing import Any

from syncara import MultiStepProcessor

STEPS: list[dict[str, Any]] = [
    {"name": "A", "handler": "work"},
    {"name": "B", "handler": "work"},
    {"name": "C", "handler": "work", "dependencies": ["A", "B"]},
]
REPLY = f"[MULTISTEP:QUICK_WORKFLOW:Work:{json.dumps(STEPS)}]"


async def work(step: Any, execution: Any) -> None:
    print(json.dumps([execution.id, step.name, execution.attempt]), flush=True)


async def main(database: str) -> None:
    processor = MultiStepProcessor(database, announce=False)
    processor.register_handler("work", work, ai=True)
    for number in count():
        reply = await processor.process_reply(REPLY, chat_id=7, user_id=7, message_id=f"{number} {id(processor)}")
        assert reply.ok, reply.note
        if number % 3 == 0:
            await processor.wait(reply.execution_ids[0])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
