"""What holds for every run, whatever is in it and whatever happens to it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from syncara.core import events as e
from syncara.core.board import Board
from syncara.core.machine import fold
from syncara.core.model import Step
from syncara.core.node import Node
from tests.core.strategies import Walk, walks

ENDS = (e.StepSucceeded, e.StepJoined, e.StepWoke, e.StepFailed, e.StepSkipped, e.StepCancelled)


def steps_of(walk: Walk) -> list[tuple[Step, Node]]:
    """The steps that exist in the end, with their states."""
    board = fold(Board(walk.plan), walk.journal)
    return [(step, node) for step, node in zip(walk.plan.steps, board.nodes, strict=True) if node is not None]


def final_status(walk: Walk) -> str | None:
    last = walk.journal[-1]
    return last.status if isinstance(last, e.Finished) else None


@settings(max_examples=60)
@given(walks())
def test_completed_means_that_every_step_completed_or_was_skipped_by_its_own_condition(walk: Walk) -> None:
    """And a failed step gives failed or completed_with_errors, unless the run was cancelled."""
    steps = steps_of(walk)
    fine = all(node.status == "completed" or node.code in e.SKIPPED_BY_CONDITION for _, node in steps)
    top = [(step, node) for step, node in steps if step in walk.plan.workflow.steps]
    tolerated = all(step.on_error == "continue" for step, node in top if node.status == "failed")

    assert final_status(walk) != "completed" or fine
    assert final_status(walk) != "completed_with_errors" or (tolerated and not fine)


@settings(max_examples=60)
@given(walks())
def test_each_step_that_did_not_run_says_why(walk: Walk) -> None:
    """With a reason, and a code that is either one of conditions or one of failures."""
    for _, node in steps_of(walk):
        if node.status in ("skipped", "cancelled", "waiting", "blocked"):
            assert node.reason
        if node.status in ("skipped", "cancelled"):
            assert (node.code in e.SKIPPED_BY_CONDITION) != (node.code in e.SKIPPED_BY_FAILURE)
        if node.status == "failed":
            assert node.error


@settings(max_examples=60)
@given(walks())
def test_a_step_ends_exactly_once_and_never_starts_again(walk: Walk) -> None:
    """After its end no attempt of it begins; when the run is over, every top-level step has ended."""
    ended: Counter[str] = Counter()
    for event in walk.journal:
        if isinstance(event, e.StepScheduled | e.StepSlept | e.StepExpanded):
            assert not ended[event.step]
        if isinstance(event, ENDS):
            ended[event.step] += 1

    assert set(ended.values()) <= {1}
    if final_status(walk) is not None:
        assert {step.name for step in walk.plan.steps[: walk.plan.top]} <= ended.keys()


@settings(max_examples=60)
@given(walks())
def test_no_step_has_more_attempts_than_it_may(walk: Walk) -> None:
    """Numbers begin at 1, are repeated by crash re-runs, and end at retry_count + 1."""
    retries = {step.name: step.retry_count if walk.plan.workflow.auto_retry else 0 for step in walk.plan.steps}
    latest: Counter[str] = Counter()
    for event in walk.journal:
        if isinstance(event, e.StepScheduled):
            assert max(latest[event.step], 1) <= event.attempt <= latest[event.step] + 1
            assert event.attempt <= retries[event.step] + 1
            latest[event.step] = event.attempt


@settings(max_examples=60)
@given(walks())
def test_the_slots_are_never_overdrawn(walk: Walk) -> None:
    """At no moment are more attempts and delays under way than max_parallel_steps."""
    board = Board(walk.plan)
    for event in walk.journal:
        board.apply(event)
        under_way = [
            step.name
            for step, node in zip(walk.plan.steps, board.nodes, strict=True)
            if node is not None and node.status in ("running", "delayed") and step.handler != "parallel_group"
        ]
        assert len(under_way) <= walk.plan.workflow.max_parallel_steps
