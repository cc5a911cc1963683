"""How much one author may ask for: each refusal names the limit and the number."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from syncara.core import limits
from syncara.core.model import Step, Workflow
from syncara.policy.quotas import (
    UNLIMITED,
    Quotas,
    reply_problems,
    start_problems,
    workflow_problems,
)
from syncara.templates.generated import batch
from tests.core.build import delay, group, step, task, workflow


@pytest.mark.parametrize(
    ("name", "limit", "inside", "beyond", "where"),
    [
        ("steps", 2, workflow(step("A"), step("B")), workflow(step("A"), group("B", task("C"))), "workflow 'Flow'"),
        (
            "parallel_steps",
            3,
            workflow(step("A"), max_parallel_steps=3),
            workflow(step("A"), max_parallel_steps=4),
            "workflow 'Flow', field 'max_parallel_steps'",
        ),
        (
            "longest_s",
            60,
            workflow(delay("A", 60), global_timeout=60),
            workflow(step("A"), global_timeout=61),
            "workflow 'Flow', field 'global_timeout'",
        ),
        (
            "longest_s",
            2_000,
            workflow(delay("A", 2_000)),
            workflow(group("A", task("B", "delay", params={"seconds": 2_001}))),
            "step 'A/B', field 'params'",
        ),
        (
            "params_bytes",
            11,
            workflow(step("A", params={"a": "\u00e9x"})),
            workflow(step("A", params={"a": "\u00e9xy"})),
            "step 'A', field 'params'",
        ),
        (
            "retries",
            3,
            workflow(step("A")),
            workflow(step("A", retry_count=4)),
            "step 'A', field 'retry_count'",
        ),
        (
            "condition_chars",
            6,
            workflow(step("A", condition="1 == 1")),
            workflow(step("A", condition="1 == 10")),
            "step 'A', field 'condition'",
        ),
        (
            "condition_chars",
            6,
            workflow(step("A", handler="condition_check", params={"condition": "1 == 1"})),
            workflow(step("A", handler="condition_check", params={"condition": "1 == 10"})),
            "step 'A', field 'params', 'condition'",
        ),
    ],
)
def test_a_definition_beyond_a_quota_is_refused_by_name_and_number(
    name: str, limit: int, inside: Workflow, beyond: Workflow, where: str
) -> None:
    """Up to the limit it is fine; one more is too many."""
    quotas = msgspec.structs.replace(UNLIMITED, **{name: limit})

    assert [] == workflow_problems(quotas, inside)
    (problem,) = workflow_problems(quotas, beyond)
    assert ("quota_exceeded", where) == (problem.code, problem.where)
    assert problem.message.endswith(f"{limit + 1}; the limit is {limit} (quotas.{name})")


def test_everything_that_is_too_much_is_found_at_once() -> None:
    """Each with its own place."""
    much = Quotas(steps=1, retries=0, params_bytes=1, condition_chars=1, parallel_steps=1)

    assert ["steps", "parallel_steps", "params_bytes", "retries", "condition_chars", "params_bytes", "retries"] == [
        problem.message.partition(" ")[0]
        for problem in workflow_problems(much, workflow(step("A", condition="1 == 1"), step("B")))
    ]


@pytest.mark.parametrize(
    ("name", "inside", "beyond"),
    [
        ("reply_bytes", {"size": 5, "commands": 9}, {"size": 6, "commands": 9}),
        ("commands", {"size": 9, "commands": 5}, {"size": 9, "commands": 6}),
    ],
)
def test_a_reply_beyond_a_quota_is_refused(name: str, inside: dict[str, Any], beyond: dict[str, Any]) -> None:
    """Its size and its codes are counted."""
    quotas = msgspec.structs.replace(UNLIMITED, **{name: 5})

    assert [] == reply_problems(quotas, **inside)
    assert [f"{name} is 6; the limit is 5 (quotas.{name})"] == [
        each.message for each in reply_problems(quotas, **beyond)
    ]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("context_bytes", "context_bytes"),
        ("open_executions", "open_executions"),
        ("starts_per_hour", "starts_in_hour"),
        ("longest_s", "ahead_s"),
    ],
)
def test_a_start_beyond_a_quota_is_refused(name: str, given: str) -> None:
    """A chat's context, open runs and starts are counted, this one included, and how far ahead it lies."""
    quotas = msgspec.structs.replace(UNLIMITED, **{name: 5})
    fits: dict[str, Any] = {"context_bytes": 2, "open_executions": 1, "starts_in_hour": 1, "ahead_s": 0, given: 5}

    assert [] == start_problems(quotas, **fits)
    assert [f"{name} is 6; the limit is 5 (quotas.{name})"] == [
        each.message for each in start_problems(quotas, **{**fits, given: 6})
    ]


def test_the_developer_has_no_quotas_but_the_engine_s_limits() -> None:
    """Whatever the engine takes, the developer may define."""
    huge = workflow(
        *(step(f"S{n}", retry_count=limits.RETRY_COUNT_MAX) for n in range(limits.GROUP_TASKS_MAX + 1)),
        global_timeout=limits.SECONDS_MAX,
        max_parallel_steps=limits.PARALLEL_STEPS_MAX,
    )

    assert [] == workflow_problems(UNLIMITED, huge)
    assert [] == reply_problems(UNLIMITED, size=10**12, commands=10**9)
    assert set() == {value for value in msgspec.structs.asdict(UNLIMITED).values() if value is not None}


@pytest.mark.parametrize(
    ("seconds", "shown"), [(100_648_519.09634, "100648520"), (60.000_1, "61"), (61, "61"), (float("inf"), "inf")]
)
def test_a_number_is_told_without_its_fraction(seconds: float, shown: str) -> None:
    """Rounded up: what is beyond a limit never reads as if it were the limit."""
    (problem,) = workflow_problems(Quotas(longest_s=60), workflow(step("A"), global_timeout=seconds))

    assert f"longest_s is {shown}; the limit is 60 (quotas.longest_s)" == problem.message


def test_an_assistant_s_quotas_lie_within_the_engine_s_limits() -> None:
    """A quota that the engine does not reach could never be the one that refuses."""
    quotas = msgspec.structs.asdict(Quotas())
    engine = {
        "steps": limits.STEPS_MAX,
        "params_bytes": limits.PARAMS_BYTES_MAX,
        "context_bytes": limits.CONTEXT_BYTES_MAX,
        "result_bytes": limits.RESULT_BYTES_MAX,
        "longest_s": limits.SECONDS_MAX,
        "retries": limits.RETRY_COUNT_MAX,
        "parallel_steps": limits.PARALLEL_STEPS_MAX,
    }

    assert [] == [name for name, most in engine.items() if quotas[name] >= most]


def test_the_largest_batch_fits_into_an_assistant_s_quotas() -> None:
    """10,000 items of a short text each: the reply and the workflow that comes of it."""
    items = [{"message": f"Write to customer {n:05} about the new opening hours in December"} for n in range(10_000)]
    reply = f"[MULTISTEP:BATCH_PROCESS:log:{json.dumps(items)}:5]"
    definition = batch("log", items)
    steps = [Step(id=f"st{n}", **fields) for n, fields in enumerate(definition.pop("steps"))]

    assert [] == reply_problems(Quotas(), size=len(reply.encode()), commands=1)
    assert [] == workflow_problems(Quotas(), Workflow(id="wf", steps=tuple(steps), **definition))
