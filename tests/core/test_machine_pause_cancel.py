"""Pause starts and decides nothing until resume; cancel always wins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncara.core import events as e
from syncara.runtimes.driver import Call, Stop, drive
from tests.core.build import START, Run, delay, group, kinds, state, step, task

# Pause.


def test_a_paused_run_starts_nothing_when_a_result_comes() -> None:
    """The result of a running attempt is recorded; what follows from it waits for resume."""
    run = Run(step("A", save_as="a"), step("B", ["A"]))

    run.pause()
    assert ["StepSucceeded"] == kinds(run.succeed("A", 1))
    assert ("paused", {"A": "completed", "B": "pending"}, {"a": 1}) == (run.status, run.statuses, run.context)

    assert ["Resumed", "StepScheduled"] == kinds(run.resume())


def test_a_paused_run_does_not_decide_about_a_failed_attempt() -> None:
    """Whether it is tried again is decided on resume; the wait counts from the failure."""
    run = Run(step("A", retry_delay=60))

    run.pause()
    assert ["StepErred"] == kinds(run.err("A", after=10))
    run.resume(after=20)

    assert START + 70 <= run.only(e.RetryPlanned).wake_at <= START + 76


def test_a_retry_whose_time_passed_during_the_pause_is_made_on_resume() -> None:
    """The time ran on; the attempt begins with the resume."""
    run = Run(step("A", retry_delay=60))
    run.pause()
    run.err("A")

    run.resume(after=500)

    assert ["Resumed", "RetryPlanned", "StepScheduled"] == kinds(run.last)


def test_the_last_result_of_a_paused_run_does_not_end_it() -> None:
    """Even the end is decided on resume."""
    run = Run(step("A"))

    run.pause()
    run.succeed("A")
    assert "paused" == run.status

    assert ["Resumed", "Finished"] == kinds(run.resume())


def test_a_paused_run_has_no_wake_and_hears_no_tick() -> None:
    """Nothing is due while paused."""
    run = Run(delay("A", 60))

    run.pause()

    assert None is run.wake
    assert [] == run.tick(after=100)


def test_due_times_run_on_while_paused_and_act_on_resume() -> None:
    """A delay that was over during the pause completes with the resume."""
    run = Run(delay("A", 60), step("B", ["A"]))

    run.pause()
    run.resume(after=100)

    assert ["Resumed", "StepWoke", "StepScheduled"] == kinds(run.last)


def test_a_delay_that_is_not_over_goes_on_after_a_pause() -> None:
    """A pause neither shortens nor lengthens a delay."""
    run = Run(delay("A", 60))

    run.pause(after=10)
    run.resume(after=20)

    assert START + 60 == run.wake


def test_a_start_that_was_due_while_paused_happens_on_resume() -> None:
    """A scheduled run can be paused; its start acts on resume like any due time."""
    run = Run(step("A"), start_at=START + 60)

    run.pause()
    assert ("paused", None) == (run.status, run.wake)
    run.resume(after=100)

    assert (["A"], START + 100) == (run.scheduled, run.board.started_at)


def test_a_failure_while_paused_fails_the_run_on_resume() -> None:
    """Recovery and skips wait too."""
    run = Run(step("A"), step("B", ["A"]), step("Rescue", ["A"], run_when="any_failed"))

    run.pause()
    run.fail("A")
    assert {"A": "retrying", "B": "pending", "Rescue": "pending"} == run.statuses
    run.resume()

    assert {"A": "failed", "B": "skipped", "Rescue": "running"} == run.statuses


def test_a_runner_lost_while_paused_has_its_attempts_made_again_on_resume() -> None:
    """The loss is recorded, and no handler is called before resume."""
    run = Run(step("A"))

    run.pause()
    assert ["RunnerLost"] == kinds(run.lose_runner())
    run.resume()

    assert e.StepScheduled(START, "A", 1) == run.only(e.StepScheduled)


def test_a_signal_while_paused_lets_the_step_go_on_on_resume() -> None:
    """The answer of a person is kept."""
    run = Run(step("A", on_crash="ask"))
    run.lose_runner()

    run.pause()
    assert ["Signalled"] == kinds(run.signal("A", "on_crash", "retry"))

    assert ["Resumed", "StepScheduled"] == kinds(run.resume())


def test_a_watcher_whose_time_came_while_paused_starts_on_resume() -> None:
    """It is asked on resume."""
    run = Run(step("A"), step("B"), step("W", condition="context.get('go')"))

    run.pause()
    assert [] == [event for event in run.succeed("A", changes={"go": True}) if isinstance(event, e.StepScheduled)]
    run.resume()

    assert ["W"] == run.scheduled


def test_a_repeated_pause_or_resume_changes_nothing() -> None:
    """The second one has nothing to do."""
    run = Run(step("A"))

    assert ["Paused"] == kinds(run.pause())
    before = state(run.board)
    assert [] == run.pause(after=10)
    assert before == state(run.board)
    assert ["Resumed"] == kinds(run.resume())
    assert [] == run.resume()


def test_a_resume_of_a_run_that_is_not_paused_changes_nothing() -> None:
    """There is nothing to resume."""
    assert [] == Run(step("A")).resume()


# Cancel.


def test_cancel_ends_everything_at_once() -> None:
    """What is under way is cancelled, what has not started is skipped, and the run ends in the same transaction."""
    run = Run(step("A"), delay("B", 60), step("C"), step("D", ["A"]), step("W", condition="context.get('go')"))
    run.err("C")

    run.cancel("no longer wanted")

    reason = "the run was cancelled: no longer wanted"
    assert [e.StepCancelled(START, name, "run_cancelled", reason) for name in "ABC"] == run.made(e.StepCancelled)
    assert [e.StepSkipped(START, name, "run_cancelled", reason) for name in "DW"] == run.made(e.StepSkipped)
    assert e.Finished(START, "cancelled", "cancelled", "no longer wanted") == run.only(e.Finished)


def test_cancel_reaches_running_handlers() -> None:
    """The runtime is told to stop each attempt, and to call nothing."""
    run = Run(step("A"), step("B", ["A"]))

    events, actions = drive(run.board, e.Cancelled(START))
    run.journal += events

    assert [Stop("A")] == actions


def test_cancel_ends_a_group_with_its_tasks() -> None:
    """The group and its tasks are cancelled or skipped once each."""
    run = Run(group("G", task("a"), task("b")), max_parallel_steps=1)

    run.cancel()

    assert {"G": "cancelled", "G/a": "cancelled", "G/b": "skipped"} == run.statuses
    assert ["Cancelled", "StepCancelled", "StepCancelled", "StepSkipped", "Finished"] == kinds(run.last)


def _paused_after_error(run: Run) -> None:
    run.pause()
    run.err("A")


def _paused_after_final_error(run: Run) -> None:
    run.pause()
    run.fail("A")


def _paused_after_loss(run: Run) -> None:
    run.pause()
    run.lose_runner()


def _paused_after_success(run: Run) -> None:
    run.pause()
    run.succeed("A")


def _due(run: Run) -> None:
    run.err("A", retry_after=0.0)


@pytest.mark.parametrize(
    "before", [_paused_after_error, _paused_after_final_error, _paused_after_loss, _paused_after_success, _due]
)
def test_cancel_always_wins(before: Callable[[Run], None]) -> None:
    """Whatever else was to be decided, a cancelled run starts and plans nothing more and ends cancelled."""
    run = Run(step("A"), step("B", ["A"]), step("Tidy", ["A"], run_when="all_settled"))
    before(run)

    run.cancel(after=500)

    assert "cancelled" == run.status
    assert set() == {"StepScheduled", "RetryPlanned"} & set(kinds(run.last))


def test_cancel_wins_over_the_deadline() -> None:
    """A cancel after the time ran out is a cancel."""
    run = Run(step("A"), global_timeout=100)

    run.cancel(after=500)

    assert ("cancelled", []) == (run.status, run.made(e.TimedOut))


def test_cancel_wins_during_recovery() -> None:
    """A failing run whose recovery is under way ends cancelled, and recovery with it."""
    run = Run(step("A"), step("Rescue", ["A"], run_when="any_failed"), step("Then", ["Rescue"]))
    run.fail("A")

    run.cancel("enough")

    assert {"A": "failed", "Rescue": "cancelled", "Then": "skipped"} == run.statuses
    assert ("cancelled", "cancelled") == (run.status, run.board.code)


def test_recovery_does_not_run_after_a_cancel() -> None:
    """Steps for failures are skipped too: the person wanted an end."""
    run = Run(step("A"), step("Rescue", ["A"], run_when="any_failed"))

    run.cancel()

    assert {"A": "cancelled", "Rescue": "skipped"} == run.statuses


def test_a_paused_run_can_be_cancelled() -> None:
    """Cancel needs no resume."""
    run = Run(step("A"))
    run.pause()

    run.cancel()

    assert ("cancelled", {"A": "cancelled"}) == (run.status, run.statuses)


def test_a_run_that_has_not_started_can_be_cancelled() -> None:
    """Its steps are skipped, and the start never comes."""
    run = Run(step("A"), start_at=START + 60)

    run.cancel()

    assert ("cancelled", {"A": "skipped"}, None) == (run.status, run.statuses, run.wake)


def test_a_repeated_cancel_changes_nothing() -> None:
    """The run is over with the first."""
    run = Run(step("A"))
    run.cancel("first")

    assert [] == run.cancel("second")
    assert "first" == run.board.error


def test_a_late_result_after_a_cancel_changes_nothing() -> None:
    """The step stays cancelled, and its context changes are not taken."""
    run = Run(step("A"))
    run.cancel()

    assert [] == run.succeed("A", 1, changes={"x": 1})
    assert ("cancelled", {}) == (run.statuses["A"], run.context)


def test_a_cancelled_run_starts_no_attempt_that_was_lost() -> None:
    """Between the loss and the cancel nothing was decided, so no handler is called."""
    run = Run(step("A"))
    run.pause()
    run.lose_runner()

    events, actions = drive(run.board, e.Cancelled(START))
    run.journal += events

    assert [] == [action for action in actions if isinstance(action, Call)]
