"""Batches, schedules, templates and quick workflows, and the import path of bots that hand over every message."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import syncara.modules.process_shortcode as module
from syncara import ExecutionStatus, MultiStepProcessor, NonRetryableError, ValidationError
from syncara.abc import ExecutionInput, StepInput
from syncara.answers import Language
from syncara.shortcodes.outcome import Reply
from syncara.testing import FakeClock
from tests.replies.support import Chats

CREATE = '[MULTISTEP:CREATE_WORKFLOW:Tea]\n[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"boiling"}]\n'
ASK = '[MULTISTEP:CREATE_WORKFLOW:News]\n[MULTISTEP:ADD_STEP:workflow_id:Ask:api_call:{"url":"https://example.com"}]\n'


class Message:
    """A message of a chat library."""

    class chat:  # noqa: N801 - as the library writes it
        id = 5

    class from_user:  # noqa: N801
        id = 7

    id = 42


async def double(step: StepInput, execution: ExecutionInput) -> Any:
    """Twice the item; no item is a failure."""
    if "item" not in step.params:
        raise NonRetryableError("there is no item")
    return step.params["item"] * 2


async def batch(bot: MultiStepProcessor, items: list[Any], size: int = 50) -> Reply:
    bot.register_handler("double", double, ai=True)
    return await bot.process_reply(f"[MULTISTEP:BATCH_PROCESS:double:{json.dumps(items)}:{size}]", chat_id=5)


async def test_a_batch_takes_items_of_any_shape(bot: MultiStepProcessor) -> None:
    """Each item has a result of its own, and one that fails leaves the others alone."""
    reply = await batch(bot, [1, "a", [2], {"no": "item"}])
    run = await bot.wait(reply.execution_ids[0], 30)

    assert ExecutionStatus.COMPLETED_WITH_ERRORS == run.status
    assert [2, "aa", [2, 2], None] == [step.result and step.result.data for step in run.steps.values()]
    assert ["completed"] * 3 + ["failed"] == [str(step.status) for step in run.steps.values()]


@pytest.mark.parametrize(
    ("code", "params"),
    [
        ('log:["Bayam 5 ikat","Tempe 20 papan"]:3', [{"message": "Bayam 5 ikat"}, {"message": "Tempe 20 papan"}]),
        ('send_message:["Hello",{"text":"Hi"}]', [{"text": "Hello"}, {"text": "Hi"}]),
        ('send_message:["Ketik /daftar <nama>"]', [{"text": "Ketik /daftar <nama>"}]),
        ("delay:[0,0.01]", [{"seconds": 0}, {"seconds": 0.01}]),
    ],
)
async def test_an_item_can_be_the_value_of_the_only_param_that_is_needed(
    bot: MultiStepProcessor, code: str, params: list[dict[str, Any]]
) -> None:
    """There is only one that it can be."""
    reply = await bot.process_reply(f"[MULTISTEP:BATCH_PROCESS:{code}]", chat_id=5)
    run = await bot.wait(reply.execution_ids[0], 30)

    assert ExecutionStatus.COMPLETED == run.status
    assert params == [step.params for step in bot.get_workflow(run.workflow_id).steps]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('set_context:["a"]', "invalid_params"),
        ('log:["Halo <nama>"]', "blank"),
        ('get_context:["`<key>`"]', "blank"),
    ],
)
async def test_an_item_that_cannot_be_meant_so_is_refused(bot: MultiStepProcessor, code: str, found: str) -> None:
    """It may be several params, or is a blank that nobody filled in."""
    errors = bot.check_reply(f"[MULTISTEP:BATCH_PROCESS:{code}]", chat_id=5).errors

    assert {found} == {each.code for each in errors}


async def test_a_batch_may_have_ten_thousand_items(bot: MultiStepProcessor) -> None:
    """All of them run, and each result is kept."""
    reply = await batch(bot, list(range(10_000)))
    run = await bot.wait(reply.execution_ids[0], 120)

    assert ExecutionStatus.COMPLETED == run.status
    assert [2 * n for n in range(10_000)] == [step.result and step.result.data for step in run.steps.values()]


@pytest.mark.parametrize(
    ("when", "seconds"), [("300", 300), ("5m", 300), ("1h30m", 5_400), ("2d", 172_800), ("2025-06-15T15:11:40Z", 300)]
)
async def test_a_start_may_lie_ahead(tmp_path: Path, when: str, seconds: float) -> None:
    """A number of seconds, a duration, or an ISO time."""
    clock = FakeClock(1_750_000_000)  # 2025-06-15T15:06:40Z
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats(), clock=clock) as bot:
        when = when.replace(":", "\\:")
        reply = await bot.process_reply(f"{CREATE}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:{when}]", chat_id=5)
        run = bot.get_execution(reply.execution_ids[0])

    assert (ExecutionStatus.SCHEDULED, seconds) == (run.status, (run.start_at or 0) - run.created_at)


async def test_a_scheduled_start_survives_a_restart_and_can_be_taken_back(database: Path) -> None:
    """It is listed, and UNSCHEDULE ends it before it begins."""
    async with MultiStepProcessor(database, messenger=Chats()) as bot:
        reply = await bot.process_reply(f"{CREATE}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:1h]", chat_id=5)
    async with MultiStepProcessor(database, messenger=Chats()) as bot:
        listed = await bot.process_reply("[MULTISTEP:LIST_EXECUTIONS:scheduled]", chat_id=5)
        taken = await bot.process_reply("[MULTISTEP:UNSCHEDULE:execution_id]", chat_id=5)
        run = bot.get_execution(reply.execution_ids[0])
        again = await bot.process_reply("[MULTISTEP:UNSCHEDULE:execution_id]", chat_id=5)

    assert reply.execution_ids[0] in listed.text
    assert (True, ExecutionStatus.CANCELLED) == (taken.ok, run.status)
    assert ["not_scheduled"] == [problem.code for problem in again.errors]


@pytest.mark.parametrize(
    ("language", "why"),
    [("en", "it does not wait for a time to start"), ("id", "tidak sedang menunggu waktu mulai")],
)
async def test_what_does_not_wait_for_its_time_is_not_said_to_have_started(
    bot: MultiStepProcessor, language: Language, why: str
) -> None:
    """A run that was cancelled before its time never began."""
    await bot.process_reply(f"{CREATE}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:1h]", chat_id=5)
    await bot.process_reply("[MULTISTEP:CANCEL:execution_id]", chat_id=5)

    again = await bot.process_reply("[MULTISTEP:UNSCHEDULE:execution_id]", chat_id=5, language=language)

    assert (False, True) == (again.ok, why in again.text)


@pytest.mark.parametrize(
    "when",
    ["yesterday", "2020-01-01T00\\:00\\:00Z", "-5", "5 bananas", f"{'9' * 400}s", f"{'9' * 5_000}m", f"{'9' * 9}d"],
)
async def test_a_start_that_is_no_time_ahead_is_refused(bot: MultiStepProcessor, when: str) -> None:
    """Nothing is made, not even the workflow."""
    reply = await bot.process_reply(f"{CREATE}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:{when}]", chat_id=5)

    assert not reply.ok
    assert [] == bot.list_workflows()


async def test_what_is_scheduled_says_when_it_starts(tmp_path: Path) -> None:
    """In the list, the status, a sentence, and as what it waits for."""
    async with MultiStepProcessor(tmp_path / "bot.db", messenger=Chats(), clock=FakeClock(1_750_000_000)) as bot:
        await bot.process_reply(f"{CREATE}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:1h]", chat_id=5)
        looks = "LIST_EXECUTIONS", "STATUS:execution_id", "PROGRESS:execution_id", "WHY:execution_id"
        reply = await bot.process_reply("".join(f"[MULTISTEP:{look}]\n" for look in looks), chat_id=5)
        inline = await bot.process_reply("It is [MULTISTEP:STATUS:execution_id] so far.", chat_id=5)

    assert [True] * 5 == ["starts at 2025-06-15 16:06 UTC" in one.text for one in (*reply.outcomes, *inline.outcomes)]
    assert "nothing is being waited for" not in reply.text


@pytest.mark.parametrize(
    "before",
    [
        f"{CREATE}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:1h]\n[MULTISTEP:PAUSE:execution_id]",
        f"{ASK}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:1h]",
    ],
    ids=["paused", "awaiting approval"],
)
async def test_a_start_that_is_held_up_can_be_taken_back(bot: MultiStepProcessor, before: str) -> None:
    """A run that is paused, or waits for approval, before its time has not started either."""
    made = await bot.process_reply(before, chat_id=5)
    taken = await bot.process_reply("[MULTISTEP:UNSCHEDULE:execution_id]", chat_id=5)

    assert (True, True) == (made.ok, taken.ok)
    assert ExecutionStatus.CANCELLED == bot.get_execution(made.execution_ids[0]).status


async def test_a_start_taken_back_in_the_same_reply_is_not_said_to_have_happened(bot: MultiStepProcessor) -> None:
    """The answer to the schedule tells its time."""
    text = f"{CREATE}[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:1h]\n[MULTISTEP:UNSCHEDULE:execution_id]"
    reply = await bot.process_reply(text, chat_id=5)

    assert "will start at" in reply.outcomes[2].text
    assert ExecutionStatus.CANCELLED == bot.get_execution(reply.execution_ids[0]).status


async def test_a_quick_workflow_follows_its_dependencies(bot: MultiStepProcessor) -> None:
    """Side by side without them; forward references are allowed."""
    steps = [
        {"name": "Last", "handler": "log", "params": {"message": "b"}, "dependencies": ["First"]},
        {"name": "First", "handler": "log", "params": {"message": "a"}, "retries": 1},
    ]
    reply = await bot.process_reply(f"[MULTISTEP:QUICK_WORKFLOW:Two:{json.dumps(steps)}]", chat_id=5)
    run = await bot.wait(reply.execution_ids[0], 10)
    last, first = bot.get_workflow(run.workflow_id).steps

    assert ((first.id,), 1, ExecutionStatus.COMPLETED) == (last.dependencies, first.retry_count, run.status)


async def test_retries_have_one_name_in_a_step(bot: MultiStepProcessor) -> None:
    """Given under both of its names, none of them is dropped in silence."""
    step = {"name": "Boil", "handler": "log", "params": {"message": "a"}, "retries": 1, "retry_count": 2}
    reply = await bot.process_reply(f"[MULTISTEP:QUICK_WORKFLOW:Two:{json.dumps([step])}]", chat_id=5)

    assert ["unknown_field"] == [problem.code for problem in reply.errors]


@pytest.mark.parametrize("sequential", ["false", "true"])
async def test_each_item_of_a_list_that_is_no_step_is_reported(bot: MultiStepProcessor, sequential: str) -> None:
    """Beside everything else that is wrong with the list."""
    boil = {"name": "Boil", "handler": "lgo", "params": {"message": "a"}}
    steps = ["Tea", boil, {"handler": "log"}, 5, {"name": "Pour", "handler": "log", "timeout": -1}]
    text = f"[MULTISTEP:QUICK_WORKFLOW:Two:{json.dumps(steps)}:sequential={sequential}]"
    reply = await bot.process_reply(text, chat_id=5)

    assert {
        ("wrong_type", "step 1 of the list, steps"),
        ("unknown_handler", "step 'Boil', field 'handler'"),
        ("missing_field", "step 3 of the list, step None"),
        ("invalid_params", "step 'step 3 of the list', field 'params'"),
        ("wrong_type", "step 4 of the list, steps"),
        ("wrong_type", "step 5 of the list, step 'Pour', field 'timeout'"),
        ("invalid_params", "step 'Pour', field 'params'"),
    } == {(problem.code, problem.where) for problem in reply.errors}
    assert [] == bot.list_workflows()


async def test_a_step_of_a_list_that_cannot_be_read_hides_no_other_problem(bot: MultiStepProcessor) -> None:
    """Its other fields are judged, those of unnamed and duplicate steps too, and so are the other steps."""
    steps = [
        {
            "name": "Boil",
            "handler": "delay",
            "params": {"second": 5},
            "condition": "context.x >",
            "dependencies": ["X"],
        },
        {"name": "Pour", "handler": "log", "params": {"message": "a"}, "dependencies": ["Bol"]},
        {"name": "Pour", "handler": "stir", "params": {}},
        {"name": "Sip", "handler": "log", "params": 5, "dependencies": ["step3"]},
        {"name": "Rest", "handler": "log", "params": {"message": "a"}, "dependencies": "Y", "run_when": "any_failed"},
    ]
    reply = await bot.process_reply(f"[MULTISTEP:QUICK_WORKFLOW:Two:{json.dumps(steps)}]", chat_id=5)

    assert sorted(
        [
            ("invalid_params", "step 'Boil', field 'params'"),
            ("invalid_params", "step 'Boil', field 'params'"),
            ("syntax", "step 1 of the list, step 'Boil', field 'condition', column 12"),
            ("unknown_dependency", "step 'Boil', field 'dependencies'"),
            ("unknown_dependency", "step 'Pour', field 'dependencies'"),
            ("duplicate_step", "step 3 of the list, step 'Pour'"),
            ("unknown_handler", "step 'step 3 of the list', field 'handler'"),
            ("wrong_type", "step 4 of the list, step 'Sip', field 'params'"),
            ("wrong_type", "step 5 of the list, step 'Rest', field 'dependencies'"),
        ]
    ) == sorted((each.code, each.where) for each in reply.errors)


async def test_a_step_that_cannot_be_added_hides_no_other_problem(bot: MultiStepProcessor) -> None:
    """Its condition cannot be read, and its params are wrong as well."""
    step = '[MULTISTEP:ADD_STEP:workflow_id:Pour:log:{"mesage":"a"}:Boil:condition=context.x >]'
    reply = await bot.process_reply(CREATE + step, chat_id=5)

    assert ["invalid_params", "invalid_params", "syntax"] == sorted(problem.code for problem in reply.errors)


async def test_a_step_after_one_without_a_name_waits_for_nothing(bot: MultiStepProcessor) -> None:
    """The name that is missing is the only problem, in a definition of the program's too."""
    steps = [{"handler": "log", "params": {"message": "a"}}, {"name": "Pour", "handler": "log", "params": {}}]
    with pytest.raises(ValidationError) as caught:
        bot.create_quick("Two", [*steps, "Drink"], sequential=True)  # type: ignore[list-item]

    assert ["missing_field", "wrong_type"] == [problem.code for problem in caught.value.problems]


async def test_the_path_of_bots_that_hand_over_every_message(
    bot: MultiStepProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chat, user and message are read from the library's message; the answer is text."""
    monkeypatch.setattr(module, "multi_step_processor", bot)

    text = await module.process_shortcode(object(), Message(), f"Here:\n{CREATE}[MULTISTEP:EXECUTE:workflow_id]")
    run = bot.list_executions()[0]

    assert (5, 7, 42) == (run.chat_id, run.user_id, run.message_id)
    assert text.startswith("Here:\n")
    assert "[MULTISTEP" not in text


async def test_a_message_id_may_have_its_other_name(bot: MultiStepProcessor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some libraries call it `message_id`; the message acts once there too."""
    monkeypatch.setattr(module, "multi_step_processor", bot)
    message = SimpleNamespace(message_id=43)

    first = await module.process_shortcode(None, message, CREATE)

    assert first == await module.process_shortcode(None, message, CREATE)
    assert 1 == len(bot.list_workflows())


async def test_a_message_without_chat_or_user_will_do(bot: MultiStepProcessor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library does not have is not needed."""
    monkeypatch.setattr(module, "multi_step_processor", bot)

    assert "Tea" in await module.process_shortcode(None, object(), CREATE)
