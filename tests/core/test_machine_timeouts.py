"""The global timeout, the time that recovery has, and when both clocks stand still."""

from __future__ import annotations

import pytest

from syncara.core import events as e
from syncara.core.model import Step
from tests.core.build import START, Run, delay, group, step, task


def test_the_global_timeout_counts_from_the_start() -> None:
    """Its moment is the next wake of a run in which nothing else is due."""
    run = Run(step("A"), global_timeout=100)

    assert START + 100 == run.wake
    assert [] == run.tick(after=99)


def test_the_global_timeout_counts_from_the_real_start_of_a_scheduled_run() -> None:
    """Time before the start is not time of the run."""
    run = Run(step("A"), start_at=START + 500, global_timeout=100)

    run.tick()

    assert START + 600 == run.wake


def test_a_running_attempt_is_cancelled_when_the_global_timeout_strikes() -> None:
    """The attempt, the delay, the retry wait and what has not started end with the code and the reason."""
    run = Run(
        step("A"),
        delay("B", 90, condition="True"),
        delay("C", 30),
        step("D", retry_delay=200),
        step("E", ["A"]),
        global_timeout=90.5,
    )
    run.err("D", after=0.1)
    run.tick()
    run.tick()
    assert ["running", "completed", "completed", "retrying", "pending"] == list(run.statuses.values())

    run.tick()

    error = "the run took longer than its global_timeout of 90.5 s"
    assert e.TimedOut(START + 90.5, "global_timeout", error) == run.only(e.TimedOut)
    assert [("A", "global_timeout"), ("D", "global_timeout")] == [(c.step, c.code) for c in run.made(e.StepCancelled)]
    skipped = run.only(e.StepSkipped)
    assert ("E", "global_timeout", "the run took longer than 90.5 s") == (skipped.step, skipped.code, skipped.reason)


def test_a_run_out_of_time_ends_failed_with_the_code_global_timeout() -> None:
    """The error names the limit that was passed."""
    run = Run(step("A"), global_timeout=100)

    run.tick()

    error = "the run took longer than its global_timeout of 100 s"
    assert e.Finished(START + 100, "failed", "global_timeout", error) == run.only(e.Finished)


def test_a_run_that_failed_before_keeps_its_first_failure_when_time_runs_out() -> None:
    """The timeout ends the attempts that were finishing; the code stays that of the failure."""
    run = Run(step("A"), step("B"), global_timeout=100)
    run.fail("A", "boom")

    run.tick()

    assert [("B", "global_timeout")] == [(c.step, c.code) for c in run.made(e.StepCancelled)]
    assert e.Finished(START + 100, "failed", "error", "step 'A' failed: boom") == run.only(e.Finished)


def test_a_late_result_after_the_timeout_changes_nothing() -> None:
    """The attempt was cancelled; what it says afterwards is not heard."""
    run = Run(step("A"), step("Tidy", ["A"], run_when="all_settled"), global_timeout=100)
    run.tick()

    assert [] == run.feed(e.StepSucceeded(run.now, "A", 1, "late"))
    assert "cancelled" == run.statuses["A"]


def test_a_result_at_the_moment_of_the_timeout_counts() -> None:
    """The fact comes first; when it ends the run, nothing is left to time out."""
    run = Run(step("A"), global_timeout=100)

    run.succeed("A", after=100)

    assert "completed" == run.status


def test_any_fact_after_the_deadline_makes_the_timeout_strike() -> None:
    """A runner that was away finds the run out of time with whatever happens first, and starts nothing more."""
    run = Run(step("A"), step("B", ["A"]), global_timeout=100)

    run.succeed("A", after=500)

    assert (["completed", "skipped"], "failed") == (list(run.statuses.values()), run.status)


def test_a_lost_attempt_is_not_made_again_when_time_has_run_out() -> None:
    """After a long absence the deadline comes before the attempt: no handler is called."""
    run = Run(step("A"), global_timeout=100)

    run.lose_runner(after=500)

    assert [] == run.scheduled
    assert ("cancelled", "failed") == (run.statuses["A"], run.status)


def test_a_retry_that_is_due_is_not_made_when_time_has_run_out() -> None:
    """Whatever was due at the deadline does not start."""
    run = Run(step("A", retry_delay=50), delay("B", 100), global_timeout=100)
    run.err("A")

    run.tick(after=100)

    assert [] == run.scheduled
    assert {"A": "cancelled", "B": "cancelled"} == run.statuses


# When the clock stands still.


def test_time_paused_does_not_count() -> None:
    """The deadline moves by the length of the pause, and a paused run has no wake."""
    run = Run(step("A"), global_timeout=100)

    run.pause(after=50)
    assert None is run.wake
    run.resume(after=1_000)

    assert START + 1_100 == run.wake


def test_a_pause_before_the_start_does_not_lengthen_the_run() -> None:
    """The timeout counts from the start, so a pause that ended with the start is no part of it."""
    run = Run(step("A"), start_at=START + 50, global_timeout=100)

    run.pause(after=10)
    run.resume(after=90)

    assert ("running", START + 100, START + 200) == (run.status, run.board.started_at, run.wake)


def test_a_pause_within_the_wait_for_the_start_leaves_the_start_where_it_was() -> None:
    """Due times run on during a pause."""
    run = Run(step("A"), start_at=START + 50, global_timeout=100)

    run.pause(after=10)
    run.resume(after=10)

    assert ("scheduled", START + 50) == (run.status, run.wake)


