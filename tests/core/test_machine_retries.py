"""Retries: how many, when, with what, and which failures get none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core import events as e
from syncara.core.machine import retry_wait
from tests.core.build import START, Run, delay, kinds, step


def attempts_of(run: Run, name: str) -> int:
    """Let every attempt of a step fail; how many there were."""
    count = 0
    while name in run.running:
        count += 1
        run.err(name)
        if run.node(name).status == "retrying":
            run.tick()
    return count


@pytest.mark.parametrize(("retry_count", "attempts"), [(0, 1), (1, 2), (3, 4)])
def test_retry_count_is_the_number_of_retries_after_the_first_attempt(retry_count: int, attempts: int) -> None:
    """retry_count=3 means up to 3 retries, so 4 attempts."""
    run = Run(step("A", retry_count=retry_count, retry_delay=1))

    assert attempts == attempts_of(run, "A")
    assert ("failed", attempts) == (run.node("A").status, run.node("A").attempts)


def test_a_success_on_the_last_attempt_completes_the_step() -> None:
    """An error that a retry put right is no failure of the run, and leaves no error on the step."""
    run = Run(step("A", retry_count=1))

    run.err("A")
    run.tick()
    run.succeed("A", "done")

    assert ("completed", "completed", None, 2) == (
        run.status,
        run.statuses["A"],
        run.node("A").error,
        run.node("A").attempts,
    )
    assert {} == run.context


def test_auto_retry_false_sets_every_retry_count_to_zero() -> None:
    """With auto_retry=False the first failure of any step is final."""
    run = Run(step("A", retry_count=3), auto_retry=False)

    assert 1 == attempts_of(run, "A")


def test_a_retry_is_planned_from_the_moment_of_the_failure() -> None:
    """The wait counts from the failure, and the plan stands in the journal."""
    run = Run(step("A", retry_delay=10))

    run.err("A", after=7)

    planned = run.only(e.RetryPlanned)
    assert ("A", 2) == (planned.step, planned.attempt)
    assert START + 17 <= planned.wake_at <= START + 18
    assert planned.wake_at == run.wake == run.node("A").wake_at


def test_a_retry_does_not_start_before_its_time() -> None:
    """A tick before the time of the retry starts nothing."""
    run = Run(step("A", retry_delay=10))
    run.err("A")

    assert [] == run.tick(after=9.9)
    run.tick()

    assert [e.StepScheduled(run.now, "A", 2)] == run.made(e.StepScheduled)


def test_each_retry_waits_backoff_times_longer() -> None:
    """The wait before retry n is retry_delay * retry_backoff**(n-1), plus at most a tenth."""
    one = step("A", retry_delay=5)

    waits = [retry_wait("ex", one, attempt) for attempt in range(1, 5)]

    assert all(least <= wait <= 1.1 * least for least, wait in zip((5, 10, 20, 40), waits, strict=True))


def test_the_backoff_can_be_chosen() -> None:
    """retry_backoff=1 keeps the waits equal."""
    one = step("A", retry_delay=5, retry_backoff=1)

    assert all(5 <= retry_wait("ex", one, attempt) <= 5.5 for attempt in range(1, 9))


@pytest.mark.parametrize("backoff", [2.0, 100])
def test_a_wait_is_capped_before_the_share_is_added(backoff: float) -> None:
    """No wait is longer than max_retry_delay and its tenth, however many retries came before."""
    one = step("A", retry_delay=5, retry_backoff=backoff)

    assert all(300 <= retry_wait("ex", one, attempt) <= 330 for attempt in (9, 100, 1000))


def test_the_cap_can_be_chosen() -> None:
    """max_retry_delay caps the first wait too."""
    assert 2 <= retry_wait("ex", step("A", retry_delay=5, max_retry_delay=2), 1) <= 2.2


@given(
    st.text(),
    st.floats(0, 1000),
    st.floats(1, 100),
    st.floats(0, 1000),
    st.integers(1, 1000),
)
def test_a_wait_is_never_less_than_written_and_at_most_a_tenth_more(
    execution_id: str, retry_delay: float, backoff: float, cap: float, attempt: int
) -> None:
    """Whatever the numbers, the share is between 0 and 10 %."""
    one = step("A", retry_delay=retry_delay, retry_backoff=backoff, max_retry_delay=cap)
    try:
        written = min(retry_delay * backoff ** (attempt - 1), cap)
    except OverflowError:
        written = cap

    assert written <= retry_wait(execution_id, one, attempt) <= written * 1.1000001


def test_the_share_follows_from_the_ids_alone() -> None:
    """The same execution, step and attempt wait the same; others wait differently, so that they do not meet."""
    one = step("A", retry_delay=5)

    waits = [retry_wait(f"execution {n}", one, 1) for n in range(50)]

    assert waits == [retry_wait(f"execution {n}", one, 1) for n in range(50)]
    assert len(set(waits)) > 45


def test_a_retry_waits_at_least_as_long_as_the_failure_asks() -> None:
    """retry_after outlasts a shorter wait, and does not shorten a longer one."""
    run = Run(step("A", retry_delay=5), step("B", retry_delay=50))

    run.err("A", retry_after=30.0)
    run.err("B", retry_after=30.0)

    assert START + 30 == run.node("A").wake_at
    assert START + 50 <= (run.node("B").wake_at or 0)


@pytest.mark.parametrize("code", ["error", "timeout"])
def test_an_error_and_a_timeout_are_retried(code: str) -> None:
    """Whatever made an attempt fail, it is tried again unless the failure says that this cannot help."""
    run = Run(step("A"))

    assert ["StepErred", "RetryPlanned"] == kinds(run.err("A", code=code))


@pytest.mark.parametrize("code", ["error", "invalid_params", "invalid_result", "result_too_large"])
def test_a_failure_that_is_not_retryable_is_final(code: str) -> None:
    """retryable=False ends the step at once, with the code and text of that attempt."""
    run = Run(step("A", retry_count=3))

    run.err("A", "no use", code=code, retryable=False)

    assert e.StepFailed(START, "A", code, "no use") == run.only(e.StepFailed)


def test_a_missing_placeholder_is_not_retried() -> None:
    """What the context does not have will not be there a moment later: the step fails and never starts."""
    run = Run(step("A", params={"text": "{context.nme}"}, retry_count=3), context={"name": "Ada", "age": 36})

    failed = run.only(e.StepFailed)

    assert ("missing_placeholder", "failed", 0) == (failed.code, run.statuses["A"], run.node("A").attempts)
    assert "Did you mean 'name'?" in failed.error
    assert "It has: name, age" in failed.error


def test_params_that_grow_too_large_are_not_retried_and_say_so() -> None:
    """Rendered params over their limit fail the step with a code of their own."""
    run = Run(step("A", params={"text": "{context.big} {context.big}"}), context={"big": "x" * 600_000})

    assert "params_too_large" == run.only(e.StepFailed).code


@pytest.mark.parametrize("seconds", ["soon", "5", -1, True, None, [1], 1e12])
def test_a_delay_without_a_length_is_not_retried(seconds: Any) -> None:
    """Params against their schema fail the step at once, naming what came instead."""
    run = Run(delay("Wait", "{context.seconds}", retry_count=3), context={"seconds": seconds})

    failed = run.only(e.StepFailed)

    assert "invalid_params" == failed.code
    assert failed.error.endswith(f"and got {seconds!r}")


def test_params_are_rendered_once_when_the_step_first_starts() -> None:
    """Every retry gets the params of the first attempt, whatever has changed in the context since."""
    run = Run(step("A", params={"x": "{context.x}"}), step("B"), context={"x": 1})
    assert [{"x": 1}, None] == [event.params for event in run.made(e.StepScheduled)]

    run.succeed("B", changes={"x": 2})
    run.err("A")
    run.tick()

    assert e.StepScheduled(run.now, "A", 2) == run.only(e.StepScheduled)
    assert {"x": 1} == run.node("A").params


def test_params_are_rendered_when_the_step_starts_and_not_before() -> None:
    """A step that waits for a slot sees the context of the moment in which it gets one."""
    run = Run(step("A"), step("B", params={"x": "{context.x}"}), context={"x": 1}, max_parallel_steps=1)

    run.succeed("A", changes={"x": 2})

    assert {"x": 2} == run.only(e.StepScheduled).params


def test_the_time_of_a_step_counts_from_its_first_attempt() -> None:
    """Retries and their waits are part of it."""
    run = Run(step("A", retry_delay=10), step("B"))
    run.err("A", after=1)
    run.tick()

    run.succeed("A", after=2)

    node = run.node("A")
    assert (START, run.now) == (node.started_at, node.finished_at)


def test_a_failed_step_keeps_the_error_of_its_last_attempt() -> None:
    """The final failure is the last one, not the first."""
    run = Run(step("A", retry_count=1))

    run.err("A", "first")
    run.tick()
    run.err("A", "second", code="timeout")

    assert ("timeout", "second") == (run.only(e.StepFailed).code, run.node("A").error)
