"""What a chat's replies have left behind, and when that is the same."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from syncara import MultiStepProcessor
from syncara.core.errors import ConditionError
from syncara.core.expressions import Condition, ConditionFailed, compile_condition
from syncara.core.model import Step, Workflow

SITUATIONS = 300
"""In how many made-up situations two conditions are compared."""
MISSING: Any = object()

_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_ATTRIBUTE = re.compile(r"\.\s*([A-Za-z_]\w*)|\[\s*['\"]([^'\"]+)['\"]\s*\]")


def traces(bot: MultiStepProcessor, now: float) -> dict[str, Any]:
    """The definitions and runs of a processor's only chat, without what differs by chance."""
    headers = reversed(bot.list_workflows(limit=1_000))
    workflows = {header.id: bot.get_workflow(header.id) for header in headers}
    runs = reversed(bot.list_executions(limit=1_000))
    return {
        "workflows": sorted((_workflow(each) for each in workflows.values()), key=repr),
        "runs": [
            {
                "workflow": run.workflow_name,
                "steps": len(run.steps),
                "context": run.context,
                "starts_in": None if run.start_at is None else round(run.start_at - now),
                "status": str(run.status),
            }
            for run in runs
        ],
    }


def _workflow(workflow: Workflow) -> dict[str, Any]:
    places = {step.id: place for place, step in enumerate(workflow.steps)}
    return {
        "name": workflow.name,
        "description": workflow.description,
        "timeout": workflow.global_timeout,
        "max_parallel": workflow.max_parallel_steps,
        "auto_retry": workflow.auto_retry,
        "steps": [_step(step, places) for step in workflow.steps],
    }


def _step(step: Step, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": step.name,
        "handler": step.handler,
        "params": step.params,
        "dependencies": sorted({places[dependency] for dependency in step.dependencies}),
        "timeout": step.timeout,
        "condition": step.condition,
        "retries": step.retry_count,
        "retry_delay": step.retry_delay,
        "save_as": step.save_as,
        "run_when": step.run_when,
        "on_error": step.on_error,
        "on_crash": step.on_crash,
    }


def difference(one: Any, other: Any, ignored: frozenset[str] = frozenset(), where: str = "") -> str:
    """Where two traces differ; an empty string when they are the same. `ignored`: members that may differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{where}: {sorted(one)} and {sorted(other)}"
        pairs = [(key, one[key], other[key]) for key in one if key not in ignored]
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} entries"
        pairs = [(str(place), left, right) for place, (left, right) in enumerate(zip(one, other, strict=True))]
    elif where.endswith(".condition") and isinstance(one, str) and isinstance(other, str):
        return "" if decide_alike(one, other) else f"{where}: {one!r} and {other!r}"
    else:
        same = one == other and isinstance(one, bool) == isinstance(other, bool)
        return "" if same else f"{where}: {one!r} and {other!r}"
    found = (difference(left, right, ignored, f"{where}.{key}") for key, left, right in pairs)
    return next(filter(None, found), "")


def decide_alike(one: str, other: str) -> bool:
    """Whether two conditions hold in the same situations, as far as made-up ones can tell."""
    try:
        conditions = (compile_condition(one), compile_condition(other))
    except ConditionError:
        return one == other
    chance = random.Random(one)
    keys = sorted({key for condition in conditions for root, key in condition.reads if root == "context" and key})
    steps = sorted({name for condition in conditions for name in condition.step_names})
    values = _values(f"{one} {other}")
    for _ in range(SITUATIONS):
        context = {key: value for key in keys if (value := chance.choice(values)) is not MISSING}
        results = {
            name: {"status": chance.choice(["completed", "failed", "skipped"]), "data": chance.choice(values[1:])}
            for name in steps
        }
        first, second = (_holds(condition, context, results) for condition in conditions)
        if first != second:
            return False
    return True


def _values(text: str) -> list[Any]:
    """What the keys that conditions read may hold, so that both outcomes come about."""
    numbers = {float(number) for number in _NUMBER.findall(text)} | {0.0}
    plain: list[Any] = [number + more for number in sorted(numbers) for more in (-1, 0, 1)]
    plain += sorted({one or other for one, other in _QUOTED.findall(text)} | {"", "abc"})
    longest = [int(number) + 1 for number in sorted(numbers) if number <= 1_000]
    plain += [True, False, None, [], *(["x"] * size for size in longest), *("x" * size for size in longest)]
    attributes = sorted({one or other for one, other in _ATTRIBUTE.findall(text)})
    return [MISSING, *plain, *(dict.fromkeys(attributes, value) for value in plain)]


def _holds(condition: Condition, context: dict[str, Any], steps: dict[str, Any]) -> bool:
    try:
        return condition(context, steps)
    except ConditionFailed:
        return False
