"""What the tests of replies share."""

from __future__ import annotations

import asyncio
from typing import Any

from syncara import MultiStepProcessor


class Chats:
    """A Messenger that keeps what it was told, and can be out of order."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, str]] = []
        self.keys: list[str] = []
        self.pinned: list[tuple[Any, Any]] = []
        self.fails = 0
        """How many sends fail before one works."""
        self._news = asyncio.Event()

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> int:
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the chat cannot be reached")
        self.sent.append((chat_id, text))
        self.keys.append(idempotency_key)
        self._news.set()
        return len(self.sent)

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None:
        raise NotImplementedError

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None:
        self.pinned.append((chat_id, message_id))

    async def until(self, count: int) -> list[tuple[Any, str]]:
        """The first `count` messages, once there are so many."""
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                self._news.clear()
                await self._news.wait()
        return self.sent[:count]

    def to(self, chat_id: Any) -> list[str]:
        return [text for chat, text in self.sent if chat == chat_id]


def traces(bot: MultiStepProcessor) -> tuple[int, int, int]:
    """How many definitions, executions and facts there are."""
    runs = bot.list_executions(limit=1_000)
    return len(bot.list_workflows(limit=1_000)), len(runs), sum(len(bot.get_history(run.id)) for run in runs)
