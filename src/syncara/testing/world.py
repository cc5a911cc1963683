"""Runs a scenario against the real engine: one process after another over one disk, until every run has ended."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

import msgspec

import syncara.processor as engine
from syncara.app import MultiStepProcessor
from syncara.core.errors import StorageError, ValidationError
from syncara.core.model import Workflow
from syncara.stores.memory import MemoryDisk
from syncara.testing.clock import FakeClock, Idle, VirtualLoop
from syncara.testing.disk import Journal, Process, SimulatedStore
from syncara.testing.plan import Ending, Operation, PlannedStep, Scenario, Script
from syncara.testing.script import Call, Handlers

DISK_FULL = ("disk_full", "storage_stalled")
"""What the API may say while the disk is full."""
HELP_AFTER_SECONDS = 80.0
"""From then on somebody resumes what is still paused."""
LIMIT_SECONDS = 50_000.0
TURNS_MAX = 100_000
PROCESSES_MAX = 40


@dataclass
class Request:
    """One call of the API. `answer` stays None when the process ended first; `refused` stands for a StorageError."""

    verb: str
    execution_id: str
    process: int
    began: float
    seen_before: int
    run: int = 0
    seen_after: int = 0
    answer: Any = None


@dataclass
class Sample:
    """What a reader was shown, and what it had to lie between: events acknowledged and events on the disk."""

    execution_id: str
    acknowledged: int
    committed: int
    progress: dict[str, Any]


@dataclass
class Evidence:
    """All that the oracle goes by."""

    scenario: Scenario
    clock: FakeClock
    processes: list[Process] = field(default_factory=list)
    journals: dict[str, Journal] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    registered: list[tuple[int, float]] = field(default_factory=list)
    """When the handler `late` was registered: process and time."""
    added: dict[int, float] = field(default_factory=dict)
    """When a step was added to a workflow."""
    finals: dict[str, Any] = field(default_factory=dict)
    """The last snapshot of each execution."""
    listed: dict[str, str] = field(default_factory=dict)
    """The status that each execution is listed under, in the end."""
    waited: list[tuple[str, str]] = field(default_factory=list)
    """Executions whose `wait` returned, with the status it gave."""
    surprises: list[str] = field(default_factory=list)


class _Died(BaseException):
    pass


class Stuck(Exception):
    """A run never ended, or the loop never rested."""


class World:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.evidence = Evidence(scenario, FakeClock())
        self.disk = MemoryDisk()
        self.rng = Random(f"world {scenario.seed}")
        self.workflow_ids: list[str] = []
        self.definitions: list[Workflow] = []
        self.execution_ids: dict[int, str] = {}
        self.open = list(scenario.operations)
        self.scripts = {
            (n, step.name): step.script
            for n, workflow in enumerate(scenario.workflows)
            for step in _all_steps((*workflow.steps, *([workflow.added] if workflow.added else [])))
        }

    def run(self) -> Evidence:
        """Raises Stuck when a run does not end."""
        with _repeatable_ids(), _log_kept(self.evidence.surprises):
            return self._run()

    def _run(self) -> Evidence:
        endings: list[Ending | None] = [*self.scenario.endings]
        while True:
            number = len(self.evidence.processes)
            if number == PROCESSES_MAX:
                raise Stuck(f"{PROCESSES_MAX} processes were not enough")
            ending = endings[number] if number < len(endings) else None
            before = endings[number - 1] if 0 < number <= len(endings) else None
            if _Life(self, Process(number, ending, self.evidence.clock), before).run():
                return self.evidence
            self.evidence.clock.advance(ending.downtime if ending else 1.0)

    def script_of(self, run: int, step: str) -> Script:
        return self.scripts[self.scenario.runs[run].workflow, step]

    def needs_late(self, workflow: int) -> bool:
        steps = self.scenario.workflows[workflow].steps
        return any(step.handler == "late" for step in _all_steps(steps))

    def committed(self, execution_id: str) -> int:
        journal = self.evidence.journals.get(execution_id)
        return journal.committed if journal else 0


class _Life:
    """One process: an event loop, a processor, the operations that are due in it."""

    def __init__(self, world: World, process: Process, before: Ending | None) -> None:
        self.world = world
        self.process = process
        self.evidence = world.evidence
        self.late = before.late if before else None
        self.turns = 0
        self.asking = 0
        """Operations under way."""
        self.has_late = self.stopping = False
        self.all_ended = False
        self.evidence.processes.append(process)
        self.store = SimulatedStore(world.disk, process, world.scenario, self.evidence.journals, self._inline)

    def run(self) -> bool:
        """Whether everything has ended; False when the process ended before that."""
        loop = self.loop = VirtualLoop(self.evidence.clock, self._poll)
        loop.set_exception_handler(self._surprise)
        try:
            loop.run_until_complete(self._main())
        except _Died:
            pass
        except Idle as error:
            raise Stuck(str(error)) from error
        finally:
            self.process.die("stopped")
            loop.discard()
            self.store.abandon()
        return self.all_ended

    def _poll(self) -> None:
        self.turns += 1
        if self.process.dead:
            raise _Died
        if self.turns > TURNS_MAX:
            raise Stuck(f"the loop did not come to rest in {TURNS_MAX} turns")

    def _surprise(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self.process.dead:
            self.evidence.surprises.append(f"{context.get('message')}: {context.get('exception')!r}")

    async def _main(self) -> None:
        world, evidence = self.world, self.evidence
        self.processor = MultiStepProcessor(store=self.store, clock=evidence.clock)
        self.finished = asyncio.Event()
        self.background: set[asyncio.Task[None]] = set()
        self.waits: set[asyncio.Task[None]] = set()
        self._register()
        await self.processor.start()
        if not world.workflow_ids:
            world.workflow_ids = [self.processor.define(w.definition()) for w in world.scenario.workflows]
            world.definitions = [self.processor.get_workflow(workflow_id) for workflow_id in world.workflow_ids]
        self.store.on_commit = self._on_commit
        for execution_id in list(evidence.journals):
            self.waits.add(self._spawn(self._wait(execution_id)))
        for operation in world.open:
            if operation.events is None:
                self.loop.call_later(max(0.0, operation.at - evidence.clock.elapsed), self._due, operation)
        self._spawn(self._help())
        self._look()
        await self._last()

    async def _last(self) -> None:
        """Wait until all has ended or this process is to stop, and stop it."""
        ending = self.process.ending
        stops = ending is not None and ending.boundary in ("clean_stop", "killed_while_stopping")
        try:
            await asyncio.wait_for(self.finished.wait(), ending.seconds if ending and stops else LIMIT_SECONDS)
        except TimeoutError:
            if not stops:
                raise Stuck(f"still not at an end after {LIMIT_SECONDS:g} s") from None
        else:
            self.all_ended = True
            await self._waits_return()
            for execution_id in self.evidence.journals:
                self.evidence.finals[execution_id] = self.processor.get_execution(execution_id)
            for status in ("completed", "completed_with_errors", "failed", "cancelled"):
                for execution in self.processor.list_executions(status=status):
                    self.evidence.listed[execution.id] = status
            self._definitions_are_untouched()
        self.stopping = True
        for task in self.background:
            task.cancel()
        await self.processor.stop()
        self.process.clean = not self.process.dead

    async def _waits_return(self) -> None:
        if self.waits:
            _, pending = await asyncio.wait(self.waits, timeout=1.0)
            if pending:
                self.evidence.surprises.append("wait did not return at the end of a run")

    def _definitions_are_untouched(self) -> None:
        for before in self.world.definitions:
            after = self.processor.get_workflow(before.id)
            if before != msgspec.structs.replace(after, steps=after.steps[: len(before.steps)]):
                self.evidence.surprises.append(f"the definition of {before.name} was changed")

    def _inline(self) -> bool:
        return self.world.rng.random() < self.world.scenario.inline

    def _register(self) -> None:
        handlers = Handlers(self.process, self.evidence.calls, self.world.script_of, self.world.committed)
        self.processor.register_handler("work", handlers.work)
        if self.late:
            self.loop.call_later(self.late, self._register_late, handlers)
        else:
            self._register_late(handlers)

    def _register_late(self, handlers: Handlers) -> None:
        self.has_late = True
        self.evidence.registered.append((self.process.number, self.evidence.clock.elapsed))
        self.processor.register_handler("late", handlers.work)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task

    # What people do.

    def _on_commit(self) -> None:
        """Something was committed: operations may be due, readers may look, all may be over."""
        for operation in self.world.open:
            if operation.events is not None:
                execution_id = self.world.execution_ids.get(operation.run)
                if execution_id and self.world.committed(execution_id) >= operation.events:
                    self._due(operation)
        if self.world.rng.random() < 0.3:
            execution_id = self.world.rng.choice(list(self.evidence.journals))
            acknowledged = self.evidence.journals[execution_id].acknowledged
            self.loop.call_soon(self._sample, execution_id, acknowledged)
        self._look()

    def _look(self) -> None:
        waiting = self.asking or any(operation.events is None for operation in self.world.open)
        if not waiting and all(journal.finished for journal in self.evidence.journals.values()):
            self.finished.set()

    def _sample(self, execution_id: str, acknowledged: int) -> None:
        if not self.process.dead and not self.stopping:
            progress = self.processor.get_execution_progress(execution_id)
            sample = Sample(execution_id, acknowledged, self.world.committed(execution_id), progress)
            self.evidence.samples.append(sample)

    def _due(self, operation: Operation) -> None:
        if self.process.dead or self.stopping:
            return
        for _ in range(2 if operation.twice else 1):
            self._spawn(self._operate(operation))

    async def _operate(self, operation: Operation) -> None:
        if operation in self.world.open and (not operation.twice or operation.verb != "execute"):
            self.world.open.remove(operation)
        self.asking += 1
        match operation.verb:
            case "execute":
                await self._execute(operation)
            case "shift":
                self.evidence.clock.shift(operation.seconds)
            case "add_step":
                self._add_step(operation.run)
            case verb if operation.run in self.world.execution_ids:
                await self._ask(verb, self.world.execution_ids[operation.run])
        self.asking -= 1
        self._look()

    def _add_step(self, workflow: int) -> None:
        step = self.world.scenario.workflows[workflow].added
        assert step is not None
        self.processor.add_step(self.world.workflow_ids[workflow], **step.definition())
        self.evidence.added[workflow] = self.evidence.clock.elapsed

    async def _execute(self, operation: Operation) -> None:
        """Start a run. One that is asked for twice has a key, and is asked for again until it is answered."""
        run = self.world.scenario.runs[operation.run]
        request = self._request("execute", "", operation.run)
        context = copy.deepcopy(run.context)
        try:
            request.answer = await self.processor.execute_workflow(
                self.world.workflow_ids[run.workflow],
                context=context,
                user_id=operation.run,
                idempotency_key=f"run {operation.run}" if operation.twice else None,
                start_at=None if run.ahead is None else self.evidence.clock.now() + run.ahead,
            )
        except (StorageError, ValidationError) as error:
            if error.code not in (*DISK_FULL, *(() if self.has_late else ("unknown_handler",))):
                raise
            request.answer = "refused"
            if operation.twice:
                await asyncio.sleep(1.0)
                await self._execute(operation)
            return
        if self.process.dead:
            request.answer = None
            return
        if context != run.context:
            self.evidence.surprises.append("the caller's context was changed")
        if not self.has_late and not operation.twice and self.world.needs_late(run.workflow):
            self.evidence.surprises.append("a workflow with an unknown handler was started")
        if operation in self.world.open:
            self.world.open.remove(operation)
        self.world.execution_ids[operation.run] = request.answer
        self.waits.add(self._spawn(self._wait(request.answer)))

    async def _ask(self, verb: str, execution_id: str, step: str = "", answer: str = "") -> None:
        request = self._request(verb, execution_id)
        processor = self.processor
        try:
            match verb:
                case "pause":
                    request.answer = await processor.pause_execution(execution_id)
                case "resume":
                    request.answer = await processor.resume_execution(execution_id)
                case "cancel":
                    request.answer = await processor.cancel_execution(execution_id)
                case _:
                    request.answer = await processor.resolve_step(execution_id, step, answer)
        except StorageError:
            request.answer = "refused"
        if self.process.dead:
            request.answer = None
        request.seen_after = self.world.committed(execution_id)

    def _request(self, verb: str, execution_id: str, run: int = 0) -> Request:
        seen = self.world.committed(execution_id)
        request = Request(verb, execution_id, self.process.number, self.evidence.clock.elapsed, seen, run)
        self.evidence.requests.append(request)
        return request

    async def _wait(self, execution_id: str) -> None:
        execution = await self.processor.wait(execution_id)
        if not self.process.dead:
            self.evidence.waited.append((execution_id, str(execution.status)))

    async def _help(self) -> None:
        """Answer steps that wait for a person; in the end resume what is still paused."""
        while True:
            await asyncio.sleep(self.world.rng.choice((2.0, 9.0, 20.0)))
            for execution_id, journal in list(self.evidence.journals.items()):
                if journal.finished or not journal.acknowledged:
                    continue
                execution = self.processor.get_execution(execution_id)
                if execution.status == "paused":
                    if self.evidence.clock.elapsed > HELP_AFTER_SECONDS:
                        await self._ask("resume", execution_id)
                    continue
                for step in execution.steps.values():
                    if step.status == "waiting":
                        await self._ask("resolve", execution_id, step.name, self.world.rng.choice(("retry", "fail")))


@contextmanager
def _repeatable_ids() -> Iterator[None]:
    """Ids that count up, so that a seed leads to the same ids, and to what is derived from them, each time."""
    original, numbers = engine.new_id, count(1)  # type: ignore[attr-defined]
    engine.new_id = lambda prefix: f"{prefix}_{next(numbers)}"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        engine.new_id = original  # type: ignore[attr-defined]


@contextmanager
def _log_kept(surprises: list[str]) -> Iterator[None]:
    """Keep the engine's log off the terminal; an exception in it is one that nobody else will hear of."""
    logger = logging.getLogger("syncara")
    handler = logging.Handler()
    handler.emit = lambda record: surprises.append(record.getMessage()) if record.exc_info else None  # type: ignore[method-assign]
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _all_steps(steps: Iterable[PlannedStep], prefix: str = "") -> Iterator[PlannedStep]:
    """Every step, and every task of a group as `Group/Task`."""
    for step in steps:
        yield replace(step, name=prefix + step.name)
        yield from _all_steps(step.tasks, f"{prefix}{step.name}/")
