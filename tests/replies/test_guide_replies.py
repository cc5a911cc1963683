"""The shortcodes and the reply of the guide, as they are written there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from syncara import Documents, ExecutionStatus, MultiStepProcessor
from syncara.abc import ExecutionInput, StepInput
from syncara.shortcodes import scan
from syncara.stores.memory import MemoryStore
from tests.docs.pages import fences
from tests.replies.support import Chats, traces

GUIDE = Path(__file__).parents[3] / "shared" / "spec" / "guide.md"
CHAT = 123456789
STAGE = """\
[MULTISTEP:CREATE_WORKFLOW:Stage:What the guide's lines work on:86400:5]
[MULTISTEP:ADD_STEP:workflow_id:dependency1:delay:{"seconds":3600}]
[MULTISTEP:ADD_STEP:workflow_id:dependency2:log:{"message":"ready"}]
[MULTISTEP:EXECUTE:workflow_id]"""
"""A chat in which the placeholders of the guide's lines mean something."""


def plain_fences() -> list[str]:
    """The guide's blocks that are no Python, where the guide is there."""
    if not GUIDE.exists():
        return []
    return [fence.text for fence in fences(GUIDE.read_text("utf-8")) if not fence.language]


LINES = [
    line for code in plain_fences() for line in code.splitlines() if line.startswith("[MULTISTEP") and len(code) < 300
]
REPLIES = [code for code in plain_fences() if "[MULTISTEP:EXECUTE" in code and "[MULTISTEP:CREATE" in code]


async def handler(step: StepInput, execution: ExecutionInput) -> Any:
    """The handler that the guide calls `handler`."""
    return step.params


class NoDocuments:
    """Documents that are there to be named; no run of the test gets as far as to use them."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)

    async def close(self) -> None:
        pass


@pytest.fixture
async def stage(bot: MultiStepProcessor) -> MultiStepProcessor:
    bot.register_handler("handler", handler, ai=True)
    assert (await bot.process_reply(STAGE, chat_id=CHAT)).ok
    return bot


def newest(bot: MultiStepProcessor) -> Any:
    """The workflow made last."""
    return bot.get_workflow(bot.list_workflows()[0].id)


def last_run(bot: MultiStepProcessor) -> Any:
    return bot.list_executions()[0]


DOES: dict[str, Callable[[MultiStepProcessor], Any]] = {
    "CREATE_WORKFLOW": lambda bot: (newest(bot).name, newest(bot).global_timeout, newest(bot).max_parallel_steps),
    "ADD_STEP": lambda bot: (newest(bot).steps[-1].params, len(newest(bot).steps[-1].dependencies)),
    "EXECUTE": lambda bot: last_run(bot).context,
    "CANCEL": lambda bot: last_run(bot).status,
    "PAUSE": lambda bot: last_run(bot).status,
    "RESUME": lambda bot: last_run(bot).status,
    "QUICK_WORKFLOW": lambda bot: (newest(bot).name, [step.handler for step in newest(bot).steps]),
    "BATCH_PROCESS": lambda bot: ([step.params for step in newest(bot).steps], newest(bot).max_parallel_steps),
    "SCHEDULED_WORKFLOW": lambda bot: (last_run(bot).status, last_run(bot).start_at - last_run(bot).created_at),
    "TEMPLATE_WORKFLOW": lambda bot: [step.params for step in newest(bot).steps],
}
"""Where the effect of a line shows."""
EFFECTS: dict[str, Any] = {
    "CREATE_WORKFLOW": ("My Workflow", 1800, 5),
    "ADD_STEP": ({"param": "value"}, 2),
    "EXECUTE": {"context_key": "context_value"},
    "CANCEL": ExecutionStatus.CANCELLED,
    "PAUSE": ExecutionStatus.PAUSED,
    "RESUME": ExecutionStatus.RUNNING,
    "QUICK_WORKFLOW": ("Quick Test", ["log"]),
    "BATCH_PROCESS": ([{"message": "Item 1"}, {"message": "Item 2"}], 3),
    "SCHEDULED_WORKFLOW": (ExecutionStatus.SCHEDULED, 300),
    "TEMPLATE_WORKFLOW": [
        {"text": "Welcome!"},
        {"seconds": 3},
        {"text": "Is there anything I can help you with?"},
    ],
}


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not here")
def test_the_guide_has_a_line_for_each_of_its_commands() -> None:
    """Fourteen commands, each once, and one whole reply."""
    assert (14, 1) == (len({line.split(":")[1] for line in LINES}), len(REPLIES))


@pytest.mark.parametrize("line", LINES)
async def test_a_line_of_the_guide_runs_as_it_is_written(stage: MultiStepProcessor, line: str) -> None:
    """Each shortcode does what the guide says, in a chat where its placeholders exist."""
    reply = await stage.process_reply(line, chat_id=CHAT, message_id=99)

    assert (True, None, line.split(":")[1]) == (reply.ok, reply.note, reply.outcomes[0].shortcode.split(":")[1])
    command = line.split(":")[1]
    if command in DOES:
        assert EFFECTS[command] == DOES[command](stage)
    else:
        assert "MULTISTEP" not in reply.text
        assert traces(stage) == (1, 1, traces(stage)[2])


@pytest.mark.parametrize("text", REPLIES)
async def test_the_reply_of_the_guide_runs_as_it_is_written(bot: MultiStepProcessor, chats: Chats, text: str) -> None:
    """Its workflow is built, started and completed, its message sent, and its prose kept."""
    reply = await bot.process_reply(text, chat_id=CHAT, user_id=CHAT, message_id=1)
    run = await bot.wait(reply.execution_ids[0], 10)

    assert (True, None, 6) == (reply.ok, reply.note, len(reply.outcomes))
    assert (ExecutionStatus.COMPLETED, 100.0, "User Data Processing") == (run.status, run.progress, run.workflow_name)
    assert {"started_by": "AERIS", "timestamp": "2024-01-01"} == run.context
    assert [("Load Users", 0), ("Process Data", 1), ("Send Notifications", 1)] == [
        (step.name, len(step.dependencies)) for step in bot.get_workflow(run.workflow_id).steps
    ]
    assert "Data processing completed!" in (await chats.until(1))[0][1]
    assert "[MULTISTEP" not in reply.text


@pytest.mark.parametrize("text", [*REPLIES, *LINES])
async def test_a_reply_that_is_cut_off_in_a_code_leaves_nothing(text: str) -> None:
    """Each prefix, in a database of its own: one that ends inside a code does nothing, any other its whole codes."""
    spans = [call.span for call in scan(text)]
    for end in range(len(text)):
        inside = any(start < end < stop for start, stop in spans)
        whole = sum(stop <= end for _, stop in spans)
        async with MultiStepProcessor(
            store=MemoryStore(), messenger=Chats(), documents=cast(Documents, NoDocuments())
        ) as bot:
            bot.register_handler("handler", handler, ai=True)
            reply = await bot.process_reply(text[:end], chat_id=CHAT)
            if inside or not reply.ok:
                assert (0, 0, 0) == traces(bot), text[:end]
            if inside:
                assert not reply.ok, text[:end]
            elif text in REPLIES:
                assert (True, whole) == (reply.ok, len(reply.outcomes)), text[:end]
