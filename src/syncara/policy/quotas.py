"""How much one author may ask for: the numbers, and checks that say which one was exceeded.

The engine's own limits (`core.limits`) hold for everyone; these are narrower, and an assistant's by default.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec

from syncara.core.errors import Problem
from syncara.core.limits import GROUP_TASKS_MAX, KIB, MIB
from syncara.core.model import CONDITION_CHECK, DELAY, Step, Workflow
from syncara.policy.effects import steps_of


class Quotas(msgspec.Struct, frozen=True):
    """The defaults are an assistant's. None: no limit but the engine's own."""

    reply_bytes: int | None = 1 * MIB
    """Of the text of a reply: some 100 bytes for each item of the largest batch, and more than models write."""
    commands: int | None = 100
    """Codes in one reply."""
    reply_steps: int | None = 50_000
    """Steps of all that one reply starts, shows, previews or adds to, and their dependencies, as often as it asks."""
    steps: int | None = GROUP_TASKS_MAX
    """Steps of one workflow, tasks of groups included: as many as a batch may have items."""
    params_bytes: int | None = 256 * KIB
    """Of one step's params as JSON."""
    context_bytes: int | None = 1 * MIB
    """Of a run's context as JSON, at its start and whenever a step changes it."""
    result_bytes: int | None = 1 * MIB
    """Of one step's result as JSON."""
    run_bytes: int | None = 64 * MIB
    """Of all that a run keeps, as JSON: its journal, with contexts, filled-in params, results and errors."""
    open_executions: int | None = 100
    """Runs of one chat that have not ended."""
    starts_per_hour: int | None = 100
    """Runs that one chat starts."""
    longest_s: int | None = 366 * 86_400
    """The longest delay, the longest time for a whole run, and how far ahead a start may lie."""
    retries: int | None = 10
    """Of one step."""
    parallel_steps: int | None = 50
    """Steps of one run under way at the same time."""
    condition_chars: int | None = 1_000


class Runs(NamedTuple):
    """Of one chat."""

    unended: int
    recent: int
    """Started within the last hour."""


UNLIMITED = Quotas(**dict.fromkeys(Quotas.__struct_fields__))
"""The developer's default: the engine's own limits, and no others."""


def reply_problems(quotas: Quotas, *, size: int, commands: int) -> list[Problem]:
    """`size` is in bytes."""
    return [
        *_exceeded(quotas, "reply_bytes", size, "the reply", "say it in several replies"),
        *_exceeded(quotas, "commands", commands, "the reply", "put several steps into one QUICK_WORKFLOW"),
    ]


def size(workflow: Workflow) -> int:
    """What going through a definition costs: its steps, tasks of groups included, and their dependencies."""
    steps = steps_of(workflow)
    return len(steps) + sum(len(step.dependencies) for step in steps)


def reply_steps_problems(quotas: Quotas, steps: int) -> list[Problem]:
    """`steps` is the size of all that a reply goes through."""
    return _exceeded(quotas, "reply_steps", steps, "the reply", "ask for less of it at once, in several replies")


def workflow_problems(quotas: Quotas, workflow: Workflow) -> list[Problem]:
    """Whatever in a definition exceeds the quotas, tasks of groups included."""
    where = f"workflow '{workflow.name}'"
    steps = steps_of(workflow)
    found = [
        *_exceeded(quotas, "steps", len(steps), where, "split the workflow"),
        *_exceeded(
            quotas, "parallel_steps", workflow.max_parallel_steps, f"{where}, field 'max_parallel_steps'", "lower it"
        ),
        *_exceeded(quotas, "longest_s", workflow.global_timeout, f"{where}, field 'global_timeout'", "lower it"),
    ]
    for step in steps:
        found += _step_problems(quotas, step)
    return found


def _step_problems(quotas: Quotas, step: Step) -> list[Problem]:
    where = f"step '{step.name}', field"
    size, fix = len(msgspec.json.encode(step.params)), "store the data elsewhere and pass a reference"
    found = _exceeded(quotas, "params_bytes", size, f"{where} 'params'", fix)
    found += _exceeded(quotas, "retries", step.retry_count, f"{where} 'retry_count'", "lower it")
    asked = step.params.get("condition") if step.handler == CONDITION_CHECK else None
    for condition, place in ((step.condition, "'condition'"), (asked, "'params', 'condition'")):
        if isinstance(condition, str):
            fix = "compute the value in a step of its own, with save_as, and compare that"
            found += _exceeded(quotas, "condition_chars", len(condition), f"{where} {place}", fix)
    if step.handler == DELAY:
        # What a placeholder will give is not known yet, and the run's whole time bounds it.
        found += _exceeded(quotas, "longest_s", step.params.get("seconds"), f"{where} 'params'", "wait for less time")
    return found


def start_problems(
    quotas: Quotas, *, context_bytes: int, open_executions: int, starts_in_hour: int, ahead_s: float = 0
) -> list[Problem]:
    """Whether a chat may start one more run; both counts are of its chat and include this one.

    `starts_in_hour` counts those of the last hour, and `ahead_s` is in how many seconds it is to start.
    """
    return [
        *_exceeded(quotas, "context_bytes", context_bytes, "context", "store the data elsewhere and pass a reference"),
        *_exceeded(
            quotas, "open_executions", open_executions, "this chat", "cancel runs, or wait until some have ended"
        ),
        *_exceeded(quotas, "starts_per_hour", starts_in_hour, "this chat", "wait, or put the work into fewer runs"),
        *_exceeded(quotas, "longest_s", ahead_s, "the start", "choose an earlier time"),
    ]


def _exceeded(quotas: Quotas, name: str, value: Any, where: str, fix: str) -> list[Problem]:
    limit = getattr(quotas, name)
    if limit is None or not isinstance(value, int | float) or value <= limit:
        return []
    shown = math.ceil(value) if math.isfinite(value) else value  # up, so that what is beyond the limit reads so
    message = f"{name} is {shown}; the limit is {limit} (quotas.{name})"
    return [Problem("quota_exceeded", where, message, fix)]
