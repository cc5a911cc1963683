"""What a final failure leaves behind, and how a run ends after one."""

from __future__ import annotations

import pytest

from syncara.core import events as e
from syncara.core.limits import ERRORS_KEPT_MAX
from tests.core.build import START, Run, delay, group, kinds, step, task


def test_a_final_failure_is_told_in_the_context() -> None:
    """error_occurred, failed_step, last_error and errors are set by the step that failed."""
    run = Run(step("A"), step("B"), context={"kept": 1})

    run.fail("A", "no network", code="timeout")

    assert {
        "kept": 1,
        "error_occurred": True,
        "failed_step": "A",
        "last_error": "no network",
        "errors": [{"step": "A", "code": "timeout", "error": "no network"}],
    } == run.context


def test_a_failed_attempt_that_will_be_retried_is_no_failure_yet() -> None:
    """The context hears of final failures only."""
    run = Run(step("A"))

    run.err("A")

    assert {} == run.context


def test_every_failure_appends_to_errors_and_the_last_one_names_itself() -> None:
    """failed_step and last_error follow the latest failure; errors keeps all of them in order."""
    run = Run(step("A", on_error="continue"), step("B"))

    run.fail("A", "first")
    run.fail("B", "second")

    assert ("B", "second") == (run.context["failed_step"], run.context["last_error"])
    assert ["A", "B"] == [error["step"] for error in run.context["errors"]]


def test_the_error_of_the_execution_is_the_first() -> None:
    """Later failures do not change what the run failed of."""
    run = Run(step("A"), step("B"))

    run.fail("A", "first", code="timeout")
    run.fail("B", "second")

    assert e.Finished(START, "failed", "timeout", "step 'A' failed: first") == run.only(e.Finished)
    assert ("timeout", "step 'A' failed: first") == (run.board.code, run.board.error)


def test_errors_keep_the_latest_up_to_their_limit() -> None:
    """A run with thousands of tolerated failures keeps the last thousand."""
    count = ERRORS_KEPT_MAX + 5
    run = Run(*(step(f"S{n}", on_error="continue") for n in range(count)), max_parallel_steps=1000)

    for n in range(count):
        run.fail(f"S{n}")

    errors = run.context["errors"]
    assert (ERRORS_KEPT_MAX, "S5", f"S{count - 1}") == (len(errors), errors[0]["step"], errors[-1]["step"])


def test_a_failure_of_a_step_with_continue_lets_its_followers_run() -> None:
    """The step stays failed, and its followers see its data as null."""
    run = Run(
        step("A", on_error="continue"),
        step("B", ["A"], params={"whole": "{steps.A.data}", "status": "{steps.A.status}"}),
    )

    run.fail("A")

    assert "failed" == run.statuses["A"]
    assert {"whole": None, "status": "failed"} == run.only(e.StepScheduled).params


def test_a_run_with_tolerated_failures_only_is_completed_with_errors() -> None:
    """No step with on_error=fail failed, so the run goes on to its end and says that there were errors."""
    run = Run(step("A", on_error="continue"), step("B", ["A"]))

    run.fail("A", "boom")
    run.succeed("B")

    expected = e.Finished(START, "completed_with_errors", "error", "step 'A' failed: boom")
    assert expected == run.only(e.Finished)


def test_a_run_is_failed_when_one_failure_was_not_tolerated() -> None:
    """A tolerated failure beside it makes no difference."""
    run = Run(step("A", on_error="continue"), step("B"))

    run.fail("A")
    run.fail("B")

    assert "failed" == run.status


def test_after_a_failure_the_rest_is_skipped_with_the_reason() -> None:
    """Steps that have not started never will; each names the failure that ended the run."""
    run = Run(step("A"), step("B", ["A"]), step("C", ["B"]), step("W", condition="context.get('go')"))

    run.fail("A", "boom")

    reason = "the run failed before: step 'A' failed: boom"
    assert [e.StepSkipped(START, name, "run_failed", reason) for name in "BCW"] == run.made(e.StepSkipped)
    assert ["StepErred", "StepFailed", "StepSkipped", "StepSkipped", "StepSkipped", "Finished"] == kinds(run.last)


def test_after_a_failure_nothing_that_was_ready_starts() -> None:
    """A step that only waited for a slot is skipped too."""
    run = Run(step("A"), step("B"), max_parallel_steps=1)

    run.fail("A")

    assert {"A": "failed", "B": "skipped"} == run.statuses


def test_attempts_in_a_handler_finish_after_a_failure() -> None:
    """The run waits for them, and what they did counts; then it ends."""
    run = Run(step("A"), step("B", save_as="b"))

    run.fail("A")
    assert ({"A": "failed", "B": "running"}, "running") == (run.statuses, run.status)
    run.succeed("B", 1)

    assert ("completed", 1, "failed") == (run.statuses["B"], run.context["b"], run.status)


