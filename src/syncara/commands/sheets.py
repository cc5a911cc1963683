"""What stands on a draft: definitions with the steps that it adds to them, and the runs that it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from syncara.core import check
from syncara.core import events as e
from syncara.core.errors import ValidationError
from syncara.core.model import DELAY, Step, Workflow
from syncara.ids import new_id
from syncara.policy.gate import Judgement

_STEP_ALIAS = re.compile(r"step_?(\d{1,6})(?:_id)?", re.IGNORECASE)


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

    def add(self, step: Step) -> None:
        self.steps.append(step)
        self.names[step.name] = step.id

    def stand_in(self, name: object) -> None:
        """In the place of a step that could not be read, unless it was added in spite of what is wrong."""
        if not isinstance(name, str) or not name:
            self.whole = False
            name = f"step {len(self.steps) + 1}"
        if name not in self.names:
            self.add(Step(new_id("st"), name, DELAY, {"seconds": 0}))

    def resolve_dependencies(self) -> None:
        """Give the steps that are added the ids of those that they wait for; what is unknown stays as it is.

        A dependency is an exact id, an exact name, or an alias such as `step1_id`.
        """
        ids = self.names | {step_id: step_id for step_id in self.names.values()}
        for position in range(self.stored, len(self.steps)):
            step = self.steps[position]
            dependencies = tuple(ids.get(ref) or self._numbered(ref) or ref for ref in step.dependencies)
            self.steps[position] = msgspec.structs.replace(step, dependencies=dependencies)

    def _numbered(self, ref: str) -> str | None:
        number = step_number(ref, len(self.steps))
        return None if number is None else self.steps[number - 1].id


class Start(NamedTuple):
    sheet: Sheet
    started: e.Started
    place: int
    """The code that asked for it."""
    aside: bool = False
    """No alias means it."""
    judgement: Judgement | None = None
    """What the policy says of it, where an assistant is the author; known once the draft is settled."""


def readable_part(name: str, fields: Mapping[str, Any]) -> Step:
    """A step with the fields that can be taken, in the place of one that cannot, so that the others are judged too.

    Nothing of it is wrong only because another field is not there.
    """
    head = {"name": name, "handler": DELAY}
    kept = {key: value for key, value in fields.items() if key != "name" and _can_be_taken({**head, key: value})}
    lost = fields.keys() - kept.keys()
    if "handler" not in kept or "params" in lost:
        kept |= {"handler": DELAY, "params": {"seconds": 0}}
    if "dependencies" in lost:
        kept.pop("run_when", None)
    return check.new_step(new_id("st"), {**kept, "name": name})


def _can_be_taken(fields: Mapping[str, Any]) -> bool:
    try:
        check.new_step("", fields)
    except ValidationError:
        return False
    return True


def step_number(ref: str, steps: int) -> int | None:
    """The number of the step, of so many, that an alias such as `step1_id` means."""
    alias = _STEP_ALIAS.fullmatch(ref)
    return int(alias[1]) if alias is not None and 0 < int(alias[1]) <= steps else None
