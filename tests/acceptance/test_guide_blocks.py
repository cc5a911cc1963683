"""Every Python block of the guide, unchanged, and what is true after it. TABLE at the end says it block by block.

The checks of the blocks on built-in handlers are in guide_handlers.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import syncara
from syncara import ValidationError
from syncara.core import events as e
from tests.acceptance import guide_handlers as handlers
from tests.acceptance.guide import (
    ACTIVE,
    CHAT,
    GUIDE,
    IDLE,
    Reader,
    assert_gave_up,
    assert_in_a_row,
    content,
    data,
    lasted,
    moment,
    put,
    read_guide,
    said,
    statuses,
    without_id,
)
from tests.acceptance.held_loop import HeldLoop

BLOCKS = 29
"""Python blocks in the guide. TABLE goes by position, so a guide with more or fewer needs another table."""

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside the repository")


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": HeldLoop}


@pytest.fixture
async def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reader]:
    """A reader with a fresh database, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    reader = Reader(tmp_path, read_guide())
    async with reader.processor:
        yield reader


# Getting Started and Workflow Creation.


async def imported(guide: Reader) -> None:
    assert syncara.multi_step_processor is guide.names["multi_step_processor"]


async def first_run(guide: Reader) -> None:
    run = await guide.finish(guide.names["execution_id"])
    log, wait = run.steps.values()

    assert ("My First Workflow", "Simple workflow example") == (guide.workflow.name, guide.workflow.description)
    assert ("completed", 100.0) == (run.status, run.progress)
    assert {"Log Message": "completed", "Wait 2 seconds": "completed"} == statuses(run)
    assert ("info", "Hello World!") in said(guide, run)
    assert (log.id, wait.id) == (guide.names["step1"], guide.names["step2"])
    assert_in_a_row([log, wait])
    assert lasted(wait) >= 2


async def workflow_exists(guide: Reader) -> None:
    workflow = guide.workflow

    assert "Data Processing Pipeline" == workflow.name
    assert "Process user data and send notifications" == workflow.description
    assert (1800, 5, True) == (workflow.global_timeout, workflow.max_parallel_steps, workflow.auto_retry)
    assert {"version": "1.0", "author": "AERIS"} == workflow.metadata
    assert ["empty_workflow"] == [problem.code for problem in guide.processor.validate(workflow.id)]


async def step_waits_for_an_unknown_one(guide: Reader) -> None:
    (step,) = guide.workflow.steps
    (problem,) = guide.processor.validate(guide.workflow.id)
    with pytest.raises(ValidationError) as refused:
        await guide.run()

    assert (guide.names["step_id"], "Process Data", "database_operation") == (step.id, step.name, step.handler)
    assert {"operation": "find", "collection": "users", "query": {"active": True}} == step.params
    assert (300, 3, 5) == (step.timeout, step.retry_count, step.retry_delay)
    assert "context.get('should_process') == True" == step.condition
    assert "unknown_dependency" == problem.code
    assert "step 'Process Data'" in problem.where
    assert "'previous_step_id'" in problem.message
    assert (problem,) == refused.value.problems
    await step_runs_behind_a_step_of_that_name(guide)


async def step_runs_behind_a_step_of_that_name(guide: Reader) -> None:
    await guide.insert("users", ACTIVE, IDLE)
    guide.processor.add_step(guide.workflow.id, "previous_step_id", "log", {"message": "first"})

    found = await guide.run({"should_process": True})
    told_not_to = await guide.run({"should_process": False})
    not_told = await guide.run()

    assert [] == guide.processor.validate(guide.workflow.id)
    assert [ACTIVE] == [without_id(user) for user in data(found, "Process Data")]
    assert_in_a_row([found.steps["previous_step_id"], found.steps["Process Data"]])
    for run in (told_not_to, not_told):
        assert "completed" == run.status
        assert {"Process Data": "skipped", "previous_step_id": "completed"} == statuses(run)
        assert "context.get('should_process') == True" in str(run.steps["Process Data"].reason)


# Step Types.


async def one_after_the_other(guide: Reader) -> None:
    run = await guide.run()
    first, second = guide.workflow.steps

    assert ((), (first.id,)) == (first.dependencies, second.dependencies)
    assert ("completed", {"Step 1": "completed", "Step 2": "completed"}) == (run.status, statuses(run))
    assert [("info", "First step"), ("info", "Second step")] == said(guide, run)
    assert_in_a_row(run.steps.values())


async def all_at_once(guide: Reader) -> None:
    run = await guide.run()
    steps = list(run.steps.values())

    assert ["Parallel Task 1", "Parallel Task 2", "Parallel Task 3"] == [step.name for step in steps]
    assert "completed" == run.status
    assert max(moment(step.started_at) for step in steps) < min(moment(step.finished_at) for step in steps)
    assert all(lasted(step) >= 1 for step in steps)


