"""The use cases: definitions and runs. No SQL, no chat, and no decisions about steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from syncara import arguments
from syncara.abc import Addition, Clock, Messenger, Owner, Store, Summary, Unsealed
from syncara.core import check, journal, limits, progress, views
from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.errors import DamagedError, InvalidStateError, NotFoundError, Problem, ValidationError, nearest
from syncara.core.model import ExecutionStatus, Step, Workflow
from syncara.core.views import Execution
from syncara.handlers.communication import needs_chat
from syncara.handlers.registry import Handlers
from syncara.ids import new_id
from syncara.plans import Plans, no_workflow
from syncara.policy import audit
from syncara.policy.quotas import Runs
from syncara.readers import Readers, not_found
from syncara.runtimes.local import Boards, LocalRuntime

if TYPE_CHECKING:
    from syncara.policy.gate import Gate

FOLLOW_S = 0.25
"""How often `watch` looks for news of a run that another process runs."""
ANSWERS = ("retry", "fail")
STEERING: dict[type[e.Fact], str] = {
    e.Paused: "pause_execution",
    e.Resumed: "resume_execution",
    e.Cancelled: "cancel_execution",
    e.Signalled: "resolve_step",
}
"""What the audit calls it, by what the run is told."""
HOUR_S = 3_600
SPEAKERS = frozenset({"log", "notification"})
"""Handlers whose result is a line for people: `{"message", "level"}` or `{"message", "type"}`."""


class Processor:
    def __init__(
        self,
        store: Store,
        handlers: Handlers,
        runtime: LocalRuntime,
        messenger: Messenger,
        gate: Gate,
        clock: Clock,
        account: str | None = None,
    ) -> None:
        """account: of whoever gives commands in a terminal; None: a program does."""
        self._store = store
        self._handlers = handlers
        self._runtime = runtime
        self._messenger = messenger
        self._gate = gate
        self._clock = clock
        self._account = account
        self.plans = Plans(store, self._problems, lambda: handlers.version)
        self.readers = Readers(store, self.plans.get)
        self._starting: dict[str, asyncio.Task[str]] = {}

    # Definitions.

    def create_workflow(self, fields: Mapping[str, Any]) -> str:
        workflow = check.new_workflow(new_id("wf"), self._clock.now(), fields)
        self._store.save_workflow(workflow)
        return workflow.id

    def add_steps(self, workflow_id: str, steps: Iterable[Mapping[str, Any]]) -> list[str]:
        made, problems = _new_steps(arguments.objects("steps", steps))
        have = self._store.step_count(arguments.text("workflow_id", workflow_id))
        if have is None:
            raise no_workflow(self._store, workflow_id)
        if have + len(made) > limits.STEPS_MAX:
            message = f"{have + len(made)} steps; the limit is {limits.STEPS_MAX}"
            problems.append(Problem("too_large", f"workflow '{workflow_id}'", message, "split the workflow"))
        if problems:
            raise ValidationError(problems)
        self._store.add_steps(workflow_id, made)
        self.plans.changed(workflow_id)
        return [step.id for step in made]

    def define(self, definition: Workflow | Mapping[str, Any]) -> str:
        """A whole definition in one transaction. Ids are made new; it has no chat, and the developer for an author."""
        raw = msgspec.to_builtins(definition) if isinstance(definition, Workflow) else definition
        if not isinstance(raw, Mapping):
            message = f"a definition is a dict, and this is {type(raw).__name__}"
            raise ValidationError([Problem("wrong_type", "define", message, "pass name and steps in a dict")])
        made_new = ("id", "created_at", "chat_id", "author", "steps")
        fields = {name: value for name, value in raw.items() if name not in made_new}
        renamed, steps = _without_ids(arguments.objects("steps", raw.get("steps", [])))
        made, problems = _new_steps(steps)
        workflow = None
        try:
            workflow = check.new_workflow(new_id("wf"), self._clock.now(), fields)
        except ValidationError as error:
            problems = [*error.problems, *problems]
        problems += check.duplicates(made)
        if problems or workflow is None:
            raise ValidationError(problems)
        ids = {renamed[step.name]: step.id for step in made if step.name in renamed}
        made = [
            msgspec.structs.replace(step, dependencies=tuple(ids.get(d, d) for d in step.dependencies)) for step in made
        ]
        self._store.save_workflow(msgspec.structs.replace(workflow, steps=tuple(made)))
        return workflow.id

    def get_workflow(self, workflow_id: str) -> Workflow:
        """The definition, with dependencies as ids where their steps exist."""
        workflow = self._store.workflow(arguments.text("workflow_id", workflow_id))
        if workflow is None:
            raise no_workflow(self._store, workflow_id)
        names = {step.name: step.id for step in workflow.steps}
        ids = set(names.values())
        steps = tuple(
            msgspec.structs.replace(
                step, dependencies=tuple(d if d in ids else names.get(d, d) for d in step.dependencies)
            )
            for step in workflow.steps
        )
        return msgspec.structs.replace(workflow, steps=steps)

    def list_workflows(self, limit: int, offset: int) -> list[Workflow]:
        arguments.page(limit, offset)
        return self._store.workflows(limit, offset)

    def delete_workflow(self, workflow_id: str) -> bool:
        self.plans.changed(arguments.text("workflow_id", workflow_id))
        return self._store.delete_workflow(workflow_id)

    def validate(self, workflow_id: str) -> list[Problem]:
        workflow = self._store.workflow(arguments.text("workflow_id", workflow_id))
        if workflow is None:
            raise no_workflow(self._store, workflow_id)
        return self._problems(workflow)

    def _problems(self, workflow: Workflow) -> list[Problem]:
        """All that keeps a definition from running for the developer."""
        return check.problems(workflow, self._handlers.checks()) + self._gate.definition(workflow, "developer")

    # Starting.

    async def execute(
        self,
        workflow_id: str,
        context: Mapping[str, Any] | None,
        chat: tuple[Any, Any, Any],
        idempotency_key: str | None,
        start_at: float | None,
    ) -> str:
        """Start a run; `chat` is (user_id, chat_id, message_id). Returns its id after the commit."""
        start_at = arguments.moment("start_at", start_at)
        chat = arguments.chat_ids(*chat)
        if idempotency_key is None:
            return await self._begin(workflow_id, context, chat, None, start_at)
        arguments.text("idempotency_key", idempotency_key, 1)
        start = self._starting.get(idempotency_key)
        if start is None or start.get_loop() is not asyncio.get_running_loop():
            before = self._store.summary_of_key(idempotency_key)
            if before is not None:
                return before.id
            # A task of its own, so that a caller who gives up does not fail the others who wait for the same key.
            start = asyncio.create_task(self._begin(workflow_id, context, chat, idempotency_key, start_at))
            self._starting[idempotency_key] = start
            start.add_done_callback(lambda done: self._has_started(idempotency_key, done))
        return await asyncio.shield(start)

    def _has_started(self, idempotency_key: str, start: asyncio.Task[str]) -> None:
        if self._starting.get(idempotency_key) is start:
            del self._starting[idempotency_key]
        if not start.cancelled():
            start.exception()  # whoever waits gets it; nobody needs to

    async def _begin(
        self,
        workflow_id: str,
        context: Mapping[str, Any] | None,
        chat: tuple[Any, Any, Any],
        idempotency_key: str | None,
        start_at: float | None,
    ) -> str:
        plan = self.plans.runnable(arguments.text("workflow_id", workflow_id))
        if problems := self.chat_problems(plan.steps, chat[1]):
            raise ValidationError(problems)
        now = self._clock.now()
        started = e.Started(
            now,
            new_id("ex"),
            workflow_id,
            plan.top,
            arguments.context(context),
            *chat,
            start_at=start_at,
            rules=limits.RULES,
            author=plan.workflow.author,
            approved=plan.workflow.author != "developer",
        )
        runs = partial(self.runs_of, Owner(chat[1]), now)
        if problems := self._gate.start("developer", chat[1], started.context, (start_at or now) - now, runs):
            raise ValidationError(problems)
        await self._runtime.begin(started, plan, idempotency_key)
        return started.execution_id

    def chat_problems(self, steps: Iterable[Step], chat_id: Any) -> list[Problem]:
        """Messages that would have no chat to go to."""
        if chat_id is not None or not needs_chat(self._messenger):
            return []
        return [
            Problem(
                "no_chat",
                f"step '{step.name}'",
                "the message has no chat to go to",
                "give chat_id to execute_workflow, or to the step",
            )
            for step in steps
            if step.handler == "send_message" and step.params.get("chat_id") is None
        ]

    # Steering.

    async def tell(self, execution_id: str, fact: Callable[[float], e.Fact]) -> bool:
        """What a program, or somebody in a terminal, wants of a run. True when it changed something."""
        told = fact(self._clock.now())
        if self.readers.read(execution_id, lambda board: board.author) == "developer":
            return await self._runtime.tell(execution_id, told)
        changed: list[bool] = []

        def finish(boards: Boards, made: list[bool]) -> Sequence[Addition]:
            changed.extend(made)
            return [self._entry(boards[execution_id], told)] if made[0] else []

        await self._runtime.together([], [(execution_id, told)], finish)
        return changed[0]

    def _entry(self, board: Board, told: e.Fact) -> Unsealed:
        """For the audit: who steers an assistant's run."""
        command = audit.Command(STEERING[told.__class__], ok=True, id=board.execution_id)
        taken = audit.ReplyTaken("developer", board.chat_id, self._account, None, "", ok=True, commands=(command,))
        return audit.unsealed(told.at, taken)

    async def resolve_step(self, execution_id: str, step: str, answer: str) -> bool:
        if answer not in ANSWERS:
            fix = "answer 'retry' or 'fail'"
            raise ValidationError([Problem("wrong_type", "resolve_step", f"{answer!r} is no answer", fix)])
        steps = self.readers.read(execution_id, lambda board: views.snapshot(board).steps)
        if step not in steps:
            fix = nearest(step, steps) or "the steps are " + ", ".join(steps)
            raise NotFoundError("not_found", f"the execution has no step '{step}'", execution_id, fix)
        return await self.tell(execution_id, lambda at: e.Signalled(at, steps[step].name, "on_crash", answer))

    async def wait(self, execution_id: str, timeout_s: float | None) -> Execution:
        arguments.seconds("timeout", timeout_s)
        arguments.text("execution_id", execution_id)
        if not self._runtime.holds(execution_id) and self._final(execution_id):
            return self.get_execution(execution_id)
        if timeout_s is None:
            board = await self._runtime.wait(execution_id)
        else:
            async with asyncio.timeout(timeout_s):
                board = await self._runtime.wait(execution_id)
        if board is None:
            raise InvalidStateError(
                "stopped",
                "the engine stopped before the run ended; it goes on at the next start",
                where=execution_id,
                fix="start the engine again and wait again",
            )
        return views.snapshot(board)

    def _final(self, execution_id: str) -> bool:
        return ExecutionStatus(self.summary(execution_id).status).final

    def summary(self, execution_id: str) -> Summary:
        """Raises NotFoundError."""
        summary = self._store.summary(arguments.text("execution_id", execution_id))
        if summary is None:
            raise not_found(self._store, execution_id)
        return summary

    # Looking.

    def get_execution(self, execution_id: str) -> Execution:
        return self.readers.read(execution_id, views.snapshot)

    def definition_of(self, execution_id: str) -> Workflow:
        """The definition as an execution pins it."""
        return self.readers.read(execution_id, lambda board: board.plan.workflow)

    def get_progress(self, execution_id: str) -> dict[str, Any]:
        return self.readers.read(execution_id, progress.describe)

    def runs_of(self, owner: Owner, now: float, most: int, more: int = 0) -> Runs:
        """How many runs there are, each counted up to `most`, and `more` that are about to be."""
        statuses = [status for status in ExecutionStatus if not status.final]
        unended = sum(len(self._store.summaries(owner=owner, status=status, limit=most)) for status in statuses)
        newest = self._store.summaries(owner=owner, limit=most)
        return Runs(unended + more, sum(summary.created_at > now - HOUR_S for summary in newest) + more)

    def cleanup(self, older_than_s: float) -> int:
        age = arguments.seconds("older_than", older_than_s)
        if age is None:
            raise ValidationError([Problem("wrong_type", "older_than", "it is missing", "give a number of seconds")])
        deleted = self._store.cleanup(self._clock.now() - age)
        self.readers.forget()
        return deleted

    def history(self, execution_id: str) -> list[e.AnyEvent]:
        return journal.decode(self._store.rows(self.readers.key(execution_id)))

    def log(self, execution_id: str) -> list[views.LogLine]:
        speakers = self.readers.read(
            execution_id, lambda board: {step.name for step in board.plan.steps if step.handler in SPEAKERS}
        )
        return views.log(self.history(execution_id), speakers)

    def list_executions(self, **filters: Any) -> list[Execution]:
        arguments.page(filters["limit"], filters["offset"])
        arguments.status(filters["status"])
        if filters["workflow_id"] is not None:
            arguments.text("workflow_id", filters["workflow_id"])
        chat_id = filters.pop("chat_id")
        arguments.chat_ids(None, chat_id, None)
        owner = None if chat_id is None else Owner(chat_id)
        return [self.listed(summary) for summary in self._store.summaries(**filters, owner=owner)]

    def listed(self, summary: Summary) -> Execution:
        """The execution; of one that cannot be read, what its summary says, with the reason as its error."""
        try:
            return self.get_execution(summary.id)
        except (DamagedError, NotFoundError) as error:
            return Execution(
                summary.id,
                summary.workflow_id,
                summary.workflow_name,
                ExecutionStatus(summary.status),
                {},
                views.Steps([]),
                str(error),
                [],
                summary.progress,
                summary.user_id,
                summary.chat_id,
                summary.message_id,
                summary.created_at,
                None,
                summary.finished_at,
                error.code,
            )

    async def watch(self, execution_id: str, from_seq: int) -> AsyncIterator[e.AnyEvent]:
        arguments.number("from_seq", from_seq)
        key = self.readers.key(execution_id)
        # Beside a runner on another loop, or in another process, the file is looked at from time to time.
        runs_here = self._runtime.running and self._runtime.loop is asyncio.get_running_loop()
        news = self._runtime.audience.listen(execution_id) if runs_here else asyncio.Event()
        seq = checksum = 0
        try:
            while True:
                news.clear()
                rows = self._store.rows(key, seq)
                for event in journal.decode(rows, seq, checksum):
                    seq += 1
                    if seq > from_seq:
                        yield event
                    if isinstance(event, e.Finished):
                        return
                checksum = rows[-1].checksum if rows else checksum
                if not rows and self._store.summary(execution_id) is None:
                    return  # it was deleted meanwhile
                if runs_here and not self._runtime.running:
                    return
                await _news(news, None if runs_here else FOLLOW_S)
        finally:
            self._runtime.audience.unlisten(execution_id, news)


async def _news(news: asyncio.Event, timeout_s: float | None) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await news.wait()
    except TimeoutError:
        pass


def _new_steps(steps: Iterable[Mapping[str, Any]]) -> tuple[list[Step], list[Problem]]:
    """The steps, and all problems of those that cannot be taken."""
    made: list[Step] = []
    problems: list[Problem] = []
    for number, fields in enumerate(steps, 1):
        if not isinstance(fields, Mapping):
            message = f"a step is an object of fields, and this is {type(fields).__name__}"
            problems.append(Problem("wrong_type", f"step number {number}", message, "give name, handler and params"))
            continue
        try:
            made.append(check.new_step(new_id("st"), fields))
        except ValidationError as error:
            problems += error.problems
    return made, problems


def _without_ids(steps: Any) -> tuple[dict[str, str], list[Any]]:
    """Steps as they were exported, without their ids; and the id that each name had, to translate dependencies."""
    had, plain = {}, []
    for step in steps:
        if isinstance(step, Mapping) and isinstance(step.get("id"), str) and isinstance(step.get("name"), str):
            had[step["name"]] = step["id"]
        plain.append({k: v for k, v in step.items() if k != "id"} if isinstance(step, Mapping) else step)
    return had, plain
