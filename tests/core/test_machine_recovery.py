"""Recovery steps: what still runs after a failure, and how such a run ends."""

from __future__ import annotations

import pytest

from syncara.core import events as e
from syncara.core.model import Step
from tests.core.build import START, Run, delay, group, kinds, step, task


def run_that_fails(*recovery: Step, **fields: object) -> Run:
    """A run whose step A has failed, with `recovery` beside it."""
    run = Run(step("A"), step("Ordinary", ["A"]), *recovery, **fields)  # type: ignore[arg-type]
    run.fail("A", "boom")
    return run


@pytest.mark.parametrize("run_when", ["any_failed", "all_settled"])
def test_steps_that_run_on_failures_are_recovery_steps(run_when: str) -> None:
    """run_when any_failed and all_settled start after a failure; the rest is skipped."""
    run = run_that_fails(step("Rescue", ["A"], run_when=run_when))

    assert {"A": "failed", "Ordinary": "skipped", "Rescue": "running"} == run.statuses


@pytest.mark.parametrize(
    "condition",
    [
        "context.get('error_occurred')",
        "context.get('failed_step') == 'A'",
        "'boom' in context.get('last_error', '')",
        "len(context.get('errors', [])) > 0",
        "steps['A'].status == 'failed'",
        "context.get(context.key)",
    ],
)
def test_watchers_that_read_the_error_names_or_steps_are_recovery_steps(condition: str) -> None:
    """The guide's error recovery: a watcher of error_occurred, its fellows, or any step starts after a failure."""
    run = run_that_fails(step("Rescue", condition=condition), context={"key": "error_occurred"})

    assert {"A": "failed", "Ordinary": "skipped", "Rescue": "running"} == run.statuses


def test_a_watcher_of_anything_else_is_no_recovery_step() -> None:
    """It is skipped with the rest."""
    run = run_that_fails(step("W", condition="context.get('go')"))

    assert "run_failed" == run.node("W").code


def test_a_condition_with_dependencies_makes_no_recovery_step() -> None:
    """Only a watcher is one by what it reads."""
    run = run_that_fails(step("Other", ["A"], condition="context.get('error_occurred')"))

    assert "run_failed" == run.node("Other").code


def test_steps_all_of_whose_dependencies_are_recovery_steps_are_recovery_steps() -> None:
    """Recovery may be a chain or a tree; a step with one ordinary dependency is not part of it."""
    run = run_that_fails(
        step("Rescue", ["A"], run_when="any_failed"),
        step("Then", ["Rescue"]),
        step("Last", ["Rescue", "Then"]),
        step("Mixed", ["Rescue", "Ordinary"]),
    )
    assert "skipped" == run.statuses["Mixed"]

    run.succeed("Rescue")
    run.succeed("Then")

    assert ["Last"] == run.running


def test_tasks_of_a_recovery_group_are_recovery_steps() -> None:
    """A group that recovers expands, and its tasks run and retry."""
    run = run_that_fails(group("Rescue", task("a"), task("b"), after=["A"], run_when="any_failed"))
    assert ["Rescue/a", "Rescue/b"] == run.running

    run.err("Rescue/a")

    assert "retrying" == run.statuses["Rescue/a"]


def test_recovery_steps_retry_and_delay_as_usual() -> None:
    """What ends for the others goes on for them."""
    run = run_that_fails(
        step("Rescue", ["A"], run_when="any_failed"),
        delay("Wait", 60, ["A"], run_when="any_failed"),
    )
    run.err("Rescue")
    assert {"Rescue": "retrying", "Wait": "delayed"}.items() <= run.statuses.items()

    run.tick()
    run.succeed("Rescue")
    run.tick()

    assert {"Rescue": "completed", "Wait": "completed"}.items() <= run.statuses.items()


def test_recovery_steps_under_way_when_the_run_fails_go_on() -> None:
    """A recovery step that had started for its own reasons is not ended: its delays and retries run on."""
    run = Run(
        step("A"),
        step("B"),
        delay("Rescue", 60, ["B"], run_when="all_settled"),
    )
    run.succeed("B")

    run.fail("A")

    assert ([], "delayed") == (run.made(e.StepCancelled), run.statuses["Rescue"])


def test_a_recovery_step_waits_for_attempts_that_are_finishing() -> None:
    """Its dependencies settle first, as for any step."""
    run = Run(step("A"), step("B"), step("Rescue", ["A", "B"], run_when="any_failed"))

    run.fail("A")
    assert "pending" == run.statuses["Rescue"]
    run.succeed("B")

    assert ["Rescue"] == run.scheduled


def test_recovery_sees_what_failed() -> None:
    """The names that a failure sets can be read in params."""
    run = run_that_fails(
        step("Rescue", condition="context.get('error_occurred')", params={"text": "{context.last_error}"})
    )

    assert {"text": "boom"} == run.only(e.StepScheduled).params


def test_the_run_ends_failed_also_when_recovery_worked() -> None:
    """Recovery tidies up; the run still failed, and of the first failure."""
    run = run_that_fails(step("Rescue", ["A"], run_when="any_failed"))

    run.succeed("Rescue")

    assert e.Finished(START, "failed", "error", "step 'A' failed: boom") == run.only(e.Finished)


def test_a_failure_of_recovery_does_not_start_recovery_again() -> None:
    """Recovery does not recover itself: what has run is over, and the run keeps its first error."""
    run = run_that_fails(step("Rescue", condition="context.get('error_occurred')"))

    run.fail("Rescue", "worse")

    assert ["StepErred", "StepFailed", "Finished"] == kinds(run.last)
    assert "step 'A' failed: boom" == run.board.error
    assert ["A", "Rescue"] == [error["step"] for error in run.context["errors"]]


def test_a_recovery_watcher_that_is_not_needed_is_skipped_by_its_condition() -> None:
    """In a run without failures it stays false, and the run is completed."""
    run = Run(step("A"), step("Rescue", condition="context.get('error_occurred')"))

    run.succeed("A")

    assert ("never_true", "completed") == (run.node("Rescue").code, run.status)


def test_a_recovery_watcher_whose_failure_was_another_is_skipped_when_the_run_is_quiet() -> None:
    """After a failure the quiet rule holds as before: the watchers left go together."""
    run = run_that_fails(step("Rescue", condition="context.get('failed_step') == 'Z'"))

    assert ("never_true", "failed") == (run.node("Rescue").code, run.status)


def test_a_tolerated_failure_starts_watchers_of_it_and_ends_nothing() -> None:
    """With on_error=continue the watcher runs beside the others, which go on."""
    run = Run(
        step("A", on_error="continue"),
        step("B", ["A"]),
        step("Rescue", condition="context.get('error_occurred')"),
    )

    run.fail("A")

    assert {"A": "failed", "B": "running", "Rescue": "running"} == run.statuses


def test_a_step_that_runs_in_any_case_runs_without_a_failure_too() -> None:
    """all_settled is a clean-up for both ends."""
    run = Run(step("A"), step("Tidy", ["A"], run_when="all_settled"))

    run.succeed("A")
    run.succeed("Tidy")

    assert "completed" == run.status
