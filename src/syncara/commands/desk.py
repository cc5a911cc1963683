"""What drafts read, and where they are committed: a chat's own definitions and executions, and the runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncara.abc import Addition, Clock, Owner, Record, ShortcodeFunction, Store, Summary
from syncara.core import check
from syncara.core import events as e
from syncara.core.errors import DamagedError, NotFoundError, Problem
from syncara.core.graph import Plan
from syncara.core.model import Workflow
from syncara.core.views import Execution
from syncara.handlers.registry import Handlers
from syncara.policy.effects import same_id
from syncara.policy.gate import Gate
from syncara.policy.quotas import Runs
from syncara.processor import Processor
from syncara.runtimes.local import Boards, LocalRuntime
from syncara.templates.registry import Templates

NAMES_OFFERED = 300
"""How many of a chat's newest workflows are looked through for a name that may have been meant."""
RUNS_SEARCHED = 100
"""How many of a chat's newest runs are looked through for its latest."""


class Desk:
    def __init__(
        self,
        store: Store,
        processor: Processor,
        runtime: LocalRuntime,
        handlers: Handlers,
        templates: Templates,
        shortcodes: Mapping[str, ShortcodeFunction],
        gate: Gate,
        clock: Clock,
    ) -> None:
        self._store = store
        self._processor = processor
        self._runtime = runtime
        self.handlers = handlers
        self.templates = templates
        self.shortcodes = shortcodes
        self.gate = gate
        self.now = clock.now

    # Reading. What belongs to another chat is not there.

    def workflow(self, workflow_id: str, owner: Owner) -> Workflow | None:
        workflow = self._store.workflow(workflow_id)
        return workflow if workflow is not None and same_id(workflow.chat_id, owner.chat_id) else None

    def workflows(self, owner: Owner, limit: int = NAMES_OFFERED) -> list[Workflow]:
        """Without their steps, newest first."""
        return self._store.workflows(limit, 0, owner)

    def named(self, name: str, owner: Owner, limit: int) -> list[Workflow]:
        """Those of exactly that name, without their steps, newest first."""
        return self._store.workflows(limit, 0, owner, name=name)

    def summary(self, execution_id: str, owner: Owner) -> Summary | None:
        summary = self._store.summary(execution_id)
        return summary if summary is not None and same_id(summary.chat_id, owner.chat_id) else None

    def latest_summary(self, owner: Owner) -> Summary | None:
        """Of a workflow; what a code of another family started is none."""
        newest = self.summaries(owner, RUNS_SEARCHED)
        return next((summary for summary in newest if not self._is_aside(summary)), None)

    def _is_aside(self, summary: Summary) -> bool:
        """Whether a run is what `Draft.start_aside` starts; a workflow that only has the name of a shortcode is not."""
        name = summary.workflow_name
        if name not in self.shortcodes:
            return False
        definition = self.definition(summary.id)
        calls = [(step.handler, step.params.get("shortcode")) for step in definition.steps] if definition else []
        return definition is None or calls == [("execute_shortcode", name)]

    def summaries(self, owner: Owner, limit: int, status: str | None = None) -> list[Summary]:
        """Newest first."""
        return self._store.summaries(owner=owner, status=status, limit=limit)

    def runs_of(self, owner: Owner, now: float, most: int, more: int = 0) -> Runs:
        """How many runs there are, each counted up to `most`, and `more` that are about to be."""
        return self._processor.runs_of(owner, now, most, more)

    def execution(self, execution_id: str) -> Execution:
        """As committed; one whose journal is damaged says so in its `error`."""
        return self._processor.listed(self._processor.summary(execution_id))

    def definition(self, execution_id: str) -> Workflow | None:
        """What an execution started with; None when it cannot be read."""
        try:
            return self._processor.definition_of(execution_id)
        except (DamagedError, NotFoundError):
            return None

    def execution_if_known(self, execution_id: str) -> Execution | None:
        summary = self._store.summary(execution_id)
        return None if summary is None else self._processor.listed(summary)

    def waits(self, execution_id: str) -> list[str]:
        """The names of the steps that have waited for a person or an event, each as often as it has."""
        return [event.step for event in self._processor.history(execution_id) if isinstance(event, e.StepWaiting)]

    def record(self, kind: str, key: str) -> Record | None:
        return self._store.record(kind, key)

    def records(self, kind: str, *, after: str, limit: int) -> list[Record]:
        return self._store.records(kind, after=after, limit=limit)

    def problems(self, workflow: Workflow, chat_id: Any, *, started: bool) -> list[Problem]:
        """All that keeps a definition from running; one that is not started yet may be without steps."""
        if not workflow.steps and not started:
            return []
        found = check.problems(workflow, self.handlers.checks())
        return found + (self._processor.chat_problems(workflow.steps, chat_id) if started else [])

    # Writing.

    async def commit(
        self,
        starts: Sequence[tuple[e.Started, Plan]],
        facts: Sequence[tuple[str, e.Fact]],
        finish: Callable[[Boards, list[bool]], Sequence[Addition]],
    ) -> None:
        """See `LocalRuntime.together`."""
        await self._runtime.together(starts, facts, finish)

    async def write(self, additions: Sequence[Addition]) -> None:
        await self._runtime.together([], [], lambda boards, changed: additions)