@pytest.mark.parametrize(
    ("first", "signal"), [(step("A", on_crash="ask"), "on_crash"), (step("A"), "handler")], ids=["person", "event"]
)
def test_time_in_which_only_a_person_or_an_event_is_waited_for_does_not_count(first: Step, signal: str) -> None:
    """While nothing else is active the deadline stands still, and it goes on with the answer."""
    run = Run(first, global_timeout=100)
    if signal == "on_crash":
        run.lose_runner(after=10)
    else:
        run.err("A", code="unknown_handler", after=10)
    assert None is run.wake

    run.signal("A", signal, "retry", after=5_000)

    assert ["A"] == run.scheduled
    assert START + 5_100 == run.wake


@pytest.mark.parametrize("busy", ["running", "delayed", "retrying"])
def test_a_wait_beside_something_active_counts(busy: str) -> None:
    """As long as a step runs, delays or retries, the time counts, though another waits for a person."""
    other = delay("B", 99) if busy == "delayed" else step("B", retry_delay=99)
    run = Run(step("A", on_crash="ask"), other, global_timeout=100)
    run.lose_runner(after=10)
    if busy == "retrying":
        run.err("B")

    assert (busy, "waiting") == (run.statuses["B"], run.statuses["A"])
    assert run.board.deadline == START + 100
    assert None is run.board.held_since


# Recovery.


def test_recovery_steps_run_after_the_global_timeout() -> None:
    """The cancelled attempt is a failure for them, and the run ends failed with the code global_timeout."""
    run = Run(step("A"), step("Rescue", ["A"], run_when="any_failed"), global_timeout=100)

    run.tick()
    assert {"A": "cancelled", "Rescue": "running"} == run.statuses
    run.succeed("Rescue", after=50)

    assert ("failed", "global_timeout") == (run.status, run.board.code)


def test_running_out_of_time_is_told_in_the_context_so_that_watchers_recover() -> None:
    """The error names are set as by a failure, without a step, and a watcher of them starts."""
    run = Run(step("A"), step("Rescue", condition="context.get('error_occurred')"), global_timeout=100)

    run.tick()

    error = "the run took longer than its global_timeout of 100 s"
    assert {
        "error_occurred": True,
        "failed_step": None,
        "last_error": error,
        "errors": [{"step": None, "code": "global_timeout", "error": error}],
    } == run.context
    assert ["Rescue"] == run.scheduled


def test_recovery_has_its_own_timeout() -> None:
    """300 s unless the workflow says otherwise, from the start of the first recovery step after the failure."""
    run = Run(step("A"), step("B"), step("Rescue", ["A", "B"], run_when="any_failed"))
    run.fail("A", after=10)
    run.succeed("B", after=20)

    assert START + 330 == run.wake


def test_what_recovery_left_open_ends_when_its_timeout_strikes() -> None:
    """Attempts are cancelled, steps to come are skipped, each with the reason; the first failure stays the error."""
    run = Run(
        step("A"),
        step("Rescue", ["A"], run_when="any_failed"),
        step("Then", ["Rescue"]),
        recovery_timeout=30,
    )
    run.fail("A", "boom")

    run.tick()

    reason, error = "recovery took longer than 30 s", "recovery took longer than its recovery_timeout of 30 s"
    assert e.TimedOut(START + 30, "recovery_timeout", error) == run.only(e.TimedOut)
    assert e.StepCancelled(START + 30, "Rescue", "recovery_timeout", reason) == run.only(e.StepCancelled)
    assert e.StepSkipped(START + 30, "Then", "recovery_timeout", reason) == run.only(e.StepSkipped)
    assert e.Finished(START + 30, "failed", "error", "step 'A' failed: boom") == run.only(e.Finished)


def test_a_lost_recovery_attempt_is_not_made_again_when_recovery_is_out_of_time() -> None:
    """The deadline comes before the attempt."""
    run = Run(step("A"), step("Rescue", ["A"], run_when="any_failed"), recovery_timeout=30)
    run.fail("A")

    run.lose_runner(after=500)

    assert ([], "failed") == (run.scheduled, run.status)


def test_the_global_timeout_does_not_end_recovery() -> None:
    """It governs the other steps; recovery has its own time, also beyond it."""
    run = Run(step("A"), step("Rescue", ["A"], run_when="any_failed"), global_timeout=100)
    run.fail("A", after=90)

    run.tick()
    assert {"A": "failed", "Rescue": "running"} == run.statuses

    assert START + 390 == run.wake


def test_the_time_of_recovery_stands_still_while_paused() -> None:
    """A pause counts for neither deadline."""
    run = Run(step("A"), step("Rescue", ["A"], run_when="any_failed"), global_timeout=10_000)
    run.fail("A")

    run.pause(after=100)
    run.resume(after=1_000)

    assert START + 1_300 == run.wake


def test_recovery_that_was_under_way_has_its_time_from_the_failure_on() -> None:
    """A recovery step that ran already when the run began to fail gets recovery_timeout from then."""
    run = Run(step("A"), step("B"), step("Tidy", ["B"], run_when="all_settled"))
    run.succeed("B")

    run.fail("A", after=100)

    assert START + 400 == run.wake


# Step timeouts.


@pytest.mark.parametrize(
    "one",
    [delay("A", 60, timeout=1), group("A", task("a", "delay", params={"seconds": 60}), timeout=1)],
    ids=["delay", "group"],
)
def test_a_step_timeout_does_not_end_a_delay_or_a_group(one: Step) -> None:
    """It limits an attempt in a handler and nothing else."""
    run = Run(one)

    assert START + 60 == run.wake
    run.tick()

    assert "completed" == run.statuses["A"]


def test_a_step_timeout_does_not_end_a_wait() -> None:
    """A person may take as long as it takes."""
    run = Run(step("A", on_crash="ask", timeout=1))

    run.lose_runner()

    assert None is run.wake
    assert [] == run.tick(after=100_000)
