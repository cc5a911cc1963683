"""Asks the engine for a bundle: executions to start, facts, and changes of definitions in one transaction."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import msgspec

from syncara.abc import Change, NewSteps, NewWorkflow, Record, Store
from syncara.core import check, limits
from syncara.core import events as e
from syncara.core.errors import SyncaraError
from syncara.core.graph import Plan
from syncara.core.model import Step, Workflow
from syncara.processor import Processor
from syncara.runtimes.local import Boards, LocalRuntime
from syncara.testing.disk import Process
from syncara.testing.errands import Errands
from syncara.testing.evidence import Asked
from syncara.testing.plan import Bundle, PlannedStep, PlannedWorkflow, Steering

KIND = "bundle"
"""Of the records that bundles write."""
FACTS: dict[Steering, Callable[[float, str], e.Fact]] = {
    "pause": lambda at, key: e.Paused(at),
    "resume": lambda at, key: e.Resumed(at),
    "cancel": e.Cancelled,
    "approve": e.Approved,
}


class Withdrawn(Exception):
    """The caller thinks better of it at the last moment."""

    code = "withdrawn"


class Together:
    def __init__(self, errands: Errands, processor: Processor, runtime: LocalRuntime, store: Store) -> None:
        self._errands = errands
        self._evidence = errands.evidence
        self._workflows = errands.scenario.workflows
        self._processor = processor
        self._runtime = runtime
        self._store = store

    async def ask(self, bundle: Bundle, process: Process) -> Asked:
        key = f"{KIND}_{len(self._evidence.asked)}"
        changes, plans = self._definitions(bundle, key)
        starts = []
        for run in bundle.starts:
            plan = self._plan(run, plans)
            starts.append((self._started(run, plan, key), plan))
        if bundle.flaw == "undefined":
            started, plan = starts[0]
            starts[0] = (msgspec.structs.replace(started, workflow_id="wf_of_nobody"), _of_nobody(plan))
        asked = Asked(
            bundle,
            key,
            process.number,
            began=self._evidence.clock.elapsed,
            starts={started.execution_id: run for run, (started, _) in zip(bundle.starts, starts, strict=True)},
            changes=[*changes, Record(KIND, key, self._now, b"{}")],
        )
        self._evidence.asked.append(asked)
        for execution_id, run in asked.starts.items():
            self._errands.execution_ids[run] = execution_id
        facts = self._facts(bundle, asked, process)

        def finish(boards: Boards, changed: list[bool]) -> Sequence[Change]:
            asked.changed = list(changed)
            if bundle.flaw == "raises":
                raise Withdrawn
            return asked.changes

        answer = "written"
        try:
            await self._runtime.together(starts, facts, finish)
        except (SyncaraError, Withdrawn) as error:
            answer = error.code
        if not process.dead:
            self._answered(asked, answer)
        return asked

    def _answered(self, asked: Asked, answer: str) -> None:
        asked.answer = answer
        asked.ended = self._evidence.clock.elapsed
        written = answer == "written"
        for number, request in enumerate(asked.facts):
            self._errands.answered(request, asked.changed[number] if written else "refused", "" if written else answer)

    @property
    def _now(self) -> float:
        return self._evidence.clock.now()

    def _definitions(self, bundle: Bundle, key: str) -> tuple[list[Change], dict[int, Workflow]]:
        """The changes of definitions, and the workflows that are other than the store has them, by number."""
        changes: list[Change] = []
        own: dict[int, Workflow] = {}
        if bundle.defines is not None:
            own[bundle.defines] = self._workflow(self._workflows[bundle.defines], f"wf_{key}")
            changes.append(NewWorkflow(own[bundle.defines]))
        if bundle.adds_to is not None:
            there, planned = self._there(bundle.adds_to), self._workflows[bundle.adds_to].added
            assert planned is not None
            step = _step(planned, key)
            own[bundle.adds_to] = msgspec.structs.replace(there, steps=(*there.steps, step))
            changes.append(NewSteps(there.id, [step], after=len(there.steps)))
        there = self._there(self._errands.scenario.defined[0])
        if bundle.flaw == "taken":
            changes.append(NewWorkflow(there))
        if bundle.flaw == "stale":
            changes.append(NewSteps(there.id, [_step(PlannedStep("Too late", "work"), key)], after=0))
        return changes, own

    def _there(self, number: int) -> Workflow:
        workflow = self._store.workflow(self._errands.workflow_ids[number])
        assert workflow is not None, "no bundle deletes a definition"
        return workflow

    def _workflow(self, planned: PlannedWorkflow, workflow_id: str) -> Workflow:
        fields = planned.definition()
        del fields["steps"]
        made = check.new_workflow(workflow_id, self._now, fields)
        return msgspec.structs.replace(made, steps=tuple(_step(step, workflow_id) for step in planned.steps))

    def _plan(self, run: int, own: dict[int, Workflow]) -> Plan:
        number = self._errands.scenario.runs[run].workflow
        if number in own:
            return Plan(own[number])
        workflow = self._there(number)
        return self._processor.plans.get(workflow.id, len(workflow.steps))

    def _started(self, run: int, plan: Plan, key: str) -> e.Started:
        planned = self._errands.scenario.runs[run]
        return e.Started(
            self._now,
            f"ex_{key}_{run}",
            plan.workflow.id,
            plan.top,
            copy.deepcopy(planned.context),
            user_id=run,
            start_at=None if planned.ahead is None else self._now + planned.ahead,
            rules=limits.RULES,
            approve_by=None if planned.approve_within is None else self._now + planned.approve_within,
        )

    def _facts(self, bundle: Bundle, asked: Asked, process: Process) -> list[tuple[str, e.Fact]]:
        facts = []
        own = {run: execution_id for execution_id, run in asked.starts.items()}
        for verb, run in bundle.steers:
            execution_id = own.get(run) or self._errands.execution(run)
            if execution_id is not None:
                asked.facts.append(self._errands.request(verb, execution_id, process))
                facts.append((execution_id, FACTS[verb](self._now, asked.key)))
        return facts


def _of_nobody(plan: Plan) -> Plan:
    """The plan of a definition that no store has."""
    return Plan(msgspec.structs.replace(plan.workflow, id="wf_of_nobody"))


def _step(planned: PlannedStep, within: str) -> Step:
    return check.new_step(f"st_{within}_{planned.name}", planned.definition())
