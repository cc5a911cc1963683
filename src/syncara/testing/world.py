"""Runs a scenario against the real engine: one process after another over one disk, until every run has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import msgspec

import syncara.processor as engine
from syncara.app import MultiStepProcessor
from syncara.core.model import Workflow
from syncara.stores.memory import MemoryDisk
from syncara.testing.clock import FakeClock, Idle, VirtualLoop
from syncara.testing.disk import Process, SimulatedStore
from syncara.testing.errands import Errands
from syncara.testing.evidence import Evidence, Sample
from syncara.testing.people import People
from syncara.testing.plan import Ending, Scenario, Script, every_step
from syncara.testing.script import Handlers
from syncara.testing.together import KIND

LIMIT_SECONDS = 50_000.0
TURNS_MAX = 20_000
PROCESSES_MAX = 40


class _Died(BaseException):
    pass


class Stuck(Exception):
    """A run never ended, or the loop never rested."""


class World:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.evidence = Evidence(scenario, FakeClock())
        self.disk = MemoryDisk()
        self.errands = Errands(scenario, self.evidence)
        self.definitions: list[Workflow] = []
        self.scripts = {
            (n, step.name): step.script
            for n, workflow in enumerate(scenario.workflows)
            for step in every_step((*workflow.steps, *([workflow.added] if workflow.added else [])))
        }

    def run(self) -> Evidence:
        """Raises Stuck when a run does not end."""
        with _repeatable_ids(), _log_kept(self.evidence.surprises):
            try:
                return self._run()
            finally:
                self._look_at_the_disk()

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

    def _look_at_the_disk(self) -> None:
        """What bundles have left."""
        self.evidence.records = {key for kind, key in self.disk.records if kind == KIND}
        for workflow_id, definition in self.disk.definitions.items():
            self.evidence.defined[workflow_id] = {step.id for step in definition.workflow.steps}

    def script_of(self, run: int, step: str) -> Script:
        return self.scripts[self.scenario.runs[run].workflow, step]


class _Life:
    """One process: an event loop, a processor, the operations that are due in it."""

    def __init__(self, world: World, process: Process, before: Ending | None) -> None:
        self.world = world
        self.process = process
        self.evidence = world.evidence
        self.late = before.late if before else None
        self.turns = 0
        self.all_ended = False
        self.evidence.processes.append(process)
        self.store = SimulatedStore(world.disk, process, world.scenario, self.evidence.journals, self._inline)
        self.store.commits = self.evidence.commits

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
        people = self.people = People(world.errands, self.process, self.processor, self._spawn, self._look)
        self._register()
        await self.processor.start()
        if not world.definitions:
            for n in world.scenario.defined:
                world.errands.workflow_ids[n] = self.processor.define(world.scenario.workflows[n].definition())
            world.definitions = [self.processor.get_workflow(i) for i in world.errands.workflow_ids.values()]
        self.store.on_commit = self._on_commit
        for execution_id in list(evidence.journals):
            people.wait_for(execution_id)
        for operation in world.errands.open:
            if operation.events is None:
                self.loop.call_later(max(0.0, operation.at - evidence.clock.elapsed), people.due, operation)
        self._spawn(people.help())
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
            await self._return(self.people.waits, "wait did not return at the end of a run")
            for execution_id in self.evidence.journals:
                self.evidence.finals[execution_id] = self.processor.get_execution(execution_id)
            for status in ("completed", "completed_with_errors", "failed", "cancelled"):
                for execution in self.processor.list_executions(status=status):
                    self.evidence.listed[execution.id] = status
            self._definitions_are_untouched()
        self.people.stopping = True
        for task in self.background:
            task.cancel()
        await self.processor.stop()
        self.process.clean = not self.process.dead
        if self.process.clean:
            await self._return(self.people.bundles, "whoever asked for a bundle was never told what became of it")

    async def _return(self, tasks: set[asyncio.Task[None]], otherwise: str) -> None:
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=1.0)
            if pending:
                self.evidence.surprises.append(otherwise)

    def _definitions_are_untouched(self) -> None:
        for before in self.world.definitions:
            after = self.processor.get_workflow(before.id)
            if before != msgspec.structs.replace(after, steps=after.steps[: len(before.steps)]):
                self.evidence.surprises.append(f"the definition of {before.name} was changed")

    def _inline(self) -> bool:
        return self.world.errands.rng.random() < self.world.scenario.inline

    def _register(self) -> None:
        handlers = Handlers(self.process, self.evidence.calls, self.world.script_of, self.world.errands.committed)
        self.processor.register_handler("work", handlers.work)
        if self.late:
            self.loop.call_later(self.late, self._register_late, handlers)
        else:
            self._register_late(handlers)

    def _register_late(self, handlers: Handlers) -> None:
        self.people.has_late = True
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
        errands, journals = self.world.errands, self.evidence.journals
        for operation in errands.open:
            if operation.events is not None:
                execution_id = errands.execution(operation.run)
                if execution_id and errands.committed(execution_id) >= operation.events:
                    self.people.due(operation)
        if errands.rng.random() < 0.3 and journals:
            execution_id = errands.rng.choice(list(journals))
            self.loop.call_soon(self._sample, execution_id, journals[execution_id].acknowledged)
        self._look()

    def _look(self) -> None:
        waiting = self.people.asking or any(operation.events is None for operation in self.world.errands.open)
        if not waiting and all(journal.finished for journal in self.evidence.journals.values()):
            self.finished.set()

    def _sample(self, execution_id: str, acknowledged: int) -> None:
        if not self.process.dead and not self.people.stopping:
            progress = self.processor.get_execution_progress(execution_id)
            sample = Sample(execution_id, acknowledged, self.world.errands.committed(execution_id), progress)
            self.evidence.samples.append(sample)


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
