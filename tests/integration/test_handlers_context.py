"""set_context, get_context, condition_check, save_as and placeholders in real runs."""

from __future__ import annotations

from typing import Any

import pytest

from syncara import Execution, MultiStepProcessor, ValidationError
from tests.integration.support import HANG_S, one_step, statuses


async def run(processor: MultiStepProcessor, *steps: dict[str, Any], **context: Any) -> Execution:
    """Run the steps one after another."""
    chain = [
        {"retry_count": 0, "dependencies": [steps[n - 1]["name"]] if n else [], **step} for n, step in enumerate(steps)
    ]
    workflow_id = processor.define({"name": "Context", "steps": chain})
    return await processor.wait(await processor.execute_workflow(workflow_id, context), HANG_S)


def data(execution: Execution, name: str) -> Any:
    result = execution.steps[name].result
    assert result is not None, execution.error
    return result.data


@pytest.mark.parametrize("value", ["AERIS", 5, 1.5, True, None, [1, [2]], {"a": {"b": 1}}])
async def test_a_value_that_is_set_is_read_back(processor: MultiStepProcessor, value: Any) -> None:
    """`set_context` stores any JSON value under its key and returns it; `get_context` returns it."""
    ended = await run(
        processor,
        {"name": "Set", "handler": "set_context", "params": {"key": "k", "value": value}},
        {"name": "Get", "handler": "get_context", "params": {"key": "k"}},
    )

    assert ({"k": value}, value, value) == (ended.context, data(ended, "Set"), data(ended, "Get"))


async def test_a_key_that_is_missing_is_null_or_the_default(processor: MultiStepProcessor) -> None:
    """A missing key is no failure of `get_context`."""
    ended = await run(
        processor,
        {"name": "Null", "handler": "get_context", "params": {"key": "k"}},
        {"name": "Default", "handler": "get_context", "params": {"key": "k", "default": 7}},
    )

    assert ("completed", None, 7) == (ended.status, data(ended, "Null"), data(ended, "Default"))


async def test_key_and_value_may_hold_placeholders(processor: MultiStepProcessor) -> None:
    """They are rendered before the step starts; one that is alone in its string keeps the value's type."""
    ended = await run(
        processor,
        {
            "name": "Set",
            "handler": "set_context",
            "params": {
                "key": "for {context.name}",
                "value": {"whole": "{context.user}", "text": "id {context.user.id}", "none": "{context.nope|-}"},
            },
        },
        name="Ana",
        user={"id": 5},
    )

    assert {"whole": {"id": 5}, "text": "id 5", "none": "-"} == ended.context["for Ana"]


async def test_save_as_keeps_a_steps_result(processor: MultiStepProcessor) -> None:
    """The result is in the context for placeholders, conditions and handlers, and stays with the step as well."""
    ended = await run(
        processor,
        {"name": "Load", "handler": "set_context", "params": {"key": "raw", "value": [{"id": 7}]}, "save_as": "users"},
        {"name": "Say", "handler": "log", "params": {"message": "{context.users[0].id} {steps.Load.data[0].id}"}},
        {"name": "If", "handler": "get_context", "params": {"key": "users"}, "condition": "len(context.users) == 1"},
    )

    assert "7 7" == data(ended, "Say")["message"]
    assert [{"id": 7}] == ended.context["users"] == data(ended, "If")


async def test_a_missing_placeholder_fails_the_step_and_names_what_there_is(processor: MultiStepProcessor) -> None:
    """It is not retried: the context of the next attempt would be the same."""
    ended = await run(
        processor,
        {"name": "Say", "handler": "log", "params": {"message": "{context.nmae}"}, "retry_count": 3},
        name="Ana",
    )

    assert ("failed", "missing_placeholder", 0) == (ended.status, ended.code, ended.steps["Say"].attempts)
    assert "name" in (ended.steps["Say"].error or "")


@pytest.mark.parametrize(("count", "met"), [(12, True), (5, False)])
async def test_a_condition_check_is_true_or_false(processor: MultiStepProcessor, count: int, met: bool) -> None:
    """False is a result, not a failure; a later step may ask for it."""
    ended = await run(
        processor,
        {"name": "Enough", "handler": "condition_check", "params": {"condition": "context.get('count') > 10"}},
        {
            "name": "Go",
            "handler": "log",
            "params": {"message": "go"},
            "condition": "steps['Enough'].data == True",
        },
        count=count,
    )

    assert ("completed", met) == (ended.status, data(ended, "Enough"))
    assert ("completed" if met else "skipped") == statuses(ended)["Go"]


async def test_a_condition_check_sees_steps(processor: MultiStepProcessor) -> None:
    """`steps['Name'].status` and `.data`, as every condition does."""
    ended = await run(
        processor,
        {"name": "Load", "handler": "set_context", "params": {"key": "n", "value": 3}},
        {
            "name": "Check",
            "handler": "condition_check",
            "params": {"condition": "steps['Load'].status == 'completed' and steps['Load'].data + context.n == 6"},
        },
    )

    assert data(ended, "Check") is True


async def test_a_condition_check_that_cannot_be_evaluated_fails_once(processor: MultiStepProcessor) -> None:
    """Here the answer was the point, so having none is a failure; trying again would give none either."""
    ended = await run(
        processor,
        {"name": "Check", "handler": "condition_check", "params": {"condition": "context.n > 1"}, "retry_count": 3},
        n="text",
    )

    assert ("failed", 1) == (ended.status, ended.steps["Check"].attempts)
    assert "the condition could not be evaluated" in (ended.error or "")


@pytest.mark.parametrize(
    ("handler", "params", "code", "text"),
    [
        ("set_context", {"key": "k"}, "invalid_params", "param 'value' is missing"),
        ("set_context", {"key": 5, "value": 1}, "invalid_params", "Expected `str`, got `int`"),
        ("set_context", {"key": "errors", "value": 1}, "reserved_key", "choose another key"),
        ("get_context", {}, "invalid_params", "param 'key' is missing"),
        ("get_context", {"name": "k"}, "invalid_params", "there is no param 'name'"),
        ("condition_check", {}, "invalid_params", "param 'condition' is missing"),
        ("condition_check", {"condition": "count >"}, "syntax", "column"),
    ],
)
async def test_wrong_params_are_refused_before_anything_runs(
    processor: MultiStepProcessor, handler: str, params: dict[str, Any], code: str, text: str
) -> None:
    """What can be known without running is said by the check."""
    with pytest.raises(ValidationError) as refused:
        await processor.execute_workflow(one_step(processor, handler, params=params))

    assert code == refused.value.code
    assert text in str(refused.value)


async def test_a_reserved_key_that_a_placeholder_brings_fails_the_step(processor: MultiStepProcessor) -> None:
    """The keys that the engine sets are its own, however they are spelled."""
    ended = await run(
        processor,
        {"name": "Set", "handler": "set_context", "params": {"key": "{context.k}", "value": 1}},
        k="last_error",
    )

    assert ("failed", "reserved_key: 'last_error' is set by the engine (choose another key)") == (
        ended.status,
        ended.steps["Set"].error,
    )
