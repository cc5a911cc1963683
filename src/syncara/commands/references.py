"""What the references in a reply mean: to what stands on the draft, else to what its chat has stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from syncara.abc import Chat
from syncara.commands.desk import Desk
from syncara.commands.sheets import Sheet, Start, step_number
from syncara.core.errors import NotFoundError, Problem, ValidationError, nearest
from syncara.core.model import Step
from syncara.core.views import StepState

LATEST_WORKFLOW = "workflow_id"
LATEST_RUN = "execution_id"
CANDIDATES_SHOWN = 10
STEPS_SHOWN = 20


class Run(NamedTuple):
    id: str
    workflow_name: str
    start: Start | None = None
    """Where the draft itself starts it."""


class References:
    """Looks at a draft and at the chat's own, and changes nothing."""

    def __init__(self, desk: Desk, chat: Chat, sheets: Mapping[str, Sheet], starts: Sequence[Start]) -> None:
        """`sheets` (by id) and `starts` are the draft's, as they grow."""
        self._desk = desk
        self._chat = chat
        self._sheets = sheets
        self._starts = starts
        self.run_missing = False
        """A code that would have started a run could not be read."""

    # Workflows.

    def workflow(self, ref: str) -> Sheet:
        """By the alias `workflow_id`, exact id, or exact name. Raises NotFoundError, ValidationError when ambiguous."""
        # The alias before names: else a workflow of that name would draw all later replies of its chat to itself.
        found = self._latest() if ref == LATEST_WORKFLOW else self._by_id(ref) or self._by_name(ref)
        if found is None:
            raise self._no_workflow(ref)
        return found

    def _by_id(self, ref: str) -> Sheet | None:
        sheet = self._sheets.get(ref)
        if sheet is None:
            workflow = self._desk.workflow(ref, self._chat.owner)
            sheet = None if workflow is None else Sheet(workflow, new=False)
        return None if sheet is None or sheet.hidden else sheet

    def _by_name(self, ref: str) -> Sheet | None:
        """The one of that name made in this draft, else the chat's only one."""
        if made := [sheet for sheet in self._made() if sheet.name == ref]:
            return made[-1]
        hidden = self._hidden()
        stored = self._desk.named(ref, self._chat.owner, CANDIDATES_SHOWN + 1 + len(hidden))
        found = [workflow.id for workflow in stored if workflow.id not in hidden]
        if len(found) > 1:
            shown = found[:CANDIDATES_SHOWN]
            count = len(found) if shown == found else f"more than {CANDIDATES_SHOWN}"
            fix = "give the id: " + ", ".join(shown)
            raise ValidationError(
                [Problem("ambiguous_name", "field 'workflow_id'", f"{count} workflows are named '{ref}'", fix)]
            )
        return self._by_id(found[0]) if found else None

    def _latest(self) -> Sheet | None:
        """The nearest one made before this code in the reply, else this chat's latest."""
        if made := self._made():
            return made[-1]
        hidden = self._hidden()
        stored = self._desk.workflows(self._chat.owner, len(hidden) + 1)
        return next((self._by_id(workflow.id) for workflow in stored if workflow.id not in hidden), None)

    def _no_workflow(self, ref: str) -> NotFoundError:
        hidden = self._hidden()
        names = {sheet.name: sheet.id for sheet in self._made()}
        stored = [workflow for workflow in self._desk.workflows(self._chat.owner) if workflow.id not in hidden]
        names |= {workflow.name: workflow.id for workflow in stored}
        fix = nearest(ref, [*names, *names.values()]) or _candidates("workflow", list(names))
        return NotFoundError("not_found", f"there is no workflow '{ref}'", "workflow_id", fix)

    def _made(self) -> list[Sheet]:
        return [sheet for sheet in self._sheets.values() if sheet.new and not sheet.hidden]

    def _hidden(self) -> set[str]:
        return {sheet.id for sheet in self._sheets.values() if sheet.hidden}

    # Runs and their steps.

    def execution(self, ref: str) -> Run | None:
        """By exact id or the alias `execution_id`. Raises NotFoundError.

        None: the alias means a run that could not be read.
        """
        made = {start.started.execution_id: start for start in self._starts}
        if ref in made:
            return Run(ref, made[ref].sheet.name, made[ref])
        if ref != LATEST_RUN:
            summary = self._desk.summary(ref, self._chat.owner)
        elif meant := [start for start in self._starts if not start.aside]:
            return Run(meant[-1].started.execution_id, meant[-1].sheet.name, meant[-1])
        elif self.run_missing:
            return None
        else:
            summary = self._desk.latest_summary(self._chat.owner)
        if summary is None:
            known = [*made, *(each.id for each in self._desk.summaries(self._chat.owner, CANDIDATES_SHOWN))]
            fix = nearest(ref, known) or _candidates("execution", known)
            raise NotFoundError("not_found", f"there is no execution '{ref}'", "execution_id", fix)
        return Run(summary.id, summary.workflow_name)

    def step(self, run: Run, ref: str) -> str:
        """The name of a run's step, by exact id, exact name or an alias such as `step2`. Raises NotFoundError."""
        steps = self._steps(run)
        names = {step.name: step.name for step in steps} | {step.id: step.name for step in steps}
        if ref in names:
            return names[ref]
        own = [step.name for step in steps if "." not in step.id]  # a task's id is its group's, a dot and a number
        number = step_number(ref, len(own))
        if number is None:
            fix = nearest(ref, names.values()) or "the steps are " + ", ".join(own[:STEPS_SHOWN])
            raise NotFoundError("not_found", f"the run has no step '{ref}'", "step", fix)
        return own[number - 1]

    def step_names(self, run: Run) -> list[str]:
        return [step.name for step in self._steps(run)]

    def _steps(self, run: Run) -> list[Step] | list[StepState]:
        return run.start.sheet.steps if run.start is not None else list(self._desk.execution(run.id).steps.values())

    # Messages.

    def message(self, ref: str) -> str:
        """A message's id; `message_id` and `current_message_id` are the reply's own. Raises NotFoundError."""
        if ref not in ("", "message_id", "current_message_id"):
            return ref
        if self._chat.message_id is None:
            fix = "give the id of the message"
            raise NotFoundError("not_found", "the reply has no message id", "message_id", fix)
        return str(self._chat.message_id)


def _candidates(thing: str, known: list[str]) -> str:
    if not known:
        return f"this chat has no {thing} yet"
    return f"the latest are {', '.join(known[:CANDIDATES_SHOWN])}"
