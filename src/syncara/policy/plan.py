"""The hash of what would run: what a person approves, and what then runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from syncara.core.model import Workflow


def plan_hash(workflow: Workflow, context: Mapping[str, Any], start_at: float | None) -> str:
    """SHA-256, in hexadecimal, over what will be executed.

    That is every step with all its fields, in their order, the limits of the workflow, its chat and author (they say
    what "own" means), the context and the start. Not in it are names and texts that nothing is decided by (the
    workflow's name, description and metadata) and what is made anew each time (ids, the time of creation): the same
    definition written twice is one plan.
    """
    # As it will be read back from the journal: 300 and 300.0 seconds are one.
    stored = msgspec.json.decode(msgspec.json.encode(workflow), type=Workflow)
    names = {step.id: step.name for step in stored.steps}
    steps = tuple(
        msgspec.structs.replace(step, id="", dependencies=tuple(names.get(each, each) for each in step.dependencies))
        for step in stored.steps
    )
    plan = msgspec.structs.replace(stored, id="", name="", description="", metadata={}, created_at=0.0, steps=steps)
    start = None if start_at is None else float(start_at)
    return hashlib.sha256(msgspec.json.encode([plan, context, start], order="sorted")).hexdigest()
