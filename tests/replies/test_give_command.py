"""A program gives one command, or asks what is wrong with a reply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncara import MultiStepProcessor, NotFoundError, SyncaraError, ValidationError
from syncara.core.events import StepBlocked, StepErred
from tests.replies.support import Chats, traces

STEPS = [{"name": "Greet", "handler": "log", "params": {"message": "hello"}}]
QUICK = {"name": "Tea", "steps": STEPS}
TEXT = '[MULTISTEP:QUICK_WORKFLOW:Soup:[{"name":"Stir","handler":"log","params":{"message":"x"}}]]'


async def test_a_command_answers_as_its_code_would(bot: MultiStepProcessor) -> None:
    """The same sentence, with the id of what it made; the run is the chat's and the person's."""
    given = await bot.give_command("MULTISTEP:QUICK_WORKFLOW", QUICK, chat_id=5, user_id=7, language="id")
    run = await bot.wait(given.execution_ids[0], 10)
    (outcome,) = given.outcomes

    assert (True, run.id, given.text) == (given.ok, outcome.id, outcome.text)
    assert f"🚀 Tea sudah dijalankan · {run.id}" == given.text
    assert ("completed", 5, 7) == (run.status, run.chat_id, run.user_id)


async def test_a_command_is_the_developers_and_announces_nothing(bot: MultiStepProcessor, chats: Chats) -> None:
    """A reply's workflow is the assistant's, and its chat is told of the end."""
    given = await bot.give_command("MULTISTEP:QUICK_WORKFLOW", QUICK, chat_id=5)
    await bot.wait(given.execution_ids[0], 10)
    reply = await bot.process_reply(TEXT, chat_id=5)
    await bot.wait(reply.execution_ids[0], 10)
    await chats.until(1)

    assert ["developer", "ai"] == [
        bot.get_workflow(bot.get_execution(each.execution_ids[0]).workflow_id).author for each in (given, reply)
    ]
    assert [True] == ["Soup" in text for text in chats.to(5)]


@pytest.mark.parametrize(
    ("shortcode", "fields", "code"),
    [
        ("MULTISTEP:EXCUTE", {}, "unknown_command"),
        ("MULTISTEP:EXECUTE", {"workflow_id": "Nobody"}, "not_found"),
        ("MULTISTEP:EXECUTE", {"workflow": "Tea"}, "unknown_field"),
        ("MULTISTEP:EXECUTE", {}, "missing_field"),
        ("MULTISTEP:EXECUTE", {"workflow_id": 5}, "wrong_type"),
        ("MULTISTEP:QUICK_WORKFLOW", {"name": "Tea", "steps": [{"name": "A", "handler": "lgo"}]}, "unknown_handler"),
        ("MULTISTEP:UNSCHEDULE", {"execution_id": "execution_id"}, "not_found"),
        ("MULTISTEP:LIST_WORKFLOWS", "page", "wrong_type"),
        (None, {}, "wrong_type"),
    ],
)
async def test_what_is_wrong_is_raised_and_nothing_is_done(
    bot: MultiStepProcessor, shortcode: Any, fields: Any, code: str
) -> None:
    """With a stable code and a way out."""
    with pytest.raises(SyncaraError) as raised:
        await bot.give_command(shortcode, fields, chat_id=5)

    assert (code, True) == (raised.value.code, raised.value.fix != "")
    assert (0, 0, 0) == traces(bot)


@pytest.mark.parametrize("manner", [{"language": "fr"}, {"form": "pdf"}])
async def test_a_manner_that_there_is_not_is_raised(bot: MultiStepProcessor, manner: dict[str, Any]) -> None:
    """Before anything is done."""
    with pytest.raises(ValidationError, match="there is no"):
        await bot.give_command("MULTISTEP:QUICK_WORKFLOW", QUICK, chat_id=5, **manner)

    assert (0, 0, 0) == traces(bot)


async def test_all_problems_are_raised_together(bot: MultiStepProcessor) -> None:
    """Fields that are unknown, missing and of the wrong type, in one error."""
    with pytest.raises(ValidationError) as raised:
        await bot.give_command("MULTISTEP:EXECUTE", {"workflow": "Tea", "context": 5})

    assert ["unknown_field", "missing_field", "wrong_type"] == [problem.code for problem in raised.value.problems]


async def test_looking_needs_no_runner(bot: MultiStepProcessor, database: Path) -> None:
    """A processor that only reads can answer beside the one that runs; everything else is refused there."""
    given = await bot.give_command("MULTISTEP:QUICK_WORKFLOW", QUICK, chat_id=5)
    await bot.wait(given.execution_ids[0], 10)
    beside = MultiStepProcessor(database, read_only=True)
    status = await beside.give_command("MULTISTEP:STATUS", {}, chat_id=5)
    checked = beside.check_reply("[MULTISTEP:EXECUTE:Tea]", chat_id=5)
    with pytest.raises(NotFoundError):
        await beside.give_command("MULTISTEP:STATUS", {}, chat_id=6)
    with pytest.raises(SyncaraError):
        await beside.give_command("MULTISTEP:EXECUTE", {"workflow_id": "Tea"}, chat_id=5)
    beside.close()

    assert (given.execution_ids[0], True) == (status.outcomes[0].id, "Greet" in status.text)
    assert checked.ok


async def test_hands_off_leaves_a_start_to_the_next_runner(database: Path) -> None:
    """The run is scheduled, and its journal has no trace of a step that could not be tried."""
    async with MultiStepProcessor(database, hands_off=True) as tool:
        given = await tool.give_command("MULTISTEP:QUICK_WORKFLOW", QUICK)
        waiting = tool.get_execution(given.execution_ids[0])
    async with MultiStepProcessor(database) as bot:
        run = await bot.wait(waiting.id, 10)
        history = bot.get_history(run.id)

    assert ("scheduled", "completed") == (waiting.status, run.status)
    assert [] == [event for event in history if isinstance(event, StepErred | StepBlocked)]


async def test_checking_a_reply_does_nothing(bot: MultiStepProcessor) -> None:
    """It says what process_reply would say of the same text, and which codes it would carry out."""
    checked = bot.check_reply(f"Soup!\n{TEXT}", chat_id=5, message_id=1)
    wrong = bot.check_reply(TEXT.replace("log", "lgo"), chat_id=5)

    assert (True, f"Soup!\n{TEXT}", [TEXT]) == (
        checked.ok,
        checked.text,
        [outcome.text for outcome in checked.outcomes],
    )
    assert (1, (0, 0, 0)) == (len(checked.execution_ids), traces(bot))
    assert not wrong.ok
    assert wrong == await bot.process_reply(TEXT.replace("log", "lgo"), chat_id=5)


async def test_checking_a_message_that_acted_tells_what_came_of_it(bot: MultiStepProcessor) -> None:
    """Its runs are the real ones then."""
    text = "[MULTISTEP:CREATE_WORKFLOW:Tea]"
    done = await bot.process_reply(text, chat_id=5, message_id=1)

    assert done == bot.check_reply(text, chat_id=5, message_id=1)
    assert ["message_changed"] == [
        problem.code for problem in bot.check_reply(f"{text} ", chat_id=5, message_id=1).errors
    ]
