"""A broadcast: one message to every subscriber, a few at a time; who cannot be reached does not stop the others.

    python main.py [DATABASE]

Started again on a database in which the broadcast was cut off, it goes on with that broadcast, and nobody gets the
message twice. The exit code is 1 when something is not as stated.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from syncara import Execution, MultiStepProcessor, NonRetryableError

SUBSCRIBERS = {
    101: "Ana",
    102: "Ben",
    103: "Chloe",
    104: "Dmitri",
    105: "Emeka",
    106: "Farah",
    107: "Goro",
    108: "Hana",
}
BLOCKED = 104
"""This subscriber has blocked the bot: no attempt can reach him."""
SHAKY = 107
"""The first message to this chat is lost on the way."""
AT_ONCE = 3


def broadcast(text: str, subscribers: dict[int, str]) -> dict[str, Any]:
    """A step for each subscriber, and a report when all of them have settled."""
    names = {chat_id: f"To {name}" for chat_id, name in subscribers.items()}
    sends = [
        {
            "name": names[chat_id],
            "handler": "send_message",
            "params": {"chat_id": chat_id, "text": f"Hello {name}! {text}"},
            "on_error": "continue",
            "retry_count": 2,
            "retry_delay": 0.2,
        }
        for chat_id, name in subscribers.items()
    ]
    report = {
        "name": "Report",
        "handler": "database_operation",
        "params": {
            "operation": "insert",
            "collection": "broadcasts",
            "data": {"asked": len(subscribers), "not_reached": "{context.errors|[]}"},
        },
        "dependencies": list(names.values()),
        "run_when": "all_settled",
    }
    return {"name": "Broadcast", "max_parallel_steps": AT_ONCE, "steps": [*sends, report]}


DEFINITION = broadcast("We are back, faster than before.", SUBSCRIBERS)


class Chat:
    """A chat service with an append-only record of what it delivered, by which it knows a repeat."""

    def __init__(self, delivered: Path) -> None:
        self.path = delivered
        self.busy = self.busiest = 0
        self._tried: set[str] = set()

    def delivered(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> None:
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await asyncio.sleep(0.1)
            self._deliver(chat_id, text, idempotency_key)
        finally:
            self.busy -= 1

    def _deliver(self, chat_id: Any, text: str, key: str) -> None:
        if chat_id == BLOCKED:
            raise NonRetryableError("the user has blocked the bot")
        if chat_id == SHAKY and key not in self._tried:
            self._tried.add(key)
            raise ConnectionError("the network is down")
        if key in {line["key"] for line in self.delivered()}:
            return
        with self.path.open("a") as file:
            file.write(json.dumps({"chat_id": chat_id, "text": text, "key": key}) + "\n")

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None:
        """Nothing is edited here."""

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None:
        """Nothing is pinned here."""


async def run(database: Path, chat: Chat) -> None:
    async with MultiStepProcessor(database, messenger=chat) as processor:
        known = processor.list_workflows()
        workflow_id = known[0].id if known else processor.define(DEFINITION)
        # The same key is the same run: a second start of this script joins the first one's.
        done = await processor.wait(await processor.execute_workflow(workflow_id, idempotency_key="broadcast"))
        for step in done.steps.values():
            print(f"{step.name:10} {step.status:9}  attempts: {step.attempts}  {step.error or ''}".rstrip())
        reports = await processor.documents.find("broadcasts", {}, projection={"_id": 0})
    check(done, reports, chat)


def check(done: Execution, reports: list[dict[str, Any]], chat: Chat) -> None:
    reached = Counter(line["chat_id"] for line in chat.delivered())
    not_reached = [error["step"] for report in reports for error in report["not_reached"]]
    expect("the status tells that somebody was not reached", "completed_with_errors", str(done.status))
    expect("everybody else got the message once", dict.fromkeys(SUBSCRIBERS.keys() - {BLOCKED}, 1), dict(reached))
    expect("the report names who did not", [f"To {SUBSCRIBERS[BLOCKED]}"], not_reached)
    expect("a user who blocks the bot is not tried again", 1, done.steps["To Dmitri"].attempts)
    expect("a message that was lost is sent again", True, done.steps["To Goro"].attempts > 1)
    expect("there were never more than three at a time", True, chat.busiest <= AT_ONCE)


def expect(claim: str, expected: object, actual: object) -> None:
    if expected != actual:
        sys.exit(f"not as stated: {claim}: expected {expected!r}, found {actual!r}")
    print("✓", claim)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "broadcast.db"
        asyncio.run(run(path, Chat(path.with_suffix(".delivered"))))
