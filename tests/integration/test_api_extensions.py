"""Handlers and shortcodes of one's own through the public API."""

from __future__ import annotations

import functools
import threading
from typing import Any

import msgspec
import pytest

from syncara import InvalidStateError, MultiStepProcessor, NonRetryableError, NotFoundError, StepResult, ValidationError
from syncara.abc import ExecutionInput, StepInput
from tests.integration.support import HANG_S, noop, one_step


async def run(processor: MultiStepProcessor, handler: str, **fields: Any) -> Any:
    """The settled state of a one-step run."""
    execution_id = await processor.execute_workflow(one_step(processor, handler, **fields), {"name": "Ana"})
    return (await processor.wait(execution_id, HANG_S)).steps["Only"]


async def outcome(processor: MultiStepProcessor, handler: str, **fields: Any) -> Any:
    step = await run(processor, handler, **fields)
    return step.result.data if step.status == "completed" else step.error


# The ways to register.


async def test_a_handler_is_registered_by_a_call_or_as_a_decorator(processor: MultiStepProcessor) -> None:
    """`register_handler` returns the function as it was, so that it stays an ordinary one."""

    @processor.register_handler("decorated")
    async def decorated(step: StepInput, execution: ExecutionInput) -> str:
        return "by a decorator"

    def called(step: StepInput, execution: ExecutionInput) -> str:
        return "by a call"

    assert called is processor.register_handler("called", called)
    assert ("by a decorator", "by a call") == (
        await outcome(processor, "decorated"),
        await outcome(processor, "called"),
    )
    assert "by a call" == called(None, None)  # type: ignore[arg-type]


class Speaker:
    async def __call__(self, step: StepInput, execution: ExecutionInput) -> str:
        return f"on {threading.current_thread().name}"

    async def method(self, step: StepInput, execution: ExecutionInput) -> str:
        return await self(step, execution)


async def with_prefix(prefix: str, step: StepInput, execution: ExecutionInput) -> str:
    return f"{prefix} on {threading.current_thread().name}"


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (Speaker(), "on MainThread"),
        (Speaker().method, "on MainThread"),
        (functools.partial(with_prefix, "partly"), "partly on MainThread"),
    ],
    ids=["object", "method", "partial"],
)
async def test_whatever_is_a_coroutine_function_runs_on_the_loop(
    processor: MultiStepProcessor, fn: Any, expected: str
) -> None:
    """Objects with an async `__call__`, async methods and partials of them are async handlers."""
    processor.register_handler("mine", fn)

    assert expected == await outcome(processor, "mine")


async def test_a_handler_can_be_replaced(processor: MultiStepProcessor) -> None:
    """The newest one of a name is called from then on."""
    processor.register_handler("mine", lambda step, execution: "old")
    processor.register_handler("mine", lambda step, execution: "new")

    assert "new" == await outcome(processor, "mine")


async def test_handlers_registered_before_the_first_use_are_there(onlooker: MultiStepProcessor) -> None:
    """Registering does not open the database, so bots may do it at import time."""
    onlooker.register_handler("mine", lambda step, execution: "early")

    assert "early" == await outcome(onlooker, "mine")
    await onlooker.stop()


@pytest.mark.parametrize("name", ["log", "delay", "parallel_group", "send_message"])
def test_a_built_in_handler_is_not_replaced(onlooker: MultiStepProcessor, name: str) -> None:
    """Workflows rely on what the built-in names do."""
    with pytest.raises(InvalidStateError) as refused:
        onlooker.register_handler(name, noop)

    assert ("builtin_handler", "choose another name") == (refused.value.code, refused.value.fix)


@pytest.mark.parametrize(
    ("name", "fn", "params", "code"),
    [
        ("", noop, None, "empty_name"),
        ("  ", noop, None, "empty_name"),
        (5, noop, None, "empty_name"),
        ("mine", 5, None, "wrong_type"),
        ("mine", noop, dict, "wrong_type"),
    ],
)
def test_what_cannot_be_a_handler_is_refused(
    onlooker: MultiStepProcessor, name: Any, fn: Any, params: Any, code: str
) -> None:
    """A name, a function of (step, execution), and for `params` a Struct class."""
    with pytest.raises(ValidationError) as refused:
        onlooker.register_handler(name, fn, params=params)

    assert code == refused.value.code


# Typed params.


class GreetParams(msgspec.Struct):
    name: str
    times: int = 1


