"""The process that the rig kills: `python -m tests.acceptance.rig_worker EXAMPLE DATABASE EFFECTS MOMENT TABLE`.

It starts the example's run, or goes on with it; prints `held` at the moment, else the run's final status.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from syncara import MultiStepProcessor
from syncara.documents.embedded import EmbeddedDocuments
from syncara.stores.sqlite import SqliteStore
from tests.acceptance.rig_effects import Effects
from tests.acceptance.rig_examples import USER, examples


class Noted:
    """Writes down what built-in handlers do, under the name of the step that they do it for."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects
        self.names: dict[str, str] = {}
        """Step names by step id, with which an idempotency key ends."""

    def during(self, key: str | None) -> Any:
        assert key is not None
        return self.effects.during(self.names[key.partition(":")[2]], None, key)


class NotedMessenger(Noted):
    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> None:
        with self.during(idempotency_key):
            await asyncio.sleep(0)

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None: ...

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None: ...


class NotedNotifier(Noted):
    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        with self.during(idempotency_key):
            await asyncio.sleep(0)


class NotedDocuments(EmbeddedDocuments):
    """The embedded documents, with a line before and after each write."""

    def __init__(self, store: SqliteStore, noted: Noted) -> None:
        super().__init__(store.file)
        self._noted = noted

    async def insert(
        self, collection: str, documents: list[dict[str, Any]], *, key: str | None = None, scope: str = ""
    ) -> dict[str, Any]:
        with self._noted.during(key):
            return await super().insert(collection, documents, key=key, scope=scope)

    async def update(
        self, collection: str, query: dict[str, Any], changes: dict[str, Any], *, key: str | None = None, **more: Any
    ) -> dict[str, Any]:
        with self._noted.during(key):
            return await super().update(collection, query, changes, key=key, **more)


async def main(name: str, database: str, effects_path: str, moment: str, table: str) -> None:
    example = examples(table)[name]
    effects = Effects(effects_path, moment)
    store = SqliteStore(database)
    await store.file.write(lambda connection: connection.set_trace_callback(effects.trace))
    messenger, notifier = NotedMessenger(effects), NotedNotifier(effects)
    messenger.names = notifier.names
    processor = MultiStepProcessor(
        store=store, messenger=messenger, notifier=notifier, documents=NotedDocuments(store, notifier)
    )
    example.register(processor, effects)
    known = processor.list_workflows()
    workflow_id = known[0].id if known else processor.define(example.definition)
    for step in processor.get_workflow(workflow_id).steps:
        notifier.names[step.id] = step.name
    async with processor:
        execution_id = await processor.execute_workflow(
            workflow_id, {"user_id": USER}, user_id=USER, chat_id=USER, idempotency_key="the run"
        )
        ended = await processor.wait(execution_id)
        print(ended.status, flush=True)


asyncio.run(main(*sys.argv[1:]))
