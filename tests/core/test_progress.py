"""Progress: how far an execution is, and what its dictionary says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from syncara.core import progress
from syncara.core.board import Board
from syncara.core.events import SKIPPED_BY_CONDITION
from syncara.core.graph import Plan
from tests.core.build import START, Run, delay, group, step, task, workflow
from tests.core.strategies import Walk, walks


def percent(run: Run) -> float:
    return progress.percent(run.board)


def test_progress_is_the_share_of_top_level_steps_that_completed() -> None:
    """Two of three completed steps are two thirds."""
    run = Run(step("A"), step("B", ["A"]), step("C", ["B"]))

    assert 0 == percent(run)
    run.succeed("A")
    run.succeed("B")

    assert 100 * 2 / 3 == percent(run)


def test_a_step_skipped_by_its_condition_counts() -> None:
    """It has been decided, and nothing is missing."""
    run = Run(step("A"), step("B", ["A"], condition="False"), step("C", ["A"]), step("D", ["C"]))

    run.succeed("A")

    assert 50 == percent(run)


def test_a_completed_run_is_at_exactly_100() -> None:
    """Whatever the number of steps, the last result makes it whole, groups and skips included."""
    run = Run(
        step("A"),
        group("G", *(task(f"t{n}") for n in range(7)), after=["A"]),
        step("B", ["A"], run_when="any_failed"),
        step("W", condition="context.get('go')"),
        max_parallel_steps=10,
    )
    run.succeed("A")
    for n in range(7):
        run.succeed(f"G/t{n}")

    assert ("completed", 100.0) == (run.status, percent(run))


def test_a_group_counts_by_its_tasks() -> None:
    """Half of its tasks are half of a step."""
    run = Run(group("G", task("a"), task("b")), step("B"))

    run.succeed("G/a")

    assert 25 == percent(run)


def test_a_group_skipped_by_its_condition_counts_as_a_whole() -> None:
    """It has no tasks to count by."""
    run = Run(step("A"), group("G", task("a"), after=["A"], condition="False"), step("B", ["A"]))

    run.succeed("A")

    assert 100 * 2 / 3 == percent(run)


@pytest.mark.parametrize("on_error", ["fail", "continue"])
def test_a_failed_step_does_not_count(on_error: str) -> None:
    """Nor does a tolerated one: only a run without errors reaches 100."""
    run = Run(step("A", on_error=on_error), step("B"))

    run.fail("A")
    run.succeed("B")

    assert 50 == percent(run)


def test_steps_that_did_not_run_because_of_a_failure_do_not_count() -> None:
    """Skipped and cancelled steps of a failing run are no progress."""
    run = Run(step("A"), step("B", ["A"]), delay("C", 60), step("D"))
    run.succeed("D")

    run.fail("A")

    assert ("failed", 25) == (run.status, percent(run))


def test_a_cancelled_run_keeps_the_progress_that_it_had() -> None:
    """Nothing is added by the end, and nothing taken away."""
    run = Run(step("A"), step("B", ["A"]))
    run.succeed("A")

    run.cancel()

    assert 50 == percent(run)


@settings(max_examples=40)
@given(walks())
def test_progress_never_goes_back_and_100_means_that_nothing_is_missing(walk: Walk) -> None:
    """Whatever happens to a run, its progress grows from 0; it is whole with every step, as a completed run is."""
    board, before = Board(walk.plan), 0.0
    for event in walk.journal:
        board.apply(event)
        now = progress.percent(board)
        assert before <= now <= 100
        before = now

    steps = [node for node in board.nodes if node is not None]
    whole = all(node.status == "completed" or node.code in SKIPPED_BY_CONDITION for node in steps)
    assert (before == 100) == whole
    assert board.status != "completed" or whole


def test_current_steps_are_those_running_or_delayed_in_definition_order() -> None:
    """A group stands there by its tasks; who waits for a retry is not under way."""
    run = Run(delay("Wait", 60), group("G", task("a"), task("b")), step("R"), step("A"))
    run.err("R")

    assert ["Wait", "G/a", "G/b", "A"] == progress.current(run.board)


def test_current_step_is_the_one_that_started_last() -> None:
    """While it is under way; else the last one in the definition; else none."""
    run = Run(step("C", ["A"]), step("A"), step("B"))
    assert "B" == progress.describe(run.board)["current_step"]

    run.succeed("A")
    assert "C" == progress.describe(run.board)["current_step"]
    run.succeed("C")
    assert "B" == progress.describe(run.board)["current_step"]
    run.succeed("B")

    assert (None, []) == (
        progress.describe(run.board)["current_step"],
        progress.describe(run.board)["current_steps"],
    )


def test_the_progress_of_an_execution_is_a_plain_dictionary() -> None:
    """It has the execution's and the steps' fields, the tasks of a group right after it."""
    run = Run(group("G", task("a"), task("b"), after=["A"]), step("A"), step("B", ["G"]))
    run.succeed("A", after=2)
    run.fail("G/a", "boom", after=3)

    described = progress.describe(run.board)
    steps = described.pop("steps")

    assert {
        "execution_id": "ex",
        "workflow_name": "Flow",
        "status": "running",
        "progress": 100 / 3,
        "current_step": "G/b",
        "current_steps": ["G/b"],
    } == described
    assert ["G", "G/a", "G/b", "A", "B"] == [each["name"] for each in steps]
    assert {
        "id": "id of G.0",
        "name": "G/a",
        "status": "failed",
        "attempts": 1,
        "reason": "boom",
        "started_at": START + 2,
        "finished_at": START + 5,
        "execution_time": 3.0,
    } == steps[1]
    assert {
        "id": "id of B",
        "name": "B",
        "status": "pending",
        "attempts": 0,
        "reason": None,
        "started_at": None,
        "finished_at": None,
        "execution_time": None,
    } == steps[4]


def test_steps_of_nested_groups_follow_their_groups() -> None:
    """Definition order, one level after the other."""
    run = Run(
        group("G", task("h", "parallel_group", params={"tasks": [task("x"), task("y")]}), task("b")),
        step("Z"),
    )

    names = [run.plan.steps[i].name for i in progress.ordered(run.board)]

    assert ["G", "G/h", "G/h/x", "G/h/y", "G/b", "Z"] == names


def test_an_execution_that_has_not_started_is_at_zero() -> None:
    """Nothing done, nothing under way."""
    board = Board(Plan(workflow(step("A"))))

    assert (0.0, []) == (progress.percent(board), progress.current(board))
