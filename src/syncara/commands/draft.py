"""What one reply asks for, on paper. Nothing of it happens before the whole draft is committed.

Commands put definitions, steps, starts and facts on the draft. `settle` resolves what refers to something else and
finds everything that is wrong; the desk then makes all of it true in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeGuard

import msgspec

from syncara import arguments
from syncara.abc import Change, Chat, HideWorkflow, NewSteps, NewWorkflow
from syncara.answers import Answer
from syncara.commands.desk import Desk
from syncara.commands.references import LATEST_WORKFLOW, References, Run
from syncara.commands.registry import Command
from syncara.commands.sheets import Sheet, Start, readable_part
from syncara.core import check, limits
from syncara.core import events as e
from syncara.core.errors import Problem, SyncaraError, ValidationError
from syncara.core.model import Author, Step, Workflow
from syncara.core.views import Execution
from syncara.ids import new_id
from syncara.policy.gate import told
from syncara.policy.preview import too_much
from syncara.policy.quotas import size

PROBLEMS_MAX = 100
"""How many problems of one definition are told at once."""


class Look(Protocol):
    """How things are once the draft is committed."""

    def execution(self, execution_id: str) -> Execution: ...

    def definition(self, execution_id: str) -> Workflow | None:
        """What an execution started with; None when it cannot be read."""

    def changed(self, fact: int) -> bool:
        """Whether the draft's fact of that number changed anything."""


Said = Answer | Callable[[Look], Answer]
"""What a command returns: its answer, or how to make it once everything is known.

A command that is about a run that could not be read returns None instead.
"""


class Told(NamedTuple):
    """A fact for an execution."""

    execution_id: str
    fact: e.Fact