async def only_when_the_condition_holds(guide: Reader) -> None:
    met = await guide.run({"user_count": 11}, chat_id=CHAT)
    missed = await guide.run({"user_count": 10}, chat_id=CHAT)
    unknown = await guide.run(chat_id=CHAT)

    assert ["completed"] * 3 == [run.status for run in (met, missed, unknown)]
    assert ["completed", "skipped", "skipped"] == [
        run.steps["Conditional Step"].status for run in (met, missed, unknown)
    ]
    assert "context.get('user_count') > 10" in str(missed.steps["Conditional Step"].reason)
    assert [(CHAT, "Condition met!")] == guide.chat.sent


# Advanced Features.


async def custom_handler(guide: Reader) -> None:
    context = {"kept": 1}
    run = await guide.step_with("custom_handler", {"data": "42 rows"}, context)

    assert "Processed 42 rows" == data(run)
    assert {"kept": 1, "custom_result": "Processed 42 rows"} == run.context
    assert {"kept": 1} == context


async def context_in_text(guide: Reader) -> None:
    (params,) = guide.given("params")
    await guide.step_with("send_message", params, {"user_name": "AERIS", "message_count": 3}, chat_id=CHAT)
    incomplete = await guide.step_with("send_message", params, {"user_name": "AERIS"}, chat_id=CHAT)

    assert [(CHAT, "Hello AERIS! You have 3 messages.")] == guide.chat.sent
    assert ("failed", 0) == (incomplete.status, incomplete.steps["Only"].attempts)
    assert "message_count" in str(incomplete.error)
    assert "user_name" in str(incomplete.error)


async def progress(guide: Reader) -> None:
    """Read in the middle of the run, and at its end."""
    execution_id = guide.names["execution_id"]
    async for event in guide.processor.watch(execution_id):
        if isinstance(event, e.StepSlept):
            break
    await guide.read(22)
    assert "Progress: 50.0%\nCurrent step: Wait 2 seconds\n" == guide.printed

    await guide.finish(execution_id)
    await guide.read(22)
    assert "Progress: 100.0%\nCurrent step: None\n" == guide.printed


async def templates(guide: Reader) -> None:
    params: dict[str, dict[str, Any]] = {
        "message_sequence": {"welcome_text": "Welcome!", "delay": 3},
        "data_processing": {"collection": "users"},
        "notification_flow": {"message": "Ready"},
    }
    handlers = {
        "message_sequence": ["send_message", "delay", "send_message"],
        "data_processing": ["database_operation", "log", "database_operation"],
        "notification_flow": ["notification", "log"],
    }
    for name, arrows in guide.names["templates"].items():
        guide.names["workflow_id"] = guide.processor.create_from_template(name, params[name])
        run = await guide.run(chat_id=CHAT)
        steps = list(run.steps.values())
        assert handlers[name] == [step.handler for step in guide.workflow.steps]
        assert len(steps) == len(arrows.split("->"))
        assert "completed" == run.status
        assert_in_a_row(steps)
    assert (CHAT, "Welcome!") == guide.chat.sent[0]
    assert [("Ready", "info")] == guide.operator.notified
    assert 1 == len(await guide.documents("results"))


# Error Handling.


async def retries(guide: Reader) -> None:
    (step,) = guide.workflow.steps
    run = await guide.run()

    assert (3, 5) == (step.retry_count, step.retry_delay)
    assert_gave_up(guide, run, "Retry Step", "api.example.com")


async def long_running_task(guide: Reader) -> None:
    (step,) = guide.workflow.steps
    missing = await guide.run()
    file = guide.folder / "workspace" / "large_file.txt"
    put(file, "large enough")
    found = await guide.run()

    assert 60 == step.timeout
    assert ("failed", 1) == (missing.status, missing.steps["Long Running Task"].attempts)
    assert str(file) in str(missing.error)
    assert "large enough" == data(found, "Long Running Task")


async def recovery(guide: Reader) -> None:
    """The step before it reads a file that is not there, so the run fails, and the recovery step runs."""
    run = await guide.run()

    assert {"Long Running Task": "failed", "Error Recovery": "completed"} == statuses(run)
    assert ("warning", "Recovering from error") in said(guide, run)
    assert ("failed", "Long Running Task") == (run.status, run.context["failed_step"])
    await no_recovery(guide)


async def no_recovery(guide: Reader) -> None:
    """In a run where all goes well there is nothing to recover from."""
    await guide.read(3, 5, 26)
    run = await guide.run()

    assert {"Step 1": "completed", "Step 2": "completed", "Error Recovery": "skipped"} == statuses(run)
    assert "completed" == run.status


# Examples. Each block starts its own run; what the run finds in the database is there before.


async def onboarding(guide: Reader) -> None:
    await guide.insert("users", {"id": CHAT}, {"id": str(CHAT)})
    run = await guide.finish(guide.names["execution_id"])

    assert ("User Onboarding", "completed") == (run.workflow_name, run.status)
    assert (CHAT, CHAT, {"user_id": CHAT}) == (run.user_id, run.chat_id, run.context)
    assert [
        (CHAT, "Welcome to SyncaraBot! 🎉"),
        (CHAT, "Let me show you how to use the bot..."),
    ] == guide.chat.sent
    assert_in_a_row(run.steps.values())
    assert lasted(run.steps["Wait"]) >= 5
    assert {"matched": 1, "modified": 1} == data(run, "Update Status")
    assert [{"id": CHAT, "onboarded": True}, {"id": str(CHAT)}] == await guide.documents("users")


