"""What one reply asks for, on paper. Nothing of it happens before the whole draft is committed.

Commands put definitions, steps, starts and facts on the draft. `settle` resolves what refers to something else and
finds everything that is wrong; the desk then makes all of it true in one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from syncara import arguments
from syncara.abc import Change, Chat, HideWorkflow, NewSteps, NewWorkflow
from syncara.answers import Answer
from syncara.commands.desk import Desk
from syncara.commands.registry import Command
from syncara.core import check, limits
from syncara.core import events as e
from syncara.core.errors import InvalidStateError, NotFoundError, Problem, SyncaraError, ValidationError, nearest
from syncara.core.model import DELAY, Author, Step, Workflow
from syncara.core.views import Execution
from syncara.ids import new_id
from syncara.policy.gate import APPROVAL_S, Judgement

CANDIDATES_SHOWN = 10
INSTEAD_OF = {
    "secret_refused": ("unknown_secret",),
    "path_refused": ("outside_workspace", "invalid_path"),
    "address_refused": ("invalid_url",),
}
"""The policy's problems, and the handlers' own that they take the place of."""
PROBLEMS_MAX = 100
"""How many problems of one definition are told at once."""
_STEP_ALIAS = re.compile(r"step_?(\d{1,6})(?:_id)?", re.IGNORECASE)


class Look(Protocol):
    """How things are once the draft is committed."""

    def execution(self, execution_id: str) -> Execution: ...

    def definition(self, execution_id: str) -> Workflow | None:
        """What an execution started with; None when it cannot be read."""

    def changed(self, fact: int) -> bool:
        """Whether the draft's fact of that number changed anything."""


Said = Answer | Callable[[Look], Answer]
"""What a command returns: its answer, or how to make it once everything is known."""


class Sheet:
    """A definition as it is stored, with what the draft adds to it."""

    def __init__(self, workflow: Workflow, *, new: bool) -> None:
        self.header = workflow
        self.new = new
        self.stored = 0 if new else len(workflow.steps)
        self.steps = list(workflow.steps)
        self.names = {step.name: step.id for step in workflow.steps}
        self.places: dict[str, int] = {}
        """The code that added each step, by its name."""
        self.place = 0
        """The code that made the definition, or started it."""
        self.started = False
        self.hidden = False
        self.whole = True
        """False: a step of it could not be read, so a name that is not there proves nothing."""

    @property
    def id(self) -> str:
        return self.header.id

    @property
    def name(self) -> str:
        return self.header.name

    @property
    def touched(self) -> bool:
        return self.new or self.started or len(self.steps) > self.stored

    def workflow(self) -> Workflow:
        return msgspec.structs.replace(self.header, steps=tuple(self.steps))


