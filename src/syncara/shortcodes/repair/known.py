"""What there is to refer to where a code stands: commands, handlers with their params, workflows, steps, context."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import msgspec

from syncara.abc import Summary
from syncara.commands.draft import Draft
from syncara.commands.sheets import Sheet
from syncara.core.model import DELAY, GROUP
from syncara.shortcodes.paper import Paper
from syncara.shortcodes.repair import words
from syncara.shortcodes.repair.loose_json import Hopeless
from syncara.shortcodes.repair.step_names import Dependencies, StepNames
from syncara.shortcodes.suspicions import context_keys

ADD_STEP = "MULTISTEP:ADD_STEP"
CREATE = "MULTISTEP:CREATE_WORKFLOW"
RUNS_MAX = 20
TRIES_MAX = 200_000
"""About half a second on one core."""


class Param(NamedTuple):
    name: str
    type: Any
    required: bool


_CORE = {
    DELAY: {"seconds": Param("seconds", float, required=True)},
    GROUP: {"tasks": Param("tasks", list[dict[str, Any]], required=True)},
}


class Work:
    """How much more is tried for one reply, in guesses at what a field could be, and ways to share pieces out."""

    def __init__(self) -> None:
        self._left = TRIES_MAX

    def take(self, tries: int = 1) -> None:
        """Raises Hopeless when that is too much: what has been found by then is offered, and no more."""
        self._left -= tries
        if self._left < 0:
            raise Hopeless


class Known:
    """Of one reading of a reply."""

    def __init__(self, paper: Paper, work: Work) -> None:
        self.paper = paper
        self.work = work
        self.draft: Draft = paper.draft
        self.commands = paper.draft.commands

    @cached_property
    def prose(self) -> str:
        """The reply without its codes."""
        text, parts, end = self.paper.text, [], 0
        for call in self.paper.calls:
            parts.append(text[end : call.span[0]])
            end = call.span[1]
        return "\n".join([*parts, text[end:]])

    # Handlers and templates.

    @cached_property
    def handlers(self) -> list[str]:
        return self.draft.desk.handlers.names()

    def handler(self, written: str, *, alike: float = words.ALIKE) -> str | None:
        """The handler that was meant."""
        return words.meaning("handlers", written, self.handlers, alike=alike)

    def params(self, handler: str) -> Mapping[str, Param] | None:
        """What a handler takes; None: it takes anything, or is not known."""
        if handler in _CORE:
            return _CORE[handler]
        found = self.draft.desk.handlers.get(handler)
        return None if found is None or found.params is None else _params(found.params)

    def handler_of(self, params: Any, name: str) -> str | None:
        """The only handler that takes these params; of several, the one that the name of the step speaks of."""
        if not isinstance(params, dict) or not params:
            return None
        schemas = {handler: self.params(handler) or {} for handler in self.handlers}
        fitting = [
            handler
            for handler, schema in schemas.items()
            if params.keys() <= schema.keys()
            and all(param.name in params for param in schema.values() if param.required)
        ]
        said = self.handler(name)
        return fitting[0] if len(fitting) == 1 else said if said in fitting else None

    def template(self, written: str) -> str | None:
        return words.meaning("templates", written, self.draft.desk.templates.names())

    def template_params(self, template: str) -> Mapping[str, Param] | None:
        kind = self.draft.desk.templates.get(template).params
        return None if kind is None else _params(kind)

    # Workflows and runs.

    @cached_property
    def made(self) -> list[Sheet]:
        """The workflows that the reply makes, in their order."""
        return [sheet for sheet in self.draft.sheets if sheet.new]

    @cached_property
    def stored(self) -> list[str]:
        """The names of the chat's other workflows, newest first."""
        new = {sheet.id for sheet in self.made}
        return [flow.name for flow in self.draft.desk.workflows(self.draft.chat.owner) if flow.id not in new]

    @cached_property
    def unknown_workflows(self) -> dict[str, int]:
        """Each name or id of a workflow that nothing has, and the first code of the reply that uses it."""
        found: dict[str, int] = {}
        for place, call in enumerate(self.paper.calls):
            written = call.args.get("workflow_id")
            if isinstance(written, str) and written != "workflow_id" and self.sheet(place) is None:
                found.setdefault(written, place)
        return found

    @cached_property
    def runs(self) -> list[Summary]:
        """The chat's latest runs, newest first."""
        return self.draft.desk.summaries(self.draft.chat.owner, RUNS_MAX)

    @cached_property
    def _sheets(self) -> dict[str, Sheet]:
        """The workflows by their ids, and by those of their steps."""
        found: dict[str, Sheet] = {}
        for sheet in self.draft.sheets:
            found |= dict.fromkeys((sheet.id, *sheet.names.values()), sheet)
        return found

    def sheet(self, place: int) -> Sheet | None:
        """The workflow that a code is about."""
        return self._sheets.get(self.draft.ids.get(place, ""))

    # Steps.

    @cached_property
    def _is_whole(self) -> bool:
        """Whether each step that the reply adds is added to a workflow that is known."""
        return all(self.sheet(place) for place, call in enumerate(self.paper.calls) if call.shortcode == ADD_STEP)

    @cached_property
    def _names(self) -> dict[str, StepNames]:
        """The steps of each workflow, by its id."""
        return {
            sheet.id: StepNames([step.name for step in sheet.steps], complete=self._is_whole)
            for sheet in self.draft.sheets
        }

    @cached_property
    def _added(self) -> dict[int, str]:
        """The step that each code adds."""
        return {place: step for sheet in self.draft.sheets for step, place in sheet.places.items()}

    def steps(self, place: int) -> StepNames:
        """The steps of the workflow that a code is about; not all of them when that is not known."""
        sheet = self.sheet(place)
        if sheet is not None:
            return self._names[sheet.id]
        before = [each for each in self.made if each.place < place]
        return StepNames(self._names[before[-1].id].order if before else (), complete=False)

    def dependencies(self, place: int, name: object) -> Dependencies:
        """What the step can wait for that a code adds under a name."""
        names = self.steps(place)
        own = self._added.get(place, name)
        position = names.positions.get(own, len(names.order)) if isinstance(own, str) else len(names.order)
        return Dependencies(names, position, name)

    @cached_property
    def context_keys(self) -> set[str]:
        """The keys that the reply itself puts into a context."""
        return {key for sheet in self.draft.sheets for key in context_keys(self.draft, sheet)}


@lru_cache(128)
def _params(kind: type) -> dict[str, Param]:
    fields = msgspec.structs.fields(kind)
    return {each.encode_name: Param(each.encode_name, each.type, each.required) for each in fields}