async def pipeline(guide: Reader) -> None:
    first = await guide.finish(guide.names["execution_id"])
    await guide.insert("users", ACTIVE, IDLE)
    run = await guide.run()

    assert ("completed", "completed") == (first.status, run.status)
    assert 3 == guide.workflow.max_parallel_steps
    assert [[], [ACTIVE]] == [[without_id(user) for user in data(each, "Load User Data")] for each in (first, run)]
    for n in (1, 2, 3):
        row = ["Load User Data", f"Process Batch {n}", "Aggregate Results", "Send Notification"]
        assert_in_a_row(run.steps[name] for name in row)
    assert {f"Processing batch {n}..." for n in (1, 2, 3)} <= {message for _, message in said(guide, run)}
    assert [{"processed_at": "2024-01-01", "status": "completed"}] * 2 == await guide.documents("analytics")
    assert [("Data processing completed successfully!", "success")] * 2 == guide.operator.notified


async def maintenance(guide: Reader) -> None:
    """It runs twice: the second time, the file that it deletes is gone already."""
    file = guide.workflow.steps[1].params["file_path"]
    await guide.finish(guide.names["execution_id"])
    put(file, "left over")
    present, absent = await guide.run(), await guide.run()

    assert ["completed", "completed"] == [present.status, absent.status]
    assert {"path": file, "deleted": True} == data(present, "Clean Temp Files")
    assert False is data(absent, "Clean Temp Files")["deleted"]
    assert content(file) is None
    assert [{"date": "2024-01-01", "type": "daily_maintenance"}] * 3 == await guide.documents("maintenance_logs")
    assert [(None, "Daily maintenance completed successfully! ✅")] * 3 == guide.chat.sent
    assert_in_a_row(present.steps.values())


class Row(NamedTuple):
    after: tuple[int, ...]
    """The blocks that it continues, which are read first."""
    claim: str
    check: Callable[[Reader], Awaitable[None]]


CREATED = (3,)
"""The steps of the guide's middle chapters go into the workflow that block 3 makes."""

TABLE: dict[int, Row] = {
    1: Row((), "the name is the package's own processor", imported),
    2: Row((), "the run completes: a line is logged, then two seconds pass", first_run),
    3: Row((), "the workflow is there, with its fields", workflow_exists),
    4: Row(
        CREATED, "the unknown dependency is named; behind such a step it finds the users", step_waits_for_an_unknown_one
    ),
    5: Row(CREATED, "the second step begins when the first has ended", one_after_the_other),
    6: Row(CREATED, "all three are under way at the same time", all_at_once),
    7: Row(CREATED, "the message is sent above ten users, and else the step is skipped", only_when_the_condition_holds),
    8: Row((), "five seconds pass", handlers.delay),
    9: Row((), "the line is in the run's log", handlers.log),
    10: Row((), "the operator is notified", handlers.notification),
    11: Row((), "the context has the value", handlers.set_context),
    12: Row((), "the result is the value, or null", handlers.get_context),
    13: Row((), "the result is true or false", handlers.condition_check),
    14: Row((), "the text is filled in and goes to the chat that is named, else to the run's", handlers.send_message),
    15: Row((), "the registered function gets the params", handlers.execute_shortcode),
    16: Row((), "documents are found, inserted, updated, deleted", handlers.database_operation),
    17: Row(
        (), "missing files are clear errors; files that are there are read, written, deleted", handlers.file_operation
    ),
    18: Row((), "the call is made, or tried four times", handlers.api_call),
    19: Row((), "both tasks run at the same time; the result is by name", handlers.parallel_group),
    20: Row((), "the handler does a step, and its change of the context is kept", custom_handler),
    21: Row((), "both values are in the text; a missing one fails the step by name", context_in_text),
    22: Row((2,), "progress and current step are printed", progress),
    23: Row((), "each template makes a workflow of just these steps", templates),
    24: Row(CREATED, "four attempts, with growing waits", retries),
    25: Row(CREATED, "the file is read, or the path is named", long_running_task),
    26: Row((*CREATED, 25), "it runs when a step has failed, and only then", recovery),
    27: Row((), "two messages, five seconds apart, and the right user is updated", onboarding),
    28: Row((), "three batches side by side, then the summary, then the notification", pipeline),
    29: Row((), "four steps in a row; a file that is gone already is no error", maintenance),
}


@pytest.mark.parametrize("number", TABLE, ids=lambda number: f"{number}: {TABLE[number].claim}")
async def test_a_block_of_the_guide_does_what_it_says(guide: Reader, number: int) -> None:
    """The block is executed as it is, behind those that it continues, and its row of TABLE holds."""
    row = TABLE[number]
    await guide.read(*row.after, number)
    await row.check(guide)


def test_the_table_has_a_row_for_every_block() -> None:
    """No block of the guide is left out, and none is missing from it."""
    assert list(range(1, BLOCKS + 1)) == list(TABLE) == list(read_guide())
