"""The steps of a run as people see them: tasks under their groups, each with how it stands."""

from __future__ import annotations

from collections.abc import Collection

from syncara.answers import reasons
from syncara.answers.failures import failed
from syncara.answers.fit import DETAIL_CHARS, NAME_CHARS
from syncara.answers.model import AnyPart, Code, Icon, Line, Message, Strong, Text, message
from syncara.answers.text import cut, moment, span
from syncara.core.events import SKIPPED_BY_FAILURE
from syncara.core.model import FINAL_STEP, ExecutionStatus, Step, StepStatus, Workflow
from syncara.core.views import Execution, StepState

DOT = Icon("dot")


class Tree:
    def __init__(self, execution: Execution, workflow: Workflow | None = None, now: float | None = None) -> None:
        """`workflow` lets steps say what they depend on; with `now` (Unix seconds) times are counted from it."""
        self.execution = execution
        self.now = now
        self.steps = list(execution.steps.values())
        self._definitions: dict[str, Step] = {} if workflow is None else {step.id: step for step in workflow.steps}
        self._by_id = {step.id: step for step in self.steps}
        self._tasks: dict[str, list[StepState]] = {}
        for step in self.steps:
            group = self.group(step)
            if group is not None:
                self._tasks.setdefault(group.id, []).append(step)

    def group(self, step: StepState) -> StepState | None:
        """The group that the step is a task of. The ids of tasks begin with their group's."""
        return self._by_id.get(step.id.rpartition(".")[0])

    def tasks(self, step: StepState) -> list[StepState]:
        """The tasks of a group that has begun."""
        return self._tasks.get(step.id, [])

    def under_way(self) -> list[StepState]:
        """The steps that run, wait or are to be tried again, without groups."""
        idle = FINAL_STEP | {StepStatus.PENDING}
        return [step for step in self.steps if step.status not in idle and not self.tasks(step)]

    def in_focus(self) -> int:
        """The index of the first step that is not over, else of the first that failed; groups stand for no task."""
        for wanted in (set(StepStatus) - FINAL_STEP, {StepStatus.FAILED}):
            for i, step in enumerate(self.steps):
                if step.status in wanted and not self.tasks(step):
                    return i
        return 0

    def row(self, step: StepState) -> Line:
        """A step in its place in the tree."""
        depth, label, group = 0, step.name, self.group(step)
        if group is not None:
            label = step.name.removeprefix(f"{group.name}/")
        while group is not None:
            depth, group = depth + 1, self.group(group)
        return Line((Icon(step.status), Text(cut(label, NAME_CHARS)), *self._details(step)), depth)

    def sentence(self, step: StepState) -> Line:
        """A step by its whole name, on its own."""
        return Line((Icon(step.status), Strong(cut(step.name, NAME_CHARS)), *self._details(step)), 0)

    def _details(self, step: StepState) -> list[AnyPart]:
        return [part for detail in (*self._state(step), *self._figures(step)) for part in (DOT, detail)]

    def _state(self, step: StepState) -> list[Message]:
        """The status in words, with the reason where there is one. Of a completed step the icon says all."""
        match step.status:
            case StepStatus.COMPLETED:
                return []
            case StepStatus.PENDING:
                return self._pending(step)
            case StepStatus.FAILED:
                return [message("step.failed", why=failed(step.code, step.error))]
            case StepStatus.SKIPPED | StepStatus.CANCELLED:
                definition = self._definitions.get(step.id)
                condition = None if definition is None else definition.condition
                why = reasons.ended(step, self.execution, self.culprits(step), condition)
                return [message(f"step.{step.status}", why=why)]
            case StepStatus.WAITING | StepStatus.BLOCKED:
                return [message(f"step.{step.status}", why=reasons.waits(step))]
            case StepStatus.RETRYING if step.error and step.wake_at is not None:
                failure = failed(step.code, step.error)
                return [message("step.retrying", n=step.attempts + 1, when=self._when(step.wake_at), why=failure)]
            case StepStatus.DELAYED if step.wake_at is not None:
                return [message("step.delayed", when=self._when(step.wake_at))]
        return [message(f"step.{'repeating' if step.status is StepStatus.RETRYING else 'running'}")]

    def _pending(self, step: StepState) -> list[Message]:
        """What keeps it from starting, where the definition tells."""
        definition = self._definitions.get(step.id)
        if definition is None or self.execution.status is not ExecutionStatus.RUNNING:
            return []
        if waited_for := [each for each in self.parents(step) if not each.status.final]:
            return [message("step.after", steps=Text(reasons.names(waited_for)))]
        if definition.condition and not definition.dependencies:
            return [message("step.watching", condition=Code(cut(definition.condition, DETAIL_CHARS)))]
        return [message("step.no_slot")]

    def parents(self, step: StepState) -> list[StepState]:
        """The steps it depends on, where the definition tells."""
        definition = self._definitions.get(step.id)
        named: Collection[str] = () if definition is None else definition.dependencies
        return [parent for name in named if (parent := self.execution.steps.get(name)) is not None]

    def culprits(self, step: StepState) -> list[StepState]:
        """The steps it depends on that did not go well."""
        return [
            parent
            for parent in self.parents(step)
            if parent.status in (StepStatus.FAILED, StepStatus.CANCELLED)
            or (parent.status is StepStatus.SKIPPED and parent.code in SKIPPED_BY_FAILURE)
        ]

    def _figures(self, step: StepState) -> list[AnyPart]:
        """Tasks, attempts and time."""
        found: list[AnyPart] = []
        if tasks := self.tasks(step):
            settled = sum(task.status.final for task in tasks)
            found.append(message("step.tasks", settled=settled, n=len(tasks)))
        elif step.attempts > 1 and step.status is not StepStatus.RETRYING:
            key = "step.attempt" if step.status is StepStatus.RUNNING else "step.attempts"
            found.append(message(key, n=step.attempts))
        until = step.finished_at if step.status.final else self.now
        if step.started_at is not None and until is not None and step.status in _TIMED:
            found.append(Text(span(until - step.started_at)))
        return found

    def _when(self, at: float) -> Message:
        if self.now is None:
            return message("when.at", moment=Text(moment(at)))
        if at > self.now:
            return message("when.in", span=Text(span(at - self.now)))
        return message("when.resumed" if self.execution.status is ExecutionStatus.PAUSED else "when.now")


_TIMED = frozenset({StepStatus.RUNNING, StepStatus.COMPLETED, StepStatus.FAILED, StepStatus.CANCELLED})
"""Statuses of steps whose time says something."""