class Start(NamedTuple):
    sheet: Sheet
    started: e.Started
    place: int
    """The code that asked for it."""
    judgement: Judgement | None = None
    """What the policy says of it, where an assistant is the author; known once the draft is settled."""


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
        self.starts: list[Start] = []
        self.facts: list[Told] = []
        self.ids: dict[int, str] = {}
        """What each code made or is about."""
        self.latest_used: set[int] = set()
        """The codes in which `workflow_id` means a workflow that was there before."""
        self._sheets: dict[str, Sheet] = {}
        self._run_missing = False

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
            try:
                self.add_step(sheet, step)
            except ValidationError as error:
                sheet.whole = False
                problems += [_in_list(problem, number) for problem in error.problems]
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
        if not isinstance(name, str) or not name:
            sheet.whole = False
            name = f"step {len(sheet.steps) + 1}"
        if name not in sheet.names:
            step = Step(new_id("st"), name, DELAY, {"seconds": 0})
            sheet.steps.append(step)
            sheet.names[name] = step.id

    def stand_in_run(self) -> None:
        """In the place of a run."""
        self._run_missing = True

    # Steps and runs.

    def add_step(self, sheet: Sheet, fields: Mapping[str, Any]) -> Step:
        """Raises ValidationError with all that can never become right; `settle` says the rest."""
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
        if len(sheet.steps) >= limits.STEPS_MAX:
            message = f"the workflow has {len(sheet.steps)} steps, and {limits.STEPS_MAX} is the limit"
            problems.append(Problem("too_large", "workflow_id", message, "split the workflow"))
        if step is not None and not taken:
            sheet.steps.append(step)
            sheet.names[step.name] = step.id
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

    def start(self, sheet: Sheet, context: Mapping[str, Any], start_at: float | None = None) -> str:
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
        self.starts.append(Start(sheet, started, self.place))
        if not sheet.started and not sheet.new:
            sheet.place = self.place
        sheet.started = True
        self.ids[self.place] = started.execution_id
        return started.execution_id

    def tell(self, execution_id: str, fact: e.Fact) -> int:
        """Feed a fact to an execution; returns the fact's number for `Look.changed`."""
        self.facts.append(Told(execution_id, fact))
        return len(self.facts) - 1

    # What names refer to.

    def workflow(self, ref: str) -> Sheet:
        """By the alias `workflow_id`, exact id, or exact name. Raises NotFoundError, ValidationError when ambiguous."""
        # The alias before names: else a workflow of that name would draw all later replies of its chat to itself.
        found = self._latest() if ref == "workflow_id" else self._by_id(ref) or self._by_name(ref)
        if ref == "workflow_id" and found is not None and not found.new and not self.reading:
            self.latest_used.add(self.place)
        if found is None:
            known = self._known()
            names = {sheet.name: sheet.id for sheet in known}
            fix = nearest(ref, [*names, *names.values()]) or _candidates("workflow", [each.name for each in known])
            raise NotFoundError("not_found", f"there is no workflow '{ref}'", "workflow_id", fix)
        self.ids[self.place] = found.id
        return self._sheets.setdefault(found.id, found)

    def execution(self, ref: str) -> tuple[str, str]:
        """The id and the workflow's name, by exact id or the alias `execution_id`. Raises NotFoundError."""
        found = self._execution(ref)
        if found is None:
            known = [start.started.execution_id for start in self.starts]
            known += [each.id for each in self.desk.summaries(self.chat.owner, CANDIDATES_SHOWN)]
            fix = nearest(ref, known) or _candidates("execution", known)
            raise NotFoundError("not_found", f"there is no execution '{ref}'", "execution_id", fix)
        self.ids[self.place] = found[0]
        return found

    def _execution(self, ref: str) -> tuple[str, str] | None:
        made = [(start.started.execution_id, start.sheet.name) for start in self.starts]
        if any(ref == execution_id for execution_id, _ in made):
            return next(found for found in made if found[0] == ref)
        if ref != "execution_id":
            summary = self.desk.summary(ref, self.chat.owner)
        elif made or self._run_missing:
            return made[-1] if made else ("", "")
        else:
            summary = self.desk.latest_summary(self.chat.owner)
        return None if summary is None else (summary.id, summary.workflow_name)

    def step_names(self, execution_id: str) -> list[str]:
        for start in self.starts:
            if start.started.execution_id == execution_id:
                return list(start.sheet.names)
        return list(self.desk.execution(execution_id).steps)

    def require_scheduled(self, ref: str) -> None:
        """Raises InvalidStateError unless the run's start lies ahead."""
        execution_id, name = self.execution(ref)
        made = [start for start in self.starts if start.started.execution_id == execution_id]
        scheduled = made[0].started.start_at is not None if made else self._status(execution_id) == "scheduled"
        if not scheduled:
            message = f"the run of '{name}' has started already"
            raise InvalidStateError("not_scheduled", message, "execution_id", "use CANCEL to end it")

    def _status(self, execution_id: str) -> str | None:
        summary = self.desk.summary(execution_id, self.chat.owner)
        return None if summary is None else summary.status

    def workflows_page(self, page: int, rows: int) -> tuple[list[Workflow], int, bool]:
        """This chat's definitions, what the draft makes included, newest first; the page, and whether more follow."""
        changed = {sheet.id: sheet for sheet in self._sheets.values()}
        made = [sheet.header for sheet in reversed(changed.values()) if sheet.new and not sheet.hidden]
        first = (page - 1) * rows
        stored = self.desk.workflows(self.chat.owner, first + rows + 1 + len(changed))
        found = [*made, *(w for w in stored if w.id not in changed or not (changed[w.id].new or changed[w.id].hidden))]
        return found[first : first + rows], page, len(found) > first + rows

    def executions_page(
        self, look: Look, status: str | None, page: int, rows: int
    ) -> tuple[list[Execution], int, bool]:
        """This chat's runs, what the draft starts included, newest first; the page, and whether more follow."""
        mine = [look.execution(start.started.execution_id) for start in reversed(self.starts)]
        new = [each for each in mine if status in (None, each.status)]
        skip = (page - 1) * rows
        stored = self.desk.summaries(self.chat.owner, rows + 1 + len(self.facts), max(skip - len(new), 0), status)
        rest = [look.execution(summary.id) for summary in stored]
        found = [*new[skip:], *(each for each in rest if status in (None, each.status))]
        return found[:rows], page, len(found) > rows

    def message(self, ref: str) -> str:
        """A message's id; `message_id` and `current_message_id` are the reply's own. Raises NotFoundError."""
        if ref not in ("", "message_id", "current_message_id"):
            return ref
        if self.chat.message_id is None:
            fix = "give the id of the message"
            raise NotFoundError("not_found", "the reply has no message id", "message_id", fix)
        return str(self.chat.message_id)

    def _add(self, workflow: Workflow) -> Sheet:
        sheet = self._sheets[workflow.id] = Sheet(workflow, new=True)
        sheet.place = self.place
        self.ids[self.place] = workflow.id
        return sheet

    def _by_id(self, ref: str) -> Sheet | None:
        sheet = self._sheets.get(ref)
        if sheet is None:
            workflow = self.desk.workflow(ref, self.chat.owner)
            sheet = None if workflow is None else Sheet(workflow, new=False)
        return None if sheet is None or sheet.hidden else sheet

    def _by_name(self, ref: str) -> Sheet | None:
        """The one of that name made in this draft, else the chat's only one."""
        made = [sheet for sheet in self._sheets.values() if sheet.new and sheet.name == ref and not sheet.hidden]
        if made:
            return made[-1]
        found = [workflow.id for workflow in self.desk.workflows(self.chat.owner) if workflow.name == ref]
        if len(found) > 1:
            fix = "give the id: " + ", ".join(found[:CANDIDATES_SHOWN])
            message = f"{len(found)} workflows are named '{ref}'"
            raise ValidationError([Problem("ambiguous_name", "field 'workflow_id'", message, fix)])
        return self._by_id(found[0]) if found else None

    def _latest(self) -> Sheet | None:
        """The nearest one made before this code in the reply, else this chat's latest."""
        made = [sheet for sheet in self._sheets.values() if sheet.new and not sheet.hidden]
        if made:
            return made[-1]
        for workflow in self.desk.workflows(self.chat.owner, limit=len(self._sheets) + 1):
            if (sheet := self._by_id(workflow.id)) is not None:
                return sheet
        return None

    def _known(self) -> list[Sheet]:
        made = [sheet for sheet in self._sheets.values() if sheet.new and not sheet.hidden]
        stored = self.desk.workflows(self.chat.owner, limit=CANDIDATES_SHOWN)
        return [*made, *(Sheet(workflow, new=False) for workflow in stored)]

    # The end.

    def settle(self) -> list[tuple[int, Problem]]:
        """Resolve the dependencies of new steps; everything that is wrong, each with the number of its code.

        Where nothing is, the policy has judged what is started.
        """
        found = [each for sheet in self._sheets.values() if sheet.touched for each in self._settle(sheet)]
        return found or [*self._too_much(), *self._judge()]

    def _too_much(self) -> Iterator[tuple[int, Problem]]:
        """Starts beyond the quotas of the chat."""
        for number, (_, started, place, _) in enumerate(self.starts):
            ahead_s = (started.start_at or self.now) - self.now
            runs = partial(self.desk.runs_of, self.chat.owner, self.now, more=number)
            for problem in self.desk.gate.start(self.author, self.chat.chat_id, started.context, ahead_s, runs):
                yield place, problem

    def _judge(self) -> Iterator[tuple[int, Problem]]:
        """What an assistant may not do; what it may do once a person has said yes is made to wait for that."""
        if self.author == "developer":
            return
        for number, start in enumerate(self.starts):
            asked = start.started
            judgement = self.desk.gate.plan(
                start.sheet.workflow(), asked.context, asked.start_at, self.chat.chat_id, self.chat.user_id
            )
            for problem in judgement.denials:
                yield self._place(start.sheet, problem, start.place), problem
            if judgement.needs_approval:
                asked = msgspec.structs.replace(asked, approve_by=self.now + APPROVAL_S)
            self.starts[number] = start._replace(started=asked, judgement=judgement)

    def _settle(self, sheet: Sheet) -> Iterator[tuple[int, Problem]]:
        ids = set(sheet.names.values())
        for position in range(sheet.stored, len(sheet.steps)):
            step = sheet.steps[position]
            dependencies = tuple(_dependency(sheet, ids, ref) for ref in step.dependencies)
            sheet.steps[position] = msgspec.structs.replace(step, dependencies=dependencies)
        workflow = sheet.workflow()
        found = self.desk.problems(workflow, self.chat.chat_id, started=sheet.started)
        judged = self.desk.gate.definition(workflow, self.author)
        # What is refused to an assistant is not explained as to the developer: secrets' names, ways out of its folder.
        said = {code for problem in judged for code in INSTEAD_OF.get(problem.code, ())}
        found = [problem for problem in found if problem.code not in said]
        found += judged
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


def _dependency(sheet: Sheet, ids: Collection[str], ref: str) -> str:
    """The step's id, by exact id, exact name, or an alias such as `step1_id`; what is unknown stays as it is."""
    if ref in ids:
        return ref
    if ref in sheet.names:
        return sheet.names[ref]
    alias = _STEP_ALIAS.fullmatch(ref)
    if alias is not None and 0 < int(alias[1]) <= len(sheet.steps):
        return sheet.steps[int(alias[1]) - 1].id
    return ref


def _in_list(problem: Problem, number: int) -> Problem:
    return msgspec.structs.replace(problem, where=f"step {number} of the list, {problem.where}")


def _candidates(thing: str, known: list[str]) -> str:
    if not known:
        return f"this chat has no {thing} yet"
    return f"the latest are {', '.join(known[:CANDIDATES_SHOWN])}"
