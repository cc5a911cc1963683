"""Why a step did or did not run, and what a run waits for."""

from __future__ import annotations

from collections.abc import Sequence

from syncara.answers import reasons
from syncara.answers.fit import fitted
from syncara.answers.model import Answer, Line, Text, message
from syncara.answers.runs import failure, title
from syncara.answers.text import moment
from syncara.answers.tree import Tree
from syncara.core.model import ExecutionStatus, StepStatus, Workflow
from syncara.core.views import Execution, StepState

_PLAIN = (StepStatus.COMPLETED, StepStatus.PENDING)
"""Statuses that call for no reason; nor does a group that goes on beside its tasks."""
_TITLE_SAYS = (ExecutionStatus.SCHEDULED, ExecutionStatus.AWAITING_APPROVAL, ExecutionStatus.PAUSED)
"""What a run waits for is in its title."""


def why(
    execution: Execution,
    step_name: str | None = None,
    workflow: Workflow | None = None,
    awaited: Sequence[Line] = (),
) -> Answer:
    """Of one step, by its name or id: how it stands and the steps that this comes from. KeyError when there is none.

    Without a step: each one that failed or did not run, and what the run waits for. `workflow` is the definition: with
    it, steps tell what they depend on. `awaited`: the approval that the run waits for (`approval_awaited`).
    """
    tree = Tree(execution, workflow)
    if step_name is not None:
        step = execution.steps[step_name]
        head = (Line(tree.sentence(step).parts), *_time("started", step.started_at), *_time("ended", step.finished_at))
        return fitted(head, _behind(tree, step), tree.sentence, awaited)
    steps = [step for step in tree.steps if step.status not in _PLAIN and (step.status.final or not tree.tasks(step))]
    says_all = steps or execution.status in _TITLE_SAYS
    head = (Line(title(execution)), *(() if says_all else (Line((message("why.nothing"),)),)))
    return fitted(head, steps, tree.sentence, (*awaited, *failure(execution)))


def _time(key: str, at: float | None) -> tuple[Line, ...]:
    return () if at is None else (Line((message(f"why.{key}", moment=Text(moment(at))),)),)


def _behind(tree: Tree, step: StepState) -> list[StepState]:
    """The steps that explain how one stands."""
    if tasks := tree.tasks(step):
        return [task for task in tasks if task.status is not StepStatus.COMPLETED]
    if step.code == "run_failed":
        first = reasons.culprit(tree.execution, tree.execution.error)
        return [] if first is None else [first]
    if step.status is StepStatus.PENDING:
        return [parent for parent in tree.parents(step) if not parent.status.final]
    return tree.culprits(step)
