"""The bot's process: it onboards a user. Started again on the same database, it goes on where it was cut off.

    python worker.py DATABASE CALLS

Every call of a handler or of the chat adds a line to the file CALLS, so that others can see what ran how often.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from syncara import MultiStepProcessor
from syncara.handlers.communication import ConsoleMessenger

USER_ID = 1001
USER = {"user_id": USER_ID, "name": "Maya", "seats": 1}

ONBOARDING: dict[str, Any] = {
    "name": "Onboarding",
    "description": "From the first hello to a user who knows her way around",
    "steps": [
        {
            "name": "Save profile",
            "handler": "database_operation",
            "params": {
                "operation": "insert",
                "collection": "users",
                "data": {"id": "{context.user_id}", "name": "{context.name}", "onboarded": False},
            },
        },
        {
            "name": "Say hello",
            "handler": "send_message",
            "params": {"text": "Hello {context.name}, nice to have you here!"},
            "dependencies": ["Save profile"],
        },
        {
            "name": "Find time zone",
            "handler": "find_time_zone",
            "dependencies": ["Save profile"],
            "retry_delay": 1,
            "save_as": "time_zone",
        },
        {
            "name": "Settle in",
            "handler": "delay",
            "params": {"seconds": 5},
            "dependencies": ["Say hello", "Find time zone"],
        },
        {
            "name": "Show tricks",
            "handler": "send_message",
            "params": {"text": "Try this: 'remind me at nine'. I go by {context.time_zone} time."},
            "dependencies": ["Settle in"],
        },
        {
            "name": "Invite team",
            "handler": "send_message",
            "params": {"text": "Shall I write to your team?"},
            "dependencies": ["Settle in"],
            "condition": "context.seats > 1",
        },
        {
            "name": "Mark onboarded",
            "handler": "database_operation",
            "params": {
                "operation": "update",
                "collection": "users",
                "query": {"id": "{context.user_id}"},
                "data": {"$set": {"onboarded": True, "time_zone": "{context.time_zone}"}, "$inc": {"updates": 1}},
            },
            "dependencies": ["Show tricks", "Invite team"],
        },
    ],
}


class Calls:
    """An append-only file of what was called, by which process, for which step of which run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, key: str) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"pid": os.getpid(), "key": key}) + "\n")


class Chat(ConsoleMessenger):
    """A chat service that takes a moment to deliver."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> None:
        self._calls.add(idempotency_key)
        await asyncio.sleep(0.4)
        await super().send(chat_id, text, idempotency_key=idempotency_key)


async def main(database: str, calls: Calls) -> None:
    processor = MultiStepProcessor(database, messenger=Chat(calls))

    @processor.register_handler("find_time_zone")
    async def find_time_zone(step: Any, execution: Any) -> str:
        """A service that does not answer at the first call, as services do."""
        calls.add(execution.idempotency_key)
        await asyncio.sleep(0.6)
        if execution.attempt == 1:
            raise ConnectionError("no answer")
        return "Lisbon"

    async with processor:
        runs = processor.list_executions(chat_id=USER_ID)
        if runs:
            execution_id = runs[0].id
            print("found", execution_id, flush=True)
        else:
            workflow_id = processor.define(ONBOARDING)
            execution_id = await processor.execute_workflow(workflow_id, USER, user_id=USER_ID, chat_id=USER_ID)
            print("started", execution_id, flush=True)
        await processor.wait(execution_id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Calls(Path(sys.argv[2]))))
