"""What a chat reads of a run that waits for an approval, and of one that nobody there may give."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor
from syncara.policy.policy import read
from tests.replies.support import Chats

PERSON, GROUP, OWNER = 7, -100, 1
WRITE = (
    '[MULTISTEP:QUICK_WORKFLOW:Note:[{"name":"Write","handler":"file_operation",'
    '"params":{"operation":"write","file_path":"a.txt","content":"hello"}}]]'
)
TELL = (
    '[MULTISTEP:QUICK_WORKFLOW:Tell:[{"name":"Tell 1","handler":"send_message","params":{"text":"Hello"}},'
    '{"name":"Tell 2","handler":"send_message","params":{"text":"Hello","chat_id":6}}]]'
)
NOBODY = (
    "🚫 Nobody is set who may approve it. The bot's owner can name owners, or approvers of this chat, in its policy."
)
BEYOND = "Tell 2 reaches beyond this chat, so whoever asked may not approve it."


class Buttons(Chats):
    """A messenger with buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def ask(self, chat_id: Any, text: str, approval_id: str, *, idempotency_key: str) -> None:
        self.asked.append(approval_id)
        await self.send(chat_id, text, idempotency_key=idempotency_key)


@pytest.fixture
def chats() -> Buttons:
    return Buttons()


@pytest.fixture
async def bot(tmp_path: Path, chats: Buttons) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=chats, workspace=tmp_path / "files") as started:
        yield started


@pytest.mark.parametrize(
    ("reply", "chat_id", "why"), [(WRITE, GROUP, [NOBODY]), (TELL, PERSON, [NOBODY, BEYOND]), (WRITE, PERSON, [])]
)
async def test_a_question_that_nobody_in_the_chat_can_answer_says_so_and_has_no_buttons(
    bot: MultiStepProcessor, chats: Buttons, reply: str, chat_id: int, why: list[str]
) -> None:
    """As the reply does: in a group without approvers, and for what reaches beyond a private chat."""
    started = await bot.process_reply(reply, chat_id=chat_id, user_id=PERSON)
    ((_, question),) = await chats.until(1)

    assert [[line in text.splitlines() for line in (NOBODY, BEYOND)] for text in (started.text, question)] == [
        [line in why for line in (NOBODY, BEYOND)]
    ] * 2
    assert ([] if why else list(started.approval_ids)) == chats.asked
    assert bool(why) is (f"syncara approve {started.approval_ids[0]}" in question)


@pytest.mark.parametrize("code", ["STATUS", "WHY"])
async def test_a_run_that_waits_for_an_approval_says_for_whose_until_when_and_its_id(
    tmp_path: Path, chats: Buttons, code: str
) -> None:
    """The words of the question; in the reply that starts it, and later."""
    policy = read({"owners": [OWNER]})
    look = f"[MULTISTEP:{code}:execution_id]"
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=chats, policy=policy, workspace=tmp_path) as bot:
        first = await bot.process_reply(f"{WRITE}\n{look}", chat_id=GROUP, user_id=PERSON)
        later = await bot.process_reply(look, chat_id=GROUP, user_id=PERSON)
        ((_, question),) = await chats.until(1)
        await bot.approve(first.approval_ids[0], user_id=OWNER)
        await bot.wait(first.execution_ids[0], 10)
        ended = await bot.process_reply(look, chat_id=GROUP, user_id=PERSON)

    told = [line for line in question.splitlines() if first.approval_ids[0] in line]
    assert [[*told, f"✋ Who may approve: {OWNER}"]] * 2 == [
        each.outcomes[-1].text.splitlines()[-2:] for each in (first, later)
    ]
    assert "answer by" in told[0]
    assert first.approval_ids[0] not in ended.text


async def test_a_run_that_nobody_may_approve_says_that_when_it_is_asked_why(bot: MultiStepProcessor) -> None:
    """A step of it tells the same."""
    await bot.process_reply(TELL, chat_id=PERSON, user_id=PERSON)

    texts = [
        (await bot.process_reply(f"[MULTISTEP:WHY:execution_id{step}]", chat_id=PERSON, user_id=PERSON)).text
        for step in ("", ":Tell 2")
    ]

    assert [[NOBODY, BEYOND]] * 2 == [text.splitlines()[-2:] for text in texts]
