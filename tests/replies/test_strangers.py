"""Who is no member of a chat learns from no refusal what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncara import MultiStepProcessor
from syncara.policy.policy import read
from tests.replies.support import Chats

CHAT, MEMBER, STRANGER = 5, 7, 9
SALARIES = {"operation": "read", "file_path": "/srv/salaries/{context.month}.csv"}
"""What the developer may write, and an assistant may not."""


@pytest.mark.parametrize(
    "code",
    [
        '[MULTISTEP:ADD_STEP:Payroll:X:log:{"message":"a"}]',
        "[MULTISTEP:EXECUTE:Payroll]",
        "[MULTISTEP:SHOW:Payroll]",
        "[MULTISTEP:PREVIEW:Payroll]",
        '[MULTISTEP:CREATE_WORKFLOW:Y]\n[MULTISTEP:ADD_STEP:Payroll:X:log:{"message":"a"}:Send]',
    ],
)
async def test_a_stranger_learns_nothing_of_a_definition(database: Path, chats: Chats, code: str) -> None:
    """Not from what is wrong with it either: the answer is the same where there is none."""
    async with MultiStepProcessor(database, messenger=chats, policy=read({"members": [MEMBER]})) as bot:
        await bot.give_command("MULTISTEP:CREATE_WORKFLOW", {"name": "Payroll"}, chat_id=CHAT)
        step = {"workflow_id": "Payroll", "name": "Send", "handler": "file_operation", "params": SALARIES}
        await bot.give_command("MULTISTEP:ADD_STEP", step, chat_id=CHAT)
        there = await bot.process_reply(code, chat_id=CHAT, user_id=STRANGER)
        other = await bot.process_reply(code.replace("Payroll", "Nothing"), chat_id=CHAT, user_id=STRANGER)

    assert {"not_allowed"} == {problem.code for problem in there.errors}
    assert there.text == other.text
    assert str(there.note).replace("Payroll", "Nothing").replace("^", "") == str(other.note).replace("^", "")


async def test_a_stranger_does_not_teach_a_chat_its_language(database: Path, chats: Chats) -> None:
    """It goes on as before."""
    async with MultiStepProcessor(database, messenger=chats, policy=read({"members": [MEMBER]})) as bot:
        await bot.process_reply("I will look at what there is, and then I will tell you.", chat_id=CHAT, user_id=MEMBER)
        asked = "Baik, nanti saya lihat dulu dan saya kabari kamu.\n[MULTISTEP:LIST_WORKFLOWS:]"
        await bot.process_reply(asked, chat_id=CHAT, user_id=STRANGER)
        reply = await bot.process_reply("[MULTISTEP:LIST_WORKFLOWS:]", chat_id=CHAT, user_id=MEMBER)

    assert "There are no workflows here." == reply.text