def test_attempts_that_fail_after_a_failure_are_not_retried() -> None:
    """An error in a failing run is final, with all its retries left."""
    run = Run(step("A"), step("B", retry_count=3))

    run.fail("A")
    run.err("B", "too late")

    assert [e.StepFailed(START, "B", "error", "too late")] == run.made(e.StepFailed)
    assert "failed" == run.status


def test_a_lost_attempt_of_a_failing_run_is_made_again_under_its_number() -> None:
    """It may finish like any other attempt, and a crash uses up no retry."""
    run = Run(step("A"), step("B"))
    run.fail("A")

    run.lose_runner()

    assert [e.StepScheduled(START, "B", 1)] == run.made(e.StepScheduled)


def test_a_lost_attempt_that_only_waited_for_a_slot_is_made_again_when_the_run_fails() -> None:
    """A person had decided to make it again before the failure."""
    run = Run(step("A", on_crash="ask"), step("B"), max_parallel_steps=1)
    run.lose_runner()
    run.signal("A", "on_crash", "retry")

    run.fail("B")

    assert [e.StepScheduled(START, "A", 1)] == run.made(e.StepScheduled)


def test_delays_retry_waits_and_waits_end_cancelled_after_a_failure() -> None:
    """What is under way without a handler is ended, with the reason."""
    run = Run(
        delay("Delayed", 60),
        step("Retrying"),
        step("Waiting", on_crash="ask"),
        step("Blocked"),
        step("A"),
    )
    run.err("Retrying")
    run.err("Blocked", code="unknown_handler")
    run.lose_runner()
    assert ["delayed", "retrying", "waiting", "blocked", "running"] == list(run.statuses.values())

    run.fail("A", "boom")

    names = ["Delayed", "Retrying", "Waiting", "Blocked"]
    reason = "the run failed before: step 'A' failed: boom"
    assert [e.StepCancelled(START, name, "run_failed", reason) for name in names] == run.made(e.StepCancelled)
    assert ("failed", None) == (run.status, run.wake)


@pytest.mark.parametrize("on_crash", ["ask", "retry"])
def test_nothing_begins_to_wait_in_a_failing_run(on_crash: str) -> None:
    """An attempt that would have to wait for a person, its turn or its handler is ended instead."""
    run = Run(step("A"), step("B", on_crash=on_crash))
    run.lose_runner()
    if on_crash == "retry":
        run.lose_runner()
        run.signal("B", "turn")
        run.signal("A", "turn")
    else:
        run.signal("B", "on_crash", "retry")
    run.fail("A")

    run.lose_runner(clean=True)

    assert "run_failed" == run.only(e.StepCancelled).code
    assert "failed" == run.status


def test_a_suspect_that_waited_for_a_slot_does_not_wait_for_its_turn_in_a_failing_run() -> None:
    """It may be made again or end, but no step is blocked that is not part of recovery."""
    run = Run(step("A", on_crash="ask"), step("B", retry_delay=10), max_parallel_steps=1)
    run.lose_runner()
    run.signal("A", "on_crash", "retry")
    run.err("B")
    run.lose_runner()
    run.tick()
    run.signal("A", "on_crash", "retry")
    assert ({"A": "retrying", "B": "running"}, 2) == (run.statuses, run.node("A").crashes)

    run.fail("B")

    assert [] == run.made(e.StepBlocked)


def test_a_handler_that_is_missing_in_a_failing_run_ends_the_step() -> None:
    """Nothing is blocked any more when the run fails."""
    run = Run(step("A"), step("B"))
    run.fail("A")

    run.err("B", code="unknown_handler")

    assert ("cancelled", "failed") == (run.statuses["B"], run.status)


def test_a_step_that_could_not_be_rendered_fails_like_any_other() -> None:
    """A missing placeholder is a final failure: on_error and the context go by the same rules."""
    run = Run(
        step("A", params={"x": "{context.no}"}, on_error="continue"),
        step("B", ["A"]),
    )

    assert {"A": "failed", "B": "running"} == run.statuses
    assert "A" == run.context["failed_step"]


def test_a_failed_task_is_told_before_its_group() -> None:
    """A task's failure is the first error, the failure of its group the second."""
    run = Run(group("G", task("a"), task("b")))

    run.fail("G/a", "boom")
    run.succeed("G/b")

    assert ["G/a", "G"] == [error["step"] for error in run.context["errors"]]
    assert "step 'G/a' failed: boom" == run.board.error


def test_a_failure_that_ends_the_run_takes_the_place_of_a_tolerated_one() -> None:
    """A run that failed says what it failed of, not which tolerated failure came before."""
    run = Run(step("A", on_error="continue"), step("B"), step("C", ["B"]))

    run.fail("A", "harmless")
    run.fail("B", "fatal", code="timeout")

    assert ("timeout", "step 'B' failed: fatal") == (run.board.code, run.board.error)
    assert "the run failed before: step 'B' failed: fatal" == run.only(e.StepSkipped).reason
