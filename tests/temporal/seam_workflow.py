"""The core and the shared driver inside a Temporal workflow: time, timers and hands are its own, decisions are ours."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from syncara.core import events as e
    from syncara.core import journal
    from syncara.core.board import Board
    from syncara.core.graph import Plan
    from syncara.core.machine import next_wake
    from syncara.core.model import Workflow
    from syncara.runtimes import driver

ONCE = RetryPolicy(maximum_attempts=1)
"""The machine decides about retries; Temporal must not have a second opinion."""


@activity.defn
def attempt(payload: dict[str, Any]) -> str:
    """One attempt in a handler; the fact that came of it, as JSON."""
    step = driver.StepInput(payload["step_id"], payload["step"], payload["params"])
    execution = driver.ExecutionInput(
        payload["execution"],
        payload["workflow"],
        payload["context"],
        payload["attempt"],
        payload["key"],
        (None, None, None),
        lambda _: {},
    )
    call = driver.Call(step, execution, payload["step"], payload["attempt"], payload["handler"], payload["timeout"])
    fact: e.StepSucceeded | e.StepErred
    try:
        fact = driver.success(call, handle(step, execution), 0.0)
    except Exception as error:  # noqa: BLE001 - a handler may raise anything
        fact = driver.failure(call, error, 0.0)
    return journal.encode([fact]).decode()


def handle(step: Any, execution: Any) -> Any:
    """The one handler of the test: fails its first attempt where asked to, and leaves a mark in the context."""
    if execution.attempt <= step.params.get("failures", 0):
        raise RuntimeError("not yet")
    execution.context[step.name] = execution.idempotency_key
    return {"said": step.params.get("say"), "attempt": execution.attempt}


@workflow.defn
class Seam:
    @workflow.run
    async def run(self, definition: str, execution_id: str) -> str:
        """Run a definition to its end; its journal, as JSON."""
        self.board = Board(Plan(msgspec.json.decode(definition, type=Workflow)))
        self.journal: list[e.AnyEvent] = []
        self.facts: list[e.Fact] = []
        self.running: set[asyncio.Task[None]] = set()
        steps = len(self.board.plan.workflow.steps)
        self.take(e.Started(workflow.time(), execution_id, self.board.plan.workflow.id, steps))
        while not self.board.status.final:
            wake = next_wake(self.board)
            patience = None if wake is None else timedelta(seconds=max(0.0, wake - workflow.time()))
            try:
                await workflow.wait_condition(lambda: bool(self.facts), timeout=patience)
            except TimeoutError:
                self.take(e.Ticked(workflow.time()))
            while self.facts:
                self.take(self.facts.pop(0))
        return journal.encode(self.journal).decode()

    def take(self, fact: e.Fact) -> None:
        events, actions = driver.drive(self.board, fact)
        self.journal += events
        for action in actions:
            if isinstance(action, driver.Call):
                task = asyncio.create_task(self.call(action))
                self.running.add(task)
                task.add_done_callback(self.running.discard)

    async def call(self, call: driver.Call) -> None:
        body = await workflow.execute_activity(
            attempt,
            {
                "execution": call.execution.id,
                "workflow": call.execution.workflow_id,
                "step": call.name,
                "step_id": call.step.id,
                "params": call.step.params,
                "context": call.execution.context,
                "attempt": call.attempt,
                "key": call.execution.idempotency_key,
                "handler": call.handler,
                "timeout": call.timeout,
            },
            start_to_close_timeout=timedelta(seconds=call.timeout),
            retry_policy=ONCE,
        )
        (fact,) = msgspec.json.decode(body, type=list[e.AnyEvent])
        assert isinstance(fact, e.StepSucceeded | e.StepErred)
        self.facts.append(msgspec.structs.replace(fact, at=workflow.time()))
