"""What a reader of the model's instructions writes does what people wished for."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from syncara import Documents, Execution, MultiStepProcessor, Reply, Workflow
from syncara.stores.memory import MemoryStore
from syncara.testing import FakeClock, VirtualLoop
from tests.replies.support import Chats

FOLDER = Path(__file__).with_name("wishes")
WISHES: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "wishes.toml").read_text("utf-8"))
READERS = ("first", "second")
CHAT = 7
WAIT = '[MULTISTEP:QUICK_WORKFLOW:Wait:[{"name":"Wait","handler":"delay","params":{"seconds":600}}]]'
SKIP = '[MULTISTEP:QUICK_WORKFLOW:Skip:[{"name":"NAME","handler":"log","params":{"message":"x"},"condition":"False"}]]'


class Timed(Chats):
    """Remembers when each message went out, but for announcements and questions."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.at: list[tuple[float, str, str]] = []

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> int:
        if ":announce:" not in idempotency_key:
            assert CHAT == chat_id
            self.at.append((self._clock.elapsed, "sends", text))
        return await super().send(chat_id, text, idempotency_key=idempotency_key)


class Shelf:
    """Documents in memory, found by equal fields, for a loop whose time jumps."""

    def __init__(self, collections: dict[str, list[dict[str, Any]]]) -> None:
        self.collections = {name: [dict(each) for each in documents] for name, documents in collections.items()}

    async def find(self, collection: str, query: dict[str, Any], **rest: Any) -> list[dict[str, Any]]:
        return [dict(each) for each in self._matching(collection, query)]

    async def insert(self, collection: str, documents: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
        self.collections.setdefault(collection, []).extend(documents)
        return {"inserted_ids": [str(number) for number, _ in enumerate(documents)]}

    async def update(
        self, collection: str, query: dict[str, Any], changes: dict[str, Any], **rest: Any
    ) -> dict[str, Any]:
        found = self._matching(collection, query)
        for each in found:
            each.update(changes.get("$set", changes))
        return {"matched": len(found), "modified": len(found)}

    def _matching(self, collection: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        held = self.collections.get(collection, [])
        return [each for each in held if all(each.get(name) == value for name, value in query.items())]

    async def close(self) -> None:
        pass


class Wished(msgspec.Struct):
    """What came of the reply to a wish."""

    reply: Reply
    before: Execution | None
    """The run that there was before, as it is now."""
    happened: list[tuple[float, str, str]]
    workflow: Workflow | None
    waits: Sequence[tuple[str, str, Any]]
    """The effects that a person is asked about."""


async def fetch(step: Any, execution: Any) -> dict[str, Any]:
    """In the place of a call of the web that works."""
    return {"status": 200, "headers": {}, "body": {"up": True}}


async def fetch_nothing(step: Any, execution: Any) -> None:
    """In the place of one that does not."""
    raise ConnectionError("the service is down")


async def carried_out(text: str, wish: dict[str, Any], clock: FakeClock, shelf: Shelf) -> Wished:
    chats = Timed(clock)
    documents = cast(Documents, shelf)
    async with MultiStepProcessor(store=MemoryStore(), messenger=chats, documents=documents, clock=clock) as bot:
        bot.register_handler("fetch", fetch_nothing if wish.get("down") else fetch, ai=True)
        setup = WAIT if wish.get("running") else SKIP.replace("NAME", wish["skipped"]) if "skipped" in wish else ""
        earlier = (await bot.process_reply(setup, chat_id=CHAT, user_id=CHAT)).execution_ids
        reply = await bot.process_reply(text, chat_id=CHAT, user_id=CHAT, message_id=1)
        waits = [(e.kind, e.operation, e.address) for each in bot.list_approvals() for e in each.effects]
        runs = reply.execution_ids
        if waits:  # the web stays out of it: the same plan, with something else in the place of the call
            plan = msgspec.to_builtins(bot.get_workflow(bot.get_execution(runs[0]).workflow_id))
            for step in plan["steps"]:
                step["handler"] = {"api_call": "fetch"}.get(step["handler"], step["handler"])
            runs = (await bot.execute_workflow(bot.define(plan), chat_id=CHAT),)
        ended = [await bot.wait(run) for run in runs]
        began = clock.now() - clock.elapsed
        happened: list[tuple[float, str, str]] = [
            *chats.at,
            *(
                (line.at - began, "logs", line.message)
                for run in ended
                for line in bot.get_log(run.id)
                if line.step is not None and any(s.handler == "log" and s.name == line.step for s in steps(bot, run))
            ),
        ]
        workflow = bot.get_workflow(ended[0].workflow_id) if ended else None
        return Wished(reply, bot.get_execution(earlier[0]) if earlier else None, happened, workflow, waits)


def steps(bot: MultiStepProcessor, run: Execution) -> tuple[Any, ...]:
    return bot.get_workflow(run.workflow_id).steps


def as_wished(happened: list[tuple[float, str, str]], wanted: list[list[Any]], within_s: float = 0.5) -> bool:
    """Whether exactly this happened, each at its time, in whatever order at the same time."""
    left = sorted(happened)
    for at, what, words in wanted:
        found = [each for each in left if each[1] == what and words in each[2] and abs(each[0] - at) < within_s]
        if not found:
            return False
        left.remove(found[0])
    return not [each for each in left if each[1] == "sends"]


@pytest.mark.parametrize("name", WISHES)
@pytest.mark.parametrize("reader", READERS)
def test_a_wish_comes_true(reader: str, name: str) -> None:
    """The reply is carried out at the first try, and what it does, and when, is what was wished for."""
    wish, clock = WISHES[name], FakeClock()
    text = (FOLDER / reader / f"{wish.get('reply', name)}.md").read_text("utf-8")
    shelf, loop = Shelf(wish.get("before", {})), VirtualLoop(clock)
    try:
        came = loop.run_until_complete(carried_out(text, wish, clock, shelf))
    finally:
        loop.discard()

    assert came.reply.ok, came.reply.note
    assert as_wished(came.happened, wish.get("happens", []), wish.get("within", 0.5)), came.happened
    if "documents" in wish:
        plain = [{k: v for k, v in each.items() if k != "_id"} for held in shelf.collections.values() for each in held]
        assert [each for held in wish["documents"].values() for each in held] == plain
    if "waits" in wish:
        assert [tuple(wish["waits"].values())] == came.waits
    if "at_once" in wish:
        assert came.workflow is not None
        assert wish["at_once"] == came.workflow.max_parallel_steps
    if "becomes" in wish:
        assert came.before is not None
        assert wish["becomes"] == came.before.status
    if "reads" in wish:
        (outcome,) = came.reply.outcomes
        assert outcome.shortcode.partition(":")[2] in wish["reads"]
