"""The hash of what would run: what a person approves, and what then runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from syncara.core.model import Step, Workflow

_NOT_RUN = frozenset({"id", "name", "description", "metadata", "created_at"})
"""Of a workflow: what nothing is decided by, or what is made anew each time."""


def plan_hash(workflow: Workflow, context: Mapping[str, Any], start_at: float | None) -> str:
    """SHA-256, in hexadecimal, over what will be executed.

    That is every step with all its fields, in their order; the limits of the workflow; its chat and its author, which
    say what is its own; the context and the start. Not in it are ids, the time of creation, and the name, description
    and metadata of the workflow: the same definition written again is the same plan.
    """
    names = {step.id: step.name for step in workflow.steps}
    plan = {name: value for name, value in _fields(workflow).items() if name not in _NOT_RUN}
    plan["steps"] = [
        {**_fields(step), "id": "", "dependencies": [names.get(each, each) for each in step.dependencies]}
        for step in workflow.steps
    ]
    start = None if start_at is None else float(start_at)
    return hashlib.sha256(msgspec.json.encode([plan, context, start], order="sorted")).hexdigest()


def _fields(struct: Step | Workflow) -> dict[str, Any]:
    """All fields, defaults too; 300 and 300.0 seconds are one."""
    fields = msgspec.structs.asdict(struct)
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in fields.items()
    }