class Draft:
    def __init__(self, desk: Desk, chat: Chat, author: Author, commands: Mapping[str, Command]) -> None:
        self.desk = desk
        self.chat = chat
        self.author = author
        self.commands = commands
        """All that can be asked for here, by shortcode: the registry's, and registered families."""
        self.now = desk.now()
        self.place = 0
        """The number of the code that is being carried out."""
        self.reading = False
        """Whether it only looks."""
        self.inline = False
        """Whether it stands in a sentence, and is answered in one line."""
        self._sheets: dict[str, Sheet] = {}
        self.starts: list[Start] = []
        self.references = References(desk, chat, self._sheets, self.starts)
        self.facts: list[Told] = []
        self.ids: dict[int, str] = {}
        """What each code made or is about."""
        self._whole: list[tuple[int, Sheet]] = []
        """The definitions that codes go through as a whole, each with the code."""
        self._unfound: dict[str, Sheet] = {}
        """In the place of definitions that steps were to be added to, by what these were called."""
        self._amiss: list[tuple[int, Problem]] = []
        """What is wrong with codes that were carried out in spite of it, each with the code."""
        self.size = 0
        """The steps and dependencies that the reply goes through, once the draft is settled."""
        self.latest_used: set[int] = set()
        """The codes in which `workflow_id` means a workflow that was there before."""

    @property
    def sheets(self) -> list[Sheet]:
        """The definitions that were asked for, in the order in which that was first done."""
        return list(self._sheets.values())

    # What commands put on it.

    def create(self, fields: Mapping[str, Any]) -> Sheet:
        """A new definition without steps. Raises ValidationError."""
        workflow = check.new_workflow(new_id("wf"), self.now, fields)
        return self._add(msgspec.structs.replace(workflow, chat_id=self.chat.chat_id, author=self.author))

    def create_whole(self, definition: Mapping[str, Any]) -> Sheet:
        """A new definition with its steps, whose dependencies are names. Raises ValidationError with all problems."""
        sheet = self.create({key: value for key, value in definition.items() if key != "steps"})
        problems: list[Problem] = []
        for number, step in enumerate(definition["steps"], 1):
            if len(problems) >= PROBLEMS_MAX:
                sheet.whole = False
                break
            place = f"step {number} of the list"
            try:
                self.add_step(sheet, step)
            except ValidationError as error:
                problems += [msgspec.structs.replace(each, where=f"{place}, {each.where}") for each in error.problems]
            if len(sheet.steps) < number:
                fields = step if isinstance(step, Mapping) else {}
                sheet.whole = sheet.whole and _is_name(fields.get("name"))
                sheet.add(readable_part(place, fields))
                sheet.places[place] = self.place
        if problems:
            raise ValidationError(problems)
        return sheet

    # What could not be read, so that the codes after it are not found wrong because of it.

    def stand_in(self, name: str) -> None:
        """In the place of a definition."""
        self._add(Workflow(new_id("wf"), name or "?", chat_id=self.chat.chat_id, author=self.author))

    def stand_in_step(self, ref: str, name: Any) -> None:
        """In the place of a step, unless it was put on the draft in spite of what is wrong."""
        try:
            sheet = self.workflow(ref)
        except SyncaraError:
            return
        sheet.stand_in(name)

    def stand_in_run(self) -> None:
        """In the place of a run."""
        self.references.run_missing = True

    # Steps and runs.

    def add_step(self, sheet: Sheet, fields: Mapping[str, Any]) -> Step:
        """Raises ValidationError with all that can never become right; `settle` says the rest, also of such a step."""
        self._require_own(sheet)
        problems: list[Problem] = []
        if not isinstance(fields, Mapping):
            message = f"a step is an object of fields, and this is {check.shown(fields)}"
            raise ValidationError([Problem("wrong_type", "steps", message, "give name, handler and params")])
        if sheet.started:
            message = f"'{sheet.name}' was started before this step; a run keeps the steps that it started with"
            problems.append(Problem("late_step", "workflow_id", message, "put EXECUTE after the last step"))
        name = fields.get("name")
        taken = isinstance(name, str) and name in sheet.names
        if taken:
            message = f"the workflow has a step '{name}' already"
            problems.append(Problem("duplicate_step", f"step '{name}'", message, "give each step its own name"))
        step = None
        try:
            step = check.new_step(new_id("st"), fields)
        except ValidationError as error:
            problems += error.problems
            if _is_name(name):
                step = readable_part(name, fields)
        if len(sheet.steps) >= limits.STEPS_MAX:
            message = f"the workflow has {len(sheet.steps)} steps, and {limits.STEPS_MAX} is the limit"
            problems.append(Problem("too_large", "workflow_id", message, "split the workflow"))
        if step is not None and not taken:
            sheet.add(step)
            sheet.places[step.name] = self.place
            self.ids[self.place] = step.id
        if problems or step is None:
            raise ValidationError(problems)
        return step

    def hide(self, sheet: Sheet) -> None:
        """Delete a definition. Raises ValidationError for one that is not the author's."""
        self._require_own(sheet)
        sheet.hidden = True

    def _require_own(self, sheet: Sheet) -> None:
        """An assistant changes nothing of the developer's: it would run as trusted."""
        if self.author != "developer" and sheet.header.author == "developer":
            message = f"'{sheet.name}' was made by the developer, and an assistant may not change it"
            raise ValidationError([Problem("developers_own", "workflow_id", message, "make a workflow of your own")])

    def start(
        self, sheet: Sheet, context: Mapping[str, Any], start_at: float | None = None, *, aside: bool = False
    ) -> str:
        """Start an execution; returns its id. Raises ValidationError."""
        started = e.Started(
            self.now,
            new_id("ex"),
            sheet.id,
            len(sheet.steps),
            arguments.context(dict(context)),
            self.chat.user_id,
            self.chat.chat_id,
            self.chat.message_id,
            start_at=start_at,
            rules=limits.RULES,
            author="ai" if "ai" in (self.author, sheet.header.author) else "developer",
            approved=self.author == "developer",
        )
        self.starts.append(Start(sheet, started, self.place, aside))
        self.go_through(sheet)
        if not sheet.started and not sheet.new:
            sheet.place = self.place
        sheet.started = True
        self.ids[self.place] = started.execution_id
        return started.execution_id

    def start_aside(self, definition: Mapping[str, Any]) -> str:
        """Start what one code does by itself: no alias means the run, and the definition is in no list. As `start`."""
        sheet = self.create_whole(definition)
        sheet.hidden = True
        return self.start(sheet, {}, aside=True)

    def tell(self, execution_id: str, fact: e.Fact) -> int:
        """Feed a fact to an execution; returns the fact's number for `Look.changed`."""
        self.facts.append(Told(execution_id, fact))
        return len(self.facts) - 1

    # What codes are about.

    def workflow(self, ref: str) -> Sheet:
        """See `References.workflow`; what is found is on the draft from then on."""
        found = self.references.workflow(ref)
        if ref == LATEST_WORKFLOW and not found.new and not self.reading:
            self.latest_used.add(self.place)
        self.ids[self.place] = found.id
        return self._sheets.setdefault(found.id, found)

    def workflow_to_extend(self, ref: str) -> Sheet:
        """As `workflow`; but what is wrong with the reference is left to `settle`, so that the step is judged too."""
        try:
            return self.workflow(ref)
        except SyncaraError as error:
            each = error.problems if isinstance(error, ValidationError) else [error.problem]
            self._amiss += [(self.place, problem) for problem in each]
        if ref not in self._unfound:
            self._unfound[ref] = sheet = Sheet(Workflow(new_id("wf"), ref, author=self.author), new=True)
            sheet.place, sheet.whole = self.place, False
        return self._unfound[ref]

    def go_through(self, sheet: Sheet) -> None:
        """The code is about all steps of a definition."""
        self._whole.append((self.place, sheet))

    def execution(self, ref: str) -> Run | None:
        """See `References.execution`."""
        found = self.references.execution(ref)
        if found is not None:
            self.ids[self.place] = found.id
        return found

    def _add(self, workflow: Workflow) -> Sheet:
        sheet = self._sheets[workflow.id] = Sheet(workflow, new=True)
        sheet.place = self.place
        self.ids[self.place] = workflow.id
        return sheet

    # The end.

    def settle(self) -> list[tuple[int, Problem]]:
        """Resolve the dependencies of new steps; everything that is wrong, each with the number of its code.

        Where nothing is, the policy has judged what is started.
        """
        if too_long := list(self._too_long()):
            return too_long
        sheets = [*self._sheets.values(), *self._unfound.values()]
        found = [*self._amiss, *(each for sheet in sheets if sheet.touched for each in self._settle(sheet))]
        return found or [*self._too_much(), *self._judge()]

    def _too_long(self) -> Iterator[tuple[int, Problem]]:
        """The code with which the reply goes through more steps than the chat's quota allows."""
        sizes: dict[str, int] = {}
        grown = [sheet for sheet in self._sheets.values() if not sheet.new and len(sheet.steps) > sheet.stored]
        for place, sheet in [*self._whole, *((min(sheet.places.values(), default=0), sheet) for sheet in grown)]:
            if sheet.id not in sizes:
                sizes[sheet.id] = size(sheet.workflow())
            self.size += sizes[sheet.id]
            problems = self.desk.gate.reply_steps(self.author, self.chat.chat_id, self.size)
            if problems:
                yield place, problems[0]
                return

    def _too_much(self) -> Iterator[tuple[int, Problem]]:
        """Starts beyond the quotas of the chat."""
        for number, start in enumerate(self.starts):
            asked = start.started
            ahead_s = (asked.start_at or self.now) - self.now
            runs = partial(self.desk.runs_of, self.chat.owner, self.now, more=number)
            for problem in self.desk.gate.start(self.author, self.chat.chat_id, asked.context, ahead_s, runs):
                yield start.place, problem

    def _judge(self) -> Iterator[tuple[int, Problem]]:
        """What an assistant may not do; what it may do once a person has said yes is made to wait for that."""
        if self.author == "developer":
            return
        for number, start in enumerate(self.starts):
            asked = start.started
            judgement = self.desk.gate.plan(
                start.sheet.workflow(), asked.context, asked.start_at, self.chat.chat_id, self.chat.user_id
            )
            for problem in [*judgement.denials, *too_much(judgement)]:
                yield self._place(start.sheet, problem, start.place), problem
            if judgement.needs_approval:
                asked = msgspec.structs.replace(asked, approve_by=self.now + judgement.approval_s)
            self.starts[number] = start._replace(started=asked, judgement=judgement)

    def _settle(self, sheet: Sheet) -> Iterator[tuple[int, Problem]]:
        sheet.resolve_dependencies()
        workflow = sheet.workflow()
        judged = self.desk.gate.definition(workflow, self.author)
        found = told(self.desk.problems(workflow, self.chat.chat_id, started=sheet.started), judged)
        for problem in found[:PROBLEMS_MAX]:
            if problem.code in ("unknown_dependency", "unknown_step", "empty_workflow") and not sheet.whole:
                continue
            yield self._place(sheet, problem, sheet.place), problem

    def _place(self, sheet: Sheet, problem: Problem, otherwise: int) -> int:
        """The code that a problem of a definition belongs to: the one that wrote the step, or `otherwise`."""
        named = [name for name in sheet.places if problem.where.startswith(f"step '{name}'")]
        return sheet.places[max(named, key=len)] if named else otherwise

    def changes(self) -> list[Change]:
        """The draft as changes of the store; starts and facts go beside them."""
        changes: list[Change] = []
        for sheet in self._sheets.values():
            if sheet.new:
                changes.append(NewWorkflow(sheet.workflow()))
            elif len(sheet.steps) > sheet.stored:
                changes.append(NewSteps(sheet.id, sheet.steps[sheet.stored :], sheet.stored))
            if sheet.hidden:
                changes.append(HideWorkflow(sheet.id))
        return changes


def _is_name(written: Any) -> TypeGuard[str]:
    """Whether it can be a step's."""
    return check.STEP_RULES["name"][0](written)
