"""From a decision to a handler's input, and from its outcome to a fact: the pure half of every runtime."""

from __future__ import annotations

from typing import Any

import pytest

from syncara.core import events as e
from syncara.core.errors import (
    InvalidStateError,
    NonRetryableError,
    NotFoundError,
    Problem,
    SyncaraError,
    ValidationError,
)
from syncara.core.limits import ERROR_CHARS_MAX, RESULT_BYTES_MAX
from syncara.core.model import StepResult
from syncara.runtimes.driver import Block, Call, bad_params, call_of, drive, failure, success, timeout
from tests.core.build import START, Run, step


def call(run: Run, name: str = "A") -> Call:
    """The call of the attempt that is under way."""
    return call_of(run.board, e.StepScheduled(run.now, name, run.node(name).attempts))


class Untold(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


# What a handler is given.


def test_every_attempt_has_the_same_key_and_params() -> None:
    """Retries and crash re-runs carry the key and the rendered params of the first attempt."""
    run = Run(step("A", params={"x": "{context.x}"}), step("B"), context={"x": [1]})
    calls = [call(run)]
    run.succeed("B", changes={"x": [2]})
    run.lose_runner()
    calls.append(call(run))
    run.err("A")
    run.tick()
    calls.append(call(run))

    assert [1, 1, 2] == [each.execution.attempt for each in calls]
    assert ["ex:id of A"] * 3 == [each.execution.idempotency_key for each in calls]
    assert [{"x": [1]}] * 3 == [each.step.params for each in calls]


def test_a_handler_that_changes_its_params_changes_nothing_else() -> None:
    """Neither the definition nor the next attempt sees it."""
    run = Run(step("A", params={"list": [1]}), step("B", params={"list": ["{context.x}"]}), context={"x": {"y": 1}})
    for name in "AB":
        call(run, name).step.params["list"].append("mine")

    assert {"list": [1]} == call(run, "A").step.params
    assert {"list": [{"y": 1}]} == call(run, "B").step.params


def test_a_handler_works_on_its_own_copy_of_the_context() -> None:
    """What it does to the copy is seen by nobody before its success."""
    run = Run(step("A"), step("B"), context={"user": {"name": "Ada"}})

    call(run, "A").execution.context["user"]["name"] = "Eve"

    assert {"user": {"name": "Ada"}} == run.context == call(run, "B").execution.context


def test_a_handler_sees_the_context_as_committed_when_its_attempt_starts() -> None:
    """Also when it looks only after others have committed."""
    run = Run(step("A"), step("B"), context={"x": 1})
    mine = call(run, "A")

    run.succeed("B", changes={"x": 2})

    assert {"x": 1} == mine.execution.context


def test_a_blocked_step_is_told_to_the_runtime_with_its_handler() -> None:
    """The runtime then waits for that handler."""
    run = Run(step("A"))

    events, actions = drive(run.board, e.StepErred(START, "A", 1, "unknown_handler", "gone"))
    run.journal += events

    assert [Block("A", "handler", "work")] == actions


# What became of the context.


def changes_of(context: dict[str, Any], change: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a handler that does `change` to its context changed."""
    execution = call(Run(step("A"), context=context)).execution
    change(execution.context)
    return execution.changes()


def test_changes_are_taken_by_top_level_key() -> None:
    """A nested change is a change of its key, with the whole new value; `del` removes; the same value is no change."""

    def change(context: dict[str, Any]) -> None:
        context["user"]["tags"].append("new")
        context["same"] = [1]
        context["added"] = None
        del context["gone"]

    before = {"user": {"tags": []}, "same": [1], "gone": 1, "untouched": {}}

    assert ({"user": {"tags": ["new"]}, "added": None}, ("gone",)) == changes_of(before, change)


def test_one_and_true_and_one_point_zero_are_different_values() -> None:
    """A change of type is a change, though Python calls the values equal."""
    before = {"a": 1, "b": 1, "c": 0}

    assert ({"a": True, "b": 1.0, "c": False}, ()) == changes_of(
        before, lambda context: context.update(a=True, b=1.0, c=False)
    )


def test_a_context_that_was_only_read_has_no_changes() -> None:
    """Looking costs nothing in the journal."""
    assert ({}, ()) == changes_of({"x": {"y": 1}}, lambda context: context["x"]["y"])


def test_a_context_may_be_replaced_as_a_whole() -> None:
    """Assigning a new dict sets its keys and removes the others."""
    execution = call(Run(step("A"), context={"a": 1, "b": 2})).execution

    execution.context = {"b": 2, "c": 3}

    assert ({"c": 3}, ("a",)) == execution.changes()


def test_changes_that_share_a_value_with_the_handler_do_not_change_with_it() -> None:
    """What was committed is a copy."""
    execution = call(Run(step("A"))).execution
    mine = execution.context["list"] = [1]

    changed, _ = execution.changes()
    mine.append(2)

    assert {"list": [1]} == changed


# Success.


@pytest.mark.parametrize(
    ("returned", "data"),
    [
        (None, None),
        (7, 7),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        (StepResult(True, "x"), "x"),
        (StepResult(True), None),
        (False, False),
    ],
)
def test_what_a_handler_returns_is_its_result(returned: object, data: object) -> None:
    """A StepResult carries its data, any other value is the data itself: false is no failure."""
    fact = success(call(Run(step("A"))), returned, START)

    assert e.StepSucceeded(START, "A", 1, data) == fact


def test_the_changes_of_the_context_go_with_the_success() -> None:
    """They are one fact."""
    mine = call(Run(step("A"), context={"gone": 1}))
    mine.execution.context = {"x": 1}

    assert e.StepSucceeded(START, "A", 1, 7, {"x": 1}, ("gone",), {"m": 1}) == success(
        mine, StepResult(True, 7, metadata={"m": 1}), START
    )


# Failure.


def test_an_exception_and_a_result_without_success_are_the_same_failure() -> None:
    """Both are a failed attempt with code error that may be retried; the changes of its context are thrown away."""
    mine = call(Run(step("A")))
    mine.execution.context["x"] = 1

    raised = failure(mine, ValueError("no network"), START)
    returned = success(mine, StepResult(False, error="no network"), START)

    assert e.StepErred(START, "A", 1, "error", "ValueError: no network") == raised
    assert e.StepErred(START, "A", 1, "error", "no network") == returned


def test_a_result_may_ask_for_a_later_retry_or_for_none() -> None:
    """What the result says about trying again reaches the machine."""
    result = StepResult(False, error="slow down", retryable=False, retry_after=30)

    fact = success(call(Run(step("A"))), result, START)

    assert e.StepErred(START, "A", 1, "error", "slow down", retryable=False, retry_after=30) == fact


@pytest.mark.parametrize(
    ("error", "code"),
    [(NonRetryableError("no such user"), "error"), (ValidationError([Problem("bad", "field 'x'", "wrong")]), "bad")],
)
def test_an_error_after_which_no_attempt_can_help_is_not_retried(error: Exception, code: str) -> None:
    """NonRetryableError and refused input end the step at once, in their own words."""
    fact = failure(call(Run(step("A"))), error, START)

    assert e.StepErred(START, "A", 1, code, str(error), retryable=False) == fact


@pytest.mark.parametrize("kind", [InvalidStateError, NotFoundError])
def test_an_error_that_a_handler_raises_is_never_taken_for_a_missing_handler(kind: type[SyncaraError]) -> None:
    """A handler that works with workflows itself may raise any code; its step fails and is not blocked."""
    run = Run(step("A", retry_count=0))

    run.feed(failure(call(run), kind("unknown_handler", "the inner workflow has no handler"), START))

    assert "failed" == run.statuses["A"]


def test_params_against_their_schema_are_not_retried() -> None:
    """The same params would not fit the next time either."""
    fact = bad_params(call(Run(step("A"))), ValueError("`x` is missing"), START)

    error = "the params do not fit handler 'work': `x` is missing"
    assert e.StepErred(START, "A", 1, "invalid_params", error, retryable=False) == fact


def test_an_attempt_over_its_timeout_is_retried() -> None:
    """The step's timeout is seconds per attempt, and its error names them."""
    fact = timeout(call(Run(step("A", timeout=2.5))), START)

    assert e.StepErred(START, "A", 1, "timeout", "the attempt took longer than its timeout of 2.5 s") == fact


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({1}, "$ is a set, which is not JSON"),
        ({"a": [float("nan")]}, "$.a[0] is nan, which JSON cannot hold"),
        (2**70, "$ is a whole number beyond 64 bits"),
        ({1: 2}, "$ has a key that is not text: 1"),
        (object, "$ is a type, which is not JSON"),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_result_that_is_not_json_is_not_retried(value: object, error: str, wrapped: bool) -> None:
    """The error says what was wrong, and where in the result."""
    fact = success(call(Run(step("A"))), StepResult(True, value) if wrapped else value, START)

    text = f"the handler's result is not JSON: {error}"
    assert e.StepErred(START, "A", 1, "invalid_result", text, retryable=False) == fact


def test_a_result_that_is_too_large_is_not_retried() -> None:
    """The error names the size and the limit."""
    fact = success(call(Run(step("A"))), "x" * RESULT_BYTES_MAX, START)

    text = f"the handler's result is {RESULT_BYTES_MAX + 2} bytes as JSON; the limit is {RESULT_BYTES_MAX}"
    assert e.StepErred(START, "A", 1, "result_too_large", text, retryable=False) == fact


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({"x": {1}}, "execution.context: $.x is a set, which is not JSON"),
        ([1], "execution.context was replaced by a list; it must stay a dict"),
    ],
    ids=["set", "list"],
)
def test_a_context_that_cannot_be_stored_fails_the_attempt(context: Any, text: str) -> None:
    """The result is not taken either: both would be one commit."""
    mine = call(Run(step("A")))
    mine.execution.context = context

    assert e.StepErred(START, "A", 1, "invalid_result", text, retryable=False) == success(mine, 7, START)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError"),
        (Untold(), "Untold"),
        (ValueError("\ud800"), "ValueError: ?"),
    ],
)
def test_every_exception_has_a_text_that_can_be_stored(error: Exception, text: str) -> None:
    """Its type and its message, whatever they are."""
    assert text == failure(call(Run(step("A"))), error, START).error


def test_the_text_of_an_error_has_a_limit() -> None:
    """A message of a megabyte is cut."""
    assert ERROR_CHARS_MAX == len(failure(call(Run(step("A"))), ValueError("x" * 10**6), START).error)
