"""Executions that a person must approve before they begin."""

from __future__ import annotations

from syncara.core import events as e
from syncara.core.model import ExecutionStatus
from tests.core.build import START, Run, delay, kinds, step

BY = START + 600


def awaiting(**fields: float) -> Run:
    return Run(step("A"), approve_by=BY, **fields)  # type: ignore[arg-type]


def approve(run: Run, *, at: float = START + 1) -> list[e.AnyEvent]:
    return run.feed(e.Approved(at, 7))


def test_nothing_starts_before_the_approval() -> None:
    """An execution with `approve_by` waits as `awaiting_approval`, until then at the longest."""
    run = awaiting()

    assert ["Started"] == kinds(run.last)
    assert ExecutionStatus.AWAITING_APPROVAL is run.board.status
    assert BY == run.wake
    assert run.board.parked


def test_an_approved_execution_begins_at_once() -> None:
    """The approval is the start: steps are scheduled, and the global timeout counts from here."""
    run = awaiting()

    assert ["Approved", "StepScheduled"] == kinds(approve(run, at=START + 100))
    assert START + 100 == run.board.started_at
    assert START + 100 + 1800 == run.board.deadline


def test_an_approval_counts_once() -> None:
    """A second approval changes nothing."""
    run = awaiting()
    approve(run)

    assert [] == approve(run)


def test_an_execution_that_needs_no_approval_takes_none() -> None:
    """Approved is for executions that wait for it."""
    assert [] == approve(Run(step("A")))


def test_an_approval_that_comes_too_late_is_none() -> None:
    """From `approve_by` on only the end is left."""
    run = awaiting()

    assert [] == approve(run, at=BY)
    assert ["Ticked", "StepSkipped", "Finished"] == kinds(run.feed(e.Ticked(BY)))
    assert ExecutionStatus.CANCELLED is run.board.status
    assert "nobody approved it in time" == run.board.error


def test_a_tick_before_its_time_changes_nothing() -> None:
    """The wait goes on until `approve_by`."""
    run = awaiting()

    assert [] == run.feed(e.Ticked(BY - 1))
    assert ExecutionStatus.AWAITING_APPROVAL is run.board.status


def test_a_refusal_is_a_cancel_with_its_reason() -> None:
    """Cancelled ends an execution that waits for approval; its steps never run."""
    run = awaiting()

    assert ["Cancelled", "StepSkipped", "Finished"] == kinds(run.feed(e.Cancelled(START + 1, "refused by 7")))
    assert "refused by 7" == run.board.error


def test_an_approved_start_that_lies_ahead_is_scheduled() -> None:
    """The approval covers the plan; the start keeps its time."""
    run = awaiting(start_at=START + 3_600)

    assert ["Approved"] == kinds(approve(run))
    assert ExecutionStatus.SCHEDULED is run.board.status
    assert ["Ticked", "StepScheduled"] == kinds(run.feed(e.Ticked(START + 3_600)))


def test_a_pause_keeps_an_approval_for_the_resume() -> None:
    """While paused nothing begins; an approval that came meanwhile counts at the resume."""
    run = awaiting()
    run.feed(e.Paused(START + 1))

    assert ["Approved"] == kinds(approve(run, at=START + 2))
    assert ExecutionStatus.PAUSED is run.board.status
    assert ["Resumed", "StepScheduled"] == kinds(run.feed(e.Resumed(START + 3)))


def test_a_pause_does_not_stop_the_time_to_approve() -> None:
    """A resume after `approve_by` ends the execution; one before it goes back to waiting."""
    early, late = awaiting(), awaiting()
    early.feed(e.Paused(START + 1))
    late.feed(e.Paused(START + 1))

    assert ["Resumed"] == kinds(early.feed(e.Resumed(START + 2)))
    assert ExecutionStatus.AWAITING_APPROVAL is early.board.status
    assert ["Resumed", "StepSkipped", "Finished"] == kinds(late.feed(e.Resumed(BY)))


def test_a_delay_starts_with_the_approval() -> None:
    """Time spent waiting for a person counts towards no delay."""
    run = Run(delay("Wait", 5), approve_by=BY)

    assert ["Approved", "StepSlept"] == kinds(approve(run, at=START + 300))
    assert START + 305 == run.wake
