"""A chat is told how the runs end that its replies started."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor, NonRetryableError, Policy
from syncara.abc import ExecutionInput, StepInput
from syncara.answers import FORMS, Form
from syncara.policy.policy import read
from tests.integration.support import Gate
from tests.replies.support import Chats

FAILS = """\
[MULTISTEP:CREATE_WORKFLOW:Bread:Bakes:600:2]
[MULTISTEP:ADD_STEP:workflow_id:Bake:bake:{}:::retries=0:on_crash=ask]
[MULTISTEP:EXECUTE:workflow_id:{}]"""
WORKS = '[MULTISTEP:QUICK_WORKFLOW:Tea:[{"name":"Boil","handler":"log","params":{"message":"x"}}]]'

ASKS = '[MULTISTEP:QUICK_WORKFLOW:T<3:[{"name":"Ask","handler":"api_call","params":{"url":"https://example.com"}}]]'


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


@pytest.mark.parametrize(
    ("form", "begins"),
    [(None, "✅ T<3 is done"), ("html", "✅ <b>T&lt;3</b> is done"), ("markdown", r"✅ **T\<3** is done")],
)
async def test_an_announcement_is_in_the_form_of_the_messenger(database: Path, form: Form | None, begins: str) -> None:
    """Whatever the reply's own is; plain where the messenger has none."""
    for number, of_reply in enumerate(FORMS):
        chats = in_form(form)
        async with MultiStepProcessor(database, messenger=chats) as bot:
            reply = await bot.process_reply(WORKS.replace("Tea", "T<3"), chat_id=number, form=of_reply)
            ((_, text),) = await chats.until(1)

        assert (of_reply, begins) == (reply.form, text[: len(begins)])


@pytest.mark.parametrize(("form", "named"), [(None, "T<3"), ("html", "<b>T&lt;3</b>"), ("markdown", r"**T\<3**")])
async def test_a_question_is_in_the_form_of_the_messenger(database: Path, form: Form | None, named: str) -> None:
    """With buttons or without them."""
    for kind in (Chats, Asking):
        chats = in_form(form, kind)
        async with MultiStepProcessor(database, messenger=chats, policy=Policy(owners=(7,))) as bot:
            await bot.process_reply(ASKS, chat_id=5, form="plain" if form else "html")
            ((_, text),) = await chats.until(1)

        assert (True, kind is Chats) == (named in text.splitlines()[0], "syncara approve" in text)


class Asking(Chats):
    """With buttons."""

    async def ask(self, chat_id: Any, text: str, approval_id: str, *, idempotency_key: str) -> None:
        await self.send(chat_id, text, idempotency_key=idempotency_key)


def in_form(form: Form | None, kind: type[Chats] = Chats) -> Chats:
    """A messenger with that form, or without the attribute."""
    chats = kind()
    if form is not None:
        chats.form = form  # type: ignore[attr-defined]
    return chats


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


async def test_each_time_that_a_step_waits_is_announced(database: Path) -> None:
    """Who has answered once is asked again when the program ends in the middle of the step a second time."""
    keys: list[str] = []
    for _ in range(3):
        chats, gate = Chats(), Gate()
        async with MultiStepProcessor(database, messenger=chats) as bot:
            bot.register_handler("bake", gate, ai=True)
            if not bot.list_executions():
                await bot.process_reply(FAILS, chat_id=5)
            else:
                await chats.until(1)
                keys += chats.keys
                await bot.resolve_step(bot.list_executions()[0].id, "Bake", "retry")
            await gate.begun.wait()

    assert 2 == len(set(keys)) == len(keys)


async def test_a_chat_that_hangs_does_not_hold_up_the_others(database: Path) -> None:
    """Each chat gets its lines one after another, and waits for no other chat."""
    chats, told = Chats(), asyncio.Event()
    send = chats.send

    async def slow(chat_id: Any, text: str, *, idempotency_key: str) -> int:
        if chat_id == 1:
            await told.wait()
        return await send(chat_id, text, idempotency_key=idempotency_key)

    chats.send = slow  # type: ignore[method-assign]
    async with MultiStepProcessor(database, messenger=chats) as bot:
        for chat_id in (1, 1, 2):
            reply = await bot.process_reply(WORKS, chat_id=chat_id)
            await bot.wait(reply.execution_ids[0], 10)
        first = await chats.until(1)
        told.set()
        everything = await chats.until(3)

    assert [2] == [chat for chat, _ in first]
    assert [2, 1, 1] == [chat for chat, _ in everything]


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


async def test_what_one_code_does_outside_is_announced_only_where_it_fails(database: Path, chats: Chats) -> None:
    """A pinned message is seen, and the reply has said that it is being pinned; one that cannot be is news."""
    policy = read({"shortcodes": {"GROUP:PIN_MESSAGE": "allow"}})
    async with MultiStepProcessor(database, messenger=chats, policy=policy) as bot:
        await bot.process_reply("[GROUP:PIN_MESSAGE:1]", chat_id=5)
        await bot.process_reply(WORKS, chat_id=5)
        await chats.until(1)
        chats.pin = unpinnable  # type: ignore[method-assign]
        await bot.process_reply("[GROUP:PIN_MESSAGE:2]", chat_id=5)
        (_, tea), (_, pin) = await chats.until(2)

    assert [(5, 1)] == chats.pinned
    assert tea.startswith("✅ Tea is done")
    assert pin.startswith("❌ GROUP:PIN_MESSAGE failed: step GROUP:PIN_MESSAGE: ")
    assert "no <pins> here" in pin


async def unpinnable(chat_id: Any, message_id: Any, *, idempotency_key: str) -> None:
    raise NonRetryableError("no <pins> here")


async def test_what_one_code_does_outside_is_announced_where_it_waits(database: Path, chats: Chats) -> None:
    """For a person's approval; that it then went well is not."""
    kicked = []

    async def kick(params: str, execution: ExecutionInput) -> None:
        kicked.append(params)

    policy = Policy(owners=(7,))
    async with MultiStepProcessor(database, messenger=chats, policy=policy) as bot:
        bot.register_shortcode("GROUP:KICK", kick)
        reply = await bot.process_reply("[GROUP:KICK:Tom]", chat_id=5)
        await chats.until(1)
        await bot.approve(reply.approval_ids[0], user_id=7)
        await bot.wait(reply.execution_ids[0], 10)
        await bot.process_reply(WORKS, chat_id=5)
        asked, told = await chats.until(2)

    assert (["Tom"], True, True) == (kicked, "syncara approve" in asked[1], "Tea is done" in told[1])


async def test_announcements_can_be_switched_off(database: Path, chats: Chats) -> None:
    """`announce=False` leaves the chat to the bot."""
    async with MultiStepProcessor(database, messenger=chats, announce=False) as bot:
        reply = await bot.process_reply(WORKS, chat_id=5)
        await bot.wait(reply.execution_ids[0], 10)
    async with MultiStepProcessor(database, messenger=chats) as bot:
        await bot.process_reply(WORKS.replace("Tea", "Soup"), chat_id=5)
        ((_, text),) = await chats.until(1)

    assert "Soup" in text


async def test_a_run_of_the_program_is_not_announced(bot: MultiStepProcessor, chats: Chats) -> None:
    """Whoever started it knows how to ask."""
    flow = bot.create_quick("Tea", [{"name": "Boil", "handler": "log", "params": {"message": "x"}}])
    await bot.wait(await bot.execute_workflow(flow, chat_id=5), 10)
    await bot.process_reply(WORKS.replace("Tea", "Soup"), chat_id=5)
    ((_, text),) = await chats.until(1)

    assert "Soup" in text