async def test_params_arrive_as_the_class_that_the_handler_asked_for(processor: MultiStepProcessor) -> None:
    """Defaults are filled in, and placeholders are rendered before the conversion."""

    @processor.register_handler("greet", params=GreetParams)
    async def greet(step: StepInput, execution: ExecutionInput) -> str:
        params: GreetParams = step.params
        return f"Hi {params.name}! " * params.times

    assert "Hi Ana! " == await outcome(processor, "greet", params={"name": "{context.name}"})
    assert "Hi Bo! Hi Bo! " == await outcome(processor, "greet", params={"name": "Bo", "times": 2})


async def test_params_that_do_not_fit_are_refused_before_anything_runs(processor: MultiStepProcessor) -> None:
    """Every field that is wrong, missing or unknown is named at the check."""
    processor.register_handler("greet", noop, params=GreetParams)
    workflow_id = one_step(processor, "greet", params={"tmies": 2, "times": "two"})

    problems = processor.validate(workflow_id)

    assert [
        ("invalid_params", "step 'Only', field 'params'", "param 'name' is missing", "add 'name'"),
        ("invalid_params", "step 'Only', field 'params'", "there is no param 'tmies'", "Did you mean 'times'?"),
        ("invalid_params", "step 'Only', field 'params', 'times'", "Expected `int`, got `str`", "correct the value"),
    ] == sorted((p.code, p.where, p.message, p.fix) for p in problems)


async def test_params_that_turn_out_wrong_when_rendered_fail_the_step_at_once(processor: MultiStepProcessor) -> None:
    """What only a placeholder brought is judged when it is known; trying again would not help."""
    processor.register_handler("greet", noop, params=GreetParams)

    step = await run(processor, "greet", params={"name": "Bo", "times": "{context.name}"}, retry_count=3)

    assert ("failed", 1) == (step.status, step.attempts)
    assert step.error == "the params do not fit handler 'greet': Expected `int`, got `str` - at `$.times`"


# What a handler may return or raise.


async def test_a_plain_value_is_the_result(processor: MultiStepProcessor) -> None:
    """Any JSON value `v` counts as `StepResult(success=True, data=v)`; a tuple comes back as a list."""
    values: list[Any] = [None, True, 0, 1.5, "text", [1, [2]], {"a": {"b": None}}, (1, 2)]

    async def echo(step: StepInput, execution: ExecutionInput) -> Any:
        return values[step.params["n"]]

    processor.register_handler("echo", echo)

    stored = [await outcome(processor, "echo", params={"n": n}) for n in range(len(values))]
    assert [*values[:-1], [1, 2]] == stored


async def test_an_exception_and_a_failed_result_are_the_same_failure(processor: MultiStepProcessor) -> None:
    """Both are retried up to `retry_count` times."""
    processor.register_handler("raises", raises)
    processor.register_handler("returns", lambda step, execution: StepResult(success=False, error="OSError: no"))

    states = [await run(processor, name, retry_count=2, retry_delay=0) for name in ("raises", "returns")]

    assert [("failed", 3, "OSError: no")] * 2 == [(s.status, s.attempts, s.error) for s in states]


async def raises(step: StepInput, execution: ExecutionInput) -> None:
    raise OSError("no")


async def test_a_failure_can_say_that_trying_again_is_useless(processor: MultiStepProcessor) -> None:
    """`NonRetryableError` and `retryable=False` fail the step at once, whatever `retry_count` says."""

    async def hopeless(step: StepInput, execution: ExecutionInput) -> None:
        raise NonRetryableError("the account is closed")

    processor.register_handler("raises", hopeless)
    processor.register_handler(
        "returns", lambda step, execution: StepResult(success=False, error="the account is closed", retryable=False)
    )

    states = [await run(processor, name, retry_count=5) for name in ("raises", "returns")]

    assert [("failed", 1, "the account is closed")] * 2 == [(s.status, s.attempts, s.error) for s in states]


async def test_a_failed_attempt_leaves_no_trace_in_the_context(processor: MultiStepProcessor) -> None:
    """Changes of all kinds (keys set, changed deep inside, deleted) are committed with the success or thrown away."""

    async def change(step: StepInput, execution: ExecutionInput) -> None:
        execution.context[f"attempt {execution.attempt}"] = dict(execution.context["deep"])
        execution.context["deep"]["n"] += 1
        del execution.context["old"]
        if execution.attempt == 1:
            raise RuntimeError("once more")

    processor.register_handler("change", change)
    execution_id = await processor.execute_workflow(
        one_step(processor, "change", retry_count=1, retry_delay=0), {"deep": {"n": 1}, "old": True}
    )
    ended = await processor.wait(execution_id, HANG_S)

    assert {"deep": {"n": 2}, "attempt 2": {"n": 1}} == ended.context


