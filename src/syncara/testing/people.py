"""What people ask of one process, and what they are told."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from syncara.app import MultiStepProcessor
from syncara.core import events as e
from syncara.core.errors import StorageError, SyncaraError, ValidationError
from syncara.testing.disk import Process
from syncara.testing.errands import Errands
from syncara.testing.evidence import DISK_FULL
from syncara.testing.plan import Operation, PlannedStep, every_step
from syncara.testing.together import Together

HELP_AFTER_SECONDS = 80.0
"""From then on somebody resumes what is still paused."""


class People:
    def __init__(
        self,
        errands: Errands,
        process: Process,
        processor: MultiStepProcessor,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        look: Callable[[], None],
    ) -> None:
        """`spawn` starts a task that is cancelled at the end; `look` is called when something has been answered."""
        self.errands = errands
        self.scenario = errands.scenario
        self.evidence = errands.evidence
        self.process = process
        self.processor = processor
        self.has_late = False
        """Whether the handler `late` is registered."""
        self.stopping = False
        self.asking = 0
        """Operations under way."""
        self.waits: set[asyncio.Task[None]] = set()
        self.bundles: set[asyncio.Task[None]] = set()
        """Those under way; the engine answers them even when it stops."""
        self._spawn = spawn
        self._look = look
        self._engine = processor._engine  # noqa: SLF001 - approvals and bundles come from the layers in between
        engine = self._engine
        self._together = Together(errands, engine.processor, engine.runtime, engine.store)

    def due(self, operation: Operation) -> None:
        if self.process.dead or self.stopping:
            return
        for _ in range(2 if operation.twice else 1):
            work = self._operate(operation)
            if operation.verb == "bundle":
                task = asyncio.get_running_loop().create_task(work)
                self.bundles.add(task)
                task.add_done_callback(self.bundles.discard)
            else:
                self._spawn(work)

    async def _operate(self, operation: Operation) -> None:
        if operation in self.errands.open and (not operation.twice or operation.verb != "execute"):
            self.errands.open.remove(operation)
        self.asking += 1
        match operation.verb:
            case "execute":
                await self._execute(operation)
            case "bundle":
                await self._bundle(operation.run)
            case "shift":
                self.evidence.clock.shift(operation.seconds)
            case "add_step":
                self._add_step(operation.run)
            case verb:
                execution_id = self.errands.execution(operation.run)
                if execution_id is not None:
                    await self.ask(verb, execution_id)
        self.asking -= 1
        self._look()

    def _add_step(self, workflow: int) -> None:
        step = self.scenario.workflows[workflow].added
        assert step is not None
        self.processor.add_step(self.errands.workflow_ids[workflow], **step.definition())
        self.evidence.added[workflow] = self.evidence.clock.elapsed

    async def _execute(self, operation: Operation) -> None:
        """Start a run. One that is asked for twice has a key, and is asked for again until it is answered."""
        run = self.scenario.runs[operation.run]
        request = self.errands.request("execute", "", self.process, operation.run)
        context = copy.deepcopy(run.context)
        try:
            request.answer = await self.processor.execute_workflow(
                self.errands.workflow_ids[run.workflow],
                context=context,
                user_id=operation.run,
                idempotency_key=f"run {operation.run}" if operation.twice else None,
                start_at=None if run.ahead is None else self.evidence.clock.now() + run.ahead,
            )
        except (StorageError, ValidationError) as error:
            if error.code not in (*DISK_FULL, *(() if self.has_late else ("unknown_handler",))):
                raise
            self.errands.answered(request, "refused", error.code)
            if operation.twice:
                await asyncio.sleep(1.0)
                await self._execute(operation)
            return
        if self.process.dead:
            request.answer = None
            return
        if context != run.context:
            self.evidence.surprises.append("the caller's context was changed")
        if not self.has_late and not operation.twice and _needs_late(self.scenario.workflows[run.workflow].steps):
            self.evidence.surprises.append("a workflow with an unknown handler was started")
        if operation in self.errands.open:
            self.errands.open.remove(operation)
        self.errands.execution_ids[operation.run] = request.answer
        self.wait_for(request.answer)

    async def _bundle(self, number: int) -> None:
        """Ask for a bundle, and where it was refused, maybe once more."""
        bundle = self.scenario.bundles[number]
        asked = await self._together.ask(bundle, self.process)
        if bundle.again and asked.answer not in (None, "written") and not self.stopping:
            asked = await self._together.ask(replace(bundle, flaw=None), self.process)
        if asked.answer == "written":
            for execution_id in asked.starts:
                self.wait_for(execution_id)

    async def ask(self, verb: str, execution_id: str, step: str = "", answer: str = "") -> None:
        request = self.errands.request(verb, execution_id, self.process)
        processor = self.processor
        told: Any
        code = ""
        try:
            match verb:
                case "pause":
                    told = await processor.pause_execution(execution_id)
                case "resume":
                    told = await processor.resume_execution(execution_id)
                case "cancel":
                    told = await processor.cancel_execution(execution_id)
                case "approve":
                    told = await self._engine.processor.tell(execution_id, lambda at: e.Approved(at, "ada"))
                case _:
                    told = await processor.resolve_step(execution_id, step, answer)
        except SyncaraError as error:
            told, code = "refused", error.code
        if not self.process.dead:
            self.errands.answered(request, told, code)

    def wait_for(self, execution_id: str) -> None:
        self.waits.add(self._spawn(self._wait(execution_id)))

    async def _wait(self, execution_id: str) -> None:
        execution = await self.processor.wait(execution_id)
        if not self.process.dead:
            self.evidence.waited.append((execution_id, str(execution.status)))

    async def help(self) -> None:
        """Answer steps that wait for a person; in the end resume what is still paused."""
        while True:
            await asyncio.sleep(self.errands.rng.choice((2.0, 9.0, 20.0)))
            for execution_id, journal in list(self.evidence.journals.items()):
                if journal.finished:
                    continue
                execution = self.processor.get_execution(execution_id)
                if execution.status == "paused":
                    if self.evidence.clock.elapsed > HELP_AFTER_SECONDS:
                        await self.ask("resume", execution_id)
                    continue
                for step in execution.steps.values():
                    if step.status == "waiting":
                        await self.ask("resolve", execution_id, step.name, self.errands.rng.choice(("retry", "fail")))


def _needs_late(steps: tuple[PlannedStep, ...]) -> bool:
    return any(step.handler == "late" for step in every_step(steps))
