"""What there is to refer to where a code stands: commands, handlers and their params, workflows, steps, context keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from syncara.commands.draft import Draft, Sheet
from syncara.core.model import DELAY, GROUP
from syncara.shortcodes.paper import Paper
from syncara.shortcodes.repair import words


class Param(NamedTuple):
    name: str
    type: Any
    required: bool


_CORE = {
    DELAY: {"seconds": Param("seconds", float, required=True)},
    GROUP: {"tasks": Param("tasks", list[dict[str, Any]], required=True)},
}


class Known:
    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.draft: Draft = paper.draft
        self.commands = paper.draft.commands

    # Handlers and templates.

    @cached_property
    def handlers(self) -> list[str]:
        return self.draft.desk.handlers.names()

    def handler(self, written: str) -> str | None:
        """The handler that was meant."""
        return words.meaning("handlers", written, self.handlers)

    def params(self, handler: str) -> Mapping[str, Param] | None:
        """What a handler takes; None: it takes anything, or is not known."""
        if handler in _CORE:
            return _CORE[handler]
        found = self.draft.desk.handlers.get(handler)
        return None if found is None or found.params is None else _params(found.params)

    @cached_property
    def templates(self) -> list[str]:
        return self.draft.desk.templates.names()

    def template(self, written: str) -> str | None:
        return words.meaning("templates", written, self.templates)

    def template_params(self, template: str) -> Mapping[str, Param] | None:
        kind = self.draft.desk.templates.get(template).params
        return None if kind is None else _params(kind)

    # Workflows and steps.

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
    def runs(self) -> list[tuple[str, str, str]]:
        """The chat's latest runs: id, workflow's name and status, newest first."""
        found = self.draft.desk.summaries(self.draft.chat.owner, 20)
        return [(summary.id, summary.workflow_name, summary.status) for summary in found]

    def sheet(self, place: int) -> Sheet | None:
        """The workflow that a code is about."""
        known = self.draft.ids.get(place)
        return next((sheet for sheet in self.draft.sheets if known in (sheet.id, *sheet.names.values())), None)

    def steps(self, place: int) -> list[str]:
        """The names of the steps of the workflow that a code is about, in their order."""
        sheet = self.sheet(place)
        return [] if sheet is None else [step.name for step in sheet.steps]

    def position(self, place: int, name: object) -> int:
        """Where in its workflow the step stands that a code adds."""
        sheet, steps = self.sheet(place), self.steps(place)
        own = next((step for step, at in sheet.places.items() if at == place), name) if sheet is not None else name
        return steps.index(own) if own in steps else len(steps)

    def context_keys(self) -> set[str]:
        """The keys that the reply itself puts into a context."""
        found = {key for start in self.draft.starts for key in start.started.context}
        for sheet in self.draft.sheets:
            found |= {step.save_as for step in sheet.steps if step.save_as}
            found |= {
                str(step.params["key"])
                for step in sheet.steps
                if step.handler == "set_context" and "key" in step.params
            }
        return found


def _params(kind: type) -> dict[str, Param]:
    fields: Sequence[msgspec.structs.FieldInfo] = msgspec.structs.fields(kind)
    return {each.encode_name: Param(each.encode_name, each.type, each.required) for each in fields}
