"""PREVIEW in a chat tells what a workflow would do, and nothing happens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor
from syncara.policy.plan import plan_hash
from tests.replies.support import Chats, traces

CHAT, OTHER, USER = -100, -200, 7
MAKE = """
[MULTISTEP:CREATE_WORKFLOW:All of it]
[MULTISTEP:ADD_STEP:workflow_id:Tell:send_message:{"text":"Hi"}]
[MULTISTEP:ADD_STEP:workflow_id:Save:file_operation:{"operation":"write","file_path":"a","content":"x"}:step1]
[MULTISTEP:ADD_STEP:workflow_id:Keep:database_operation:{"operation":"insert","collection":"c","data":{}}]
[MULTISTEP:ADD_STEP:workflow_id:Call:report]
[MULTISTEP:ADD_STEP:workflow_id:Ban:execute_shortcode:{"shortcode":"BOT:BAN","params":"9"}]
"""
PREVIEW = '[MULTISTEP:PREVIEW:workflow_id:{"name":"Ana"}]'


class Bot:
    """A processor, and everything that its steps could do."""

    def __init__(self, folder: Path) -> None:
        self.chats = Chats()
        self.calls: list[str] = []
        self.workspace = folder / "workspace"
        self.processor = MultiStepProcessor(
            folder / "syncara.db", messenger=self.chats, workspace=self.workspace, announce=False
        )
        self.processor.register_handler("report", lambda step, execution: self.calls.append("report"))

        async def ban(params: str, execution: Any) -> None:
            self.calls.append("ban")

        self.processor.register_shortcode("BOT:BAN", ban)

    async def done(self) -> tuple[Any, ...]:
        """All traces of steps: definitions, runs, events, messages, calls, files and documents."""
        documents = await self.processor.documents.find("c", {})
        return *traces(self.processor), self.chats.sent, self.calls, self.workspace.exists(), documents


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    made = Bot(tmp_path)
    async with made.processor:
        yield made


async def test_a_preview_does_nothing(bot: Bot) -> None:
    """It tells of everything; no row, file, message or call comes of it."""
    await bot.processor.process_reply(MAKE, chat_id=CHAT, user_id=USER)
    before = await bot.done()
    reply = await bot.processor.process_reply(PREVIEW, chat_id=CHAT, user_id=USER)

    assert None is reply.note
    told = ("this chat", "the file a", "the collection c", "runs report", "runs BOT:BAN 9")
    assert [] == [words for words in told if words not in reply.text]
    assert (before, (1, 0, 0, [], [], False, [])) == (await bot.done(), before)


async def test_a_preview_is_of_what_the_same_reply_makes(bot: Bot) -> None:
    """With all of its steps, wherever in the reply it stands, and under the hash that the run then has."""
    lines = MAKE.strip().splitlines()
    reply = await bot.processor.process_reply("\n".join([*lines[:2], PREVIEW, *lines[2:]]), chat_id=CHAT, user_id=USER)
    stored = bot.processor.get_workflow(bot.processor.list_workflows()[0].id)

    assert "runs BOT:BAN 9 · Ban" in reply.outcomes[2].text
    assert "↳ Save · file_operation" in reply.outcomes[2].text
    assert f"plan {plan_hash(stored, {'name': 'Ana'}, None)[:12]}" in reply.outcomes[2].text


async def test_a_preview_in_a_sentence_is_one_line(bot: Bot) -> None:
    """What becomes of it, and the hash."""
    await bot.processor.process_reply(MAKE, chat_id=CHAT, user_id=USER)
    reply = await bot.processor.process_reply(f"This would be it: {PREVIEW}.", chat_id=CHAT, user_id=USER)

    assert reply.text.startswith("This would be it: ✋ All of it · needs a person's approval · plan ")
    assert [1] == [len(outcome.text.splitlines()) for outcome in reply.outcomes]


async def test_a_workflow_that_cannot_run_is_told_to_be_so(bot: Bot) -> None:
    """The rest of the reply happens: to look at something wrong is nothing wrong."""
    await bot.processor.process_reply("[MULTISTEP:CREATE_WORKFLOW:Empty]", chat_id=CHAT)
    reply = await bot.processor.process_reply(f"{PREVIEW}\n[MULTISTEP:CREATE_WORKFLOW:Next]", chat_id=CHAT)

    assert (True, 2) == (reply.ok, len(bot.processor.list_workflows()))
    assert "🚫 Empty cannot run: one thing is not right.\n\n🔸 Workflow Empty: it has no steps" in reply.text


async def test_what_is_too_much_for_one_question_is_refused(bot: Bot) -> None:
    """With how many things there are; nothing of the reply happens."""
    steps = [
        {"name": f"S{n}", "handler": "api_call", "params": {"url": f"https://h{n}.example.com"}} for n in range(60)
    ]
    text = f"[MULTISTEP:QUICK_WORKFLOW:Crowd:{json.dumps(steps)}]"
    reply = await bot.processor.process_reply(text, chat_id=CHAT, user_id=USER)
    few = await bot.processor.process_reply(text.replace(json.dumps(steps), json.dumps(steps[:20])), chat_id=CHAT)

    assert (False, ["too_many_effects"], 1) == (reply.ok, [each.code for each in reply.errors], len(few.approval_ids))
    assert "it needs approval for more different things than one question can show" in reply.text
    assert "split it into runs with fewer different effects" in str(reply.note)


async def test_the_workflow_of_another_chat_is_not_there(bot: Bot) -> None:
    """By its name or its id."""
    made = await bot.processor.process_reply(MAKE, chat_id=OTHER, user_id=USER)
    texts = [f"[MULTISTEP:PREVIEW:{ref}]" for ref in ("All of it", str(made.outcomes[0].id), "workflow_id")]
    replies = [await bot.processor.process_reply(text, chat_id=CHAT, user_id=USER) for text in texts]

    assert [["not_found"]] * 3 == [[problem.code for problem in reply.errors] for reply in replies]


async def test_a_context_that_no_run_could_have_is_refused(bot: Bot) -> None:
    """As EXECUTE would."""
    await bot.processor.process_reply(MAKE, chat_id=CHAT, user_id=USER)
    reply = await bot.processor.process_reply('[MULTISTEP:PREVIEW:workflow_id:["Ana"]]', chat_id=CHAT, user_id=USER)

    assert ["wrong_type"] == [problem.code for problem in reply.errors]
