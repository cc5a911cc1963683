"""The runs that the rig kills: an onboarding, a pipeline with a fan-out, and a flow that has to try again."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from syncara import MultiStepProcessor, NonRetryableError, StepResult
from syncara.abc import ExecutionInput, StepInput
from tests.acceptance.rig_effects import Effects

USER = 123456789


class Example(NamedTuple):
    definition: dict[str, Any]
    register: Callable[[MultiStepProcessor, Effects], None]
    documents: dict[str, list[dict[str, Any]]]
    """What each collection holds at the end, without `_id`."""
    families: list[list[str]]
    """Each list is one run of the example: every moment kills a process, and one more brings the run to its end."""


def chain(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps, each after the one before."""
    return [{**step, "dependencies": [steps[n - 1]["name"]] if n else []} for n, step in enumerate(steps)]


def count_onboarding(name: str) -> dict[str, Any]:
    """A write that a repeat would show: it counts."""
    return {
        "name": name,
        "handler": "database_operation",
        "params": {
            "operation": "update",
            "collection": "users",
            "query": {"id": "{context.user_id}"},
            "data": {"$inc": {"times": 1}, "$set": {"onboarded": True}},
            "upsert": True,
        },
    }


COUNTED = {"users": [{"id": USER, "times": 1, "onboarded": True}]}


# Onboarding: messages, a delay, a plain function, a document.


def register_onboarding(processor: MultiStepProcessor, effects: Effects) -> None:
    @processor.register_handler("profile")
    def profile(step: StepInput, execution: ExecutionInput) -> str:
        with effects.during(step.name, execution.attempt, execution.idempotency_key):
            return f"profile of {execution.user_id}"


ONBOARDING = Example(
    {
        "name": "Onboarding",
        "steps": chain(
            {"name": "Send Welcome", "handler": "send_message", "params": {"text": "Welcome! 🎉"}},
            {"name": "Wait", "handler": "delay", "params": {"seconds": 0.2}},
            {"name": "Send Tutorial", "handler": "send_message", "params": {"text": "Let me show you ..."}},
            {"name": "Ask Profile", "handler": "profile", "save_as": "profile"},
            count_onboarding("Update Status"),
        ),
    },
    register_onboarding,
    COUNTED,
    [
        ["begin:Send Welcome", "begin:Send Tutorial", "begin:Ask Profile", "begin:Update Status"],
        ["end:Send Welcome", "end:Send Tutorial", "end:Ask Profile", "end:Update Status"],
        # Nothing is durable; the welcome's success; the delay's end; the tutorial's success; that of the profile; that
        # of the update, whose write is durable; and the first words of a recovery.
        ["commit:1", "commit:2", "commit:3", "commit:2", "commit:3", "commit:3", "commit:1"],
        ["journal:StepSlept", "end:Update Status", "begin:Update Status"],
        ["begin:Send Tutorial", "end:Send Tutorial"],
    ],
)


# A pipeline: a fan-out of steps beside a group, an insert, a notification.


def register_pipeline(processor: MultiStepProcessor, effects: Effects) -> None:
    @processor.register_handler("work")
    async def work(step: StepInput, execution: ExecutionInput) -> str:
        with effects.during(step.name, execution.attempt, execution.idempotency_key):
            await asyncio.sleep(0)  # where the others get their turn
            return step.name


WORK = {"handler": "work"}
PIPELINE = Example(
    {
        "name": "Pipeline",
        "max_parallel_steps": 8,
        "steps": [
            {"name": "Load", **WORK},
            *({"name": f"Process {n}", **WORK, "dependencies": ["Load"]} for n in (1, 2, 3)),
            {
                "name": "Enrich",
                "handler": "parallel_group",
                "params": {"tasks": [{"name": "A", **WORK}, {"name": "B", **WORK}]},
                "dependencies": ["Load"],
            },
            {
                "name": "Aggregate",
                "handler": "database_operation",
                "params": {"operation": "insert", "collection": "analytics", "data": {"of": "{steps.Enrich.data}"}},
                "dependencies": ["Process 1", "Process 2", "Process 3", "Enrich"],
            },
            {
                "name": "Report",
                "handler": "notification",
                "params": {"message": "done", "type": "success"},
                "dependencies": ["Aggregate"],
            },
        ],
    },
    register_pipeline,
    {"analytics": [{"of": {"A": "Enrich/A", "B": "Enrich/B"}}]},
    [
        ["begin:Load", "begin:Process 1", "begin:Aggregate", "begin:Report"],
        ["end:Load", "end:Process 2", "end:Aggregate", "end:Report"],
        ["begin:Process 2", "begin:Enrich/B", "begin:Aggregate", "begin:Report"],
        ["end:Process 3", "end:Enrich/A", "end:Aggregate"],
        ["commit:1", "commit:2", "commit:3", "commit:2", "commit:1"],
    ],
)


# Trying again: a failing coroutine, a failing plain function, a document, a message.


def register_retrying(processor: MultiStepProcessor, effects: Effects) -> None:
    @processor.register_handler("fetch")
    async def fetch(step: StepInput, execution: ExecutionInput) -> str:
        with effects.during(step.name, execution.attempt, execution.idempotency_key):
            if execution.attempt > 3:
                raise NonRetryableError("the third attempt had been answered")
            if execution.attempt < 3:
                raise ConnectionError("no answer")
            return "answer"

    @processor.register_handler("parse")
    def parse(step: StepInput, execution: ExecutionInput) -> StepResult:
        with effects.during(step.name, execution.attempt, execution.idempotency_key):
            return StepResult(success=execution.attempt == 2, data="parsed", error="half an answer")


RETRYING = Example(
    {
        "name": "Retrying",
        "steps": chain(
            {"name": "Fetch", "handler": "fetch", "retry_delay": 0.05, "retry_backoff": 1},
            {"name": "Parse", "handler": "parse", "retry_delay": 0.02, "retry_count": 1},
            count_onboarding("Save"),
            {"name": "Notify", "handler": "send_message", "params": {"text": "{steps.Parse.data}"}},
        ),
    },
    register_retrying,
    COUNTED,
    [
        ["begin:Fetch#1", "begin:Fetch#2", "begin:Parse#1", "begin:Save", "begin:Notify"],
        ["fail:Fetch#1", "end:Fetch#3", "end:Parse#2", "end:Save", "end:Notify"],
        ["journal:RetryPlanned", "begin:Fetch#3", "begin:Parse#2"],
        # Nothing is durable; the first failure; the second attempt's start; the fetch's success; the second attempt at
        # parsing, on its start and on its success; the success of the document's step.
        ["commit:1", "commit:2", "commit:3", "commit:4", "commit:5", "commit:2", "commit:3"],
    ],
)

EXAMPLES = {"onboarding": ONBOARDING, "pipeline": PIPELINE, "retrying": RETRYING}
TABLE = __name__


def examples(table: str) -> dict[str, Example]:
    """The EXAMPLES of the module `table`."""
    found: dict[str, Example] = importlib.import_module(table).EXAMPLES
    return found