# Shortcodes.


async def test_a_step_runs_a_shortcode_that_was_registered(processor: MultiStepProcessor) -> None:
    """`execute_shortcode` calls it with its params as text, rendered, and with the execution; upper or lower case."""
    calls: list[tuple[str, Any]] = []

    async def pin(params: str, execution: ExecutionInput) -> dict[str, str]:
        calls.append((params, execution.chat_id))
        execution.context["pinned"] = True
        return {"pinned": params}

    processor.register_shortcode("GROUP:PIN_MESSAGE", pin)
    workflow_id = one_step(
        processor, "execute_shortcode", params={"shortcode": "group:pin_message", "params": "{context.message}"}
    )
    execution_id = await processor.execute_workflow(workflow_id, {"message": "55"}, chat_id=9)
    ended = await processor.wait(execution_id, HANG_S)
    result = ended.steps["Only"].result

    assert [("55", 9)] == calls
    assert result is not None
    assert ({"pinned": "55"}, True) == (result.data, ended.context["pinned"])


async def test_a_shortcode_may_return_a_step_result(processor: MultiStepProcessor) -> None:
    """It fails, and is retried, like any handler."""

    async def pin(params: str, execution: ExecutionInput) -> StepResult:
        if execution.attempt == 1:
            return StepResult(success=False, error="flood")
        return StepResult(success=True, data="pinned")

    processor.register_shortcode("GROUP:PIN", pin)
    params = {"shortcode": "GROUP:PIN"}

    assert "pinned" == await outcome(processor, "execute_shortcode", params=params, retry_count=1, retry_delay=0)


async def test_an_unknown_shortcode_is_refused_at_the_check(processor: MultiStepProcessor) -> None:
    """The nearest one is offered."""

    async def pin(params: str, execution: ExecutionInput) -> None: ...

    processor.register_shortcode("GROUP:PIN_MESSAGE", pin)
    workflow_id = one_step(processor, "execute_shortcode", params={"shortcode": "GROUP:PIN_MESAGE"})

    (problem,) = processor.validate(workflow_id)

    assert ("unknown_shortcode", "Did you mean 'GROUP:PIN_MESSAGE'?") == (problem.code, problem.fix)


async def test_a_shortcode_registered_later_makes_its_workflow_right(processor: MultiStepProcessor) -> None:
    """What was refused for lack of it can run once it is there."""

    async def pin(params: str, execution: ExecutionInput) -> str:
        return "pinned"

    workflow_id = one_step(processor, "execute_shortcode", params={"shortcode": "GROUP:PIN"})
    with pytest.raises(ValidationError):
        await processor.execute_workflow(workflow_id)

    processor.register_shortcode("GROUP:PIN", pin)

    assert "completed" == (await processor.wait(await processor.execute_workflow(workflow_id), HANG_S)).status


@pytest.mark.parametrize(("name", "fn"), [("", noop), (None, noop), ("GROUP:PIN", "text")])
def test_what_cannot_be_a_shortcode_is_refused(onlooker: MultiStepProcessor, name: Any, fn: Any) -> None:
    """A name and a function of (params, execution)."""
    with pytest.raises(ValidationError) as refused:
        onlooker.register_shortcode(name, fn)

    assert "wrong_type" == refused.value.code


async def test_the_json_schema_of_a_handlers_params_can_be_had(processor: MultiStepProcessor) -> None:
    """Of the user's own with a params class, of the built-in ones, and of those that the machine carries out."""

    class Brew(msgspec.Struct):
        cups: int
        strong: bool = False

    processor.register_handler("brew", noop, params=Brew)
    processor.register_handler("any", noop)

    assert "Brew" in processor.handler_schema("brew")["$defs"]
    assert {"type": "object"} == processor.handler_schema("any")
    assert all(processor.handler_schema(name) for name in ("log", "api_call", "delay", "parallel_group"))
    with pytest.raises(NotFoundError, match="'brew'"):
        processor.handler_schema("brw")
