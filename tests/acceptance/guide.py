"""The Python blocks of the guide, by position, a reader that runs them, and what checks of the outcome share."""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Iterable
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from syncara import Execution, MultiStepProcessor, StepState, Workflow
from syncara.core import events as e
from syncara.core.model import GROUP
from tests.acceptance.held_loop import HeldLoop
from tests.docs.pages import Fence, fences

GUIDE = Path(__file__).parents[3] / "shared" / "spec" / "guide.md"
CHAT = 123456789
"""The user and chat of the guide's messages."""
ACTIVE = {"id": 1, "active": True}
IDLE = {"id": 2, "active": False}
EVERYTHING = "from syncara.modules.multi_step_processor import *"


class Block(NamedTuple):
    fence: Fence

    async def run(self, names: dict[str, Any]) -> None:
        """Execute it as it is, in a namespace; a traceback shows the guide's own lines."""
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(self.fence.at_its_line, str(GUIDE), "exec", flags, dont_inherit=True)
        result = eval(code, names)  # noqa: S307 - running the guide is the point
        if inspect.isawaitable(result):
            await result


def read_guide() -> dict[int, Block]:
    """The guide's Python blocks by number, from 1; none where the guide is absent."""
    if not GUIDE.exists():
        return {}
    python = [fence for fence in fences(GUIDE.read_text("utf-8")) if fence.language == "python"]
    return {number: Block(fence) for number, fence in enumerate(python, 1)}


class Names(dict[str, Any]):
    """A namespace that remembers every value that a name was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[str, Any]] = []

    def __setitem__(self, name: str, value: Any) -> None:
        self.given.append((name, value))
        super().__setitem__(name, value)


class Chat:
    """A messenger that keeps what it is given. Like the console, it can do without a chat."""

    needs_chat = False

    def __init__(self) -> None:
        self.sent: list[tuple[Any, str]] = []

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> int:
        self.sent.append((chat_id, text))
        return len(self.sent)

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None: ...

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None: ...


class Operator:
    """A notifier that keeps what it is given."""

    def __init__(self) -> None:
        self.notified: list[tuple[str, str]] = []

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        self.notified.append((message, type))


class Reader:
    """Somebody who reads the guide with a processor at hand, and types in what is written there."""

    def __init__(self, folder: Path, guide: dict[int, Block]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HeldLoop)
        self.loop = loop
        self.folder = folder
        self.chat = Chat()
        self.operator = Operator()
        self.processor = MultiStepProcessor(
            folder / "syncara.db", messenger=self.chat, notifier=self.operator, clock=loop.clock
        )
        self.names = Names()
        exec(EVERYTHING, self.names)  # noqa: S102 - so that blocks find what they use without importing it
        self.names["multi_step_processor"] = self.processor
        self._guide = guide
        self.heading = ""
        """Of the block read last."""
        self.printed = ""
        """By the block read last."""

    async def read(self, *numbers: int) -> None:
        for number in numbers:
            self.heading = self._guide[number].fence.heading
            self.names.given.clear()
            with redirect_stdout(StringIO()) as printed:
                await self._guide[number].run(self.names)
            self.printed = printed.getvalue()

    def given(self, name: str) -> list[Any]:
        """The values that the block read last gave to a name, in order."""
        return [value for each, value in self.names.given if each == name]

    @property
    def workflow(self) -> Workflow:
        """The workflow that the guide is talking of."""
        return self.processor.get_workflow(self.names["workflow_id"])

    async def run(self, context: dict[str, Any] | None = None, **chat: Any) -> Execution:
        """Execute that workflow to its end."""
        return await self.finish(await self.processor.execute_workflow(self.workflow.id, context, **chat))

    async def step(self, params: dict[str, Any], context: dict[str, Any] | None = None, **chat: Any) -> Execution:
        """Run a workflow of one step, `Only`, whose handler is the heading of the block read last."""
        return await self.step_with(self.heading, params, context, **chat)

    async def step_with(
        self, handler: str, params: dict[str, Any], context: dict[str, Any] | None = None, **chat: Any
    ) -> Execution:
        definition = {"name": "one step", "steps": [{"name": "Only", "handler": handler, "params": params}]}
        return await self.finish(
            await self.processor.execute_workflow(self.processor.define(definition), context, **chat)
        )

    async def finish(self, execution_id: str) -> Execution:
        """The run at its end. When nothing in it is at work, time moves on to what is due next."""
        async for _ in self.processor.watch(execution_id):
            run = self.processor.get_execution(execution_id)
            wakes = [step.wake_at for step in run.steps.values() if step.status in ("delayed", "retrying")]
            due = min((wake for wake in wakes if wake is not None), default=None)
            if due is not None and not self._at_work(run):
                self.loop.move_to(due)
        return self.processor.get_execution(execution_id)

    def _at_work(self, run: Execution) -> bool:
        workflow = self.processor.get_workflow(run.workflow_id)
        groups = {step.name for step in workflow.steps if step.handler == GROUP}
        return any(step.status == "running" for step in run.steps.values() if step.name not in groups)

    async def documents(self, collection: str) -> list[dict[str, Any]]:
        return await self.processor.documents.find(collection, {}, projection={"_id": 0})

    async def insert(self, collection: str, *documents: dict[str, Any]) -> None:
        await self.processor.documents.insert(collection, list(documents))


# What the checks share.


def data(run: Execution, step: str = "Only") -> Any:
    """The result of a step that has to have completed."""
    state = run.steps[step]
    assert state.status == "completed", f"{step}: {state.status}: {state.error or state.reason}"
    assert state.result is not None
    return state.result.data


def statuses(run: Execution) -> dict[str, str]:
    return {name: str(step.status) for name, step in run.steps.items()}


def said(guide: Reader, run: Execution) -> list[tuple[str, str]]:
    """Level and text of what the log steps of a run said."""
    logged = {step.name for step in guide.processor.get_workflow(run.workflow_id).steps if step.handler == "log"}
    results = [data(run, name) for name, step in run.steps.items() if name in logged and step.status == "completed"]
    texts = {result["message"] for result in results}
    return [(line.level, line.message) for line in guide.processor.get_log(run.id) if line.message in texts]


def moment(at: float | None) -> float:
    assert at is not None
    return at


def lasted(step: StepState) -> float:
    return moment(step.finished_at) - moment(step.started_at)


def assert_in_a_row(steps: Iterable[StepState]) -> None:
    """Each step began when the one before had ended, or later."""
    for earlier, later in pairwise(steps):
        assert moment(earlier.finished_at) <= moment(later.started_at), f"{later.name} overlaps with {earlier.name}"


def assert_gave_up(guide: Reader, run: Execution, step: str, host: str) -> None:
    """Four attempts, 5, 10 and 20 seconds apart at the least, each failing because the host cannot be reached."""
    history = guide.processor.get_history(run.id)
    errors = [event for event in history if isinstance(event, e.StepErred)]
    waits = [event.at for event in history if isinstance(event, e.RetryPlanned)]
    starts = [event.at for event in history if isinstance(event, e.StepScheduled)]

    assert ("failed", 4) == (run.status, run.steps[step].attempts)
    assert [1, 2, 3, 4] == [event.attempt for event in errors]
    assert all(host in event.error for event in errors), errors[0].error
    assert all(after - before >= wait for before, after, wait in zip(waits, starts[1:], (5, 10, 20), strict=True))


def put(path: str | Path, text: str) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text)


def content(path: str) -> str | None:
    """The file's text; None when there is no file."""
    return Path(path).read_text() if Path(path).exists() else None


def without_id(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "_id"}
