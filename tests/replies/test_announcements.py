"""A chat is told how the runs end that its replies started."""

from __future__ import annotations

from pathlib import Path

from syncara import MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from tests.integration.support import Gate
from tests.replies.support import Chats

FAILS = """\
[MULTISTEP:CREATE_WORKFLOW:Bread:Bakes:600:2]
[MULTISTEP:ADD_STEP:workflow_id:Bake:bake:{}:::retries=0:on_crash=ask]
[MULTISTEP:EXECUTE:workflow_id:{}]"""
WORKS = '[MULTISTEP:QUICK_WORKFLOW:Tea:[{"name":"Boil","handler":"log","params":{"message":"x"}}]]'


async def burn(step: StepInput, execution: ExecutionInput) -> None:
    raise RuntimeError("the oven is <hot>")


async def test_a_run_that_completes_is_announced_in_its_chat(bot: MultiStepProcessor, chats: Chats) -> None:
    """One line, in the language of the reply."""
    await bot.process_reply(f"I will make some tea for you now, and that is all.\n{WORKS}", chat_id=5)

    assert [(5, "✅ Tea is done")] == [(chat, text[:13]) for chat, text in await chats.until(1)]


async def test_a_run_that_fails_is_announced_with_the_reason(bot: MultiStepProcessor, chats: Chats) -> None:
    """The first failure, in one line."""
    bot.register_handler("bake", burn, ai=True)
    await bot.process_reply(FAILS, chat_id=5, language="id")

    ((chat, text),) = await chats.until(1)
    assert (5, 1) == (chat, len(text.splitlines()))
    assert "gagal" in text
    assert "the oven is <hot>" in text


async def test_an_announcement_is_sent_again_until_it_arrives(bot: MultiStepProcessor, chats: Chats) -> None:
    """A messenger that is out of order delays the line, under the same key."""
    chats.fails = 1
    await bot.process_reply(WORKS, chat_id=5)

    await chats.until(1)
    assert 1 == len(set(chats.keys))


async def test_an_announcement_survives_a_restart(database: Path, chats: Chats) -> None:
    """What was not told before a stop is told after the next start."""
    gate = Gate()
    async with MultiStepProcessor(database, messenger=Chats()) as bot:
        bot.register_handler("bake", gate, ai=True)
        reply = await bot.process_reply(FAILS, chat_id=5)
        await gate.begun.wait()
    async with MultiStepProcessor(database, messenger=chats) as bot:
        bot.register_handler("bake", burn, ai=True)
        (waits,) = await chats.until(1)
        await bot.resolve_step(reply.execution_ids[0], "Bake", "retry")
        _, ends = await chats.until(2)

    assert ("Bake" in waits[1], "failed" in ends[1]) == (True, True)


async def test_what_was_told_is_not_told_again(database: Path, chats: Chats) -> None:
    """The record of what is owed goes once the line is out."""
    async with MultiStepProcessor(database, messenger=chats) as bot:
        await bot.process_reply(WORKS, chat_id=5)
        await chats.until(1)
        await bot.process_reply(WORKS, chat_id=5)
        await chats.until(2)
    async with MultiStepProcessor(database, messenger=chats) as bot:
        await bot.process_reply(WORKS, chat_id=5)
        await chats.until(3)

    assert 3 == len(set(chats.keys)) == len(chats.keys)


async def test_announcements_can_be_switched_off(database: Path, chats: Chats) -> None:
    """`announce=False` leaves the chat to the bot."""
    async with MultiStepProcessor(database, messenger=chats, announce=False) as bot:
        reply = await bot.process_reply(WORKS, chat_id=5)
        await bot.wait(reply.execution_ids[0], 10)

    assert [] == chats.sent


async def test_a_run_of_the_program_is_not_announced(bot: MultiStepProcessor, chats: Chats) -> None:
    """Whoever started it knows how to ask."""
    flow = bot.create_quick("Tea", [{"name": "Boil", "handler": "log", "params": {"message": "x"}}])
    await bot.wait(await bot.execute_workflow(flow, chat_id=5), 10)
    await bot.process_reply(WORKS, chat_id=5)

    assert 1 == len(await chats.until(1))
